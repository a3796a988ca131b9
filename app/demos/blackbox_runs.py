"""The Black box's runs: what crashed, and the same run with AGC from some step on. No Streamlit."""

from __future__ import annotations

from typing import NamedTuple

from app.demos.presets import PRESETS, Lane, on
from nfnet.run import RunConfig

SEED = 2  # of those tried it learns longest before it dies
SEEDS = (0, 1, 2)  # whose crash is recorded
STEP = 24  # from which AGC acts in the recorded fork
ELSEWHERE = 1.0  # rate on other pictures than the shapes
CLIPPING = 0.1  # the threshold at which AGC holds this net when it is on from the start
CRASH: RunConfig = next(
    lane.config for lane in PRESETS["batch-128"].lanes if lane.label == "NF"
).replace(seed=SEED, evaluate_every=0)


class Row(NamedTuple):
    """What became of the runs in which AGC came on at one moment."""

    before: int  # steps before the death; 0: AGC from the start
    seeds: int
    saved: int
    accuracy: float  # on the test set, mean over the seeds; .10 for a net that is not finite


# benchmarks/late_clipping.py --seeds 7; two of the seven seeds do not die
MEASURED = (
    Row(1, 5, 0, 0.102),
    Row(2, 5, 0, 0.108),
    Row(3, 5, 3, 0.409),
    Row(4, 5, 4, 0.607),
    Row(5, 5, 5, 0.891),
    Row(10, 5, 5, 0.885),
    Row(20, 5, 5, 0.912),
    Row(0, 5, 5, 0.902),
)


def lanes(
    seed: int,
    clipping: float,
    step: int,
    dataset: str = "shapes",
    counts: tuple[int, ...] = (1,) * 10,
) -> tuple[Lane, Lane]:
    """The run that dies, and the same run with AGC from `step` (from 1) on.

    Args:
        dataset: other pictures than the shapes are trained on at rate 1, because at 0.3 the net
            lives on CIFAR-10.
        counts: pictures of each class, or their proportions.
    """
    crash = on(CRASH.replace(seed=seed), dataset)
    if dataset != CRASH.dataset:
        crash = crash.replace(lr=ELSEWHERE)
    fork = crash.replace(clipping=clipping, clipping_from=step)
    return Lane("NF", "nf", crash, counts), Lane(f"AGC from step {step}", "agc", fork, counts)


def recording(seed: int) -> str:
    """The name of this seed's recorded run."""
    return f"blackbox/seed-{seed}"
