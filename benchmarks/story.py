"""Does the lecture's story hold? Every preset over seeds, on this machine.

    python -m benchmarks.story [--seeds 20] [--processes 2] [PRESET ...]

Prints one table a preset: the test accuracy of each lane over the seeds (a net that is not finite
counts as .10, guessing), how many runs diverged or stayed at chance, and how many seeds keep what
the preset promises. One thread a process, so that figures do not depend on the number of cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import statistics
from collections.abc import Callable, Sequence

from app.demos.presets import COLD_OPEN, PRESETS, Lane
from nfnet.events import Diverged
from nfnet.run import RunConfig

FAILED = 0.30  # below this, or diverged, a net counts as dead


def outcome(config: RunConfig) -> tuple[float, str]:
    """Test accuracy, and why the run diverged ("" if it did not)."""
    import torch

    from nfnet.training import train

    torch.set_num_threads(1)
    *_, last = train(config.replace(evaluate_every=0, device="cpu"))
    if isinstance(last, Diverged):
        return (0.10 if last.accuracy is None else last.accuracy), last.reason
    return last.accuracy, ""


def dead(result: tuple[float, str]) -> bool:
    return bool(result[1]) or result[0] < FAILED


def above(floor: float) -> Callable[[tuple[float, str]], bool]:
    return lambda result: not result[1] and result[0] > floor


def between(floor: float, ceiling: float) -> Callable[[tuple[float, str]], bool]:
    return lambda result: not result[1] and floor < result[0] < ceiling


# What a preset promises on stage: lane's name -> the test that every seed has to pass.
PROMISES: dict[str, dict[str, Callable[[tuple[float, str]], bool]]] = {
    "four": {
        "BN": above(0.70),
        "no norm": lambda result: bool(result[1]) or result[0] < 0.40,
        "NF": dead,
        "NF + AGC": above(0.85),
    },
    "batch-16": {"BN": above(0.70), "NF": above(0.70), "NF + AGC": above(0.70)},
    "batch-128": {
        "BN": above(0.70),
        "NF": lambda result: dead(result) or result[0] < 0.70,  # two seeds in twenty limp on
        "NF + AGC": above(0.70),
    },
    "batch-512": {"NF": dead, "NF + AGC": above(0.60)},
    "loose-512": {"λ 0.1": dead},
    "threshold": {"λ 0.0003": between(0.30, 0.85), "λ 0.01": above(0.85), "λ 0.3": dead},
    "ingredients": {
        "neither": dead,
        "AGC alone": lambda result: dead(result) or result[0] < 0.90,  # four in twenty die
        "NF alone": dead,
        "NF + AGC": above(0.90),
    },
    "outliers": {
        "NF": lambda result: dead(result) or result[0] < 0.70,  # the NF lane of batch 128
        "NF + AGC": above(0.85),
    },
    "trained-start": {"random start": between(0.40, 0.92), "trained start": above(0.92)},
    "rates": {"none 0.3": dead, "BN 0.3": above(0.70)},
    "cold-open": {"λ off": dead, "λ 0.01": above(0.85)},
    "cifar10": {
        "BN": above(0.40),
        "no norm": dead,
        "NF": dead,
        "NF + AGC": above(0.40),
    },
}


def lanes_of(name: str) -> Sequence[Lane]:
    if name == "cold-open":
        saved = COLD_OPEN.replace(clipping=0.01)
        return Lane("λ off", "nf", COLD_OPEN), Lane("λ 0.01", "agc", saved)
    if name == "loose-512":  # the threshold that holds batch 128, at batch 512
        config = PRESETS["batch-512"].lanes[-1].config.replace(clipping=0.1)
        return (Lane("λ 0.1", "agc", config),)
    return PRESETS[name].lanes


def table(name: str, seeds: int, pool: multiprocessing.pool.Pool) -> None:
    """Runs a preset over seeds 0 to `seeds` - 1 and prints its table."""
    print(f"\n{name}, {seeds} seeds")
    print(f"{'lane':12} {'mean':>6} {'min':>6} {'max':>6} {'dead':>5}  kept")
    for lane in lanes_of(name):
        results = pool.map(outcome, [lane.config.replace(seed=s) for s in range(seeds)], 1)
        accuracies = [accuracy for accuracy, _ in results]
        promise = PROMISES.get(name, {}).get(lane.label)
        kept = f"{sum(map(promise, results))} of {seeds}" if promise else "no promise"
        print(
            f"{lane.label:12} {statistics.mean(accuracies):6.3f} {min(accuracies):6.3f} "
            f"{max(accuracies):6.3f} {sum(map(dead, results)):5d}  {kept}",
            flush=True,
        )


def main() -> None:
    names = ["cold-open", "loose-512", *PRESETS]
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("presets", nargs="*", metavar="PRESET", help=f"out of {', '.join(names)}")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    unknown = set(options.presets) - set(names)
    if unknown:
        parser.error(f"unknown preset '{min(unknown)}'; choose from {', '.join(names)}")
    import torch

    print(f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}")
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for name in options.presets or [n for n in names if n != "cifar10"]:
            table(name, options.seeds, pool)


if __name__ == "__main__":
    main()
