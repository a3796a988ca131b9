"""What the Clipping page says of one net's gradients, over seeds.

    python -m benchmarks.canvas_seeds [--seeds 5] [--trained]

The nets of the page (fresh.CONFIG), each after 0, 20 and 60 steps, before its gradient is clipped;
with --trained also the net that comes with the lecture, over as many batches (needs NFNET_DATA).
One thread on the CPU. Prints Markdown tables for LOG.md: the mean over the seeds, least and most.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Sequence

import numpy as np
import torch

from app.demos import fresh
from app.demos.unit_figures import Units
from benchmarks.record_runs import processor
from nfnet.events import Step
from nfnet.gradients import gradient_units
from nfnet.run import RunConfig
from nfnet.training import train

LAMBDAS = (0.003, 0.01, 0.03, 0.1, 0.3)
AT = 0.01  # the threshold of the comparison
MIDDLE = range(40, 61)  # steps of the run


def shortened(units: Units, clipping: float, by: str = "unit") -> np.ndarray:
    return units.factor(clipping, by) < 1


def vectors(units: Units) -> np.ndarray:
    """Which units are biases or gains."""
    return np.isin(units.layer, list(units.vectors))


def median_factor(units: Units, clipping: float) -> float:
    """Of the units that are shortened; 1 where none is."""
    cut = units.factor(clipping)
    return float(np.median(cut[cut < 1])) if (cut < 1).any() else 1.0


def as_short(units: Units, by: str) -> float:
    """The threshold at which clipping by `by` leaves the whole gradient as long as AGC at AT."""
    wanted, low, high = units.norm(units.factor(AT)), 1e-8, 1e3
    for _ in range(80):
        middle = (low * high) ** 0.5
        too_long = units.norm(units.factor(middle, by)) > wanted
        low, high = (low, middle) if too_long else (middle, high)
    return low


def turned(units: Units, factor: np.ndarray) -> float:
    """Degrees between the whole gradient and what clipping makes of it."""
    product = float(np.sum(factor * units.gradient_norm**2))
    return float(np.degrees(np.arccos(min(1.0, product / units.norm() / units.norm(factor)))))


def spread(units: Units, factor: np.ndarray) -> float:
    """How many times the ratio of one unit in ten exceeds that of nine in ten."""
    low, high = np.quantile(units.ratio * factor, (0.1, 0.9))
    return float(high / low)


THRESHOLDS: dict[str, Callable[[Units, float], float]] = {
    "units shortened": lambda u, c: shortened(u, c).mean(),
    "filters shortened": lambda u, c: shortened(u, c)[~vectors(u)].mean(),
    "biases and gains shortened": lambda u, c: shortened(u, c)[vectors(u)].mean(),
    "their median factor": median_factor,
    "length left": lambda u, c: u.norm(u.factor(c)) / u.norm(),
    "layers above": lambda u, c: (u.pieces("layer").ratio > c).mean(),
    "units shortened, by layer": lambda u, c: shortened(u, c, "layer").mean(),
    "whole net above": lambda u, c: float(u.pieces("global").ratio[0] > c),
}
WAYS: dict[str, Callable[[Units, np.ndarray], float]] = {
    "units shortened": lambda u, f: (f < 1).mean(),
    "smallest factor": lambda u, f: f.min(),
    "ratios, 9th over 1st tenth": spread,
    "turned from the gradient by, °": turned,
}


def cell(values: Sequence[float]) -> str:
    """Mean, least and most."""
    return f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def table(name: str, nets: Sequence[Units]) -> None:
    """Two tables: over thresholds, and three ways of clipping that leave the same length."""
    units = sorted({len(net.ratio) for net in nets})
    print(f"\n{name}, n = {len(nets)}, units: {units}\n\n| λ | {' | '.join(THRESHOLDS)} |")
    print(f"|---{'|---' * len(THRESHOLDS)}|")
    for clipping in LAMBDAS:
        cells = [cell([measure(net, clipping) for net in nets]) for measure in THRESHOLDS.values()]
        print(f"| {clipping:g} | {' | '.join(cells)} |")
    print(f"\n| as short as AGC at {AT:g} | threshold | {' | '.join(WAYS)} |")
    print(f"|---|---{'|---' * len(WAYS)}|")
    made: list[list[np.ndarray]] = []
    for by in ("unit", "layer", "global"):
        stops = [AT if by == "unit" else as_short(net, by) for net in nets]
        factors = [net.factor(stop, by) for net, stop in zip(nets, stops, strict=True)]
        made.append(factors)
        cells = [cell(stops)]
        for measure in WAYS.values():
            cells.append(cell([measure(*pair) for pair in zip(nets, factors, strict=True)]))
        print(f"| by {by} | {' | '.join(cells)} |")
    for measure in (spread, turned):
        by_net = [[measure(net, f) for f in each] for net, *each in zip(nets, *made, strict=True)]
        extreme = min if measure is spread else max
        first = sum(values[0] == extreme(values) for values in by_net)
        print(f"{measure.__name__}: AGC has the {extreme.__name__} in {first} of {len(nets)} nets")
    common = [net.equal_global_factor(AT) for net in nets]
    pairs = zip(nets, common, strict=True)
    spared = [float((net.factor(AT) > factor).mean()) for net, factor in pairs]
    print(f"\nUnits that AGC leaves longer than the one common factor does: {cell(spared)}")
    off = [np.degrees(np.arccos(np.clip(net.cosine, -1, 1)))[~vectors(net)] for net in nets]
    print(f"Filters' angle off 90°, most: {cell([float(np.abs(a - 90).max()) for a in off])}")


def over_a_run(config: RunConfig, seeds: int) -> None:
    """The share of units clipped, over all the run's steps and over its middle."""
    whole, middle = [], []
    for seed in range(seeds):
        steps = [e for e in train(config.replace(seed=seed)) if isinstance(e, Step)]
        whole.append(float(np.mean([e.clipped_share for e in steps])))
        middle.append(float(np.mean([e.clipped_share for e in steps if e.step in MIDDLE])))
    print(f"\nUnits shortened at λ {AT:g} over all steps: {cell(whole)}; ", end="")
    print(f"over steps {MIDDLE[0]} to {MIDDLE[-1]}: {cell(middle)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trained", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{processor()}, 1 thread, Python {platform.python_version()}, torch {torch.__version__}")
    config, steps = fresh.CONFIG.replace(device="cpu"), fresh.STEPS
    nets: dict[int, list[Units]] = {step: [] for step in steps}
    for seed in range(options.seeds):
        for item in gradient_units(config.replace(seed=seed), steps):
            nets[item["step"]].append(Units.of(item))
    for step in steps:
        table(f"after {step} steps", nets[step])
    over_a_run(config, options.seeds)
    if options.trained:
        trained = fresh.TRAINED_CONFIG.replace(device="cpu")
        seeds = [trained.replace(seed=seed) for seed in range(options.seeds)]
        batches = [next(gradient_units(each, (0,))) for each in seeds]
        table("the trained net, other batches", [Units.of(item) for item in batches])


if __name__ == "__main__":
    main()
