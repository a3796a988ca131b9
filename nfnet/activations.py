"""Activations and their gains gamma: with z ~ N(0, 1), gamma * f(z) has variance 1.

The digits are those of the official code (deepmind-research, nfnets/base.py), which behave like
Monte-Carlo estimates: they lie up to 0.13 % above the exact 1 / sqrt(Var f(z)). The published
weights were trained with them, so they are kept to the last digit; a test recomputes each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from nfnet.run import UserError

GAMMA: dict[str, float] = {
    "identity": 1.0,
    "celu": 1.270926833152771,
    "elu": 1.2716004848480225,
    "gelu": 1.7015043497085571,
    "glu": 1.8484294414520264,
    "leaky_relu": 1.70590341091156,
    "log_sigmoid": 1.9193484783172607,
    "log_softmax": 1.0002083778381348,
    "relu": 1.7139588594436646,
    "relu6": 1.7131484746932983,
    "selu": 1.0008515119552612,
    "sigmoid": 4.803835391998291,
    "silu": 1.7881293296813965,
    "soft_sign": 2.338853120803833,
    "softplus": 1.9203323125839233,
    "tanh": 1.5939117670059204,
}

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "celu": F.celu,
    "elu": F.elu,
    # the official code's GELU is the tanh approximation; the exact one moves F0's logits by 2e-4
    "gelu": partial(F.gelu, approximate="tanh"),
    "glu": partial(F.glu, dim=1),
    "leaky_relu": F.leaky_relu,
    "log_sigmoid": F.logsigmoid,
    "log_softmax": partial(F.log_softmax, dim=1),
    "relu": F.relu,
    "relu6": F.relu6,
    "selu": F.selu,
    "sigmoid": F.sigmoid,
    "silu": F.silu,
    "soft_sign": F.softsign,
    "softplus": F.softplus,
    "tanh": F.tanh,
}


def activation(name: str) -> tuple[Callable[[Tensor], Tensor], float]:
    """The plain function and its gain gamma; the caller multiplies, or folds the gain away.

    Raises:
        UserError: no such activation.
    """
    if name not in ACTIVATIONS:
        options = ", ".join(ACTIVATIONS)
        raise UserError(f"unknown activation {name!r}; choose from {options}")
    return ACTIVATIONS[name], GAMMA[name]
