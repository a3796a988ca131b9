"""What a net is made of and what that costs, counted without making it. Imports no torch.

A multiply-add is one multiplication with its addition. As in the official `count_flops` (and so in
the NFNets paper, which calls them FLOPs) those of convolutions and linear layers are counted, for
one picture going forward. Left out are biases, activations, normalizations, pooling, additions,
squeeze-excite's scaling, and the standardization of weights, which does not grow with the picture.
"""

from __future__ import annotations

from nfnet.layers import (
    Counts,
    Layer,
    Part,
    Shape,
    convolution,
    linear,
    normalization,
    pooling,
    squeeze_excite,
)
from nfnet.peers import BNResNetConfig, EfficientNetConfig, peer_parts
from nfnet.plan import BlockPlan, ConvPlan, block_plans, squeeze_hidden, stem_plan
from nfnet.run import UserError
from nfnet.variants import NFNetConfig, ResNetConfig

MAX_RESOLUTION = 8192  # px
MAX_BLOCKS = 2000  # of one net; a list of more would keep who asked for it waiting

Config = NFNetConfig | ResNetConfig | BNResNetConfig | EfficientNetConfig


def count(config: Config, resolution: int | None = None) -> Counts:
    """Every layer of a net with its shapes, parameters and multiply-adds.

    Args:
        resolution: side of the square picture in px; None for the one that the net is tested at.

    Raises:
        UserError: no such resolution, none known, or too many blocks to list.
    """
    side = config.test_size if resolution is None else resolution
    if side is None or not 1 <= side <= MAX_RESOLUTION:
        raise UserError(f"the resolution must be from 1 to {MAX_RESOLUTION} px, not {side}")
    if sum(config.depths) > MAX_BLOCKS:
        raise UserError(f"a net may have {MAX_BLOCKS} blocks, not {sum(config.depths)}")
    if isinstance(config, BNResNetConfig | EfficientNetConfig):
        return Counts(side, tuple(peer_parts(config, side)))
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
        layers.append(pooling("stem pooling", shape, kernel_size=3))
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
            layers.append(normalization(f"{name}.norms.{n}", shape))
        layers.append(_conv(config, f"{name}.{names[n]}", conv, shape))
        shape = layers[-1].out_shape
    hidden = squeeze_hidden(shape[0], config.se_ratio)
    layers += squeeze_excite(f"{name}.squeeze_excite", shape[0], hidden)
    if config.skip_gain is not None:
        layers.append(Layer(f"{name}.skip_gain", "scalar", shape, shape, parameters=1))
    if plan.shortcut is not None:
        skip = in_shape
        if plan.pool:
            layers.append(pooling(f"{name} pooling", skip, kernel_size=2))
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
        layers.append(normalization("final_norm", shape))
    layers.append(linear("classifier", shape[0], config.num_classes))
    return Part("head", None, tuple(layers), in_shape, layers[-1].out_shape)


def _conv(config: NFNetConfig | ResNetConfig, name: str, plan: ConvPlan, in_shape: Shape) -> Layer:
    if isinstance(config, NFNetConfig):
        each = 2  # gain and bias, on the weights or after the normalization
    else:
        each = {"nf": 2, "none": 1, "batch": 0}[config.norm]  # a bias; batch: neither
    return convolution(name, plan, in_shape, each)
