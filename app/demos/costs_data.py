"""The costs of a step as numbers: what is asked for, and what the measured items say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

from app.compute.jobs import Costs
from nfnet.counts import count
from nfnet.run import RunConfig
from nfnet.variants import ResNetConfig

WIDTHS = ("16", "32")  # channels of the first of three stages; each next has twice as many
BATCHES = ("4", "16", "64", "128")
PASSES = ("both", "forward", "backward")
UNITS = ("ms", "share")
NORMS = {"batch": "BN", "nf": "NF", "none": "no norm"}
OPERATIONS = ("convolution", "normalization", "activation", "addition", "other")
Item = Mapping[str, Any]  # a CostsItem


def job(width: str, seed: int = 0) -> Costs:
    """The measurement of the page: three nets that differ in the normalizer, at four batches."""
    first = int(width)
    config = RunConfig(widths=(first, 2 * first, 4 * first), seed=seed)
    return Costs(config, tuple(map(int, BATCHES)), tuple(NORMS))


def recorded_as(width: str) -> str:
    """Name of the recording of `job(width)`."""
    return f"costs/{width}"


@dataclass(frozen=True)
class Cell:
    """One net at one batch size, in one pass or in both."""

    norm: str
    ms: float
    parts: Mapping[str, float]  # ms of each of OPERATIONS
    saved_bytes: int

    def share(self, operation: str) -> float:
        return self.parts[operation] / self.ms if self.ms else 0.0


def cells(items: Iterable[Item], batch: str, which: str = "both") -> dict[str, Cell]:
    """The nets measured at this batch size, by norm; `which` is one of PASSES."""
    passes = ("forward", "backward") if which == "both" else (which,)
    found = {}
    for item in items:
        if item["batch_size"] == int(batch):
            parts = {name: sum(item[f"{one}_ms"][name] for one in passes) for name in OPERATIONS}
            whole = sum(parts.values())
            found[item["norm"]] = Cell(item["norm"], whole, parts, item["saved_bytes"])
    return found


def ratios(items: Sequence[Item], which: str = "both") -> dict[str, dict[str, float]]:
    """norm -> batch size -> time over that of the net with no normalizer, where both are known."""
    found: dict[str, dict[str, float]] = {norm: {} for norm in NORMS if norm != "none"}
    for batch in BATCHES:
        here = cells(items, batch, which)
        for norm in found:
            if norm in here and "none" in here:
                found[norm][batch] = here[norm].ms / here["none"].ms
    return found


@cache
def numbers(width: str, batch: str) -> tuple[int, int]:
    """How many numbers BN normalizes in a step, and how many weights NF standardizes instead."""
    config = job(width).config
    net = ResNetConfig(config.depths, config.widths, "batch")
    layers = list(count(net, config.resolution).layers)
    activations = sum(prod(layer.in_shape) for layer in layers if layer.kind == "norm")
    # with BN a convolution has no parameters but its weights
    weights = sum(layer.parameters for layer in layers if layer.kind == "conv")
    return int(batch) * activations, weights
