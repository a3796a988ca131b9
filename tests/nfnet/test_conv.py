"""Scaled weight standardization: its theorem, its gradient, its padding, its folding."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nfnet.conv import SameConv2d, WSConv2d, fold, same_padding, standardize_weight


@given(st.integers(1, 9), st.integers(2, 12), st.sampled_from([1, 3, 5]), st.floats(0.1, 10))
@settings(max_examples=30)
def test_every_filter_has_zero_sum_and_the_length_of_its_gain(out, inputs, kernel, gain) -> None:
    torch.manual_seed(0)
    weight = torch.randn(out, inputs, kernel, kernel, dtype=torch.float64) + 3
    filters = standardize_weight(weight, gain).flatten(1)
    assert filters.sum(1).abs().max() < 1e-9 * gain
    assert torch.allclose(filters.norm(dim=1), torch.tensor(gain, dtype=torch.float64))


def test_it_is_the_papers_formula_with_population_variance() -> None:
    weight = np.random.default_rng(0).normal(size=(5, 4, 3, 3))
    gain = np.arange(1.0, 6.0)
    flat = weight.reshape(5, -1)
    expected = (flat - flat.mean(1, keepdims=True)) * gain[:, None]
    expected /= np.sqrt(np.maximum(flat.var(1, ddof=0, keepdims=True) * 36, 1e-4))
    got = standardize_weight(torch.tensor(weight), torch.tensor(gain)).numpy()
    np.testing.assert_allclose(got, expected.reshape(weight.shape), rtol=1e-12)


def test_eps_is_a_floor_and_not_an_addend() -> None:
    torch.manual_seed(0)
    weight = torch.randn(2, 3, 3, 3, dtype=torch.float64)
    # far above the floor: five times smaller weights give the same filters
    assert torch.allclose(standardize_weight(weight / 5), standardize_weight(weight), atol=1e-15)
    # below it: the variance x fan-in counts as 1e-4, so the length shrinks with the weight
    tiny = standardize_weight(weight * 1e-6).flatten(1).norm(dim=1)
    centred = (weight * 1e-6).flatten(1)
    centred = centred - centred.mean(1, keepdim=True)
    assert torch.allclose(tiny, centred.norm(dim=1) / 1e-2)


def test_a_constant_filter_gives_zeros_and_a_finite_gradient() -> None:
    weight = torch.ones(2, 3, 3, 3, requires_grad=True)
    result = standardize_weight(weight)
    result.sum().backward()
    assert result.abs().max() == 0
    assert weight.grad.isfinite().all()


def test_gradient_by_finite_differences() -> None:
    torch.manual_seed(0)
    weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    gain = torch.rand(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(standardize_weight, (weight, gain))


def test_the_gradient_is_orthogonal_to_its_filter() -> None:
    torch.manual_seed(0)
    conv = WSConv2d(8, 16, 3).double()
    conv(torch.randn(4, 8, 6, 6, dtype=torch.float64)).square().sum().backward()
    weight, gradient = conv.weight.detach().flatten(1), conv.weight.grad.flatten(1)
    cosine = (weight * gradient).sum(1) / weight.norm(dim=1) / gradient.norm(dim=1)
    assert cosine.abs().max() < 1e-12


@given(st.integers(1, 40), st.sampled_from([1, 3, 5, 7]), st.sampled_from([1, 2]))
def test_same_padding_gives_the_ceiling(side, kernel, stride) -> None:
    before, after = same_padding(side, kernel, stride)
    assert (side + before + after - kernel) // stride + 1 == -(-side // stride)
    assert 0 <= after - before <= 1


def test_padding_of_the_published_nets() -> None:
    assert same_padding(32, 3, 2) == (0, 1)
    assert same_padding(33, 3, 2) == (1, 1)
    assert same_padding(32, 3, 1) == (1, 1)
    assert same_padding(224, 7, 2) == (2, 3)


@pytest.mark.parametrize(("side", "stride", "groups"), [(8, 1, 1), (8, 2, 2), (9, 2, 4)])
def test_scales_in_the_weight_equal_scales_on_the_activations(side, stride, groups) -> None:
    torch.manual_seed(0)
    plain = WSConv2d(8, 8, 3, stride, groups).double()
    torch.nn.init.normal_(plain.bias)
    torch.nn.init.normal_(plain.gain)
    scaled = WSConv2d(8, 8, 3, stride, groups, in_scale=1.7, out_scale=0.2).double()
    scaled.load_state_dict(plain.state_dict())
    x = torch.randn(2, 8, side, side, dtype=torch.float64)
    assert torch.allclose(scaled(x), 0.2 * plain(1.7 * x), atol=1e-12)


def test_fold_answers_the_same_and_leaves_the_original_alone() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(WSConv2d(3, 8, 3, 2, in_scale=1.3), WSConv2d(8, 4, 1, out_scale=0.2))
    folded = fold(net)
    x = torch.randn(2, 3, 9, 9)
    assert torch.allclose(folded(x), net(x), atol=1e-6)
    assert net.training and isinstance(net[0], WSConv2d) and net[0].weight.requires_grad
    assert not folded.training and type(folded[0]) is SameConv2d
    assert type(fold(net[0])) is SameConv2d
