"""What a net is made of and what that costs, counted without making it. Imports no torch.

A multiply-add is one multiplication with its addition. As in the official `count_flops` (and so in
the NFNets paper, which calls them FLOPs) those of convolutions and linear layers are counted, for
one picture going forward. Left out are biases, activations, normalizations, pooling, additions,
squeeze-excite's scaling, and the standardization of weights, which does not grow with the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil

from nfnet.plan import BlockPlan, ConvPlan, block_plans, squeeze_hidden, stem_plan
from nfnet.run import UserError
from nfnet.variants import NFNetConfig, ResNetConfig

Shape = tuple[int, int, int]  # channels, height, width
MAX_RESOLUTION = 8192  # px


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


def count(config: NFNetConfig | ResNetConfig, resolution: int | None = None) -> Counts:
    """Every layer of a net with its shapes, parameters and multiply-adds.

    Args:
        resolution: side of the square picture in px; None for the one that the net is tested at.

    Raises:
        UserError: no such resolution, or none known.
    """
    side = config.test_size if resolution is None else resolution
    if side is None or not 1 <= side <= MAX_RESOLUTION:
        raise UserError(f"the resolution must be from 1 to {MAX_RESOLUTION} px, not {side}")
    parts = [_stem(config, side)]
    for n, plan in enumerate(block_plans(config)):
        parts.append(_block(config, plan, n, parts[-1].out_shape))
    parts.append(_head(config, parts[-1].out_shape))
    return Counts(side, tuple(parts))


def _stem(config: NFNetConfig | ResNetConfig, side: int) -> Part:
    shape, layers = (3, side, side), []
    for n, plan in enumerate(stem_plan(config)):
        name = f"stem.{n}" if isinstance(config, NFNetConfig) else "stem"
        layers.append(_conv(config, name, plan, shape))
        shape = layers[-1].out_shape
    if isinstance(config, ResNetConfig) and config.stem == "imagenet":
        layers.append(_pool("stem pooling", shape, kernel_size=3))
    return Part("stem", None, tuple(layers), (3, side, side), layers[-1].out_shape)


def _block(
    config: NFNetConfig | ResNetConfig, plan: BlockPlan, index: int, in_shape: Shape
) -> Part:
    name = f"blocks.{index}"
    official = isinstance(config, NFNetConfig)
    names = ["conv0", "conv1", "conv1b", "conv2"] if official else [f"convs.{n}" for n in range(3)]
    layers, shape = [], in_shape
    for n, conv in enumerate(plan.branch):
        if not official and config.norm == "batch":
            layers.append(_norm(f"{name}.norms.{n}", shape))
        layers.append(_conv(config, f"{name}.{names[n]}", conv, shape))
        shape = layers[-1].out_shape
    hidden = squeeze_hidden(shape[0], config.se_ratio)
    if hidden:
        pooled, squeezed = (shape[0], 1, 1), (hidden, 1, 1)
        layers.append(_linear(f"{name}.squeeze_excite.linear0", pooled, squeezed))
        layers.append(_linear(f"{name}.squeeze_excite.linear1", squeezed, pooled))
    if config.skip_gain is not None:
        layers.append(Layer(f"{name}.skip_gain", "scalar", shape, shape, parameters=1))
    if plan.shortcut is not None:
        skip = in_shape
        if plan.pool:
            layers.append(_pool(f"{name} pooling", skip, kernel_size=2))
            skip = layers[-1].out_shape
        layers.append(_conv(config, f"{name}.conv_shortcut", plan.shortcut, skip))
    return Part(f"block {index + 1}", plan.stage, tuple(layers), in_shape, shape)


def _head(config: NFNetConfig | ResNetConfig, in_shape: Shape) -> Part:
    layers, shape = [], in_shape
    if isinstance(config, NFNetConfig):
        plan = ConvPlan(shape[0], 2 * shape[0], 1)
        layers.append(_conv(config, "final_conv", plan, shape))
        shape = layers[-1].out_shape
    elif config.norm == "batch":
        layers.append(_norm("final_norm", shape))
    pooled, logits = (shape[0], 1, 1), (config.num_classes, 1, 1)
    layers.append(_linear("classifier", pooled, logits))
    return Part("head", None, tuple(layers), in_shape, logits)


def _conv(config: NFNetConfig | ResNetConfig, name: str, plan: ConvPlan, in_shape: Shape) -> Layer:
    side = ceil(in_shape[1] / plan.stride)
    fan_in = plan.in_channels // plan.groups * plan.kernel_size**2
    if isinstance(config, NFNetConfig):
        each = 2  # gain and bias, on the weights or after the normalization
    else:
        each = {"nf": 2, "none": 1, "batch": 0}[config.norm]  # a bias; batch: neither
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


def _linear(name: str, in_shape: Shape, out_shape: Shape) -> Layer:
    wide, narrow = in_shape[0], out_shape[0]
    return Layer(name, "linear", in_shape, out_shape, (wide + 1) * narrow, wide * narrow)


def _norm(name: str, shape: Shape) -> Layer:
    return Layer(name, "norm", shape, shape, parameters=2 * shape[0])


def _pool(name: str, in_shape: Shape, kernel_size: int) -> Layer:
    channels, side = in_shape[0], ceil(in_shape[1] / 2)
    return Layer(name, "pool", in_shape, (channels, side, side), kernel_size=kernel_size, stride=2)
