"""How far training turns the filters: the gradient stands at right angles, so AGC is a speed limit.

Scaled weight standardization takes a filter's mean and length away, so the loss cannot tell W from
W + c or from a W. Its gradient G therefore has neither a mean nor a part along W: a step with G
only turns W, by arctan(lr ||G|| / ||W||), and AGC caps that ratio.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from nfnet.run import RunConfig
from nfnet.training import lr_factor, prepare_telling


def turns(config: RunConfig, at_steps: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Trains a net and tells by how much some of its steps turn each filter of each convolution.

    Args:
        at_steps: numbers of steps, from 1; a run that dies before ends the items.

    Yields:
        {"step", "loss", "lr", "layers": [{"name", "shape", "ratio", "gradient_angle", "turned",
        "away"}]}, one number a filter: ||G|| / ||W||* before clipping; degrees between the
        gradient and the filter less its mean (NaN for a gradient of zero); degrees between the
        filter before and after this step, momentum and weight decay included; and degrees between
        it and the filter that training began with. Before them {"loading": …} while data comes.

    Raises:
        UserError: the data or the device cannot be had.
    """
    trainer = yield from prepare_telling(config)
    filters = {
        name: parameter
        for name, parameter in trainer.model.named_parameters()
        if parameter.ndim == 4
    }
    start = {name: parameter.detach().clone() for name, parameter in filters.items()}
    places = {layer: index for index, layer in trainer.weight_layers}
    for step in range(1, max(at_steps) + 1):
        loss, _ = trainer.backward()
        if not math.isfinite(loss):
            return
        # unscaled anew by the optimizer later: an angle does not mind a factor
        gradients = {n: p.grad.clone() for n, p in filters.items()} if step in at_steps else {}
        before = {name: parameter.detach().clone() for name, parameter in filters.items()}
        lr = config.lr * lr_factor(step - 1, config.steps, config.warmup_steps)
        summary = trainer.update(lr, config.clipping if step >= config.clipping_from else None)
        if step in at_steps:
            layers = [
                {
                    "name": name.removesuffix(".weight"),
                    "shape": list(parameter.shape),
                    "ratio": summary.ratios[places[name.removesuffix(".weight")]].tolist(),
                    "gradient_angle": angles(_centred(before[name]), gradients[name]),
                    "turned": angles(before[name], parameter.detach()),
                    "away": angles(start[name], parameter.detach()),
                }
                for name, parameter in filters.items()
            ]
            yield {"step": step, "loss": loss, "lr": lr, "layers": layers}


def angles(a: Tensor, b: Tensor) -> list[float]:
    """Degrees between the filters of `a` and `b` (O, ...), pair by pair; NaN where one is zero."""
    a, b = (x.double().flatten(1) for x in (a, b))
    a, b = (x / torch.linalg.vector_norm(x, dim=1, keepdim=True) for x in (a, b))
    # Kahan's formula: the arc cosine of a product has no digits left near 0 degrees
    apart, together = (torch.linalg.vector_norm(x, dim=1) for x in (a - b, a + b))
    return torch.rad2deg(2 * torch.atan2(apart, together)).tolist()


def _centred(x: Tensor) -> Tensor:
    return x.double() - x.double().mean((1, 2, 3), keepdim=True)
