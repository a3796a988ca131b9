"""The page Clipping: its arithmetic against closed forms, and the page as a viewer drives it."""

import json
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.components.clip_canvas import Choice, read
from app.compute.jobs import Gradients
from app.compute.tickets import State
from app.demos import fresh, recorded
from app.demos.clip_settings import threshold
from app.demos.clipping import gradients_at
from app.demos.clipping_seeds import SHARES, WAYS, shares_table, ways_table
from app.demos.clipping_words import angle, describe, floored, formula, takeaway
from app.demos.presets import on
from app.demos.unit_figures import Units, shares_by_layer, sorted_units
from app.theme import COLOURS
from nfnet.formulas import global_clip_factor
from nfnet.run import RunConfig, UserError
from tests.app.pages import opened


def item(step: int = 20, scale: float = 1.0) -> dict:
    layers = [
        {
            "name": "stem.weight",
            "shape": [4, 3, 3, 3],
            "clipped": True,
            "weight_norm": [1.0, 2.0, 4.0, 1.0],
            "gradient_norm": [0.5 * scale, 0.01, 0.04, 0.005],
            "cosine": [0.0, 0.0, 0.001, 0.6],
        },
        {
            "name": "stem.bias",
            "shape": [4],
            "clipped": True,
            "weight_norm": [0.0],
            "gradient_norm": [0.002],
            "cosine": [0.0],
        },
        {
            "name": "classifier.weight",
            "shape": [10, 4],
            "clipped": False,
            "weight_norm": [1.0] * 10,
            "gradient_norm": [9.0] * 10,
            "cosine": [0.0] * 10,
        },
    ]
    return {"step": step, "loss": 2.3, "layers": layers}


UNITS = Units.of(item())


def test_the_classifiers_weight_is_left_out_and_units_are_numbered_in_their_layer() -> None:
    assert UNITS.layer.tolist() == ["stem.weight"] * 4 + ["stem.bias"]
    assert UNITS.index.tolist() == [0, 1, 2, 3, 0]
    assert UNITS.names[2] == "stem.weight, unit 2"


def test_factors_follow_the_rule_with_its_floor() -> None:
    assert UNITS.ratio == pytest.approx([0.5, 0.005, 0.01, 0.005, 2.0])  # the bias: 0.002 / 0.001
    assert UNITS.factor(0.01) == pytest.approx([0.02, 1, 1, 1, 0.005])
    assert UNITS.factor(None).tolist() == [1] * 5
    clipped = UNITS.ratio * UNITS.factor(0.01)
    assert (clipped <= 0.01 * (1 + 1e-9)).all()


def test_global_clipping_is_made_equally_short() -> None:
    common = UNITS.equal_global_factor(0.01)
    assert UNITS.norm(common) == pytest.approx(UNITS.norm(UNITS.factor(0.01)))
    assert 0 < common < 1
    assert UNITS.equal_global_factor(None) == 1


def test_shares_are_of_a_layers_units() -> None:
    assert UNITS.shares(0.01) == {"stem.weight": 0.25, "all bias vectors": 1.0}
    assert UNITS.shares(None) == {"stem.weight": 0.0, "all bias vectors": 0.0}


def test_the_formula_has_the_units_numbers_in_it() -> None:
    text = formula(2.0, 0.5, 0.01)
    assert r"\frac{0.5}{2} = 0.25" in text
    assert r"0.01\cdot\frac{2}{0.5}\,G = 0.04\,G" in text
    assert r"G &\to G" in formula(2.0, 0.01, 0.01) and r"G &\to G" in formula(2.0, 0.5, None)
    assert r"\frac{0.002}{0.001} = 2" in formula(0.0, 0.002, 0.01)  # the floor on the weight
    assert r"3\times 10^{-7}" in formula(1.0, 3e-7, 0.01)


def test_the_takeaway_is_counted_from_the_numbers() -> None:
    assert "2 of 5 units (40%) are shortened, the median one of them to 0.013" in takeaway(
        UNITS, 0.01
    )
    assert "none of the 5 units" in takeaway(UNITS, 3.0)
    assert "from 0.005 to 2" in takeaway(UNITS, None)
    assert "near zero: 1, biases" in floored(UNITS)


@pytest.mark.parametrize("dark", [False, True])
def test_the_figure_sorts_the_units_and_draws_what_clipping_makes_of_them(dark: bool) -> None:
    figure = sorted_units(UNITS, 0.01, dark, chosen=2)
    drawn = {trace.name: trace for trace in figure.data}
    assert list(drawn["before"].y) == [2, 0.5, 0.01, 0.005, 0.005]
    assert list(drawn["after AGC"].y) == pytest.approx([0.01, 0.01, 0.01, 0.005, 0.005])
    halves = np.array(drawn["after global-norm clipping"].y) / np.array(drawn["before"].y)
    assert halves == pytest.approx([UNITS.equal_global_factor(0.01)] * 5, rel=0.01)
    assert drawn["after AGC"].line.color == COLOURS["agc"][dark]
    assert list(drawn["your unit"].x) == [3]
    assert figure.layout.annotations[0].text == "λ = 0.01"
    assert figure.layout.annotations[0].y == pytest.approx(-2)  # a logarithmic axis
    assert {t.name for t in sorted_units(UNITS, None, dark).data} == {"before"}


def test_units_without_any_gradient_still_have_a_place_on_the_axis() -> None:
    still = item()
    still["layers"][0]["gradient_norm"] = [0.0] * 4
    figure = sorted_units(Units.of(still), 0.01, False)
    assert min(figure.data[0].y) > 0
    assert shares_by_layer(Units.of(still).shares(0.01), False).data[0].x[0] == 0


# the page


@pytest.fixture
def page(compute, monkeypatch, tmp_path):
    """Opens the page with these settings in its address and a small recorded set."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    was = {
        "name": "gradients",
        "made": "2026-11-23",
        "conditions": {"device": "cpu", "cpu": "EPYC", "threads": 1, "torch": "2.13.0"},
        "config": RunConfig(clipping=0.01).to_json(),
        "items": [item(0), item(20), item(60, scale=3.0)],
    }
    (tmp_path / "gradients.json").write_text(json.dumps(was))

    return partial(opened, "clipping", plain="1")


def words(at: AppTest) -> str:
    return " ".join(m.value for m in at.markdown)


def test_the_words_come_before_the_figures(page) -> None:
    at = page()
    for word in ("**unit**", "**Fan-in**", "**gain**", "**‖W‖"):
        assert word in words(at)
    assert "2 of 5 units (40%)" in words(at)
    charts = at.get("plotly_chart")
    assert len(charts) == 2
    assert "Recorded 2026-11-23 on EPYC" in at.caption[0].value


def test_lambda_step_and_unit_change_the_numbers(page) -> None:
    at = page()
    at.select_slider(key="clip_lambda").set_value("0.003").run()
    assert "5 of 5 units (100%)" in words(at)
    at.segmented_control(key="clip_step").set_value("60").run()
    at.selectbox(key="clip_chosen").set_value(0).run()
    assert r"\frac{1.5}{1} = 1.5" in at.latex[0].value
    at.select_slider(key="clip_lambda").set_value("off").run()
    assert "λ is off" in words(at) and "nothing to compare" in words(at)


def test_the_filter_with_the_largest_ratio_is_chosen_to_begin_with(page) -> None:
    assert r"\frac{0.5}{1} = 0.5" in page().latex[0].value


@pytest.mark.parametrize("params", [{"clip_step": "21"}, {"clip_lambda": "'; drop"}])
def test_a_hostile_address_is_ignored_with_one_sentence(page, params) -> None:
    at = page(**params)
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value
    assert "2 of 5 units" in words(at)


def test_a_good_address_opens_what_it_names(page) -> None:
    at = page(clip_step="60", clip_lambda="1")
    assert not at.warning
    assert "λ = 1: 2 of 5 units" in words(at)


def test_a_fresh_set_is_taken_shown_and_put_away(page, compute) -> None:
    at = page()
    at.number_input(key="clip_seed").set_value(5).run()
    at.button(key="clip_fresh").click().run()
    (ticket,) = compute.tickets
    assert ticket.job == Gradients(RunConfig(clipping=0.01, seed=5), (0, 20, 60))
    assert at.button(key="clip_fresh").disabled
    ticket.items, ticket.state = [item(0)], State("running")
    at.run()
    assert "1 of 3" in at.get("progress")[0].proto.text
    ticket.items += [item(20, scale=4.0), item(60)]
    ticket.state = State("done")
    at.run()
    assert not at.exception and "just now" in at.caption[0].value
    at.selectbox(key="clip_chosen").set_value(0).run()
    assert r"\frac{2}{1} = 2" in at.latex[0].value
    next(b for b in at.button if "Back" in b.label).click().run()
    assert "Recorded" in at.caption[0].value


def test_a_set_can_be_cancelled(page, compute) -> None:
    at = page()
    at.button(key="clip_fresh").click().run()
    compute.tickets[0].state = State("running")
    at.run()
    at.button(key="clip_cancel").click().run()
    assert compute.tickets[0].cancelled and not at.error and not at.get("progress")
    assert not at.button(key="clip_fresh").disabled and "Recorded" in at.caption[0].value


def test_the_net_that_comes_with_the_lecture_stands_beside_the_steps(page, tmp_path) -> None:
    at = page(clip_step="trained")
    assert "not recorded" in at.info[0].value
    assert not [button for button in at.button if button.key == "clip_fresh"]
    was = json.loads((tmp_path / "gradients.json").read_text())
    was |= {"config": fresh.TRAINED_CONFIG.to_json(), "items": [item(0, scale=2.0)]}
    (tmp_path / "gradients-trained.json").write_text(json.dumps(was))
    at = page(clip_step="trained")
    assert "trained on CIFAR-10 to its end" in at.caption[0].value
    assert r"\frac{1}{1} = 1" in at.latex[0].value


def test_a_failed_set_is_one_sentence(page, compute) -> None:
    at = page()
    at.button(key="clip_fresh").click().run()
    compute.tickets[0].state = State("failed", reason="error", message="That failed; try again.")
    at.run()
    assert [e.value for e in at.error] == ["That failed; try again."]
    compute.refuse = UserError("Too many wait; try again in a minute.")
    at.button(key="clip_fresh").click().run()
    assert [w.value for w in at.warning] == ["Too many wait; try again in a minute."]


def test_without_a_recorded_set_one_can_still_be_taken(page, compute, tmp_path) -> None:
    (tmp_path / "gradients.json").unlink()
    at = page()
    assert at.info and at.button(key="clip_fresh")


# what is clipped as one


def test_a_layer_or_the_whole_net_is_clipped_as_one_piece() -> None:
    weights, gradients = UNITS.weight_norm, UNITS.gradient_norm
    stem = 0.01 * np.hypot.reduce(weights[:4]) / np.hypot.reduce(gradients[:4])
    assert UNITS.factor(0.01, "layer") == pytest.approx([stem] * 4 + [0.005])  # the bias: as before
    whole = 0.01 * np.hypot.reduce(weights) / np.hypot.reduce(gradients)
    assert UNITS.factor(0.01, "global") == pytest.approx([whole] * 5)
    assert UNITS.factor(0.01, "global")[0] == pytest.approx(
        global_clip_factor(gradients, 0.01 * np.hypot.reduce(weights))
    )
    assert UNITS.factor(3.0, "layer").tolist() == UNITS.factor(3.0, "global").tolist() == [1] * 5


def test_the_takeaway_says_what_is_clipped_as_one() -> None:
    layers = takeaway(UNITS, 0.01, "layer")
    assert "2 of 2 layers (weights, gains and biases apart) are above it, so 5 of 5" in layers
    assert "units (100%) are shortened, 3 of them although their own" in layers
    whole = takeaway(UNITS, 0.01, "global")
    assert "the whole net's ratio is 0.107, above it" in whole and "multiplied by 0.093" in whole
    assert "global norm at 0.047" in whole
    assert "not above it; nothing changes" in takeaway(UNITS, 0.2, "global")


def test_a_figure_by_layer_has_no_second_curve() -> None:
    names = [trace.name for trace in sorted_units(UNITS, 0.01, False, by="layer").data]
    assert names == ["before", "after, by layer"]


def test_only_a_filters_right_angle_is_explained() -> None:
    assert "right angle" in angle(0.001, is_filter=True, upright=True)
    told = "The angle between weight and gradient is {}°."
    assert angle(0.5, is_filter=True, upright=False) == told.format(60)
    assert angle(0.0, is_filter=True, upright=False) == told.format(90)  # the others do not
    assert angle(0.0, is_filter=False, upright=True) == told.format(90)
    assert not UNITS.upright and Units.of(gradients_at("20")[0]).upright
    assert Units.of(gradients_at("trained")[0]).upright


def test_the_trained_nets_recording_bears_out_what_is_said_of_it() -> None:
    units = Units.of(gradients_at("trained")[0])
    above = units.ratio > fresh.TRAINED_CONFIG.clipping
    vectors = np.isin(units.layer, list(units.vectors))
    told = describe(fresh.TRAINED_CONFIG)
    assert "2% of the units (1 to 5)" in told and 0.01 <= above.mean() <= 0.054
    assert "over half of the biases and gains" in told and above[vectors].mean() > 0.5


def test_what_holds_over_seeds_is_said_as_it_was_measured() -> None:
    assert "| 0.01 | 3% | 90% (76 to 100) | 88% (74 to 99) |" in shares_table()
    assert "76% in one and 100% in another" in shares_table()
    told = ways_table()
    assert "| layer | 99% (98 to 100) | 9.3 (3.6 to 25) | 47° (44 to 50) |" in told
    assert "| whole net | 100% | 17 (4.9 to 44) | 0° |" in told
    unit, layer, whole = WAYS  # the table alone shows this much of "in each net"
    assert unit.spread.most < min(layer.spread.least, whole.spread.least)
    assert whole.turned.most < layer.turned.least and layer.turned.mean < unit.turned.mean


def test_the_recorded_net_is_one_of_those_measured() -> None:
    for step, place in ((0, 0), (20, 1), (60, 2)):
        units = Units.of(gradients_at(str(step))[0])
        for clipping, at in SHARES.items():
            share = (units.factor(clipping) < 1).mean()
            assert at[place].least - 0.0006 <= share <= at[place].most + 0.0006


# the canvas: what it is given, and what it may send


@pytest.mark.parametrize(
    "sent",
    [
        None,
        7,
        [],
        {},
        {"clipping": 0.01},
        {"clipping": "0.01", "by": "unit", "unit": 0, "number": 1},
        {"clipping": 5e-5, "by": "unit", "unit": 0, "number": 1},
        {"clipping": float("nan"), "by": "unit", "unit": 0, "number": 1},
        {"clipping": True, "by": "unit", "unit": 0, "number": 1},
        {"clipping": 0.01, "by": "net", "unit": 0, "number": 1},
        {"clipping": 0.01, "by": ["unit"], "unit": 0, "number": 1},
        {"clipping": 0.01, "by": "unit", "unit": 5, "number": 1},
        {"clipping": 0.01, "by": "unit", "unit": -1, "number": 1},
        {"clipping": 0.01, "by": "unit", "unit": 0.5, "number": 1},
        {"clipping": 0.01, "by": "unit", "unit": 0, "number": float("inf")},
    ],
)
def test_nonsense_from_a_browser_is_no_choice(sent) -> None:
    assert read(sent, 5) is None


def test_a_choice_is_read_as_it_was_made() -> None:
    sent = {"clipping": 0.0123, "by": "layer", "unit": 4, "number": 17}
    assert read(sent, 5) == (Choice(0.0123, "layer", 4), 17)
    assert read({**sent, "clipping": None}, 5) == (Choice(None, "layer", 4), 17)


@pytest.mark.parametrize("value", ["0.00009", "1.1", "nan", "inf", "-0.01", "x", ""])
def test_a_threshold_beyond_the_lines_reach_is_refused(value: str) -> None:
    with pytest.raises(ValueError):
        threshold(value)


def test_thresholds_are_kept_in_three_digits() -> None:
    assert [threshold(v) for v in ("0.012345", "1", "1e-4", "off")] == [
        "0.0123",
        "1",
        "0.0001",
        "off",
    ]


def canvas_data(at: AppTest) -> dict:
    """What the component was given."""
    (found,) = at.get("bidi_component")
    return json.loads(found.proto.json)


def test_the_canvas_takes_the_place_of_slider_and_chart(page) -> None:
    at = page(plain="0", clip_lambda="0.0123", clip_by="layer", clip_step="60")
    assert not at.select_slider and not at.warning
    data = canvas_data(at)
    assert (data["clipping"], data["by"], data["ack"], data["plane"]) == (0.0123, "layer", 0, True)
    assert data["units"]["gradient"] == [1.5, 0.01, 0.04, 0.005, 0.002]
    assert data["units"]["layer"][:4] != data["units"]["layer"][4:] and data["units"]["layers"] == 2
    assert data["unit"] == 0  # the filter with the largest ratio
    at.selectbox(key="clip_chosen").set_value(3).run()
    assert canvas_data(at)["unit"] == 3
    assert "The angle between weight and gradient is 53°." in words(at)
    assert at.query_params["clip_lambda"] == "0.0123"


def test_reset_puts_line_step_and_way_back(page) -> None:
    at = page(plain="0", clip_lambda="off", clip_by="global", clip_step="60")
    assert canvas_data(at)["clipping"] is None
    at.button(key="clip_restore").click().run()
    data = canvas_data(at)
    assert (data["clipping"], data["by"]) == (0.01, "unit")
    assert not {"clip_lambda", "clip_by"} & set(at.query_params)


def test_the_plain_page_takes_the_nearest_stop(page) -> None:
    at = page(clip_lambda="0.0123", clip_by="layer")
    assert at.select_slider(key="clip_lambda").value == "0.01" and not at.warning
    assert "2 of 2 layers" in words(at)
    at.segmented_control(key="clip_by").set_value("global").run()
    assert "the whole net's ratio" in words(at)
    assert at.query_params["clip_by"] == "global"


# other pictures


def test_of_cifar10_only_gradients_taken_on_it_are_shown(page, compute) -> None:
    at = page()
    at.button(key="clip_fresh").click().run()
    compute.tickets[0].items = [item(0), item(20, scale=4.0), item(60)]
    compute.tickets[0].state = State("done")
    at.run()
    at.segmented_control(key="clip_data").set_value("CIFAR-10").run()
    assert "No gradients of these steps are recorded for CIFAR-10" in at.info[0].value
    assert not at.get("plotly_chart") and not [b for b in at.button if "Back" in b.label]
    at.button(key="clip_fresh").click().run()
    ticket = compute.tickets[1]
    assert ticket.job.config == on(RunConfig(clipping=0.01, seed=1), "cifar10")
    ticket.items = [{"loading": {"what": "CIFAR-10", "done": 0, "total": 0}}]
    ticket.state = State("running")
    at.run()
    assert at.get("progress")[0].proto.text == "CIFAR-10: 0 MB"
    ticket.items += [item(0), item(20, scale=2.0)]  # and then it died
    ticket.state = State("done")
    at.run()
    assert "on CIFAR-10." in at.caption[0].value and not at.info
    assert r"\frac{1}{1} = 1" in at.latex[0].value
    at.segmented_control(key="clip_step").set_value("60").run()
    assert "died before step 60" in at.info[0].value and not at.exception
    at.segmented_control(key="clip_data").set_value("Shapes").run()
    assert "on the shapes." in at.caption[0].value
