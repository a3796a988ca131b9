"""The page Weight standardization: its numbers against closed forms, and as a viewer drives it."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.compute.jobs import Turns, check
from app.compute.tickets import State
from app.demos import DEMOS, recorded
from app.demos.filters_figures import arrays, bars, number, sheet
from app.demos.gamma_figures import ACTIVATIONS, SIZES, estimate, exact, running
from app.demos.presets import LAMBDAS, on
from app.demos.published_paint import Look
from app.demos.turn_figures import clock_hands, gathered, right_angles, turned
from app.demos.turn_settings import LRS, MOMENTA, RECORDED, job
from app.demos.turns import find, told
from nfnet.formulas import GAMMA, turn_limit
from tests.app.pages import opened

LOOKS = [Look(), Look(dark=True, narrow=True)]


def item(step: int, degrees: float = 0.5) -> dict:
    layer = {
        "name": "stem",
        "shape": [3, 3, 3, 3],
        "ratio": [0.1, 0.2, 0.0],
        "gradient_angle": [90.0, 88.0, float("nan")],
        "turned": [degrees, degrees / 2, 0.0],
        "away": [10.0, 45.0, 0.0],
    }
    return {"step": step, "loss": 2.0, "lr": 1.0, "layers": [layer]}


# filters


@pytest.mark.parametrize("net", ["fresh", "nfnet_mini", "nf_cifar10"])
def test_recorded_filters_are_standardized(net: str) -> None:
    weight, standardized, gains = arrays(recorded.load(f"filters/{net}").items)
    assert weight.shape == standardized.shape == (16, 3, 3, 3) and gains.shape == (16,)
    assert np.abs(standardized.sum((1, 2, 3))).max() < 2e-3  # four digits were kept
    assert np.linalg.norm(standardized.reshape(16, -1), axis=1) == pytest.approx(1, abs=1e-3)
    centred = weight - weight.mean((1, 2, 3), keepdims=True)
    centred /= np.linalg.norm(centred.reshape(16, -1), axis=1)[:, None, None, None]
    assert standardized == pytest.approx(centred, abs=2e-3)


def test_a_weight_of_zero_is_grey_and_the_largest_is_full() -> None:
    weights = np.zeros((2, 3, 1, 1))
    weights[1, 0] = 2.0
    weights[1, 2] = -2.0
    pixels = sheet(weights, 2.0, dark=False)
    assert pixels[0, 0].tolist() == [128, 128, 128]
    assert pixels[-1, 0].tolist() == [255, 128, 0]
    assert sheet(weights, 2.0, dark=True).dtype == np.uint8


def test_the_bars_say_mean_and_length() -> None:
    made = bars(np.full((3, 1, 1), 2.0), "nf", Look())
    assert "mean 2, length 3.46" in made.alt and list(made.figure.data[0].y) == [2, 2, 2]
    assert number(1e-9) == "0" and number(0.01234) == "0.0123"


# gamma


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_apps_activations_are_the_librarys(activation: str) -> None:
    """Recomputed with torch: in a test it may be loaded."""
    import torch

    from nfnet import activations

    z = np.linspace(-6, 6, 101)
    theirs = activations.ACTIVATIONS[activation](torch.from_numpy(z)).numpy()
    assert ACTIVATIONS[activation][1](z) == pytest.approx(theirs, abs=1e-12)
    assert GAMMA[activation] == pytest.approx(exact(activation), rel=1e-3)


def test_the_exact_gain_of_a_relu_is_its_closed_form() -> None:
    assert exact("relu") == pytest.approx((2 / (1 - 1 / np.pi)) ** 0.5, rel=1e-6)
    assert exact("tanh") == pytest.approx(1.5925374197, rel=1e-8)


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_the_standard_error_is_the_spread_of_the_estimates(activation: str) -> None:
    found = [estimate(activation, 2000, seed).last for seed in range(200)]
    values, errors = np.array(found).T
    assert values.std() == pytest.approx(errors.mean(), rel=0.2)
    assert values.mean() == pytest.approx(exact(activation), abs=4 * values.std() / 200**0.5)


@pytest.mark.parametrize("look", LOOKS, ids=["wide", "narrow"])
def test_the_running_estimate_ends_near_the_line(look: Look) -> None:
    made = running("gelu", 10_000, 1, look)
    drawn = {trace.name: trace for trace in made.figure.data}
    assert list(drawn["exact"].y) == [exact("gelu")] * 2
    last, error = estimate("gelu", 10_000, 1).last
    assert drawn["estimate"].y[-1] == pytest.approx(last, abs=1e-4)
    assert abs(last - exact("gelu")) < 4 * error
    assert f"{last:.4f} ± {error:.4f}" in made.alt


# the speed limit


def test_every_setting_is_a_job_that_a_classroom_may_ask() -> None:
    for clips in LAMBDAS:
        for lr in LRS:
            for momentum in MOMENTA:
                for standardized in (True, False):
                    check(job(clips, lr, momentum, standardized), "cpu")


def test_recordings_are_of_the_jobs_that_name_them_and_keep_the_limit() -> None:
    for name, one in RECORDED.items():
        was = find(one)
        assert was.configs == (one.config,), name
        for each in was.items:
            angles = gathered(each, "gradient_angle")
            if "ws" not in one.config.without:
                assert np.abs(angles - 90).max() < 0.01, name
            if one.config.clipping and not one.config.momentum:
                limit = turn_limit(each["lr"], one.config.clipping)
                assert gathered(each, "turned").max() <= limit * 1.002  # the weights' decay
            if one.config.clipping and one.config.momentum:
                limit = turn_limit(each["lr"], one.config.clipping, one.config.momentum)
                assert gathered(each, "turned").max() <= limit
    assert len(find(RECORDED["off"]).items) < len(RECORDED["off"].at_steps)  # it dies
    assert find(job("0.1", "0.3", "0")) is None


@pytest.mark.parametrize("look", LOOKS, ids=["wide", "narrow"])
def test_the_figures_draw_the_filters(look: Look) -> None:
    items = [item(1), item(5, 1.0)]
    made = turned([("AGC", "agc", items)], 0.01, 1.0, 0.9, 100, look)
    names = [trace.name for trace in made.figure.data]
    assert names == [
        *("AGC: median filter", "AGC: farthest"),
        *("limit of one gradient", "limit with momentum"),
    ]
    assert list(made.figure.data[1].y) == [0.5, 1.0] and "farthest 1°" in made.alt
    assert made.figure.data[2].y[0] == pytest.approx(turn_limit(1.0, 0.01), rel=1e-3)
    unclipped = turned([("none", "nf", items)], None, 1.0, 0.9, 100, look)
    assert len(unclipped.figure.data) == 2
    hands = clock_hands(items[1], "stem", "agc", look)
    assert "by 0 to 45 degrees" in hands.alt
    assert hands.figure.data[1].x[4] == pytest.approx(2.5 + 0.95 * np.sin(np.pi / 4), abs=1e-3)
    angles = right_angles(items[0], look)
    assert "2 filters; the farthest from a right angle is 2° off" in angles.alt


def test_the_words_name_the_farthest_turn_and_its_limit() -> None:
    words = told(job("0.01", "1", "0.9"), [item(1), item(5, 1.5)])
    assert "**1.5°**, at step 5" in words and "limit there is 0.57°" in words
    assert "watched up to step 5" in words
    assert "limit" not in told(job("off", "1", "0.9"), [item(1)])


# the page


@pytest.fixture
def page(compute):
    return partial(opened, "standardization")


def words(at: AppTest) -> str:
    return " ".join(element.value for element in (*at.markdown, *at.caption))


def metrics(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_on_arrival_all_three_parts_are_there(page, compute) -> None:
    at = page()
    assert metrics(at)["Exact"] == "1.712859" and metrics(at)["Official code"] == "1.713959"
    assert metrics(at)["Speed limit of one gradient"] == "0.573°"
    assert metrics(at)["With momentum 0.9, at most"] == "5.74°"
    assert "Recorded 2026" in words(at) and not compute.tickets
    assert "farthest turn" in words(at)


def test_the_ends_of_the_controls(page) -> None:
    at = page()
    for stop in (LAMBDAS[0], "off", "1"):
        at.select_slider(key="weights_lambda").set_value(stop)
        at.segmented_control(key="weights_ws").set_value("off").run()
        assert not at.exception and "no recorded training" in words(at)
    assert metrics(at)["With momentum 0.9, at most"] == "none"
    at.select_slider(key="weights_lambda").set_value("off").run()
    assert "no speed limit" in words(at)
    at.segmented_control(key="weights_momentum").set_value("0")
    at.segmented_control(key="weights_lr").set_value("0.1")
    at.select_slider(key="weights_lambda").set_value("0.1")
    at.slider(key="weights_filter").set_value(16)
    at.select_slider(key="weights_gain").set_value("learned")
    at.segmented_control(key="weights_net").set_value("fresh")
    at.segmented_control(key="weights_activation").set_value("softplus")
    at.select_slider(key="weights_samples").set_value(SIZES[-1])
    at.number_input(key="weights_draw").set_value(9999).run()
    assert not at.exception and "filter 16: mean" in words(at)
    assert "With momentum" not in " ".join(metrics(at))
    at.button(key="weights_restore").click().run()
    assert not at.exception and metrics(at)["Exact"] == "1.712859"


def test_a_training_is_asked_for_and_watched(page, compute) -> None:
    at = page(weights_lambda="0.03")
    assert "no recorded training" in words(at)
    at.button(key="weights_turns_ask").click().run()
    (ticket,) = compute.tickets
    assert ticket.job == job("0.03", "1", "0.9") and isinstance(ticket.job, Turns)
    ticket.items, ticket.state = [item(1)], State("running")
    at.run()
    assert "1 of 8" in at.get("progress")[0].proto.text or "12%" in at.get("progress")[0].proto.text
    ticket.items.append(item(5, 2.0))
    ticket.state = State("done")
    at.run()
    assert "**2°**, at step 5" in words(at) and not at.exception


@pytest.mark.parametrize(
    "params",
    [
        {"weights_net": "../../etc"},
        {"weights_lambda": "0.02"},
        {"weights_filter": "17"},
        {"weights_samples": "1e9"},
        {"weights_ws": "<b>"},
    ],
)
def test_a_hostile_address_is_answered_with_one_sentence(page, params) -> None:
    at = page(**params)
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value
    assert metrics(at)["Exact"] == "1.712859"


def test_a_net_without_a_recording_is_one_sentence(page, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    at = page()
    assert any("no recorded filters" in info.value for info in at.info)
    (tmp_path / "filters").mkdir()
    (tmp_path / "filters" / "nfnet_mini.json").write_text(json.dumps({"name": "x"}))
    at.run()
    assert not at.exception


def draw(part: str) -> None:
    from app.demos import DEMOS

    DEMOS["standardization"].render(DEMOS["standardization"].read({"part": part}), True)


@pytest.mark.parametrize("part", ["filters", "gamma", "limit"])
def test_a_slide_shows_the_part_it_names(part: str, compute) -> None:
    at = AppTest.from_function(draw, args=(part,), default_timeout=60).run()
    assert not at.exception and at.get("plotly_chart") and not compute.tickets
    (figure,) = DEMOS["standardization"].still(DEMOS["standardization"].read({"part": part}))
    assert figure.alt


def test_filters_turn_on_other_pictures_too(page, compute) -> None:
    at = page(weights_data="CIFAR-10")
    assert "farthest turn" not in words(at) and "Recorded 2026" not in words(at)
    assert metrics(at)["Speed limit of one gradient"] == "0.573°"  # whatever the pictures
    at.button(key="weights_turns_ask").click().run()
    (ticket,) = compute.tickets
    asked = job("0.01", "1", "0.9")
    assert ticket.job == replace(asked, config=on(asked.config, "cifar10"))
    assert find(ticket.job) is None
    loading = {"loading": {"what": "CIFAR-10", "done": 0, "total": 0}}
    ticket.items, ticket.state = [loading, item(1), item(5, 2.0)], State("done")
    at.run()
    assert "**2°**, at step 5" in words(at) and not at.exception
