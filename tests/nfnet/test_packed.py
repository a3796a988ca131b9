"""A packed convolution answers as the plain one does, whatever its shape and the picture's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nfnet.conv import SameConv2d, WSConv2d, fold
from nfnet.evidence import counting
from nfnet.model import NFNet
from nfnet.packed import PackedConv2d, can_pack, pack
from nfnet.variants import MODELS

pytestmark = pytest.mark.skipif(not can_pack(nn.Linear(1, 1)), reason="this torch has no oneDNN")


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("kernel", "stride", "groups"),
    [(1, 1, 1), (3, 1, 1), (3, 2, 1), (3, 1, 4), (3, 2, 4), (7, 2, 1)],
)
def test_the_same_numbers_at_every_size(kernel, stride, groups, dtype, layout) -> None:
    torch.manual_seed(0)
    conv = SameConv2d(16, 32, kernel, stride, groups).to(dtype).eval().requires_grad_(False)
    packed = PackedConv2d(conv)
    for height, width in ((8, 8), (9, 12), (8, 8), (31, 7)):  # odd sides, and another size
        x = torch.randn(2, 16, height, width, dtype=dtype).contiguous(memory_format=layout)
        with torch.inference_mode():
            expected, got = conv(x), packed(x)
        assert got.shape == expected.shape and got.dtype == dtype
        error = (got.float() - expected.float()).norm() / expected.float().norm()
        assert error < (1e-6 if dtype == torch.float32 else 1e-2)
    assert packed.weight is None  # one copy of the weight in memory, not two


def test_a_packed_net_answers_and_counts_as_the_folded_one() -> None:
    torch.manual_seed(0)
    net = NFNet(MODELS["nfnet_mini"]).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folded = fold(net)
    packed = pack(folded)
    assert not any(isinstance(m, SameConv2d | WSConv2d) for m in packed.modules())
    images = torch.randn(2, 3, 48, 48)
    with torch.inference_mode(), counting(folded) as one, counting(packed) as other:
        assert torch.allclose(packed(images), folded(images), rtol=1e-5, atol=1e-5)
    assert one.total == other.total > 0
    with torch.inference_mode():  # the original is left as it was
        assert torch.allclose(folded(images), net(images), rtol=1e-4, atol=1e-4)


def test_what_is_not_on_a_cpu_is_not_packed() -> None:
    assert can_pack(nn.Conv2d(1, 1, 1))
    assert not can_pack(nn.Conv2d(1, 1, 1, device="meta"))
