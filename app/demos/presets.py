"""The story's experiments: frozen runs, and what may be said about each. One literal table.

The figures behind the captions are measured over seeds by benchmarks/story.py and kept in LOG.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nfnet.presets import PRESETS as RUNS
from nfnet.run import RunConfig

# The stops of every threshold slider, tightest first; "off" is no clipping at all.
LAMBDAS = ("0.0001", "0.0003", "0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1", "off")
BATCHES = {16: 400, 128: 100, 512: 50}  # batch size: steps
COLD_OPEN = RunConfig()  # NF, batch 128, rate 1, not clipped


def guess_accuracy(counts: Sequence[int]) -> float:
    """The accuracy of always naming the largest of classes with so many pictures."""
    return max(counts) / sum(counts)


@dataclass(frozen=True)
class Lane:
    """One net of a race: its name at the line's end, its recipe's key in the theme, its run."""

    label: str
    recipe: str  # a key of app.theme.COLOURS
    config: RunConfig
    counts: tuple[int, ...] = (1,) * 10  # pictures of each class, or their proportions

    @property
    def guess_accuracy(self) -> float:
        """The accuracy of always naming the largest class."""
        return guess_accuracy(self.counts)

    @property
    def guess_loss(self) -> float:
        """The loss of guessing by the classes' shares: ln(classes) where these are equal."""
        shares = [count / sum(self.counts) for count in self.counts]
        return -sum(share * math.log(share) for share in shares)


@dataclass(frozen=True)
class Preset:
    """One experiment: presets of one story differ in the batch size alone."""

    id: str
    story: str
    title: str  # of the story
    lanes: tuple[Lane, ...]
    caption: str  # what runs, and what to look at
    finding: str  # what is known to come of it, and no more; not said before there is a result

    @property
    def batch_size(self) -> int:
        return self.lanes[0].config.batch_size

    @property
    def dataset(self) -> str:
        return self.lanes[0].config.dataset


def _lane(label: str, recipe: str, lr: float, clipping: float | None = None, **changes) -> Lane:
    norm = {"agc": "nf", "none_agc": "none"}.get(recipe, recipe)
    return Lane(label, recipe, RunConfig(norm=norm, lr=lr, clipping=clipping, **changes))


def _batch(size: int, clipping: float, caption: str, finding: str) -> Preset:
    lr, shape = 0.3 * size / 128, {"batch_size": size, "steps": BATCHES[size]}
    lanes = (
        _lane("BN", "batch", lr, **shape),
        _lane("NF", "nf", lr, **shape),
        _lane("NF + AGC", "agc", lr, clipping, **shape),
    )
    return Preset(f"batch-{size}", "batch", "Raise the batch", lanes, caption, finding)


_FOUR = (
    _lane("BN", "batch", 0.3),
    _lane("no norm", "none", 0.3),
    _lane("NF", "nf", 1.0),
    _lane("NF + AGC", "agc", 1.0, 0.01),
)
_WIDTHS = RUNS["nf_cifar10"].widths
XS = Lane("NFNet-XS", "agc", RUNS["nfnet_xs"])  # the extra recipe

PRESETS: dict[str, Preset] = {
    preset.id: preset
    for preset in (
        Preset(
            "four",
            "four",
            "Four recipes",
            _FOUR,
            "The same small net four times, on the same pictures in the same order. BN and the net "
            "without a normalizer run at rate 0.3, the two NF nets at rate 1; AGC has λ 0.01.",
            "At these rates the net without a normalizer and the unclipped NF net diverge or stay "
            "at chance; BN and NF + AGC train.",
        ),
        _batch(
            16,
            0.1,
            "Batch 16, rate 0.0375, 400 steps. AGC has λ 0.1.",
            "NF does as well as BN here: small batches take small, noisy steps, and NF needs no "
            "clipping for them.",
        ),
        _batch(
            128,
            0.1,
            "Batch 128, rate 0.3, 100 steps: the rate grows with the batch. AGC has λ 0.1.",
            "NF without clipping breaks, in 18 of 20 seeds measured; with a loose threshold, "
            "λ 0.1, it holds in all of them.",
        ),
        _batch(
            512,
            0.01,
            "Batch 512, rate 1.2, 50 steps. AGC has λ 0.01.",
            "NF without clipping dies; AGC holds, and it needs the tighter threshold, λ 0.01. BN "
            "is not tuned for this batch: this is no win over BN.",
        ),
        Preset(
            "threshold",
            "threshold",
            "Choose the threshold",
            (
                _lane("λ 0.0003", "agc", 1.0, 0.0003),
                _lane("λ 0.01", "agc", 1.0, 0.01),
                _lane("λ 0.3", "agc", 1.0, 0.3),
            ),
            "The same NF net at rate 1 with three thresholds.",
            "λ 0.0003 shortens almost every gradient and crawls, in part because 100 steps are "
            "few; λ 0.3 lets go; λ 0.01 lies between.",
        ),
        Preset(
            "ingredients",
            "ingredients",
            "Which ingredient?",
            (
                _lane("neither", "none", 1.0),
                _lane("AGC alone", "none_agc", 1.0, 0.01),
                _lane("NF alone", "nf", 1.0),
                _lane("NF + AGC", "agc", 1.0, 0.01),
            ),
            "Two ingredients, each in or out, at rate 1: the normalizer-free parts (predicted "
            "variance and scaled weight standardization) and AGC with λ 0.01.",
            "Neither alone is enough for this net at this rate: without AGC it dies; with AGC "
            "alone it learns less, and not surely: in 4 of 20 seeds measured it died. With both "
            "it learns best. This says nothing about the large nets.",
        ),
        Preset(
            "outliers",
            "outliers",
            "Clip fewer units",
            (
                _lane("NF", "nf", 0.3),
                _lane("NF + AGC", "agc", 0.3, 0.03),
            ),
            "The lower rate 0.3 and the looser λ 0.03.",
            "AGC clips fewer units than at rate 1 and λ 0.01, where it clips four in five of them "
            "on average and is close to a step of fixed length.",
        ),
        Preset(
            "rates",
            "rates",
            "Each at its own rate",
            (
                _lane("none 0.02", "none", 0.02),
                _lane("none 0.3", "none", 0.3),
                _lane("BN 0.02", "batch", 0.02),
                _lane("BN 0.3", "batch", 0.3),
            ),
            "Is a net without a normalizer hopeless? Both nets at rate 0.02 and at rate 0.3.",
            "At rate 0.3 it is, and BN is at ease. At rate 0.02 it learns, slower and less surely, "
            "and BN has no advantage there. Fair is each at its own best rate.",
        ),
        Preset(
            "trained-start",
            "trained-start",
            "Begin with a trained net",
            (
                _lane("random start", "agc", 0.1, 0.01, widths=_WIDTHS),
                _lane("trained start", "agc", 0.1, 0.01, widths=_WIDTHS, start="nf_cifar10"),
            ),
            "The same net twice, at rate 0.1 with λ 0.01. One begins with random weights, the "
            "other with those of a net that was trained on photographs, CIFAR-10; only its last "
            "layer, the classifier, is new. It has never seen a shape.",
            "What it learned on photographs serves it on shapes: it ends well above the net that "
            "begins from nothing, in all of 5 seeds measured.",
        ),
        Preset(
            "cifar10",
            "four",
            "Four recipes",
            tuple(
                Lane(
                    lane.label,
                    lane.recipe,
                    lane.config.replace(dataset="cifar10", steps=RUNS["cifar10"].steps),
                )
                for lane in _FOUR
            ),
            "Photographs instead of shapes: the first 10,000 images of CIFAR-10 at 16 pixels, 120 "
            "steps. The same four recipes at the same rates as on the shapes.",
            "As on the shapes, BN and NF + AGC train and the other two do not. Accuracy is lower, "
            "because photographs are harder and the run is short.",
        ),
    )
}
STORIES = {preset.story: preset.title for preset in PRESETS.values()}


def find(story: str, batch_size: int, dataset: str = "shapes") -> Preset | None:
    """The preset of this story at this batch size on this data set, if there is one."""
    for preset in PRESETS.values():
        if (preset.story, preset.batch_size, preset.dataset) == (story, batch_size, dataset):
            return preset
    return None


def lanes_at(story: str, batch_size: int, dataset: str = "shapes") -> tuple[Lane, ...]:
    """The story's lanes in this setting: a preset's, or else those of batch 128 rescaled.

    The rate grows in proportion to the batch and the steps follow BATCHES.
    """
    exact = find(story, batch_size, dataset)
    if exact:
        return exact.lanes
    lanes = find(story, batch_size).lanes if find(story, batch_size) else find(story, 128).lanes
    return tuple(rescaled(lane, batch_size, dataset) for lane in lanes)


def rescaled(lane: Lane, batch_size: int, dataset: str) -> Lane:
    """The lane at another batch size and on another data set."""
    lr = lane.config.lr * batch_size / lane.config.batch_size
    config = lane.config.replace(batch_size=batch_size, lr=lr, steps=BATCHES[batch_size])
    return replace(lane, config=on(config, dataset))


def on(config: RunConfig, dataset: str) -> RunConfig:
    """A run of drawn pictures, on another data set.

    Rate and threshold stay: on CIFAR-10 those of the shapes serve too (the preset "cifar10"), which
    takes some more steps. For one's own pictures nothing is known, and nothing is changed.
    """
    if dataset == "cifar10" != config.dataset:
        steps = config.steps * RUNS["cifar10"].steps // RUNS["shapes"].steps
        return config.replace(dataset=dataset, steps=steps)
    return config.replace(dataset=dataset)
