"""Activations and their gains gamma: with z ~ N(0, 1), gamma * f(z) has variance 1.

The gains stand in `nfnet.formulas`; a test recomputes each from the function beside it here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from nfnet.formulas import GAMMA
from nfnet.run import UserError

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
