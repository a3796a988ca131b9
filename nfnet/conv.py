"""Scaled weight standardization: the normalizer moves from the activations to the weights.

Standardizing costs as much as the weights are many, whatever the batch and the picture's size, and
no example ever sees another.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nfnet.devices import without_weights


def standardize_weight(
    weight: Tensor, gain: Tensor | float | None = None, eps: float = 1e-4
) -> Tensor:
    """Scaled weight standardization (NF-ResNets, section 4; NFNets, section 3).

        W_hat = gain * (W - mean) / sqrt(max(var * fan_in, eps))

    with mean and population variance over each output filter. As var * fan_in is the squared length
    of W - mean, every filter comes out with zero sum and length `gain`.

    Args:
        weight: (O, I, kh, kw), fan-in I * kh * kw.
        gain: (O,), one for all filters, or None for 1.
        eps: floor on var * fan_in (not an addend; the official code's choice).

    Returns:
        (O, I, kh, kw)
    """
    dims = tuple(range(1, weight.ndim))
    centred = weight - weight.mean(dims, keepdim=True)
    unit = centred / torch.linalg.vector_norm(centred, dim=dims, keepdim=True).clamp_min(eps**0.5)
    if gain is None:
        return unit
    return unit * (gain.view(-1, *(1,) * len(dims)) if isinstance(gain, Tensor) else gain)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: output side = ceil(side / stride).

    For an odd kernel and stride 1 that is the usual padding. With stride 2 and an even side one row
    or column is added after and none before; symmetric padding instead moves NFNet-F0's logits
    by 4 to 13 % (benchmarks/padding.py).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, groups=groups, bias=bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """(N, I, H, W) -> (N, O, ceil(H / stride), ceil(W / stride))."""
        (top, bottom), (left, right) = (
            same_padding(side, self.kernel_size[0], self.stride[0]) for side in x.shape[-2:]
        )
        if top == bottom and left == right:
            return F.conv2d(x, weight, bias, self.stride, (top, left), 1, self.groups)
        x = F.pad(x, (left, right, top, bottom))
        return F.conv2d(x, weight, bias, self.stride, 0, 1, self.groups)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.weight, self.bias)


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows to add before and after so that the output has ceil(side / stride)."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


class WSConv2d(SameConv2d):
    """A convolution with scaled weight standardization, a learned gain and always a bias.

    Fixed scalars of the net around it cost nothing here: the module computes

        out_scale * (conv(in_scale * x, W_hat) + bias)

    by scaling the (small) weight instead of the (large) activations. The parameters themselves are
    left raw, so weight decay and gradient clipping see what the paper's do.

    Args:
        standardize: False leaves the standardization out, and only that.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
        *,
        in_scale: float = 1.0,
        out_scale: float = 1.0,
        eps: float = 1e-4,
        standardize: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, groups)
        self.gain = nn.Parameter(torch.ones(out_channels))
        self.in_scale, self.out_scale, self.eps = in_scale, out_scale, eps
        self.standardize = standardize
        # the standardization makes the scale of the start irrelevant; this is the official one
        nn.init.normal_(self.weight, std=self.weight[0].numel() ** -0.5)
        nn.init.zeros_(self.bias)

    def effective_weight(self) -> Tensor:
        """(O, I, kh, kw): what the input is convolved with, scalars included."""
        scale = self.in_scale * self.out_scale
        gain = self.gain if scale == 1.0 else self.gain * scale
        if not self.standardize:
            return self.weight * gain.view(-1, 1, 1, 1)
        return standardize_weight(self.weight, gain, self.eps)

    def effective_bias(self) -> Tensor:
        """(O,)"""
        return self.bias if self.out_scale == 1.0 else self.bias * self.out_scale

    def forward(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.effective_weight(), self.effective_bias())

    def folded(self) -> SameConv2d:
        """A plain convolution with the same output, frozen and in evaluation mode."""
        with without_weights():
            plain = SameConv2d(
                self.in_channels,
                self.out_channels,
                self.kernel_size[0],
                self.stride[0],
                self.groups,
            )
        with torch.no_grad():
            plain.weight = nn.Parameter(self.effective_weight())
            plain.bias = nn.Parameter(self.effective_bias().clone())
        return plain.eval().requires_grad_(False)


class BNConv2d(SameConv2d):
    """A convolution and batch normalization: what `WSConv2d` is compared with, number for number.

    Gain and bias sit on the activations here and on the weights there. Scales of the input are
    taken, to be called alike, and left out: the normalization would undo them.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
        *,
        in_scale: float = 1.0,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, groups, bias=False)
        nn.init.normal_(self.weight, std=self.weight[0].numel() ** -0.5)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.convolve(x, self.weight, None))


def fold(model: nn.Module) -> nn.Module:
    """A copy of `model` in evaluation mode whose standardized weights are baked in.

    The copy answers the same (to rounding) without standardizing at every call; train the original.
    """
    # what deepcopy is told of it takes for copied
    copied = {id(m): m.folded() for m in model.modules() if isinstance(m, WSConv2d)}
    return copy.deepcopy(model, copied).eval().requires_grad_(False)
