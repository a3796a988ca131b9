"""A viewer's own runs of a sweep's cells, where none are recorded: the session keeps them.

Runs with other seeds are put together; runs on other pictures never are, because a run's
configuration names its pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.compute.items import SweepItem
from app.demos.data_choice import Pictures
from app.demos.sweep_data import Outcome, outcome
from app.demos.sweep_plans import Cell
from nfnet.run import RunConfig

Run = tuple[float | None, str, float]  # accuracy, fate, share clipped
FIRST = 0  # the seed under which all seeds of a run are kept


def keep(cells: Sequence[Cell], items: Sequence[SweepItem]) -> None:
    """Remembers the runs that have ended; `cells` are those that the items count."""
    for item in items:
        if item["fate"]:
            config = cells[item["cell"]].config
            run = (item["accuracy"], item["fate"], item["clipped_share"])
            _kept().setdefault(config.replace(seed=FIRST), {})[config.seed] = run


def outcomes(
    cells: Sequence[Cell], pictures: Pictures, complete: bool = False
) -> tuple[list[Outcome], list[int]]:
    """What these cells came to on these pictures, those that were run; and the seeds.

    Args:
        cells: of a plan, on drawn pictures.
        complete: only seeds that every cell was run with, in the same order in each.
    """
    runs = [_kept().get(pictures.on(cell.config).replace(seed=FIRST), {}) for cell in cells]
    seeds = set.intersection(*map(set, runs)) if complete else set().union(*runs)
    found = [
        outcome(cell, [some[seed] for seed in sorted(seeds & set(some))], pictures.chance)
        for cell, some in zip(cells, runs, strict=True)
        if seeds & set(some)
    ]
    return found, sorted(seeds)


def label(pictures: Pictures, found: Sequence[Outcome], seeds: Sequence[int]) -> str:
    """Whose runs these are and under which conditions, in a few words."""
    words = f"{pictures.unrecorded} {pictures.conditions} "
    if not found:
        return words + "What you run appears in the figure."
    count = sum(len(each.scores) for each in found)
    words += f"In the figure are your own {count} runs, " if count > 1 else "One run of yours, "
    words += f"seed{'s'[: len(seeds) > 1]} {', '.join(map(str, seeds))}. "
    if len(seeds) == 1:
        words += "One seed ranks nothing that lies close together: run another, and both count."
    return words


def _kept() -> dict[RunConfig, dict[int, Run]]:
    return st.session_state.setdefault("own_runs", {})
