"""Normalizer-free networks: scaled weight standardization, adaptive gradient clipping, NFNets.

Importing this package is cheap: torch is loaded when something that needs it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {
    "list_models": "variants",
    "NFNetConfig": "variants",
    "ResNetConfig": "variants",
    "RunConfig": "run",
    "Control": "controls",
    "Controls": "controls",
    "UserError": "run",
    "standardize_weight": "conv",
    "WSConv2d": "conv",
    "fold": "conv",
    "unitwise_norm": "agc",
    "adaptive_clip_grad_": "agc",
    "parameter_groups": "agc",
    "ClipSummary": "agc",
    "NFNet": "model",
    "ResNet": "resnet",
    "create_model": "weights",
    "load_weights": "weights",
    "save_weights": "weights",
    "find_weights": "published",
    "fetch_weights": "hub",
    "read_metadata": "checkpoint",
    "classify": "predict",
    "load_classifier": "predict",
    "Prediction": "photo",
    "train": "training",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'nfnet' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"nfnet.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
