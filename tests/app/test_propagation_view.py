"""The page Signal propagation: its settings, its figures, and the page as a viewer drives it."""

from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.compute.jobs import Propagate, check
from app.compute.tickets import State
from app.demos import DEMOS, recorded
from app.demos.propagation_figures import Curve, chart, largest_gap, overflows
from app.demos.propagation_settings import (
    ACTIVATIONS,
    ALPHAS,
    BLOCKS,
    GAINS,
    NETS,
    PARTS,
    RECORDED,
    WIDTHS,
    Setting,
    left_out,
)
from app.demos.propagation_unit import RELU_MEAN, histogram, signed, unit
from app.demos.propagation_words import LEFT_OUT, comparison, story
from app.demos.published_paint import Look
from app.theme import COLOURS
from nfnet.meanfield import Signal
from nfnet.run import UserError
from tests.app.pages import opened


def row(block: int, variance: float = 1.0, mean: float = 0.0) -> dict:
    return {
        "stage": 0,
        "block": block,
        "squared_mean": mean,
        "variance": variance,
        "branch_variance": 0.9,
        "predicted_variance": None,
    }


# settings


@pytest.mark.parametrize("blocks", [3, 4, 12, 200])
def test_blocks_are_split_into_three_stages(blocks: int) -> None:
    setting = Setting(blocks=blocks)
    assert sum(setting.depths) == blocks and max(setting.depths) - min(setting.depths) <= 1
    assert len(setting.transitions) == blocks and sum(setting.transitions) == 2
    assert setting.transitions.index(True) == setting.depths[0]


def test_a_part_left_out_is_left_out_of_the_net() -> None:
    assert Setting().config.without == () and Setting().config.alpha == 0.2
    assert left_out("ws", "beta").config.without == ("ws", "beta")
    assert left_out("alpha").config.alpha == 1 and left_out("alpha").config.without == ()
    assert Setting(net="batch", parts=()).config.without == ()
    assert Setting(gain="0").config.skip_gain == 0 and Setting().config.skip_gain is None


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("blocks", BLOCKS)
def test_the_ends_of_all_sliders_fit_a_classroom_and_have_a_curve(net: str, blocks: int) -> None:
    for parts in ((), tuple(PARTS)):
        for end in (0, -1):
            setting = Setting(
                net,
                parts,
                ALPHAS[end],
                list(ACTIVATIONS)[end],
                blocks,
                WIDTHS[end],
                GAINS[end],
                ("strided", "pool")[end],
            )
            check(setting.job, "cpu")
            curve = setting.curve()
            assert len(curve) == blocks
            assert all(np.isfinite(signal).all() and signal.variance > 0 for signal in curve)


def test_recordings_are_of_the_settings_that_name_them() -> None:
    for name, setting in RECORDED.items():
        was = setting.recorded()
        assert was is not None, name
        assert was.configs == (setting.config,) and len(was.items) == setting.blocks
    assert Setting(seed=5).recorded() is None


def test_the_recorded_dots_lie_on_the_line_where_the_words_say_so() -> None:
    for name in ("nf", "batch", "without-gamma", "without-beta", "without-alpha", "gelu"):
        setting = RECORDED[name]
        assert largest_gap(setting.curve(), setting.recorded().items) < 0.08, name
    assert overflows(RECORDED["deep-none"].recorded().items)


# figures


@pytest.mark.parametrize("dark", [False, True])
def test_the_chart_has_a_line_the_expected_line_and_dots(dark: bool) -> None:
    computed = [Signal(0.0, 1.0 + 0.04 * k, 0.9) for k in range(3)]
    curve = Curve("NF", "nf", computed, [row(k, 1.1) for k in range(3)], [1.04, 1.08, 1.12])
    made = chart([curve], "variance", dark)
    line, expected, dots = made.option["series"]
    assert line["data"] == [[1, 1.0], [2, 1.04], [3, 1.08]] and line["color"] == COLOURS["nf"][dark]
    assert expected["name"] == "σ², expected" and expected["data"][-1] == [3, 1.12]
    assert dots["type"] == "scatter" and dots["data"][0] == [1, 1.1]
    assert made.option["yAxis"]["type"] == "value"
    assert "1.08 after the last of 3, measured 1.1 there" in made.alt
    assert len(chart([curve], "squared_mean", dark).option["series"]) == 2


def test_what_explodes_is_shown_in_powers_of_ten_and_what_overflows_is_left_out() -> None:
    computed = [Signal(0.0, 2.0**k, 1.0) for k in range(200)]
    measured = [row(k, 2.0**k if k < 120 else float("inf")) for k in range(200)]
    made = chart([Curve("no norm", "none", computed, measured)], "variance")
    axis = made.option["yAxis"]
    assert (axis["type"], axis["min"], axis["max"]) == ("value", 0, 38)  # powers of ten
    line, dots = made.option["series"]
    assert len(dots["data"]) == 120 and max(y for _, y in line["data"]) < 38
    few = chart([Curve("no norm", "none", computed[:12], measured[:12])], "variance")
    assert few.option["yAxis"]["type"] == "log" and few.option["yAxis"]["max"] == 1e4
    assert overflows(measured) == 121 and overflows(measured[:100]) is None
    assert largest_gap(computed, measured) == 0
    assert "From block 121 on" in comparison(Setting(net="none"), computed, measured)


def test_every_part_has_its_words_and_no_other() -> None:
    assert set(LEFT_OUT) == set(PARTS)
    for part in PARTS:
        told = story(left_out(part), left_out(part).curve())
        assert LEFT_OUT[part] in told and sum(words in told for words in LEFT_OUT.values()) == 1
    assert "α² = 0.04" in story(Setting(), Setting().curve())
    for setting in (Setting(net="batch"), Setting(net="none"), Setting(gain="0")):
        assert "α² =" not in story(setting, setting.curve())


def test_the_numbers_of_the_words_are_those_of_the_curves() -> None:
    first = left_out("gamma").curve()[0]
    assert first.branch_variance == pytest.approx(0.12, abs=0.02)  # less the border
    batch = [signal.variance for signal in Setting(net="batch").curve()]
    assert batch[1] - batch[0] == pytest.approx(0.68, abs=0.05)
    none = [s.variance + s.squared_mean for s in Setting(net="none").curve()]
    assert none[1] / none[0] == pytest.approx(2, abs=0.15)


def test_a_units_mean_is_the_relus_times_the_sum_of_its_weights() -> None:
    assert pytest.approx(0.3989, abs=1e-4) == RELU_MEAN
    for seed in range(3):
        one = unit(seed)
        # 3000 inputs: the standard error is 0.011
        assert one.plain.mean() == pytest.approx(one.expected, abs=0.05)
        assert one.centred.mean() == pytest.approx(0, abs=0.05)
    drawn = histogram(unit(0), Look())
    assert signed(unit(0).sum) in drawn.alt and len(drawn.figure.data) == 2
    assert (signed(-0.001), signed(-1.5), signed(0.25)) == ("0.00", "−1.50", "0.25")


# the page


@pytest.fixture
def page(compute):
    return partial(opened, "propagation")


def told(at: AppTest) -> str:
    return " ".join(element.value for element in (*at.markdown, *at.caption))


def test_on_arrival_the_recorded_dots_are_shown_and_nothing_is_asked(page, compute) -> None:
    at = page()
    assert "Recorded 2026" in told(at) and "α² = 0.04" in told(at)
    assert len(at.get("echarts_chart")) == 3 and not compute.tickets
    assert at.button(key="prop_measure_ask").label == "Measure"


def test_a_part_left_out_changes_the_line_and_the_address(page) -> None:
    at = page()
    at.pills(key="prop_parts").set_value(["ws", "gamma", "alpha"]).run()
    assert "Without β" in told(at) and at.query_params["prop_parts"] == ["ws", "gamma", "alpha"]
    at.pills(key="prop_parts").set_value([]).run()
    assert not at.exception and "none" in at.query_params["prop_parts"]
    at.button(key="prop_restore").click().run()
    assert "α² = 0.04" in told(at) and "prop_parts" not in at.query_params


def test_the_ends_of_the_controls(page) -> None:
    at = page()
    for net in NETS:
        at.segmented_control(key="prop_net").set_value(net)
        at.slider(key="prop_blocks").set_value(BLOCKS[1])
        at.select_slider(key="prop_gain").set_value("0").run()
        assert not at.exception and "identity" in told(at)
    at.segmented_control(key="prop_net").set_value("nf").run()
    at.segmented_control(key="prop_activation").set_value("silu")
    at.segmented_control(key="prop_images").set_value("shapes")
    at.segmented_control(key="prop_shortcut").set_value("pool")
    at.select_slider(key="prop_alpha").set_value("1")
    at.select_slider(key="prop_width").set_value("8")
    at.number_input(key="prop_seed").set_value(9999)
    at.slider(key="prop_blocks").set_value(BLOCKS[0]).run()
    assert not at.exception and "not recorded" in told(at)


def test_a_measurement_is_asked_for_shown_and_forgotten_with_its_settings(page, compute) -> None:
    at = page(prop_seed="7")
    assert "not recorded" in told(at)
    at.button(key="prop_measure_ask").click().run()
    (ticket,) = compute.tickets
    assert ticket.job == Setting(seed=7).job and isinstance(ticket.job, Propagate)
    ticket.items, ticket.state = [row(k) for k in range(12)], State("done")
    at.run()
    assert "are one net, seed 7" in told(at)
    at.slider(key="prop_blocks").set_value(20).run()
    assert "are one net" not in told(at) and not at.exception


@pytest.mark.parametrize(
    "params",
    [
        {"prop_net": "evil"},
        {"prop_parts": "<script>"},
        {"prop_blocks": "201"},
        {"prop_seed": "-1"},
        {"prop_alpha": "nan"},
    ],
)
def test_a_hostile_address_is_answered_with_one_sentence(page, params) -> None:
    at = page(**params)
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value
    assert "α² = 0.04" in told(at)


def test_an_address_opens_what_it_names(page) -> None:
    at = page(prop_net="none", prop_blocks="200", prop_width="8")
    assert not at.warning and "doubles" in told(at) and "too large for float32" in told(at)


def test_another_unit_is_drawn(page) -> None:
    at = page()
    before = told(at)
    at.button(key="prop_unit_next").click().run()
    assert signed(unit(1).sum) in told(at) and told(at) != before


# the slide


def draw(**params) -> None:
    from app.demos import DEMOS

    DEMOS["propagation"].render(DEMOS["propagation"].read(params), True)


def test_a_slide_shows_the_part_it_names(compute) -> None:
    at = AppTest.from_function(draw, default_timeout=60).run()
    assert not at.exception and len(at.get("echarts_chart")) == 1 and not compute.tickets
    at.pills(key="propagation_parts").set_value(["ws"]).run()
    assert "not recorded" in told(at)
    at = AppTest.from_function(draw, kwargs={"part": "unit"}, default_timeout=60).run()
    assert not at.exception and len(at.get("plotly_chart")) == 2


def test_on_paper_there_is_the_same_figure(monkeypatch, tmp_path) -> None:
    demo = DEMOS["propagation"]
    (figure,) = demo.still(demo.read({}))
    assert "NF computed" in figure.alt and "Recorded" in figure.caption
    (figure,) = demo.still(demo.read({"part": "unit"}))
    assert "Histogram" in figure.alt
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    assert "not recorded" in demo.still(demo.read({}))[0].caption
    with pytest.raises(UserError, match="part must be one of curves, unit"):
        demo.read({"part": "x"})
