"""What the other examples of a batch do to one: nothing without normalization, much with it."""

import dataclasses
import io
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from nfnet import mates
from nfnet.mates import NETS, Answer, answers, load, logits, mode, reach
from nfnet.resnet import ResNet
from nfnet.run import UserError
from nfnet.strangers import COPY, draw_company, first_company, picture


def batch(norm: str, *names: str) -> torch.Tensor:
    net = load(norm)
    return torch.cat([net.tensor(mates.square(picture(n), net.preprocessing)) for n in names])


def at(norm: str, company, own: str = "goldfish", training: bool = True) -> torch.Tensor:
    return logits(load(norm).model, batch(norm, own, *company), training)


# the claim


@given(st.sampled_from([1, 3, 7, 15]), st.integers(0, 999), st.integers(0, 999))
@settings(max_examples=12)
def test_without_normalization_the_company_changes_no_bit(others, one, two) -> None:
    first, second = draw_company(others, one), draw_company(others, two)
    assert torch.equal(at("nf", first)[0], at("nf", second)[0])
    assert torch.equal(at("nf", first)[0], at("nf", first, training=False)[0])


def test_with_batch_normalization_in_training_mode_the_company_changes_the_label() -> None:
    first = first_company("school-bus", 7)
    swapped = tuple("noise-7" if name == "ladybug" else name for name in first)
    assert sum(a != b for a, b in zip(first, swapped, strict=True)) == 1
    said = [at("batch", company, "school-bus")[0].argmax() for company in (first, swapped)]
    assert [load("batch").classes[int(i)][1] for i in said] == ["school bus", "moving van"]
    for seed in range(5):
        assert mates.largest((at("batch", draw_company(7, seed)) - at("batch", first))[0]) > 0.1


def test_with_stored_statistics_no_example_sees_another() -> None:
    one, two = draw_company(7, 1), draw_company(7, 2)
    alike = [at("batch", company, training=False)[0] for company in (one, two)]
    assert torch.equal(*alike)


def test_across_batch_sizes_the_difference_is_rounding() -> None:
    alone = at("nf", ())[0]
    for others in (1, 3, 7, 15, 31, 127):
        here = at("nf", draw_company(others, others))[0]
        assert mates.largest(here - alone) <= 1e-6 * mates.largest(alone)


def test_a_copy_of_the_same_company_in_another_order_is_the_same_to_batch_normalization() -> None:
    company = draw_company(7, 3)
    moved = at("batch", company)[0] - at("batch", company[::-1])[0]
    assert mates.largest(moved) < 1e-3  # the statistics are equal, but for rounding


# against arithmetic done by hand


def test_training_mode_is_the_formula_with_the_batchs_own_mean_and_variance() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(3)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    norm.running_mean += 5
    x = torch.randn(4, 3, 2, 2)
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
    scaled = (x - mean) / (variance + norm.eps).sqrt()
    by_hand = scaled * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(logits(norm, x, True), by_hand)
    stored = (x - 5) / math.sqrt(1 + norm.eps) * norm.weight[:, None, None]
    torch.testing.assert_close(logits(norm, x, False), stored + norm.bias[:, None, None])


def net_of_one_norm() -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(2, eps=1e-12), nn.Flatten()).double()


def test_reach_is_what_finite_differences_say() -> None:
    torch.manual_seed(1)
    model = ResNet((1,), (8,), "batch", num_classes=3).double()
    images = torch.randn(3, 3, 4, 4, dtype=torch.float64)

    def loss(x):
        return nn.functional.cross_entropy(logits(model, x, True)[:1], torch.tensor([2]))

    found = reach(model, images, 2)
    for seat in range(3):
        squares = 0.0
        for place in np.ndindex(3, 4, 4):
            ends = []
            for side in (1e-5, -1e-5):
                moved = images.clone()
                moved[(seat, *place)] += side
                ends.append(loss(moved))
            squares += float((ends[0] - ends[1]) / 2e-5) ** 2
        assert float(found[seat]) == pytest.approx(math.sqrt(squares), rel=1e-4)
    assert (found > 1e-4).all()


def test_reach_through_one_normalization_is_the_closed_form() -> None:
    """d y_i / d x_j = (δ_ij - (1 + y_i y_j) / m) / σ, for one value an example."""
    x = torch.tensor([[0.3, -1.0], [1.2, 0.4], [-0.7, 0.9]], dtype=torch.float64)
    model, m = net_of_one_norm(), len(x)
    y = logits(model, x[:, :, None, None], True)
    downstream = y[0].softmax(0) - torch.tensor([0.0, 1.0])  # of the cross-entropy with label 1
    sigma = x.std(0, correction=0)
    expected = [
        torch.linalg.vector_norm(downstream * (float(i == 0) - (1 + y[0] * y[i]) / m) / sigma)
        for i in range(m)
    ]
    torch.testing.assert_close(reach(model, x[:, :, None, None], 1), torch.stack(expected))


@pytest.mark.parametrize("seat", [0, 2])
def test_without_normalization_the_gradient_stays_at_its_seat(seat) -> None:
    names = ("goldfish", "noise-1", "black", "umbrella")
    found = reach(load("nf").model, batch("nf", *names), 3, seat)
    assert found[seat] > 0 and (found != 0).sum() == 1
    assert (reach(load("batch").model, batch("batch", *names), 3, seat) > 0).all()


# nothing is left behind


def test_the_nets_are_to_the_bit_what_they_were() -> None:
    model = load("batch").model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    images = batch("batch", "goldfish", "noise-1")
    logits(model, images, True)
    reach(model, images, 0)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(p.grad is None for p in model.parameters()) and not images.requires_grad


def test_an_error_inside_leaves_the_mode_as_it_was() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3)).eval()
    with pytest.raises(ValueError, match="stop"), mode(model, True):
        assert model[0].training and not model[0].track_running_stats
        raise ValueError("stop")
    assert not model[0].training and model[0].track_running_stats


# answers, as the page asks for them


@pytest.fixture(scope="module")
def both() -> dict[str, Answer]:
    first = first_company("school-bus", 7)
    swapped = tuple("noise-7" if name == "ladybug" else name for name in first)
    return {each.norm: each for each in answers(swapped, "school-bus")}


def test_what_a_net_says_is_shown_however_little_it_believes_it() -> None:
    for each in answers((COPY,) * 7, "goldfish"):
        assert each.here_label == each.labels[0] and each.first_label in each.labels
    assert max(next(answers((COPY,) * 7, "goldfish")).here) < 0.1  # BN, among copies


def test_an_answer_holds_what_was_measured(both) -> None:
    assert list(both) == list(NETS)
    nf, bn = both["nf"], both["batch"]
    assert nf.difference == 0 and nf.gap == 0 and nf.here == nf.first == nf.evaluation
    assert 0 < nf.alone <= 1e-6 * nf.scale
    assert (bn.first_label, bn.here_label) == ("school bus", "moving van")
    assert bn.evaluation_label == "school bus"
    assert min(bn.difference, bn.gap, bn.alone) > 0.5
    assert len(bn.reach) == len(nf.reach) == 8
    assert sum(value != 0 for value in nf.reach) == 1 and all(bn.reach)
    for each in both.values():
        assert each.here == sorted(each.here, reverse=True) and len(each.labels) == 5
        assert each.here_label == each.labels[0] and each.first_label in each.labels
        assert not each.seen
        parts = (*each.here, *each.first, *each.evaluation)
        assert all(0 <= value <= 1 for value in parts)


def test_a_table_for_one_and_a_table_of_copies() -> None:
    alone, copies = list(answers((), "umbrella")), list(answers((COPY,) * 3, "umbrella"))
    for one in alone:
        assert len(one.reach) == 1 and one.difference == one.alone == 0
    bn = copies[0]
    assert bn.alone == pytest.approx(0, abs=1e-3)  # copies add nothing to the statistics
    # what the classifier reads, each channel's mean, is then the same for every picture
    assert max(bn.here) < 0.02 < 0.2 < max(copies[1].here)


def test_an_uploaded_picture_sits_at_the_first_seat() -> None:
    file = io.BytesIO()
    Image.new("RGB", (300, 200), (250, 120, 20)).save(file, "PNG")
    nf = next(each for each in answers(("noise-1",), image=file.getvalue()) if each.norm == "nf")
    shown = Image.open(io.BytesIO(mates.base64.b64decode(nf.seen)))
    assert shown.format == "JPEG" and shown.size == (144, 144)
    assert dataclasses.asdict(nf)["difference"] == 0


@pytest.mark.parametrize(
    ("company", "own", "image", "sentence"),
    [
        (("noise-1",), "", b"", "choose a picture for the first seat"),
        (("noise-1",), "", b"GIF89a", "this is a GIF"),
        (("noise-1000",), "goldfish", b"", "no picture called 'noise-1000'"),
        (("noise-1",), "../secret", b"", "no picture called"),
    ],
)
def test_what_cannot_be_seated_is_a_sentence(company, own, image, sentence) -> None:
    with pytest.raises(UserError, match=sentence):
        list(answers(company, own, image))
