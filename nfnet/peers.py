"""The nets with batch normalization that NFNets are measured against. Imports no torch.

They are described and listed layer by layer, to be counted and drawn; this library does not build
them. Batch normalization follows each convolution, which has no bias.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import ClassVar, NamedTuple

from nfnet.layers import (
    Layer,
    Part,
    Shape,
    convolution,
    linear,
    normalization,
    pooling,
    squeeze_excite,
)
from nfnet.plan import BlockPlan, ConvPlan, block_plans, squeeze_hidden, stem_plan
from nfnet.run import UserError
from nfnet.variants import ResNetConfig


@dataclass(frozen=True)
class BNResNetConfig:
    """A bottleneck ResNet (He et al. 2015, arXiv 1512.03385, table 1), normalized after each conv.

    A stage halves the picture in its first block's 3x3 convolution, as common libraries do; the
    paper did it in the 1x1 before. Raises UserError for settings that no net can be built from.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...] = (256, 512, 1024, 2048)
    se_ratio: float = 0.0  # hidden width of squeeze-excite / width of the block
    num_classes: int = 1000
    test_size: int | None = 224
    norm: ClassVar[str] = "batch"
    stem: ClassVar[str] = "imagenet"

    def __post_init__(self) -> None:
        _check_squeeze(self.se_ratio)
        _ = self.convolutions  # refuses what no net can be built from

    @property
    def convolutions(self) -> ResNetConfig:
        """A net of ours with these convolutions, in another order of normalization."""
        return ResNetConfig(
            self.depths,
            self.widths,
            norm=self.norm,
            block="bottleneck",
            stem=self.stem,
            shortcut="strided",
        )


class MBConvRow(NamedTuple):
    """A stage of EfficientNet-B0: `repeats` inverted bottlenecks, the first with this stride."""

    expansion: int
    kernel_size: int
    stride: int
    channels: int
    repeats: int


# Tan & Le 2019 (arXiv 1905.11946), table 1, with the strides of the released code
B0 = (
    MBConvRow(1, 3, 1, 16, 1),
    MBConvRow(6, 3, 2, 24, 2),
    MBConvRow(6, 5, 2, 40, 2),
    MBConvRow(6, 3, 2, 80, 3),
    MBConvRow(6, 5, 1, 112, 3),
    MBConvRow(6, 5, 2, 192, 4),
    MBConvRow(6, 3, 1, 320, 1),
)
COEFFICIENTS = (0.1, 16.0)  # of width and depth, the least and the most


@dataclass(frozen=True)
class EfficientNetConfig:
    """EfficientNet-B0 with its channels and repeats multiplied (Tan & Le 2019, section 3.3).

    Raises UserError for coefficients out of COEFFICIENTS, or an se_ratio that cannot be.
    """

    width: float = 1.0  # of channels, rounded to a multiple of 8
    depth: float = 1.0  # of each stage's repeats, rounded up
    se_ratio: float = 0.25  # hidden width of squeeze-excite / channels that enter the block
    num_classes: int = 1000
    test_size: int | None = 224
    norm: ClassVar[str] = "batch"
    stem: ClassVar[str] = "imagenet"

    def __post_init__(self) -> None:
        low, high = COEFFICIENTS
        for name in ("width", "depth"):
            if not low <= getattr(self, name) <= high:
                raise UserError(f"{name} must be from {low} to {high}, not {getattr(self, name)}")
        _check_squeeze(self.se_ratio)

    @property
    def depths(self) -> tuple[int, ...]:
        return tuple(ceil(self.depth * row.repeats) for row in B0)

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(self.channels(row.channels) for row in B0)

    def channels(self, of_b0: int) -> int:
        """B0's channels scaled, rounded to a multiple of 8 that is not a tenth too few.

        As the released code does it; the paper does not say how.
        """
        wanted = of_b0 * self.width
        rounded = max(8, int(wanted + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * wanted else rounded


def _check_squeeze(ratio: float) -> None:
    if not 0 <= ratio <= 16:
        raise UserError(f"se_ratio must be from 0 to 16, not {ratio}")


PeerConfig = BNResNetConfig | EfficientNetConfig

# width and depth coefficients and the side of the picture: the released code's table
PEERS: dict[str, PeerConfig] = {
    "resnet50": BNResNetConfig((3, 4, 6, 3)),
    "resnet101": BNResNetConfig((3, 4, 23, 3)),
    "resnet152": BNResNetConfig((3, 8, 36, 3)),
    "efficientnet_b0": EfficientNetConfig(1.0, 1.0, test_size=224),
    "efficientnet_b1": EfficientNetConfig(1.0, 1.1, test_size=240),
    "efficientnet_b2": EfficientNetConfig(1.1, 1.2, test_size=260),
    "efficientnet_b3": EfficientNetConfig(1.2, 1.4, test_size=300),
    "efficientnet_b4": EfficientNetConfig(1.4, 1.8, test_size=380),
    "efficientnet_b5": EfficientNetConfig(1.6, 2.2, test_size=456),
    "efficientnet_b6": EfficientNetConfig(1.8, 2.6, test_size=528),
    "efficientnet_b7": EfficientNetConfig(2.0, 3.1, test_size=600),
}


def peer_parts(config: PeerConfig, side: int) -> Iterator[Part]:
    """The stem, every block and the head in order; `side`: of the square picture, px."""
    efficient = isinstance(config, EfficientNetConfig)
    shape = picture = (3, side, side)
    if efficient:
        layers = _normalized("stem", ConvPlan(3, config.channels(32), 3, 2), shape)
        blocks = _mbconvs(config)
    else:
        (stem,) = stem_plan(config.convolutions)
        layers = _normalized("stem", stem, shape)
        layers.append(pooling("stem pooling", layers[-1].out_shape, kernel_size=3))
        blocks = iter(block_plans(config.convolutions))
    shape = layers[-1].out_shape
    yield Part("stem", None, tuple(layers), picture, shape)
    for n, plan in enumerate(blocks):
        part = _block(config, plan, n, shape)
        shape = part.out_shape
        yield part
    layers = []
    if efficient:
        layers += _normalized("final_conv", ConvPlan(shape[0], config.channels(1280), 1), shape)
    width = layers[-1].out_shape[0] if layers else shape[0]
    layers.append(linear("classifier", width, config.num_classes))
    yield Part("head", None, tuple(layers), shape, layers[-1].out_shape)


def _mbconvs(config: EfficientNetConfig) -> Iterator[BlockPlan]:
    """Inverted bottlenecks: 1x1 to more channels, depthwise, 1x1 back to few."""
    channels = config.channels(32)
    for stage, (row, width, depth) in enumerate(zip(B0, config.widths, config.depths, strict=True)):
        for index in range(depth):
            inner, stride = channels * row.expansion, row.stride if index == 0 else 1
            widen = (ConvPlan(channels, inner, 1),) if row.expansion > 1 else ()
            depthwise = ConvPlan(inner, inner, row.kernel_size, stride, groups=inner)
            branch = (*widen, depthwise, ConvPlan(inner, width, 1))
            yield BlockPlan(stage, branch, shortcut=None, pool=False)
            channels = width


def _block(config: PeerConfig, plan: BlockPlan, index: int, in_shape: Shape) -> Part:
    name, efficient = f"blocks.{index}", isinstance(config, EfficientNetConfig)
    # where squeeze-excite stands, and of which width its hidden one is a share
    place = len(plan.branch) - (2 if efficient else 1)
    hidden = squeeze_hidden(in_shape[0] if efficient else plan.out_channels, config.se_ratio)
    layers, shape = [], in_shape
    for n, conv in enumerate(plan.branch):
        layers += _normalized(f"{name}.{n}", conv, shape)
        shape = layers[-1].out_shape
        if n == place:
            layers += squeeze_excite(f"{name}.squeeze_excite", shape[0], hidden)
    if plan.shortcut is not None:
        layers += _normalized(f"{name}.shortcut", plan.shortcut, in_shape)
    return Part(f"block {index + 1}", plan.stage, tuple(layers), in_shape, shape)


def _normalized(name: str, plan: ConvPlan, in_shape: Shape) -> list[Layer]:
    """A convolution and its batch normalization."""
    conv = convolution(f"{name}.conv", plan, in_shape)
    return [conv, normalization(f"{name}.norm", conv.out_shape)]
