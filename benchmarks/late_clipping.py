"""How late may AGC be switched on in a run that dies without it, and still save it?

    python -m benchmarks.late_clipping [--seeds 10] [--clipping 0.1] [--before 1 2 5 10 20 0]

For each seed the run that the Black box shows is trained unclipped until its loss is no longer a
number; that step is its death. Then it is trained again with AGC from so many steps before it on:
the same seed, so that it is the same run until then. Seeds that do not die this way are left out
and counted. "Saved": at the end more than .30 of the test images right, and not diverged. One
thread a run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics

from app.demos.blackbox_runs import CRASH
from benchmarks.story import dead, outcome
from nfnet.events import Diverged
from nfnet.run import RunConfig

BEFORE = (1, 2, 3, 4, 5, 10, 20)  # steps before the death


def death(config: RunConfig) -> int | None:
    """The step whose loss is no longer a number; None: the run does not die so."""
    import torch

    from nfnet.training import train

    torch.set_num_threads(1)
    *_, last = train(config.replace(clipping=None, evaluate_every=0, device="cpu"))
    return last.step if isinstance(last, Diverged) and last.reason == "non-finite" else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--clipping", type=float, nargs="+", default=[0.1])
    parser.add_argument("--before", type=int, nargs="+", default=[*BEFORE, 0])
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    import torch

    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"one thread a run, load average {os.getloadavg()[0]:.1f}"
    )
    configs = [CRASH.replace(seed=seed) for seed in range(options.seeds)]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        ends = pool.map(death, configs, 1)
        dying = [(config, end) for config, end in zip(configs, ends, strict=True) if end]
        print(f"dies at step: {[end for _, end in dying]}; {ends.count(None)} seeds do not die")
        for clipping in options.clipping:
            table(dying, clipping, options.before, pool)


def table(
    dying: list[tuple[RunConfig, int]],
    clipping: float,
    moments: list[int],
    pool: multiprocessing.pool.Pool,
) -> None:
    """Trains and prints one row for each moment: so many steps before the death; 0: all along."""
    print(f"\nlambda {clipping:g}\n{'from':>14} {'n':>3} {'saved':>6} {'mean':>6} {'min':>6} max")
    for before in moments:
        runs = [
            config.replace(clipping=clipping, clipping_from=end - before if before else 1)
            for config, end in dying
            if end > before
        ]
        if not runs:
            continue
        results = pool.map(outcome, runs, 1)
        accuracies = [accuracy for accuracy, _ in results]
        saved = sum(not dead(result) for result in results)
        print(
            f"{f'{before} before' if before else 'the start':>14} {len(runs):3} {saved:6} "
            f"{statistics.mean(accuracies):6.3f} {min(accuracies):6.3f} {max(accuracies):.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
