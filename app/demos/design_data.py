"""The recorded nets as entries of the board, and a player's trainings as one."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from app.board import Entry, apart, better
from app.compute.items import SweepItem
from app.demos import recorded
from app.demos.data_choice import Pictures
from app.demos.design_settings import REFERENCES, SEEDS, counted
from nfnet.run import RunConfig, UserError

CLUTTER = Pictures("clutter", "the clutter")
AGAIN = "make it with `python -m benchmarks.record_labs_design`."


@dataclass(frozen=True)
class Record:
    """The nets that stand on the board before anybody has played, and how they were made."""

    entries: tuple[Entry, ...]
    label: str


def references() -> Record:
    """The recorded nets; those that nobody ran are left out.

    Raises:
        UserError: there is no recording, or it cannot be read.
    """
    path = recorded.FOLDER / "design" / "nets.json"
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        raise UserError(f"No nets were recorded to begin with; {AGAIN}") from None
    return _read(path, changed)


@functools.lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Record:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        entries = []
        for net in values["nets"]:
            config = RunConfig.from_json(net["config"])
            scores = [run[0] for run in net["runs"].values()]
            if scores and config == REFERENCES.get(net["name"]):
                entries.append(_entry("", config, scores, net["name"]))
        conditions = values["conditions"]
        fewest = min((len(each.scores) for each in entries), default=0)
        label = (
            f"Recorded {values['made']} on {conditions['cpu']}, 1 thread, PyTorch "
            f"{conditions['torch']}, {fewest} seed{'s'[: fewest != 1]} a net."
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise UserError(f"The recording {path.name} cannot be read; {AGAIN}") from None
    return Record(tuple(entries), label)


def _entry(
    owner: str,
    config: RunConfig,
    scores: Iterable[float | None],
    name: str = "",
    pictures: Pictures = CLUTTER,
) -> Entry:
    counts = counted(config, pictures.classes)
    alive = tuple(pictures.chance if score is None else score for score in scores)
    return Entry(owner, config, alive, counts.multiply_adds, counts.parameters, name)


def scores(items: Iterable[SweepItem], chance: float) -> list[float]:
    """Accuracies of the trainings that have ended, in their order, a dead net's at chance."""
    ended = {item["cell"]: item["accuracy"] for item in items if item["fate"]}
    return [chance if ended[cell] is None else ended[cell] for cell in sorted(ended)]


def finished(
    owner: str, config: RunConfig, items: Sequence[SweepItem], name: str, pictures: Pictures
) -> Entry | None:
    """What a player's trainings came to; None while any of them still runs."""
    found = scores(items, pictures.chance)
    return _entry(owner, config, found, name, pictures) if len(found) == len(SEEDS) else None


def verdict(mine: Entry, entries: Sequence[Entry]) -> str:
    """How a net stands among the others, with what its bar allows to say."""
    said = f"Your net: **{mine.mean:.3f}** ({mine.low:.3f} to {mine.high:.3f}). "
    others = [each for each in entries if (each.owner, each.config) != (mine.owner, mine.config)]
    ahead = better(mine, others)
    if not ahead:
        return said + "Nobody has done better with as few multiply-adds."
    clearly = sum(apart(mine, each) for each in ahead)
    nets = "1 net has" if len(ahead) == 1 else f"{len(ahead)} nets have"
    said += f"{nets} a higher mean with no more multiply-adds; "
    if not clearly:
        return said + "all their bars meet yours, so this may be luck."
    return said + f"the bars of {clearly} stay above yours."


def larger(entries: Sequence[Entry]) -> str:
    """Whether the larger nets of these are the better ones, as far as their bars allow to say."""
    enough = [each for each in entries if len(each.scores) >= len(SEEDS)]
    pairs = [sorted(pair, key=lambda each: each.multiply_adds) for pair in combinations(enough, 2)]
    if len(enough) < 3:
        return "Too few trainings are recorded here to say whether larger nets are better."
    higher = sum(large.mean > small.mean for small, large in pairs)
    clearly = sum(large.low > small.high for small, large in pairs)
    against = sum(small.low > large.high for small, large in pairs)
    said = (
        f"**Is larger better?** Of the {len(pairs)} pairs among the {len(enough)} recorded nets "
        f"the one with more multiply-adds has the higher mean in {higher}, and in {clearly} its "
        "bar lies wholly above the other's. "
    )
    said += f"In {against or 'none'} the smaller one's does. "
    if clearly + against < len(pairs) / 2:
        said += "Most bars meet: so few seeds do not rank nets of similar cost. "
    best, largest = (
        max(enough, key=measure) for measure in (lambda e: e.mean, lambda e: e.multiply_adds)
    )
    if best is not largest:
        said += f"The best on average, {best.name}, is not the largest, {largest.name}."
    return said.strip()
