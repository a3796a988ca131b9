"""How long the Black box takes to show a forked run's first step: trained again from the start, as
a first fork (which trains the run and keeps its checkpoints), and as a later one.

    python -m benchmarks.fork_latency [--repeats 5]

A worker process as the server has it, one thread; seconds from the submission until the app has the
first step that AGC acts on, and until the fork has ended; median and range.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from app.compute.jobs import Fork, Job, Race
from app.compute.local import LocalCompute
from app.demos.blackbox_runs import CLIPPING, SEED, STEP, lanes
from nfnet.events import Diverged, Finished, Step


def seconds(compute: LocalCompute, job: Job) -> tuple[float, float]:
    """Seconds until the first clipped step of lane 1 is here, and until that lane has ended."""
    began = time.perf_counter()
    ticket, seen, first = compute.submit(job, "a viewer"), 0, None
    while True:
        items = ticket.events(seen)
        seen += len(items)
        for lane, event in items:
            if lane == 1 and isinstance(event, Step) and event.clipping and first is None:
                first = time.perf_counter() - began
            if lane == 1 and isinstance(event, Finished | Diverged):
                return first, time.perf_counter() - began
        if ticket.state.ended and not items:
            raise SystemExit(f"the job {ticket.state.name}: {ticket.state.message}")
        time.sleep(0.002)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, Python {platform.python_version()}, load average {load:.1f}")
    times: dict[str, list[tuple[float, float]]] = {"from the start": [], "first": [], "later": []}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NFNET_RUNS"] = folder
        compute = LocalCompute()
        for repeat in range(repeats):
            # thresholds that differ a little: equal jobs would share their results
            each = [CLIPPING * (1 + (3 * repeat + i) / 1e4) for i in range(3)]
            runs = [tuple(lane.config for lane in lanes(SEED, clipping, STEP)) for clipping in each]
            if repeat == 0:
                warm = runs[0][1].replace(steps=1, clipping_from=1)
                seconds(compute, Race((warm, warm)))  # torch, the pictures
            for path in Path(folder).iterdir():
                path.unlink()
            times["from the start"].append(seconds(compute, Race(runs[0])))
            times["first"].append(seconds(compute, Fork(runs[1][1])))
            times["later"].append(seconds(compute, Fork(runs[2][1])))
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
        compute.close()
    print(f"seed {SEED}, fork from step {STEP}, n = {repeats}; checkpoints {size / 1e6:.0f} MB")
    print("| fork | first forked step, s | range | whole fork, s | range |\n|---|---|---|---|---|")
    for name, pairs in times.items():
        cells = [
            f"{statistics.median(column):.2f} | {min(column):.2f} to {max(column):.2f}"
            for column in zip(*pairs, strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
