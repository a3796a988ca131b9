"""The nets of the models explorer and what can be changed in one. Loads no Streamlit.

A changed net is described, never made: `changed` gives a configuration, which is only counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from nfnet.counts import Config
from nfnet.peers import PEERS, BNResNetConfig, EfficientNetConfig
from nfnet.variants import MODELS, NFNetConfig

_SMALL = {
    "nfnet_mini": "NFNet, mini",
    "bn_nfnet_mini": "NFNet, mini, with BN",
    "nfnet_xs": "NFNet-XS",
    "nf_resnet_small": "NF-ResNet, small",
    "nf_cifar10": "NF-ResNet, CIFAR-10",
    "bn_resnet_small": "ResNet with BN, small",
}


def _label(name: str) -> str:
    if name in _SMALL:
        return _SMALL[name]
    family, _, variant = name.partition("_")
    if family == "efficientnet":
        return f"EfficientNet-{variant.upper()}"
    for start, called in (
        ("nfnet_f", "NFNet-F"),
        ("nf_resnet", "NF-ResNet-"),
        ("resnet", "ResNet-"),
    ):
        if name.startswith(start):
            return name.replace(start, called)
    raise KeyError(name)


# name: the net; the small ones, which nobody has published, last
CONFIGS: dict[str, Config] = dict(
    sorted({**MODELS, **PEERS}.items(), key=lambda named: named[0] in _SMALL)
)
NETS: dict[str, str] = {name: _label(name) for name in CONFIGS}  # name: as people write it
FAMILY = tuple(f"nfnet_f{n}" for n in range(8))  # what a slide lets one switch between
INSIDE = ("stem", *(f"{stage}{part}" for stage in range(1, 8) for part in "ab"), "head")

SLIDERS = {
    "px": "picture's side",
    "depth": "depth",
    "width": "width",
    "pattern": "widths by stage",
    "group": "group size",
    "expansion": "bottleneck width",
    "se": "squeeze-excite",
}
# what can be hidden from those who open a link
CALLED = {
    "net": "net",
    **SLIDERS,
    "usual": "as published",
    "inside": "part to look into",
    "x": "axis across",
    "y": "axis up",
    "restore": "reset",
}


@dataclass(frozen=True)
class Setting:
    """One thing to change: its slider's label, stops, where the net has it, and what it is."""

    label: str
    stops: tuple[str, ...]
    usual: str
    about: str


def settings(config: Config) -> dict[str, Setting]:
    """What can be changed in this net, by the name that a link uses."""
    sides = range(32, 833, 32) if config.stem == "imagenet" else range(8, 97, 8)
    sides = sorted({*sides, config.test_size})
    found = {
        "px": Setting(
            "Picture, px a side",
            tuple(map(str, sides)),
            str(config.test_size),
            "Twice the side is four times the work; the parameters stay.",
        ),
        **(_scaled_b0(config) if isinstance(config, EfficientNetConfig) else _SCALED),
    }
    if isinstance(config, NFNetConfig):
        found |= {
            "pattern": Setting(
                "Widths by stage",
                ("its own", "doubling"),
                "its own",
                "Doubling, as in a ResNet: 1, 2, 4, 8 times the first. NFNets widen the third stage"
                " and spare the fourth: 1, 2, 6, 6.",
            ),
            "group": _steps(
                "Group size",
                ("1", "8", "16", "32", "64", "128", "256"),
                config.group_size,
                "Channels that a 3×3 convolution mixes with each other. 1 is a depthwise one.",
            ),
            "expansion": _steps(
                "Bottleneck width",
                ("0.25", "0.5", "0.75", "1", "2"),
                config.expansion,
                "Channels of the 3×3 convolutions over those of the block.",
            ),
        }
    hidden = {
        EfficientNetConfig: "Its hidden channels over those that enter the block; 0 leaves it out.",
        BNResNetConfig: "Its hidden channels over those of the block. 0 leaves it out; 0.0625, a "
        "sixteenth, makes it an SENet.",
    }
    found["se"] = _steps(
        "Squeeze-excite",
        ("0", *["0.0625"] * isinstance(config, BNResNetConfig), "0.125", "0.25", "0.5", "1"),
        config.se_ratio,
        hidden.get(type(config), "Its hidden channels over those of the block; 0 leaves it out."),
    )
    return found


_SCALED = {
    "depth": Setting(
        "Depth",
        ("× 0.25", "× 0.5", *(f"× {n}" for n in range(1, 9))),
        "× 1",
        "Multiplies the blocks of every stage. F1 has twice F0's blocks, F7 eight times.",
    ),
    "width": Setting(
        "Width",
        ("× 0.125", "× 0.25", "× 0.5", "× 0.75", "× 1", "× 1.25", "× 1.5", "× 2"),
        "× 1",
        "Multiplies the channels of every stage, rounded to a multiple of 8.",
    ),
}


def _scaled_b0(config: EfficientNetConfig) -> dict[str, Setting]:
    """Depth and width as multiples of B0's, which is how the family is defined."""
    return {
        "depth": Setting(
            "Depth, of B0's",
            tuple(f"× {n:g}" for n in (0.5, 1, 1.1, 1.2, 1.4, 1.8, 2.2, 2.6, 3.1, 4, 6)),
            f"× {config.depth:g}",
            "Multiplies the blocks of B0's stages, rounded up. B1 has × 1.1, B7 × 3.1.",
        ),
        "width": Setting(
            "Width, of B0's",
            tuple(f"× {n:g}" for n in (0.25, 0.5, 0.75, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 3, 4)),
            f"× {config.width:g}",
            "Multiplies B0's channels, rounded to a multiple of 8. B2 has × 1.1, B7 × 2.",
        ),
    }


def _steps(label: str, stops: tuple[str, ...], usual: float, about: str) -> Setting:
    return Setting(label, stops, f"{usual:g}", about)


def changed(config: Config, chosen: Mapping[str, str]) -> tuple[Config, int]:
    """The net with these stops put in, and the side of its picture.

    Raises:
        UserError: no net can be built so: a group would not fit into a bottleneck.
    """
    depth, width = (float(chosen[name].removeprefix("× ")) for name in ("depth", "width"))
    if isinstance(config, EfficientNetConfig):
        scaled = replace(config, depth=depth, width=width, se_ratio=float(chosen["se"]))
        return scaled, int(chosen["px"])
    widths = config.widths
    if chosen.get("pattern") == "doubling":
        widths = tuple(widths[0] * 2**stage for stage in range(len(widths)))
    changes = {
        "depths": tuple(max(1, round(depth * n)) for n in config.depths),
        "widths": widths if width == 1 else tuple(max(8, round(width * w / 8) * 8) for w in widths),
        "se_ratio": float(chosen["se"]),
    }
    if isinstance(config, NFNetConfig):
        changes |= {
            "group_size": int(chosen["group"]),
            "expansion": float(chosen["expansion"]),
        }
    return replace(config, **changes), int(chosen["px"])


def same_net(config: Config) -> Iterator[str]:
    """Named nets that have these layers, if any, whatever their picture's side and training."""
    for name, known in CONFIGS.items():
        if type(known) is type(config) and _layers(known) == _layers(config):
            yield name


def _layers(config: Config) -> dict[str, object]:
    """What tells nets with other layers apart."""
    others = ("drop_rate", "stochastic_depth", "train_size", "test_size")
    return {name: value for name, value in vars(config).items() if name not in others}
