"""The net that a run's configuration describes."""

from __future__ import annotations

import torch

from nfnet.model import NFNet
from nfnet.resnet import ResNet
from nfnet.run import RunConfig
from nfnet.variants import NFNetConfig


def build_model(config: RunConfig, num_classes: int, shortcut: str = "pool") -> NFNet | ResNet:
    """A freshly initialised net on the CPU, the same for the same seed.

    Args:
        shortcut: see `nfnet.ResNet`; "pool" trains reliably in short runs, "strided" does not.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if config.architecture == "nfnet":
            return NFNet(
                NFNetConfig(
                    widths=config.widths,
                    depths=config.depths,
                    group_size=config.group_size,
                    expansion=config.expansion,
                    alpha=config.alpha,
                    activation=config.activation,
                    skip_gain=config.skip_gain,
                    se_ratio=0.5 if config.se_ratio is None else config.se_ratio,
                    without=config.without,
                    norm=config.norm,
                    stem="small",
                    num_classes=num_classes,
                )
            )
        return ResNet(
            config.depths,
            config.widths,
            config.norm,
            shortcut=shortcut,
            skip_gain=config.skip_gain,
            activation=config.activation,
            alpha=config.alpha,
            se_ratio=config.se_ratio or 0.0,
            num_classes=num_classes,
            without=config.without,
        )
