"""Every unit's weight and gradient at chosen moments of a training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from nfnet.agc import unitwise_norm
from nfnet.run import RunConfig
from nfnet.training import Trainer, lr_factor, prepare_telling


def gradient_units(config: RunConfig, at_steps: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Trains a net and tells every unit's norms at some moments, before its gradient is clipped.

    Args:
        at_steps: numbers of updates after which to look, at the gradient of the next batch.

    Yields:
        {"step", "loss", "layers": [{"name", "shape", "clipped", "weight_norm", "gradient_norm",
        "cosine"}]} with one number a unit; "clipped" is False for the classifier's weight, which
        AGC leaves out, and "cosine" is that of the angle between weight and gradient (0 where one
        of them has no length). Before them {"loading": …} while data is fetched.
    """
    trainer = yield from prepare_telling(config)
    for step in range(max(at_steps) + 1):
        loss, _ = trainer.backward()
        if not math.isfinite(loss):
            return
        if step in at_steps:
            yield {"step": step, "loss": loss, "layers": _layers(trainer)}
        planned = config.clipping if step + 1 >= config.clipping_from else None
        trainer.update(config.lr * lr_factor(step, config.steps, config.warmup_steps), planned)


def _layers(trainer: Trainer) -> list[dict[str, Any]]:
    layers = []
    names = {parameter: name for name, parameter in trainer.model.named_parameters()}
    scale = 1 / trainer.scaler.get_scale()
    for group in trainer.groups:
        for parameter in group["params"]:
            weight, gradient = parameter.detach(), parameter.grad * scale
            layers.append(
                {
                    "name": names[parameter],
                    "shape": list(parameter.shape),
                    "clipped": group["clip"],
                    "weight_norm": _norms(weight),
                    "gradient_norm": _norms(gradient),
                    "cosine": _cosines(weight, gradient),
                }
            )
    return layers


def _norms(x: Tensor) -> list[float]:
    return unitwise_norm(x).flatten().tolist()


def _cosines(x: Tensor, y: Tensor) -> list[float]:
    units = unitwise_norm(x).numel()
    x, y = x.reshape(units, -1), y.reshape(units, -1)
    return F.cosine_similarity(x, y, dim=1, eps=1e-30).tolist()
