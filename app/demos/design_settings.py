"""The game's rules: what may be chosen, what it may cost, how it is trained. Loads no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from nfnet.counts import Counts, count
from nfnet.run import RunConfig
from nfnet.variants import NFNetConfig, ResNetConfig

BUDGET = 5_000_000  # multiply-adds a picture
SEEDS = (0, 1, 2)  # of a player's net
RECORDED_SEEDS = (0, 1, 2, 3, 4)
CLASSES = 10  # of the clutter, and of CIFAR-10
STAGES = 3

# Everything that a player does not choose. The plain shapes would not do: any net learns them.
BASE = RunConfig(
    architecture="nfnet",
    dataset="clutter",
    widths=(16, 32, 64),
    depths=(1, 1, 1),
    group_size=8,
    activation="gelu",
    clipping=0.01,
    lr=1.0,
    steps=150,
    evaluate_every=0,
)


class Choice(NamedTuple):
    """One thing to choose: its label, its stops, and what it is."""

    label: str
    stops: tuple[str, ...]
    usual: str
    about: str = ""


_WIDTHS = ("8", "16", "24", "32", "48", "64", "96", "128")
_PLACES = ("first", "second", "third")
CHOICES: dict[str, Choice] = {
    **{
        f"width{n}": Choice(f"Width, {place} stage", _WIDTHS, usual, "Channels of its blocks.")
        for n, (place, usual) in enumerate(zip(_PLACES, ("16", "48", "96"), strict=True), 1)
    },
    **{
        f"depth{n}": Choice(f"Depth, {place} stage", ("1", "2", "3", "4"), usual, "Its blocks.")
        for n, (place, usual) in enumerate(zip(_PLACES, "121", strict=True), 1)
    },
    "group": Choice(
        "Group size",
        ("1", "2", "4", "8", "16", "32"),
        "8",
        "Channels that a 3×3 convolution mixes with each other: the fewer, the fewer multiply-adds."
        " 1 is a depthwise convolution. NFNet-F has 128.",
    ),
    "expansion": Choice(
        "Bottleneck",
        ("0.25", "0.5", "1"),
        "0.5",
        "Channels of the 3×3 convolutions over those of their block, rounded down to whole groups.",
    ),
    "se": Choice(
        "Squeeze-excite",
        ("0", "0.25", "0.5"),
        "0.5",
        "Its hidden channels over those of the block; 0 leaves it out.",
    ),
}


def design(chosen: Mapping[str, str]) -> RunConfig:
    """The run of the net with these stops, with the first seed.

    Raises:
        UserError: no net can be built so: a group would not fit into a bottleneck.
    """
    return BASE.replace(
        widths=tuple(int(chosen[f"width{n}"]) for n in (1, 2, 3)),
        depths=tuple(int(chosen[f"depth{n}"]) for n in (1, 2, 3)),
        group_size=int(chosen["group"]),
        expansion=float(chosen["expansion"]),
        se_ratio=float(chosen["se"]),
        seed=SEEDS[0],
    )


@lru_cache(maxsize=512)
def counted(config: RunConfig, classes: int = CLASSES) -> Counts:
    """The net that a run trains, counted part by part at the resolution of its pictures."""
    common = {
        "widths": config.widths,
        "depths": config.depths,
        "activation": config.activation,
        "alpha": config.alpha,
        "num_classes": classes,
        "norm": config.norm,
        "skip_gain": config.skip_gain,
    }
    if config.architecture == "nfnet":
        net = NFNetConfig(
            **common,
            group_size=config.group_size,
            expansion=config.expansion,
            se_ratio=0.5 if config.se_ratio is None else config.se_ratio,
            stem="small",
        )
    else:
        net = ResNetConfig(**common, se_ratio=config.se_ratio or 0.0)
    return count(net, config.resolution)


def described(config: RunConfig) -> str:
    """A net in few words: 16·48·96 channels, 1·2·1 blocks, groups of 8, bottleneck 0.5, SE 0.5."""
    words = [
        "·".join(map(str, config.widths)) + " channels",
        "·".join(map(str, config.depths)) + " blocks",
    ]
    if config.architecture == "nfnet":
        squeeze = 0.5 if config.se_ratio is None else config.se_ratio
        words += [
            f"groups of {config.group_size}",
            f"bottleneck {config.expansion:g}",
            f"SE {squeeze:g}" if squeeze else "no SE",
        ]
    return ", ".join(words)


def _nfnet(*widths: int, depth: int = 1, group_size: int = 8) -> RunConfig:
    return BASE.replace(widths=widths, depths=(depth,) * len(widths), group_size=group_size)


_RESNET = BASE.replace(architecture="resnet", activation="relu")

# What stands on the board before anybody has played, by the names that the chart gives them.
REFERENCES: dict[str, RunConfig] = {
    "NFNet, narrow": _nfnet(16, 32, 64),
    "NFNet, narrow and deep": _nfnet(16, 32, 64, depth=2),
    "NFNet, wide first stage": _nfnet(32, 32, 64),
    "NFNet-XS, no skip gain": _nfnet(32, 64, 128, group_size=16),
    "NF-ResNet, narrow": _RESNET.replace(widths=(8, 16, 32), depths=(1, 1, 1)),
    "NF-ResNet, small": _RESNET.replace(widths=(16, 32, 64), depths=(2, 2, 2)),
}
