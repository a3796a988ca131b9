"""Which pictures a lab trains on: drawn ones, CIFAR-10, one's own, or the server's folder.

`select` stands among a lab's controls, `bring` below them. Recordings are of drawn pictures alone:
a lab asks `Pictures.drawn` before it shows one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from app.demos import Validator, one_of, own_source
from app.demos.presets import guess_accuracy, on
from nfnet.run import DATASETS, RunConfig

SETS = {"Shapes": "shapes", "CIFAR-10": "cifar10"}
HARDER = {"Clutter": "clutter", "CIFAR-10": "cifar10"}
CALLED = {"data": "pictures", "own": "one's own pictures"}
_MINE = {own_source.YOURS: "your own pictures", own_source.SERVERS: "the server's pictures"}


@dataclass(frozen=True)
class Pictures:
    """A set of pictures to train on.

    Args:
        dataset: what a run's configuration calls it.
        called: what a sentence calls it.
        counts: pictures of each class, or their proportions.
        training: how many there are to train on; None: more than any batch here.
        testing: how many there are to test on.
    """

    dataset: str
    called: str
    counts: tuple[int, ...] = (1,) * 10
    training: int | None = None
    testing: int = 1000

    @property
    def drawn(self) -> bool:
        return self.dataset in ("shapes", "clutter")

    @property
    def private(self) -> bool:
        """Whether they are somebody's own, or the server's folder."""
        return self.dataset not in DATASETS

    @property
    def classes(self) -> int:
        return len(self.counts)

    @property
    def chance(self) -> float:
        """The accuracy of a net that has died: that of always naming the largest class."""
        return guess_accuracy(self.counts)

    def on(self, config: RunConfig) -> RunConfig:
        """A run of the drawn pictures, on these."""
        return on(config, self.dataset)

    def too_large(self, batch: int, other: str = "bring more pictures") -> str:
        """Why a batch cannot be taken from these pictures; empty if it can.

        Args:
            other: what the viewer may do about it.
        """
        if self.training is None or batch <= self.training:
            return ""
        return f"A batch of {batch} is larger than the {self.training} training pictures: {other}."

    @property
    def unrecorded(self) -> str:
        """That there is nothing to show before somebody trains."""
        return f"Nothing is recorded here for {self.called}, only for drawn pictures."

    @property
    def conditions(self) -> str:
        """With which settings these are trained on."""
        more = self.on(RunConfig()).steps / RunConfig().steps - 1
        words = "Rates and thresholds are those chosen on the shapes"
        return f"{words}; each run takes {more:.0%} more steps." if more else f"{words}."


SHAPES = Pictures("shapes", "the shapes")


def select(
    key: str,
    sets: Mapping[str, str] = SETS,
    then: Callable[..., None] | None = None,
    args: Sequence = (),
    **look,
) -> str:
    """The control, KEY_data; the name chosen. What was brought in another lab is there at once.

    Args:
        sets: name -> what a run calls it; the first is the usual one.
        then: called with `args` after a change.
        look: further arguments of the control.
    """
    name = st.segmented_control(
        "Pictures",
        [*sets, *own_source.offered()],
        default=next(iter(sets)),
        required=True,
        key=f"{key}_data",
        bind="query-params",
        on_change=then,
        args=tuple(args),
        **look,
    )
    if name == own_source.YOURS:
        own_source.recall(key)
    return name


def known(key: str, name: str, sets: Mapping[str, str] = SETS) -> Pictures | None:
    """The pictures of this name; None as long as one's own have not come."""
    if name in sets:
        return Pictures(sets[name], name if name == "CIFAR-10" else f"the {name.lower()}")
    here = own_source.found(key, name)
    if here is None:
        return None
    return Pictures(here.dataset, _MINE[name], here.counts, here.training, here.testing)


def bring(key: str, name: str, sets: Mapping[str, str] = SETS) -> Pictures | None:
    """As `known`; one's own pictures are asked for and told of where this stands."""
    if name not in sets:
        own_source.choose(key, name)
    return known(key, name, sets)


def readers(sets: Mapping[str, str] = SETS) -> dict[str, tuple[str, Validator]]:
    """What the address may say of this choice, for `links.check`."""
    names = one_of(*sets, *own_source.offered())
    return {"data": (CALLED["data"], names), "own": (CALLED["own"], own_source.digest)}
