"""The speed limit in degrees: gradients at right angles to filters, and what AGC then caps."""

import math

import pytest
import torch

from nfnet.formulas import turn_limit
from nfnet.run import RunConfig
from nfnet.turns import angles, turns

TINY = RunConfig(
    widths=(8, 16),
    depths=(1, 1),
    batch_size=32,
    train_images=320,
    steps=12,
    lr=1.0,
    clipping=0.003,
    momentum=0.0,
    weight_decay=0.0,
    device="cpu",
)
STEPS = (1, 3, 6, 11)


def flat(item: dict, what: str) -> list[float]:
    return [value for layer in item["layers"] for value in layer[what]]


@pytest.fixture(scope="module")
def clipped() -> list[dict]:
    return list(turns(TINY, STEPS))


def test_each_filter_has_its_numbers(clipped) -> None:
    assert [item["step"] for item in clipped] == list(STEPS)
    names = [layer["name"] for layer in clipped[0]["layers"]]
    assert names[0] == "stem" and "blocks.1.conv_shortcut" in names
    for layer in clipped[0]["layers"]:
        lengths = {len(layer[w]) for w in ("ratio", "gradient_angle", "turned", "away")}
        assert lengths == {layer["shape"][0]}
    assert clipped[0]["lr"] == 1 > clipped[1]["lr"]  # a cosine


def test_standardized_filters_stand_at_right_angles_to_their_gradients(clipped) -> None:
    for item in clipped:
        moved = [a for a in flat(item, "gradient_angle") if not math.isnan(a)]
        assert len(moved) > 50
        assert max(abs(angle - 90) for angle in moved) < 1e-3


def test_without_standardization_they_do_not() -> None:
    (item,) = turns(TINY.replace(without=("ws",), lr=0.1), (6,))
    off = [abs(a - 90) for a in flat(item, "gradient_angle") if not math.isnan(a)]
    assert max(off) > 5 and sorted(off)[len(off) // 2] > 0.5


def test_no_clipped_step_without_momentum_turns_further_than_the_limit(clipped) -> None:
    reached = 0
    for item in clipped:
        limit = turn_limit(item["lr"], 0.003)
        turned, ratios = flat(item, "turned"), flat(item, "ratio")
        assert max(turned) <= limit * (1 + 1e-4)
        for angle, ratio in zip(turned, ratios, strict=True):
            # a step at right angles: exactly this far, up to the limit
            asked = math.degrees(math.atan(item["lr"] * min(ratio, 0.003)))
            assert angle == pytest.approx(asked, rel=1e-3, abs=1e-4)
            reached += ratio > 0.003
    assert reached > 20


def test_unclipped_steps_pass_it() -> None:
    items = list(turns(TINY.replace(clipping=None), (1,)))
    assert max(flat(items[0], "turned")) > turn_limit(1.0, 0.003)


def test_momentum_passes_the_limit_of_one_gradient_and_keeps_its_own() -> None:
    config = TINY.replace(momentum=0.9, steps=20, weight_decay=5e-4)
    items = list(turns(config, range(1, 20)))
    turned = [(max(flat(item, "turned")), item["lr"]) for item in items]
    assert any(angle > turn_limit(lr, 0.003) for angle, lr in turned)
    assert all(angle <= turn_limit(1.0, 0.003, 0.9) for angle, _ in turned)


def test_the_limits_are_closed_forms() -> None:
    assert turn_limit(1.0, 0.01) == pytest.approx(0.573, abs=1e-3)
    assert turn_limit(1.0, 1.0) == 45
    assert turn_limit(1.0, 0.01, 0.9) == pytest.approx(5.739, abs=1e-3)
    assert turn_limit(1.0, 0.1, 0.9) == turn_limit(2.0, 0.3, 0.9) == 180


def test_away_is_the_angle_to_the_beginning(clipped) -> None:
    first = clipped[0]
    assert flat(first, "away") == flat(first, "turned")
    assert sum(flat(clipped[-1], "away")) > sum(flat(first, "away"))


def test_a_run_that_dies_ends_the_items() -> None:
    items = list(turns(TINY.replace(clipping=None, lr=1e4, momentum=0.9), range(1, 12)))
    assert len(items) < 11


def test_angles_are_exact_where_an_arc_cosine_is_not() -> None:
    a = torch.tensor([[[[1.0, 0.0]]], [[[1.0, 0.0]]], [[[1.0, 0.0]]], [[[0.0, 0.0]]]])
    b = torch.tensor([[[[1.0, 1e-6]]], [[[0.0, 2.0]]], [[[-3.0, 0.0]]], [[[1.0, 0.0]]]])
    small, right, back, nothing = angles(a, b)
    assert small == pytest.approx(math.degrees(1e-6), rel=1e-6)
    assert (right, back) == (pytest.approx(90), pytest.approx(180))
    assert math.isnan(nothing)
