"""Records the nets that stand on the chart of "Design your own" before anybody has played.

    python -m benchmarks.record_labs_design [--jobs 2]     # goes on where it was interrupted
    python -m benchmarks.record_labs_design --table

Each run takes one thread of the CPU, 5 to 20 seconds of its time.
"""

from __future__ import annotations

import argparse
import datetime
import json
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.charts import significant
from app.demos.design_settings import RECORDED_SEEDS, REFERENCES, counted
from benchmarks.record_runs import OUT, processor
from benchmarks.sweeps import score
from nfnet.events import Diverged, Finished

PATH = OUT / "design" / "nets.json"
Known = dict[str, dict[str, list[Any]]]  # net -> seed -> [accuracy or None, fate, CPU seconds]


def run(work: tuple[str, int]) -> tuple[str, int, list[Any]]:
    """Trains one net from one seed to its end."""
    import torch

    from nfnet.training import train

    torch.set_num_threads(1)
    name, seed = work
    began = time.process_time()
    for event in train(REFERENCES[name].replace(seed=seed, device="cpu")):
        if isinstance(event, Diverged | Finished):
            fate = event.reason if isinstance(event, Diverged) else "finished"
            seconds = significant(time.process_time() - began, 3)
            return name, seed, [event.accuracy, fate, seconds]
    raise AssertionError("a run ends with Finished or Diverged")


def read(path: Path) -> Known:
    """The runs of a file whose net is still the one of that name."""
    if not path.exists():
        return {}
    nets = json.loads(path.read_text(encoding="utf-8"))["nets"]
    return {
        net["name"]: net["runs"]
        for net in nets
        if net["name"] in REFERENCES and net["config"] == given(net["name"])
    }


def given(name: str) -> dict[str, Any]:
    return json.loads(json.dumps(REFERENCES[name].to_json()))


def dumps(known: Known) -> str:
    """The file: a line a net, so that a change can be read in a diff."""
    import torch

    head = {
        "name": "design",
        "made": datetime.date.today().isoformat(),
        "conditions": {
            "device": "cpu",
            "cpu": processor(),
            "threads": 1,
            "torch": torch.__version__,
            "seeds": list(RECORDED_SEEDS),
            "command": "python -m benchmarks.record_labs_design",
        },
    }
    lines = []
    for name in REFERENCES:
        runs = {
            str(seed): known[name][str(seed)]
            for seed in RECORDED_SEEDS
            if str(seed) in known.get(name, {})
        }
        net = {"name": name, "runs": runs, "config": given(name)}
        lines.append(json.dumps(net, separators=(",", ":")))
    text = json.dumps(head, indent=1).removesuffix("\n}")
    return text + ',\n "nets": [\n' + ",\n".join(lines) + "\n]}\n"


def record(path: Path, jobs: int) -> None:
    known = read(path)
    wanted = [
        (name, seed)
        for seed in RECORDED_SEEDS  # all nets with one seed first: there is soon something to see
        for name in REFERENCES
        if str(seed) not in known.get(name, {})
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for name, seed, outcome in pool.imap_unordered(run, wanted):
            known.setdefault(name, {})[str(seed)] = outcome
            part = path.with_suffix(".part")
            part.write_text(dumps(known), encoding="utf-8")
            part.replace(path)  # a page that reads meanwhile finds a whole file
            print(name, seed, outcome, flush=True)


def table(path: Path) -> Iterator[str]:
    """What was recorded, as Markdown."""
    known = read(path)
    yield "| net | multiply-adds | parameters | n | mean | lowest | highest | lost | CPU s |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, config in REFERENCES.items():
        runs = list(known.get(name, {}).values())
        if not runs:
            continue
        scores, counts = [score(run) for run in runs], counted(config)
        lost = sum(fate != "finished" for _, fate, _ in runs)
        yield (
            f"| {name} | {counts.multiply_adds:,} | {counts.parameters:,} | {len(runs)} | "
            f"{statistics.mean(scores):.3f} | {min(scores):.3f} | {max(scores):.3f} | {lost} | "
            f"{statistics.median(run[2] for run in runs):.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--table", action="store_true", help="only prints what was recorded")
    parser.add_argument("--out", type=Path, default=PATH)
    arguments = parser.parse_args()
    if not arguments.table:
        record(arguments.out, arguments.jobs)
    print("\n".join(table(arguments.out)))


if __name__ == "__main__":
    main()
