"""Which places of a picture speak for an answer, and how much work an answer is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nfnet.packed import PackedConv2d


def heat_map(features: Tensor, weight: Tensor) -> Tensor:
    """Gradient-weighted activations, Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391).

        relu(sum over channels k of w_k * A_k),   w_k = mean over places of d logit / d A_k

    Behind a mean over places and a linear layer, as in all nets here, the gradient is the same at
    every place and proportional to the class's weights, so no backward pass is needed.

    Args:
        features: (C, h, w), the activations that the net's head averages.
        weight: (C,), the classifier's weights for the class.

    Returns:
        (h, w) from 0 to 1; the largest is 1 unless nothing speaks for the class.
    """
    evidence = torch.einsum("c,chw->hw", weight.float(), features.float()).relu()
    return evidence / evidence.max().clamp_min(torch.finfo(torch.float32).tiny)


class Count:
    """How many multiply-adds have been counted."""

    total = 0


@contextmanager
def counting(model: nn.Module) -> Iterator[Count]:
    """Counts the multiply-adds of a model's forward passes, as the papers do.

    A multiplication with its addition is one, and only convolutions and linear layers count: F0 at
    256 px has 12.38 billion, which table 1 of the NFNets paper calls FLOPs.
    """
    count = Count()

    def add(module: nn.Module, _: Any, output: Tensor) -> None:
        packed = isinstance(module, PackedConv2d)
        fan_in = module.fan_in if packed else module.weight[0].numel()
        count.total += output.numel() * fan_in  # a dot product an output

    kinds = (nn.Conv2d, nn.Linear, PackedConv2d)
    layers = [m for m in model.modules() if isinstance(m, kinds)]
    handles = [layer.register_forward_hook(add) for layer in layers]
    try:
        yield count
    finally:
        for handle in handles:
            handle.remove()
