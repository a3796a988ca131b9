"""Runs made beforehand by benchmarks/record_runs.py: what is on screen before anybody presses."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nfnet.events import Event, event_from_json
from nfnet.run import RunConfig, UserError

FOLDER = Path(__file__).resolve().parents[2] / "slides" / "recorded"
MISSING = "There is no recorded run of this set-up; press Start to make one live."


@dataclass(frozen=True)
class Recorded:
    """One recorded job: its runs, its items as the job gave them, and how they were made."""

    name: str
    made: str
    conditions: dict[str, Any]
    configs: tuple[RunConfig, ...]
    items: tuple[Any, ...]  # of a race: (lane, Event)

    @property
    def label(self) -> str:
        """Where and how it was made, on one line."""
        conditions = self.conditions
        threads = conditions.get("threads", 1)
        return (
            f"Recorded {self.made} on {conditions.get('cpu') or conditions.get('device', 'CPU')}, "
            f"{threads} thread{'s' if threads != 1 else ''}, PyTorch "
            f"{conditions.get('torch', 'unknown')}, seed {self.configs[0].seed}."
        )


def load(name: str) -> Recorded:
    """The recorded run of this name.

    Raises:
        UserError: there is none, or its file cannot be read.
    """
    path = FOLDER / f"{name}.json"
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        raise UserError(MISSING) from None
    return _read(path, changed)


@functools.lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> Recorded:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        race = "configs" in values
        configs = values["configs"] if race else [values["config"]]
        items = [(i, _event(v)) for i, v in values["items"]] if race else values["items"]
        return Recorded(
            values["name"],
            values["made"],
            values["conditions"],
            tuple(RunConfig.from_json(config) for config in configs),
            tuple(items),
        )
    except (ValueError, KeyError, TypeError, IndexError):
        raise UserError(
            f"The recorded run {path.name} cannot be read; make it again with "
            "`python -m benchmarks.record_runs`."
        ) from None


def _event(values: dict[str, Any]) -> Event:
    if values.get("event") == "step":
        values = {"ratios": {}, **values}
    return event_from_json(values)
