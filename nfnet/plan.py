"""What a net is made of, worked out before any of it is made. Imports no torch.

The nets are built from these rows (`nfnet.model`, `nfnet.resnet`) and counted from them
(`nfnet.counts`), so a count cannot disagree with the net.
"""

from __future__ import annotations

from typing import NamedTuple

from nfnet.variants import NFNetConfig, ResNetConfig


class ConvPlan(NamedTuple):
    """A convolution with a square kernel, padded as SAME."""

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int = 1
    groups: int = 1


class BlockPlan(NamedTuple):
    """A residual block: the convolutions of its branch, and the one on its shortcut, if any.

    A shortcut has a convolution where the shape changes; that block is a transition, which resets
    the predicted variance. `pool`: 2x2 average pooling halves the picture before that convolution.
    """

    stage: int  # from 0
    branch: tuple[ConvPlan, ...]
    shortcut: ConvPlan | None
    pool: bool

    @property
    def out_channels(self) -> int:
        return self.branch[-1].out_channels


def stem_plan(config: NFNetConfig | ResNetConfig) -> list[ConvPlan]:
    """The convolutions before the first block; a ResNet's "imagenet" stem max-pools after it."""
    if isinstance(config, NFNetConfig):
        width = config.widths[0] // 2
        if config.stem == "small":
            return [ConvPlan(3, width, 3)]
        narrow = [ConvPlan(3, 16, 3, 2), ConvPlan(16, 32, 3), ConvPlan(32, 64, 3)]
        return [*narrow, ConvPlan(64, width, 3, 2)]
    # a bottleneck net's stem is as wide as its first bottleneck
    width = config.widths[0] // (4 if config.block == "bottleneck" else 1)
    return [ConvPlan(3, width, 7, 2) if config.stem == "imagenet" else ConvPlan(3, width, 3)]


def block_plans(config: NFNetConfig | ResNetConfig) -> list[BlockPlan]:
    """Every residual block in order; stages after the first halve the resolution."""
    plans, channels = [], stem_plan(config)[-1].out_channels
    for stage, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
        for index in range(depth):
            stride = 2 if stage > 0 and index == 0 else 1
            plans.append(_block(config, stage, channels, width, stride))
            channels = width
    return plans


def _block(
    config: NFNetConfig | ResNetConfig, stage: int, channels: int, width: int, stride: int
) -> BlockPlan:
    if isinstance(config, NFNetConfig):
        pool, inner = stride > 1, config.bottlenecks[stage]
        groups = inner // config.group_size
        branch = (
            ConvPlan(channels, inner, 1),
            ConvPlan(inner, inner, 3, stride, groups),
            ConvPlan(inner, inner, 3, 1, groups),
            ConvPlan(inner, width, 1),
        )
    elif config.block == "basic":
        pool = stride > 1 and config.shortcut == "pool"
        branch = (ConvPlan(channels, width, 3, stride), ConvPlan(width, width, 3))
    else:
        pool, inner = stride > 1 and config.shortcut == "pool", width // 4
        branch = (
            ConvPlan(channels, inner, 1),
            ConvPlan(inner, inner, 3, stride),
            ConvPlan(inner, width, 1),
        )
    shortcut = None
    if stride > 1 or channels != width:
        shortcut = ConvPlan(channels, width, 1, 1 if pool else stride)
    return BlockPlan(stage, branch, shortcut, pool)


def squeeze_hidden(channels: int, ratio: float) -> int:
    """Hidden width of squeeze-excite over so many channels; 0 without it."""
    return max(1, int(channels * ratio)) if ratio else 0
