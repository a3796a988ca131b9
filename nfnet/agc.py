"""Adaptive gradient clipping: no unit's gradient may exceed a share of its own weight.

NFNets (Brock et al. 2021, arXiv 2102.06171), section 4. A *unit* is what produces one output: a
filter of a convolution, a row of a linear layer. A vector (gains, biases) or a scalar is one unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nfnet.formulas import clip_factor, gradient_ratio
from nfnet.run import CLIP_BY, UserError


def unitwise_norm(x: Tensor) -> Tensor:
    """Frobenius norm of each unit, shaped to multiply `x`.

    Args:
        x: a convolution's (O, I, kh, kw), a linear layer's (O, I), a vector, or a scalar.

    Returns:
        (O, 1, ...) for two and more dimensions; one number, shape (), for vectors and scalars, also
        for those that are written with extra dimensions of size 1.
    """
    if x.squeeze().ndim <= 1:
        return torch.linalg.vector_norm(x)
    return torch.linalg.vector_norm(x, dim=tuple(range(1, x.ndim)), keepdim=True)


@dataclass(frozen=True)
class GroupSummary:
    """How many units there were, how many were clipped, the largest ||G|| / ||W||* among them."""

    units: int
    clipped: int
    largest_ratio: float

    @property
    def share(self) -> float:
        return self.clipped / self.units if self.units else 0.0


class ClipSummary:
    """What one call of `adaptive_clip_grad_` saw and did.

    The numbers stay on the device until one is asked for, so clipping alone never waits for it.

    Args:
        clipping: the threshold.
        ratios: parameter group and ||G|| / ||W||* of its units, for each parameter.
        all_or_none: whether all units were clipped or none, where that is decided at once.
    """

    def __init__(
        self,
        clipping: float | None,
        ratios: list[tuple[str, Tensor]],
        all_or_none: Tensor | None = None,
    ) -> None:
        self.clipping, self._all_or_none = clipping, all_or_none
        self.measured = ratios
        self._groups = [group for group, _ in ratios]
        self._tensors = [ratio for _, ratio in ratios]

    @cached_property
    def ratios(self) -> list[np.ndarray]:
        """||G|| / ||W||* before clipping: one vector of units for each parameter, in order."""
        if not self._tensors:
            return []
        # one transfer for all: on a GPU each costs more than the numbers do
        joined = torch.cat([tensor.flatten() for tensor in self._tensors]).float().cpu().numpy()
        ends = np.cumsum([tensor.numel() for tensor in self._tensors])
        return np.split(joined, ends[:-1])

    def _summarize(self, ratios: list[np.ndarray]) -> GroupSummary:
        joined = np.concatenate(ratios) if ratios else np.zeros(1)
        units = sum(map(len, ratios))
        if self._all_or_none is not None:
            clipped = units * int(self._all_or_none)
        else:
            clipped = 0 if self.clipping is None else int((joined > self.clipping).sum())
        return GroupSummary(units, clipped, float(joined.max()))

    @cached_property
    def by_group(self) -> dict[str, GroupSummary]:
        """Parameter group -> its summary. Plain parameters form the group "parameters"."""
        members: dict[str, list[np.ndarray]] = {}
        for group, ratio in zip(self._groups, self.ratios, strict=True):
            members.setdefault(group, []).append(ratio)
        return {group: self._summarize(ratios) for group, ratios in members.items()}

    @cached_property
    def total(self) -> GroupSummary:
        """All groups together."""
        return self._summarize(self.ratios)

    @property
    def units(self) -> int:
        return self.total.units

    @property
    def clipped(self) -> int:
        return self.total.clipped

    @property
    def share(self) -> float:
        """Share of the units whose gradient was scaled down, 0 to 1."""
        return self.total.share

    @property
    def largest_ratio(self) -> float:
        """The largest ||G|| / ||W||* before clipping; 0 where nothing had a gradient."""
        return self.total.largest_ratio

    def __repr__(self) -> str:
        return (
            f"ClipSummary(clipping={self.clipping}, {self.clipped} of {self.units} units clipped, "
            f"largest ratio {self.largest_ratio:.3g})"
        )


@torch.no_grad()
def adaptive_clip_grad_(
    parameters: Iterable[Tensor] | Iterable[dict[str, Any]] | Tensor,
    clipping: float | None = 0.01,
    eps: float = 1e-3,
    norm: Callable[[Tensor], Tensor] = unitwise_norm,
) -> ClipSummary:
    """Scales gradients down in place, unit by unit, where ||G|| / max(||W||, eps) > clipping.

    Call it between `backward()` and the optimizer's step, like `clip_grad_norm_` (NFNets, eq. 3).

    Args:
        parameters: tensors; or groups as `parameter_groups` makes them, of which those with
            `"clip": False` are left alone. Parameters without a gradient are passed over.
        clipping: the threshold, lambda; None only measures.
        eps: floor on ||W||, so that units that start at zero can move.
        norm: of a parameter's units; `torch.linalg.vector_norm` makes a whole parameter the unit.

    Raises:
        UserError: `clipping` is not positive.
    """
    if clipping is not None and not clipping > 0:
        raise UserError(f"clipping must be a positive number or None, not {clipping!r}")
    ratios = []
    for group, parameter in _with_groups(parameters):
        if parameter.grad is None:
            continue
        weight_norm, gradient_norm = norm(parameter), norm(parameter.grad)
        ratios.append((group, gradient_ratio(weight_norm, gradient_norm, eps)))
        if clipping is not None:
            parameter.grad.mul_(clip_factor(weight_norm, gradient_norm, clipping, eps))
    return ClipSummary(clipping, ratios)


def clip_grad_(
    groups: list[dict[str, Any]], clipping: float | None, by: str = "unit"
) -> ClipSummary:
    """Clips in one of three ways, to compare them; the summary's ratios are those before clipping.

    Args:
        groups: as `parameter_groups` makes them.
        clipping: the threshold; None only measures.
        by: "unit", which is AGC; "layer": AGC with each parameter as one unit; "global": torch's
            `clip_grad_norm_` over all parameters, the classifier included, with the threshold on
            the norm itself.

    Raises:
        UserError: `clipping` is not positive, or `by` is none of these.
    """
    if by not in CLIP_BY:
        raise UserError(f"by must be one of {', '.join(CLIP_BY)}, not {by!r}")
    if by != "global" or clipping is None:
        norm = torch.linalg.vector_norm if by == "layer" else unitwise_norm
        return adaptive_clip_grad_(groups, clipping, norm=norm)
    measured = adaptive_clip_grad_(groups, None)
    parameters = [parameter for group in groups for parameter in group["params"]]
    length = nn.utils.clip_grad_norm_(parameters, clipping)
    return ClipSummary(clipping, measured.measured, length > clipping)


def _with_groups(parameters: Any) -> Iterable[tuple[str, Tensor]]:
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    for item in parameters:
        if isinstance(item, Tensor):
            yield "parameters", item
        elif item.get("clip", True):
            yield from ((item.get("name", "parameters"), p) for p in item["params"])


def parameter_groups(model: nn.Module, weight_decay: float = 2e-5) -> list[dict[str, Any]]:
    """Groups for the optimizer and for `adaptive_clip_grad_`, as the paper has them (appendix A).

    - "weights": convolutions and squeeze-excite layers; decayed, clipped.
    - "classifier": the weight of the last linear layer; decayed, never clipped.
    - "gains_biases": vectors and scalars, the classifier's bias included; clipped, not decayed.

    Each is a dict with "params", "weight_decay", "name" and "clip" that torch's optimizers take.
    """
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    classifier = linears[-1].weight if linears else None
    groups: dict[str, list[Tensor]] = {"weights": [], "classifier": [], "gains_biases": []}
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        if parameter is classifier:
            groups["classifier"].append(parameter)
        else:
            groups["weights" if parameter.ndim > 1 else "gains_biases"].append(parameter)
    return [
        {
            "name": name,
            "params": params,
            "weight_decay": 0.0 if name == "gains_biases" else weight_decay,
            "clip": name != "classifier",
        }
        for name, params in groups.items()
        if params
    ]
