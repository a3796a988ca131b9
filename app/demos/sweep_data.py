"""What the sweeps came to: their recorded runs, cell by cell, and a viewer's own beside them."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.compute.items import SweepItem
from app.demos import recorded
from app.demos.sweep_plans import Cell, Plan
from nfnet.run import RunConfig, UserError

CHANCE = 0.1  # of ten classes: what a net guesses that has died
LEARNED = 0.05  # a net that is not so far above chance has learned nothing, whatever its loss did
LOST = 0.15  # so it is below this, of ten classes


@dataclass(frozen=True)
class Outcome:
    """What one cell's runs came to; accuracies on the test set, a dead net's at chance."""

    row: str
    column: str
    scores: tuple[float, ...]  # one a seed
    lost: int  # runs that died, or learned nothing
    share: float  # of units clipped, mean over steps and runs
    own: float | None = None  # the viewer's own run

    @property
    def mean(self) -> float:
        return sum(self.scores) / len(self.scores)

    @property
    def label(self) -> str:
        """Mean, range and losses in words, for a tooltip or a reader."""
        words = f"mean {self.mean:.3f}, {min(self.scores):.3f} to {max(self.scores):.3f}"
        words += f" over {len(self.scores)} seed{'s'[: len(self.scores) > 1]}"
        if self.lost:
            words += f"; {self.lost} died or stayed at chance"
        return words


@dataclass(frozen=True)
class Record:
    """A plan's outcomes, in its order, and how they were made."""

    outcomes: tuple[Outcome, ...]
    label: str


def load(plan: Plan) -> Record:
    """The recorded runs of a plan; cells that nobody ran are left out.

    Raises:
        UserError: there is no recording, or it cannot be read.
    """
    path = recorded.FOLDER / "sweeps" / f"{plan.id}.json"
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        raise UserError(
            "These runs were not recorded; make them with "
            f"`python -m benchmarks.sweeps run {plan.id}`, or run a part here."
        ) from None
    return _read(path, changed, plan)


@functools.lru_cache(maxsize=16)
def _read(path: Path, changed: int, plan: Plan) -> Record:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        runs = {RunConfig.from_json(cell["config"]): cell["runs"] for cell in values["cells"]}
        outcomes = [
            outcome(cell, runs[cell.config].values())
            for cell in plan.cells
            if runs.get(cell.config)
        ]
        conditions = values["conditions"]
        label = (
            f"Recorded {values['made']} on {conditions['cpu']}, 1 thread, PyTorch "
            f"{conditions['torch']}, seeds {min(plan.seeds)} to {max(plan.seeds)}."
        )
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"The recording {path.name} cannot be read; make it again with "
            f"`python -m benchmarks.sweeps run {plan.id}`."
        ) from None
    return Record(tuple(outcomes), label)


def outcome(cell: Cell, runs: Iterable[Sequence], chance: float = CHANCE) -> Outcome:
    """A cell's runs, each [accuracy or None, fate, share clipped], put together."""
    runs = list(runs)
    lost = round(chance + LEARNED, 4)
    return Outcome(
        cell.row,
        cell.column,
        tuple(chance if accuracy is None else accuracy for accuracy, _, _ in runs),
        sum(fate != "finished" or accuracy < lost for accuracy, fate, _ in runs),
        sum(share for _, _, share in runs) / len(runs),
    )


def own(cells: Sequence[Cell], items: Iterable[SweepItem]) -> dict[tuple[str, str], float]:
    """(row, column) -> accuracy of the viewer's runs that have ended, a dead net's at chance."""
    ended = [item for item in items if item["fate"]]
    return {
        (cells[item["cell"]].row, cells[item["cell"]].column): CHANCE
        if item["accuracy"] is None
        else item["accuracy"]
        for item in ended
    }


def best(outcomes: Sequence[Outcome], within: float = 0.01) -> list[Outcome]:
    """The outcomes whose mean is at most `within` below the largest, in their order."""
    top = max(each.mean for each in outcomes)
    return [each for each in outcomes if each.mean >= top - within]
