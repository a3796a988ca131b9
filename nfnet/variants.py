"""Every named model as one row of a literal table. Imports no torch.

NFNets: NFNets paper, table 1 and section 6; NF-ResNets: official code, nfnets/nf_resnet.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nfnet.run import INGREDIENTS, NORMS, UserError


@dataclass(frozen=True)
class NFNetConfig:
    """An NFNet. Raises UserError for settings that no net can be built from."""

    widths: tuple[int, ...] = (256, 512, 1536, 1536)  # output channels of each stage
    depths: tuple[int, ...] = (1, 2, 6, 3)  # blocks of each stage
    group_size: int = 128  # channels a group of the 3x3 convolutions
    expansion: float = 0.5  # bottleneck width / output width
    se_ratio: float = 0.5  # hidden width of squeeze-excite / output width; 0: no such layer
    alpha: float = 0.2  # scale of the residual branch
    activation: str = "gelu"
    drop_rate: float = 0.0  # dropout before the classifier
    stochastic_depth: float = 0.0  # rate that the last block comes close to
    num_classes: int = 1000
    stem: str = "imagenet"  # four convolutions, stride 4; "small": one, stride 1
    skip_gain: float | None = 0.0  # SkipInit's initial value; None: no skip gain
    norm: str = "nf"  # "batch": batch normalization after each convolution, for comparison
    without: tuple[str, ...] = ()  # those of INGREDIENTS that are left out, for comparison
    train_size: int | None = None  # px that the published net was trained at
    test_size: int | None = None  # px that it was tested at

    def __post_init__(self) -> None:
        _check_stages(self.widths, self.depths)
        _check_choice("stem", self.stem, ("imagenet", "small"))
        _check_choice("norm", self.norm, ("nf", "batch"))
        _check_without(self.without)
        if min(self.bottlenecks) < 1:
            raise UserError(
                f"widths x expansion must hold at least one group of {self.group_size} channels"
            )

    @property
    def bottlenecks(self) -> tuple[int, ...]:
        """Width of the 3x3 convolutions of each stage: whole groups, rounded as officially."""
        return tuple(
            int(width * self.expansion) // self.group_size * self.group_size
            for width in self.widths
        )


@dataclass(frozen=True)
class ResNetConfig:
    """A pre-activation residual net with a choice of normalizer; see `nfnet.ResNet`."""

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    norm: str = "nf"
    block: str = "basic"
    stem: str = "small"
    shortcut: str = "pool"
    skip_gain: float | None = None
    activation: str = "relu"
    alpha: float = 0.2
    se_ratio: float = 0.0
    stochastic_depth: float = 0.0
    drop_rate: float = 0.0
    num_classes: int = 10
    without: tuple[str, ...] = ()  # those of INGREDIENTS that are left out, norm "nf" only
    train_size: int | None = None
    test_size: int | None = None

    def __post_init__(self) -> None:
        _check_stages(self.widths, self.depths)
        _check_choice("norm", self.norm, NORMS)
        _check_without(self.without)
        _check_choice("block", self.block, ("basic", "bottleneck"))
        _check_choice("stem", self.stem, ("small", "imagenet"))
        _check_choice("shortcut", self.shortcut, ("pool", "strided"))
        if self.block == "bottleneck" and min(self.widths) < 4:
            raise UserError("a bottleneck block needs widths of at least 4")


def _check_stages(widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
    if len(widths) != len(depths) or not widths:
        raise UserError("widths and depths must name the same stages, at least one")
    if min(widths) < 1 or min(depths) < 1:
        raise UserError("widths and depths must be at least 1")


def _check_without(names: tuple[str, ...]) -> None:
    for name in names:
        _check_choice("without", name, INGREDIENTS)


def _check_choice(name: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise UserError(f"{name} must be one of {', '.join(options)}, not {value!r}")


def _f(depth: int, drop_rate: float, train_size: int, test_size: int) -> NFNetConfig:
    # F0's depths are 1, 2, 6, 3; each further variant repeats them once more
    depths = tuple(depth * n for n in (1, 2, 6, 3))
    return NFNetConfig(
        depths=depths,
        drop_rate=drop_rate,
        stochastic_depth=0.25,
        train_size=train_size,
        test_size=test_size,
    )


def _nf_resnet(*depths: int) -> ResNetConfig:
    return ResNetConfig(
        depths=depths,
        widths=(256, 512, 1024, 2048),
        block="bottleneck",
        stem="imagenet",
        shortcut="strided",
        skip_gain=0.0,
        num_classes=1000,
        train_size=224,
        test_size=256,
    )


_F = {
    "nfnet_f0": _f(1, 0.2, 192, 256),
    "nfnet_f1": _f(2, 0.3, 224, 320),
    "nfnet_f2": _f(3, 0.4, 256, 352),
    "nfnet_f3": _f(4, 0.4, 320, 416),
    "nfnet_f4": _f(5, 0.5, 384, 512),
    "nfnet_f5": _f(6, 0.5, 416, 544),
    "nfnet_f6": _f(7, 0.5, 448, 576),
    "nfnet_f7": _f(8, 0.5, 480, 608),
}
_MINI = NFNetConfig(
    widths=(128, 256, 512),
    depths=(1, 2, 2),
    group_size=64,
    activation="silu",
    num_classes=200,
    skip_gain=None,  # from zero, clipping would keep it there throughout a short training
    train_size=48,
    test_size=64,
)
_WIDE = (384, 768, 2048, 2048)

MODELS: dict[str, NFNetConfig | ResNetConfig] = {
    **_F,
    **{f"{name}+": NFNetConfig(**{**vars(config), "widths": _WIDE}) for name, config in _F.items()},
    "nf_resnet50": _nf_resnet(3, 4, 6, 3),
    "nf_resnet101": _nf_resnet(3, 4, 23, 3),
    "nf_resnet152": _nf_resnet(3, 8, 36, 3),
    "nf_resnet200": _nf_resnet(3, 24, 36, 3),
    "nf_resnet288": _nf_resnet(24, 24, 24, 24),
    "nfnet_mini": _MINI,
    "bn_nfnet_mini": replace(_MINI, norm="batch"),
    "nfnet_xs": NFNetConfig(
        widths=(32, 64, 128),
        depths=(1, 1, 1),
        group_size=16,
        num_classes=10,
        stem="small",
        train_size=16,
        test_size=16,
    ),
    "nf_resnet_small": ResNetConfig((2, 2, 2), (16, 32, 64), train_size=16, test_size=16),
    # trained on CIFAR-10 and shipped: where a lab starts that looks at a trained net
    "nf_cifar10": ResNetConfig((2, 2, 2), (40, 80, 160), train_size=32, test_size=32),
    "bn_resnet_small": ResNetConfig(
        (2, 2, 2), (16, 32, 64), norm="batch", train_size=16, test_size=16
    ),
}


def list_models() -> list[str]:
    """Names that `nfnet.create_model` knows."""
    return list(MODELS)


def model_config(name: str) -> NFNetConfig | ResNetConfig:
    """The row of the table. UserError for an unknown name."""
    if name not in MODELS:
        raise UserError(f"unknown model {name!r}; choose from {', '.join(MODELS)}")
    return MODELS[name]
