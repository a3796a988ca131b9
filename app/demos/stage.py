"""What is raced and where its levers stand; the session remembers the levers by the stage's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import streamlit as st

from app.demos.presets import Lane
from app.theme import LABELS, recipe_key

RATES = ("× 0.1", "× 0.3", "× 1", "× 3", "× 10")
_FASTEST = 1e4  # the largest rate a run takes


@dataclass(frozen=True)
class Stage:
    """One race under one key, and how it is shown."""

    key: str  # starts every widget's key
    lanes: tuple[Lane, ...]
    # recorded runs by the threshold's stop they were made at; "" is that of the lanes as they are
    recorded: Mapping[str, str] = field(default_factory=dict)
    finding: str = ""  # what is known to come of it; said once a result is on screen
    controls: tuple[str, ...] = ("clipping", "lr")
    compact: bool = False
    bind: bool = False  # the levers' places stand in the URL
    suspense: bool = False  # a recorded run is shown only when asked for
    remember: bool = False  # the curves of the attempt before stay beside the new one

    @property
    def steered(self) -> list[int]:
        """The lanes whose threshold the slider moves: all AGC lanes if they agree on it, or NF."""
        for recipe in ("agc", "nf"):
            lanes = [i for i, lane in enumerate(self.lanes) if lane.recipe == recipe]
            if lanes:
                same = len({self.lanes[i].config.clipping for i in lanes}) == 1
                return lanes if same else []
        return []

    @property
    def first_stop(self) -> str:
        """The stop of the threshold slider that this set-up begins at."""
        value = self.lanes[self.steered[0]].config.clipping if self.steered else None
        return "off" if value is None else f"{value:g}"

    @property
    def stop(self) -> str:
        """Where the threshold slider stands now."""
        return st.session_state.get(f"{self.key}_clipping", self.last_stop)

    @property
    def last_stop(self) -> str:
        """Where the slider stood last: a widget forgets its place with the slide it is on."""
        return st.session_state.get(f"{self.key}_clipping_was", self.first_stop)

    @property
    def moved(self) -> str:
        """Where the levers stand, in words; empty if all are where the set-up begins."""
        words = []
        if "clipping" in self.controls and self.steered and self.stop != self.first_stop:
            words.append(f"λ is {self.stop}")
        if "lr" in self.controls and self.factor != 1:
            words.append(f"every rate is {self.factor:g} times as large")
        return " and ".join(words)

    @property
    def clipping(self) -> float | None:
        return None if self.stop == "off" else float(self.stop)

    @property
    def factor(self) -> float:
        """What the learning rates are multiplied by now."""
        return float(st.session_state.get(f"{self.key}_lr", "× 1").removeprefix("× "))

    def rate(self, lane: int) -> float:
        """This lane's learning rate now."""
        return min(self.lanes[lane].config.lr * self.factor, _FASTEST)

    def lanes_now(self) -> tuple[Lane, ...]:
        """The lanes with the levers' present places put into their configurations."""
        return tuple(self._now(i, lane) for i, lane in enumerate(self.lanes))

    def _now(self, i: int, lane: Lane) -> Lane:
        config = lane.config.replace(lr=self.rate(i))
        if i not in self.steered:
            return replace(lane, config=config)
        recipe = recipe_key(config.norm, self.clipping is not None)
        label = lane.label if recipe == lane.recipe else LABELS[recipe]
        config = config.replace(clipping=self.clipping)
        return replace(lane, label=label, recipe=recipe, config=config)
