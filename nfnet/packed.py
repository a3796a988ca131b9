"""Convolutions whose weights lie in memory as the CPU's kernels want them.

oneDNN, which computes torch's convolutions on a CPU, works on weights in an order of its own and
brings them into it at every call. At batch 1 that is a fifth to a quarter of NFNet-F0's time. Here
it is done once, with the operators that torch.compile uses for the same purpose; they are not
public, so the project's exact torch version matters, and `can_pack` asks whether they are there.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nfnet.conv import SameConv2d, same_padding


class PackedConv2d(nn.Module):
    """A plain convolution that answers as `conv` does; it cannot be trained or saved.

    The first picture decides the order, so it takes as long as without packing, and the plain
    weight is given up then. Pictures of another size are answered too, if not faster.
    """

    def __init__(self, conv: SameConv2d) -> None:
        super().__init__()
        self.stride, self.kernel, self.groups = list(conv.stride), conv.kernel_size, conv.groups
        self.fan_in = conv.weight[0].numel()
        self.weight, self.bias = conv.weight.detach(), conv.bias
        self.packed: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> (N, O, ceil(H / stride), ceil(W / stride)), without gradients."""
        (top, bottom), (left, right) = (
            same_padding(*each) for each in zip(x.shape[-2:], self.kernel, self.stride, strict=True)
        )
        padding = [top, left]
        if top != bottom or left != right:
            x, padding = F.pad(x, (left, right, top, bottom)), [0, 0]
        place = (padding, self.stride, [1, 1], self.groups)
        if self.packed is None:
            reorder = torch._C._nn.mkldnn_reorder_conv2d_weight
            self.packed, self.weight = reorder(self.weight.to_mkldnn(), *place, x.shape), None
        convolve = torch.ops.mkldnn._convolution_pointwise
        return convolve(x, self.packed, self.bias, *place, "none", [], "")


def can_pack(model: nn.Module) -> bool:
    """Whether this torch can pack a model's convolutions where they lie."""
    on_cpu = all(parameter.device.type == "cpu" for parameter in model.parameters())
    return (
        on_cpu
        and torch.backends.mkldnn.is_available()
        and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


def pack(model: nn.Module) -> nn.Module:
    """A copy of a folded model that answers the same, faster, on a CPU; see `can_pack`.

    Nothing but answers can be had of the copy: no gradients, no state to save.
    """
    copied = {id(m): PackedConv2d(m) for m in model.modules() if type(m) is SameConv2d}
    return copy.deepcopy(model, copied)
