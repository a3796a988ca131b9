"""Closed forms in plain operators, for numpy arrays and torch tensors alike.

The library computes with these lines and the app draws its instant figures with them, so a figure
cannot disagree with the code. Imports nothing but the standard library.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

# Gains of activations: with z ~ N(0, 1), gamma * f(z) has variance 1. The digits are those of the
# official code (deepmind-research, nfnets/base.py), which behave like Monte-Carlo estimates: they
# lie up to 0.13 % above the exact 1 / sqrt(Var f(z)). The published weights were trained with them,
# so they are kept to the last digit.
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


def clip_factor(weight_norm, gradient_norm, clipping: float, eps: float = 1e-3):
    """What adaptive gradient clipping multiplies a unit's gradient by (NFNets, section 4, eq. 3).

        min(1, clipping * max(||W||, eps) / ||G||)

    Args:
        weight_norm, gradient_norm: arrays or tensors of one shape, one entry a unit.
        clipping: the threshold, lambda.
        eps: floor on ||W||, so that units that start at zero can move.
    """
    # 1e-6 keeps an all-zero gradient from dividing by zero; it is the official guard
    return (clipping * weight_norm.clip(min=eps) / gradient_norm.clip(min=1e-6)).clip(max=1.0)


def gradient_ratio(weight_norm, gradient_norm, eps: float = 1e-3):
    """||G|| / max(||W||, eps), the size that adaptive gradient clipping compares with lambda."""
    return gradient_norm / weight_norm.clip(min=eps)


def global_clip_factor(gradient_norm, max_norm: float):
    """What clipping the global norm multiplies every gradient by: min(1, max_norm / ||G||).

    Args:
        gradient_norm: norms of the parts (units or tensors), any shape.
        max_norm: the threshold on the norm of all parts together.
    """
    total = (gradient_norm**2).sum() ** 0.5
    return (max_norm / total.clip(min=1e-6)).clip(max=1.0)


def predicted_variances(transitions: Iterable[bool], alpha: float) -> list[float]:
    """Analytic variance of the signal in a normalizer-free residual net (NF-ResNets, section 3).

    h' = h + alpha * f(h / sigma) adds alpha^2 of variance a block. A transition block sends its
    skip path through a convolution of the normalized signal, which resets the variance to 1 first.

    Args:
        transitions: for each residual block in order, whether it is a transition.
        alpha: scale of the residual branch.

    Returns:
        blocks + 1 variances: before the first block, then after each block.
    """
    variances = [1.0]
    for transition in transitions:
        variances.append((1.0 if transition else variances[-1]) + alpha**2)
    return variances


def turn_limit(lr: float, clipping: float, momentum: float = 0.0) -> float:
    """Degrees that a step can turn a filter whose gradients are clipped and at right angles to it.

    Without momentum and weight decay: arctan(lr * clipping), a bound that no step passes, since
    ||G|| <= clipping * ||W||. With (Nesterov) momentum a step sums gradients, each clipped by its
    own moment's ||W||, with weights that add up to 1 / (1 - momentum); older ones need not be at
    right angles any more. A sum of length r ||W||, r < 1, turns W by at most arcsin(r), so this is
    a bound only as far as ||W|| has not shrunk meanwhile; 180 where r reaches 1.
    """
    if momentum == 0:
        return math.degrees(math.atan(lr * clipping))
    reach = lr * clipping / (1 - momentum)
    return math.degrees(math.asin(reach)) if reach < 1 else 180.0
