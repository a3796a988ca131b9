"""An exponential moving average of a net's weights, evaluated in place of the last ones."""

from __future__ import annotations

import copy

import torch
from torch import nn


def ema_decay(step: int, decay: float) -> float:
    """Decay at `step` (from 0): it warms up as (1 + t) / (10 + t) (official NFNet code)."""
    return min(decay, (1 + step) / (10 + step))


class WeightAverage:
    """A copy of a net, `model`, whose weights follow the net's slowly.

    Floating-point buffers (batch normalization's statistics) are averaged too, others are copied.

    Args:
        decay: share of the old average that stays at each step; the paper has 0.99999.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Moves the average towards `model` after update number `step` (from 0)."""
        mine, theirs = self.model.state_dict().values(), model.state_dict().values()
        pairs = list(zip(mine, theirs, strict=True))
        for old, new in pairs:
            if not old.is_floating_point():
                old.copy_(new)
        averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        olds, news = (list(side) for side in zip(*averaged, strict=True))
        torch._foreach_lerp_(olds, news, 1.0 - ema_decay(step, self.decay))
