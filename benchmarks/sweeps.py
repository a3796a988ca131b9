"""Runs the sweeps of app/demos/sweep_plans.py over their seeds, and prints them as tables.

    python -m benchmarks.sweeps run [PLAN ...]      # goes on where it was interrupted
    python -m benchmarks.sweeps table [PLAN ...]

Each run is one thread of the CPU; what a plan's cells came to lies in slides/recorded/sweeps/.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.charts import significant
from app.demos.sweep_data import CHANCE, LOST
from app.demos.sweep_plans import PLANS, Plan
from benchmarks.record_runs import processor
from nfnet.events import Diverged, Finished, Step
from nfnet.run import RunConfig

OUT = Path(__file__).resolve().parents[1] / "slides" / "recorded" / "sweeps"
Run = list[Any]  # [accuracy or None, fate, mean clipped share]


def run_cell(config: RunConfig) -> Run:
    """Trains one net to its end."""
    from nfnet.training import train

    shares = []
    for event in train(config.replace(device="cpu")):
        if isinstance(event, Step):
            shares.append(event.clipped_share)
        elif isinstance(event, Diverged | Finished):
            fate = event.reason if isinstance(event, Diverged) else "finished"
            return [event.accuracy, fate, significant(sum(shares) / max(1, len(shares)), 3)]
    raise AssertionError("a run ends with Finished or Diverged")


def read(path: Path) -> dict[str, Run]:
    """The runs that a file holds: configuration as text -> run."""
    if not path.exists():
        return {}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return {
        key(RunConfig.from_json(cell["config"]).replace(seed=int(seed))): run
        for cell in cells
        for seed, run in cell["runs"].items()
    }


def key(config: RunConfig) -> str:
    return json.dumps(config.to_json(), sort_keys=True)


def dumps(plan: Plan, known: dict[str, Run]) -> str:
    """The file of a plan: a line a cell, so that a change can be read in a diff."""
    import torch

    head = {
        "name": plan.id,
        "made": datetime.date.today().isoformat(),
        "conditions": {
            "device": "cpu",
            "cpu": processor(),
            "threads": 1,
            "torch": torch.__version__,
            "seeds": list(plan.seeds),
            "command": f"python -m benchmarks.sweeps run {plan.id}",
        },
    }
    lines = []
    for cell in plan.cells:
        runs = {
            str(seed): known[key(cell.config.replace(seed=seed))]
            for seed in plan.seeds
            if key(cell.config.replace(seed=seed)) in known
        }
        usual = RunConfig().to_json()
        given = {n: v for n, v in cell.config.to_json().items() if v != usual[n]}
        lines.append(json.dumps({"config": given, "runs": runs}, separators=(",", ":")))
    text = json.dumps(head, indent=1).removesuffix("\n}")
    return text + ',\n "cells": [\n' + ",\n".join(lines) + "\n]}\n"


def run(plan: Plan) -> None:
    import torch

    torch.set_num_threads(1)
    path = OUT / f"{plan.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {run: value for other in OUT.glob("*.json") for run, value in read(other).items()}
    for seed in plan.seeds:  # the whole plan with one seed first: there is soon something to see
        for cell in plan.cells:
            config = cell.config.replace(seed=seed)
            if key(config) not in known:
                known[key(config)] = run_cell(config)
                path.write_text(dumps(plan, known), encoding="utf-8")
    path.write_text(dumps(plan, known), encoding="utf-8")  # perhaps another plan has run them all
    print(f"{path}: {len(plan.cells)} cells, {len(plan.seeds)} seeds")


def table(plan: Plan) -> Iterator[str]:
    """The plan as Markdown: mean accuracy of the runs, their range, how many died."""
    known = read(OUT / f"{plan.id}.json")
    yield f"{plan.title} ({plan.id})\n"
    yield f"| {plan.rows} | {plan.columns} | n | mean | lowest | highest | lost | clipped |"
    yield "|---|---|---|---|---|---|---|---|"
    for cell in plan.cells:
        seeds = (key(cell.config.replace(seed=seed)) for seed in plan.seeds)
        runs = [known[seed] for seed in seeds if seed in known]
        if not runs:
            continue
        scores = [score(run) for run in runs]
        lost = sum(fate != "finished" or accuracy < LOST for accuracy, fate, _ in runs)
        share = statistics.mean(run[2] for run in runs)
        yield (
            f"| {cell.row} | {cell.column} | {len(runs)} | {statistics.mean(scores):.3f} | "
            f"{min(scores):.3f} | {max(scores):.3f} | {lost} | {share:.0%} |"
        )


def score(run: Run) -> float:
    """A run's accuracy; a dead net guesses one of ten classes."""
    return CHANCE if run[0] is None else run[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("command", choices=("run", "table"))
    parser.add_argument("plans", nargs="*", metavar="PLAN", help=f"out of {', '.join(PLANS)}")
    arguments = parser.parse_args()
    unknown = set(arguments.plans) - set(PLANS)
    if unknown:
        parser.error(f"unknown plan '{min(unknown)}'; choose from {', '.join(PLANS)}")
    for name in arguments.plans or PLANS:
        if arguments.command == "run":
            run(PLANS[name])
        else:
            print("\n".join(table(PLANS[name])) + "\n")


if __name__ == "__main__":
    main()
