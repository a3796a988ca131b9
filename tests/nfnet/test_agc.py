"""Adaptive gradient clipping against the official outputs and its own promises."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nfnet.agc import adaptive_clip_grad_, clip_grad_, parameter_groups, unitwise_norm
from nfnet.formulas import clip_factor, global_clip_factor
from nfnet.model import NFNet
from nfnet.resnet import ResNet
from nfnet.run import UserError
from nfnet.variants import NFNetConfig

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "agc.npz")
NAMES = sorted(key.removeprefix("param/") for key in GOLDEN.files if key.startswith("param/"))


def ours(name: str) -> torch.Tensor:
    """The official layout (HWIO, in x out) turned into torch's (OIHW, out x in)."""
    array = torch.tensor(GOLDEN[name])
    return array.permute(3, 2, 0, 1) if array.ndim == 4 else array.T if array.ndim == 2 else array


@pytest.mark.parametrize("clipping", [0.01, 0.04, 0.16, 1.0])
@pytest.mark.parametrize("name", NAMES)
def test_official_outputs(name: str, clipping: float) -> None:
    parameter = torch.nn.Parameter(ours(f"param/{name}").contiguous())
    parameter.grad = ours(f"grad/{name}").contiguous()
    adaptive_clip_grad_([parameter], clipping)
    expected = ours(f"clipped_{clipping}/{name}")
    scale = expected.norm().clamp_min(1e-30)
    assert (parameter.grad - expected).norm() / scale < 1e-6


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), ()),
        ((7,), ()),
        ((7, 1), ()),
        ((1, 7), ()),
        ((5, 1, 1, 1), ()),
        ((5, 7), (5, 1)),
        ((5, 7, 2), (5, 1, 1)),
        ((5, 3, 2, 2), (5, 1, 1, 1)),
    ],
)
def test_what_a_unit_is(shape, expected) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape)
    norm = unitwise_norm(x)
    assert norm.shape == expected
    assert torch.allclose(norm.square().sum(), x.square().sum())


@given(st.floats(1e-4, 10), st.floats(1e-6, 1e3), st.integers(0, 100))
@settings(max_examples=50)
def test_it_only_shortens_never_turns_and_keeps_to_the_threshold(clipping, scale, seed) -> None:
    torch.manual_seed(seed)
    weight = torch.nn.Parameter(torch.randn(6, 4, 3, 3, dtype=torch.float64))
    before = torch.randn_like(weight) * scale
    weight.grad = before.clone()
    adaptive_clip_grad_([weight], clipping)
    norms = unitwise_norm(before), unitwise_norm(weight.grad)
    limit = clipping * unitwise_norm(weight.detach()).clamp(min=1e-3)
    assert (norms[1] <= norms[0] * (1 + 1e-12)).all()
    assert (norms[1] <= limit * (1 + 1e-9)).all()
    assert torch.allclose(weight.grad / norms[1], before / norms[0])
    kept = norms[0] <= limit
    assert torch.equal(weight.grad[kept.flatten()], before[kept.flatten()])


def test_a_unit_that_starts_at_zero_can_move() -> None:
    gain = torch.nn.Parameter(torch.zeros(()))
    gain.grad = torch.tensor(5.0)
    adaptive_clip_grad_([gain], 0.01)
    assert gain.grad == pytest.approx(1e-5)


def test_summary_counts_what_was_clipped() -> None:
    weight = torch.nn.Parameter(torch.ones(4, 2))
    weight.grad = torch.ones(4, 2) * torch.tensor([[0.001], [0.1], [2.0], [0.0]])
    bias = torch.nn.Parameter(torch.ones(3))
    bias.grad = torch.full((3,), 0.5)
    groups = [{"name": "weights", "params": [weight]}, {"name": "gains_biases", "params": [bias]}]
    summary = adaptive_clip_grad_(groups, 0.01)
    assert (summary.units, summary.clipped) == (5, 3)
    assert summary.share == pytest.approx(0.6)
    assert summary.largest_ratio == pytest.approx(2.0)
    assert summary.by_group["weights"].clipped == 2
    assert summary.by_group["gains_biases"].largest_ratio == pytest.approx(0.5)


def test_without_a_threshold_it_measures_and_changes_nothing() -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.full((2, 2), 7.0)
    summary = adaptive_clip_grad_(weight, None)
    assert summary.clipped == 0 and summary.largest_ratio == pytest.approx(7.0)
    assert (weight.grad == 7).all()


def test_a_gradient_that_is_not_a_number_is_seen() -> None:
    weight = torch.nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.tensor([[1.0, 1.0], [float("nan"), 1.0]])
    assert np.isnan(adaptive_clip_grad_([weight], 0.01).largest_ratio)


def test_no_gradients_at_all() -> None:
    summary = adaptive_clip_grad_([torch.nn.Parameter(torch.ones(2))])
    assert (summary.units, summary.share, summary.largest_ratio) == (0, 0.0, 0.0)


@pytest.mark.parametrize("clipping", [0, -1, float("nan")])
def test_a_threshold_that_makes_no_sense(clipping) -> None:
    with pytest.raises(UserError, match="clipping must be a positive number"):
        adaptive_clip_grad_([], clipping)


def test_groups_are_the_papers() -> None:
    net = NFNet(NFNetConfig(widths=(8, 16), depths=(1, 1), group_size=4, num_classes=5))
    groups = {group["name"]: group for group in parameter_groups(net, 2e-5)}
    names = {id(p): name for name, p in net.named_parameters()}
    members = {g: [names[id(p)] for p in group["params"]] for g, group in groups.items()}
    assert members["classifier"] == ["classifier.weight"]
    assert "classifier.bias" in members["gains_biases"]
    assert "blocks.0.squeeze_excite.linear0.weight" in members["weights"]
    assert {"blocks.1.skip_gain", "stem.0.gain", "stem.0.bias"} <= set(members["gains_biases"])
    assert [groups[g]["weight_decay"] for g in ("weights", "classifier", "gains_biases")] == [
        2e-5,
        2e-5,
        0.0,
    ]
    assert [groups[g]["clip"] for g in ("weights", "classifier", "gains_biases")] == [
        True,
        False,
        True,
    ]
    assert sum(map(len, members.values())) == len(names)
    torch.optim.SGD(parameter_groups(net), lr=0.1)  # torch takes them as they are


def test_the_classifier_is_left_out_of_clipping() -> None:
    net = ResNet((1,), (8,), "nf")
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 100.0)
    adaptive_clip_grad_(parameter_groups(net), 0.01)
    assert (net.classifier.weight.grad == 100).all()
    assert net.classifier.bias.grad.abs().max() < 1e-4


def test_formulas_agree_between_numpy_and_torch() -> None:
    weight, gradient = np.array([1e-5, 1.0, 3.0]), np.array([0.0, 2.0, 0.01])
    expected = [1.0, 0.005, 1.0]
    np.testing.assert_allclose(clip_factor(weight, gradient, 0.01), expected)
    got = clip_factor(torch.tensor(weight), torch.tensor(gradient), 0.01)
    np.testing.assert_allclose(got.numpy(), expected)


def test_global_clipping_is_torchs() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(4, 4))]
    torch.manual_seed(0)
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    norms = torch.stack([p.grad.norm() for p in parameters])
    before = parameters[0].grad.clone()
    torch.nn.utils.clip_grad_norm_(parameters, 0.5)
    factor = global_clip_factor(norms, 0.5)
    assert torch.allclose(before * factor, parameters[0].grad, rtol=1e-5)


def with_gradients() -> list[dict]:
    torch.manual_seed(0)
    net = ResNet((1,), (4,), "nf")
    net(torch.randn(8, 3, 8, 8)).square().sum().backward()
    return parameter_groups(net)


def gradients(groups: list[dict]) -> list[torch.Tensor]:
    return [parameter.grad.clone() for group in groups for parameter in group["params"]]


def test_clipping_by_layer_scales_each_layer_as_a_whole() -> None:
    groups, clipping = with_gradients(), 0.05
    before = gradients(groups)
    summary = clip_grad_(groups, clipping, "layer")
    layers = [(group["clip"], p) for group in groups for p in group["params"]]
    changed = 0
    for (clip, parameter), was in zip(layers, before, strict=True):
        allowed = clipping * max(parameter.norm().item(), 1e-3)
        factor = min(1.0, allowed / was.norm().item()) if clip else 1.0
        assert torch.allclose(parameter.grad, factor * was, rtol=1e-5, atol=0)
        changed += factor < 1
    assert summary.clipped == changed > 0
    assert summary.units == sum(clip for clip, _ in layers) > changed


@pytest.mark.parametrize("share", [0.5, 2.0])
def test_clipping_the_global_norm_scales_everything_alike(share: float) -> None:
    groups = with_gradients()
    before = gradients(groups)
    length = torch.cat([g.flatten() for g in before]).norm().item()
    unit_ratios = clip_grad_(groups, None).ratios
    summary = clip_grad_(groups, share * length, "global")
    for after, was in zip(gradients(groups), before, strict=True):
        assert torch.allclose(after, min(1.0, share) * was, rtol=1e-4, atol=0)
    assert summary.share == float(share < 1) and summary.clipping == share * length
    assert all((a == b).all() for a, b in zip(summary.ratios, unit_ratios, strict=True))


def test_clipping_by_something_else_is_refused() -> None:
    with pytest.raises(UserError, match="unit, layer, global"):
        clip_grad_(with_gradients(), 0.1, "filter")
