"""A net as a list: parts, layers and shapes, and what each layer costs. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from nfnet.plan import ConvPlan

Shape = tuple[int, int, int]  # channels, height, width


@dataclass(frozen=True)
class Layer:
    """One layer under its name in the net; `kind` is conv, linear, norm, pool or scalar."""

    name: str
    kind: str
    in_shape: Shape
    out_shape: Shape
    parameters: int = 0
    multiply_adds: int = 0
    kernel_size: int = 1
    stride: int = 1
    groups: int = 1


@dataclass(frozen=True)
class Part:
    """The stem, a residual block, or the head. `stage` counts from 0; None outside the stages."""

    name: str
    stage: int | None
    layers: tuple[Layer, ...]
    in_shape: Shape
    out_shape: Shape

    @cached_property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def multiply_adds(self) -> int:
        return sum(layer.multiply_adds for layer in self.layers)


@dataclass(frozen=True)
class Counts:
    """A net at one resolution, part by part in the order of computation."""

    resolution: int
    parts: tuple[Part, ...]

    @property
    def layers(self) -> Iterator[Layer]:
        return (layer for part in self.parts for layer in part.layers)

    @cached_property
    def parameters(self) -> int:
        return sum(part.parameters for part in self.parts)

    @cached_property
    def multiply_adds(self) -> int:
        return sum(part.multiply_adds for part in self.parts)


def convolution(name: str, plan: ConvPlan, in_shape: Shape, each: int = 0) -> Layer:
    """A convolution; `each`: numbers learned for an output channel beside its weights."""
    side = ceil(in_shape[1] / plan.stride)
    fan_in = plan.in_channels // plan.groups * plan.kernel_size**2
    return Layer(
        name,
        "conv",
        in_shape,
        (plan.out_channels, side, side),
        parameters=plan.out_channels * (fan_in + each),
        multiply_adds=plan.out_channels * side * side * fan_in,
        kernel_size=plan.kernel_size,
        stride=plan.stride,
        groups=plan.groups,
    )


def linear(name: str, wide: int, narrow: int) -> Layer:
    """A linear layer with a bias, from `wide` features to `narrow`."""
    parameters, work = (wide + 1) * narrow, wide * narrow
    return Layer(name, "linear", (wide, 1, 1), (narrow, 1, 1), parameters, work)


def squeeze_excite(name: str, channels: int, hidden: int) -> list[Layer]:
    """The two linear layers of squeeze-excite; none where there is nothing hidden."""
    if not hidden:
        return []
    return [
        linear(f"{name}.linear0", channels, hidden),
        linear(f"{name}.linear1", hidden, channels),
    ]


def normalization(name: str, shape: Shape) -> Layer:
    """Batch normalization: a scale and a shift for each channel."""
    return Layer(name, "norm", shape, shape, parameters=2 * shape[0])


def pooling(name: str, in_shape: Shape, kernel_size: int) -> Layer:
    """Pooling that halves the picture's side."""
    channels, side = in_shape[0], ceil(in_shape[1] / 2)
    return Layer(name, "pool", in_shape, (channels, side, side), kernel_size=kernel_size, stride=2)
