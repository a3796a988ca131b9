"""Closed forms in plain operators, for numpy arrays and torch tensors alike.

The library computes with these lines and the app draws its instant figures with them, so a figure
cannot disagree with the code. Imports nothing.
"""

from __future__ import annotations

from collections.abc import Iterable


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
