"""Charts as pure data: sizes, honesty, and what they tell those who cannot see them."""

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import charts
from app.charts import Line
from app.demos.layer_chart import ratio_by_layer
from app.theme import COLOURS, DASHES


def line(values, label="NF", recipe="nf", **more) -> Line:
    return Line(label, recipe, range(1, len(values) + 1), values, **more)


def source(chart: charts.Chart, i: int = 0) -> list:
    return chart.option["dataset"][i]["source"]


def series(chart: charts.Chart, label: str) -> dict:
    return next(s for s in chart.option["series"] if s["name"] == label)


def test_the_module_draws_without_streamlit_or_torch() -> None:
    look = "print([m for m in ('streamlit', 'torch') if m in sys.modules])"
    code = f"import sys, app.charts, app.demos; {look}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(
    st.lists(st.floats(0, 1e30) | st.just(math.nan) | st.just(math.inf), max_size=900),
    st.integers(9, 200),
)
def test_thinning_keeps_order_extremes_and_the_end(values: list[float], most: int) -> None:
    points = list(enumerate(values, 1))
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    thinned = charts.thin(points, most)
    assert len(thinned) <= most
    assert [x for x, _ in thinned] == sorted({x for x, _ in thinned})
    if finite:
        assert thinned[-1][0] == finite[-1][0]
        for pick in (min, max):
            wanted = charts.significant(pick(y for _, y in finite), 3)
            assert pick(y for _, y in thinned) == wanted


def test_points_already_drawn_stay_where_they_are() -> None:
    values = [math.sin(i / 7) + 2 for i in range(400)]
    points = list(enumerate(values))
    before, after = charts.thin(points[:301]), charts.thin(points[:311])
    assert before[:-2] == after[: len(before) - 2]


def test_a_calm_loss_has_a_plain_axis_and_an_exploding_one_a_logarithmic_capped_one() -> None:
    calm = charts.loss_curves([line([2.3, 2.0, 1.0])], 100)
    assert (calm.option["yAxis"]["type"], calm.option["yAxis"]["min"]) == ("value", 0)
    assert "logarithmic" not in calm.option["yAxis"]["name"]
    wild = charts.loss_curves([line([2.3, 400.0, 3e26, math.nan])], 100)
    assert wild.option["yAxis"]["type"] == "log"
    assert "logarithmic" in wild.option["yAxis"]["name"]
    assert "10,000" in wild.option["yAxis"]["name"]
    assert max(y for _, y in source(wild)) == charts.LOSS_CAP == wild.option["yAxis"]["max"]
    assert len(source(wild)) == 3  # what is no number is not drawn


def test_noisy_losses_can_be_averaged_and_the_axis_says_so() -> None:
    chart = charts.loss_curves([line([1.0, 3.0, 1.0, 3.0])], 4, mean=2)
    assert source(chart) == [[1, 1.0], [2, 2.0], [3, 2.0], [4, 2.0]]
    assert "mean of 2 steps" in chart.option["yAxis"]["name"]


def test_a_loss_of_zero_can_stand_on_a_logarithmic_axis() -> None:
    chart = charts.loss_curves([line([300.0, 0.0])], 10)
    assert 0 < chart.option["yAxis"]["min"] <= min(y for _, y in source(chart))


@pytest.mark.parametrize("dark", [False, True])
def test_every_recipe_has_its_colour_its_dash_and_its_name_at_the_lines_end(dark: bool) -> None:
    lines = [line([2.0, 1.0], label=key, recipe=key) for key in COLOURS]
    drawn = charts.loss_curves(lines, 10, dark)
    for key in COLOURS:
        one = series(drawn, key)
        assert one["color"] == COLOURS[key][dark]
        assert one["lineStyle"]["type"] == (list(DASHES[key]) or "solid")
        assert one["endLabel"]["show"] and one["endLabel"]["formatter"].endswith(key)
        assert one["showSymbol"] is False
    assert drawn.option["animation"] is False


def test_two_lines_of_one_recipe_differ_in_their_dash() -> None:
    drawn = charts.dashes([line([1.0], recipe="agc") for _ in range(3)])
    assert len({str(dash) for dash in drawn}) == 3
    assert drawn[0] == "solid"


def test_labels_of_lines_that_end_together_are_kept_apart() -> None:
    axis = {"type": "value", "min": 0, "max": 1}
    values = (0.90, 0.91, 0.92, 0.1)
    shifts = charts.label_shifts([line([v] * 5) for v in values], 5, axis, 13)
    places = [charts.plot_height(13) * (1 - v) + s for v, s in zip(values, shifts, strict=True)]
    places.sort()
    assert all(b - a >= 15 for a, b in zip(places, places[1:], strict=False))
    assert shifts[3] == 0
    low = charts.label_shifts([line([v] * 5) for v in (0.0, 0.01, 0.02)], 5, axis, 13)
    assert low[0] == 0 and low[1] < 0 and low[2] < low[1]  # none leaves the chart
    short = Line("short", "nf", [1], [0.92])
    assert charts.label_shifts([line([0.92] * 50), short], 50, axis, 13) == [0, 0]


def test_accuracy_shows_the_running_mean_and_the_test_images_as_dots() -> None:
    values = [0.0] * 10 + [1.0] * 10
    drawn = charts.accuracy_curves([line(values, marks=[(10, 0.5), (20, 0.968)])], 20)
    assert [15, 0.5] in source(drawn)
    assert series(drawn, "NF, test")["data"] == [[10, 0.5], [20, 0.968]]
    assert "97% of the test images" in drawn.alt


def test_alt_sentences_tell_the_outcome_and_not_only_the_axes() -> None:
    died = line([2.3, 99.0], fate="no longer a number at step 3")
    held = line([2.3, 0.0712], label="NF + AGC", recipe="agc")
    alt = charts.loss_curves([died, held], 100).alt
    assert "NF no longer a number at step 3" in alt and "NF + AGC at 0.0712" in alt
    assert "62%" in charts.clipped_share_curves([line([0.1, 0.62])], 100).alt
    assert "nothing has been measured yet" in charts.loss_curves([line([])], 100).alt


def test_ratios_show_median_range_and_threshold_on_a_logarithmic_axis() -> None:
    ratios = {"stem": (0.001, 0.02, 0.3), "head": (0.0, math.inf, math.inf)}
    chart = ratio_by_layer(ratios, 0.01)
    ranges, medians = source(chart), source(chart, 1)
    assert ranges[:2] == [[0.001, 0], [0.3, 0]] and ranges[2][0] is None
    assert medians == [[0.02, 0], [1e5, 1]]  # infinite: at the edge
    assert chart.option["xAxis"]["type"] == "log"
    assert chart.option["xAxis"]["min"] <= 0.001 and chart.option["xAxis"]["max"] >= 1e5
    mark = chart.option["series"][1]["markLine"]
    assert mark["data"] == [{"xAxis": 0.01}] and mark["label"]["formatter"] == "λ 0.01"
    assert "above λ = 0.01 in 2 of them" in chart.alt
    assert "markLine" not in ratio_by_layer(ratios, None).option["series"][1]


def test_the_heaviest_tick_is_at_most_fifteen_kilobytes() -> None:
    steps = 400
    lines = [
        line(
            [2.3456789 / (i + 1) + lane * 0.0123 for i in range(steps)],
            label=f"NF + AGC {lane}",
            recipe="agc",
            marks=[(s, 0.9123) for s in range(20, 401, 20)],
        )
        for lane in range(4)
    ]
    ratios = {f"stages.{i}.conv": (0.00123456, 0.0123456, 0.123456) for i in range(16)}
    drawn = [
        charts.loss_curves(lines, steps),
        charts.accuracy_curves(lines, steps),
        charts.clipped_share_curves(lines[:1], steps),
        ratio_by_layer(ratios, 0.01),
    ]
    size = sum(len(json.dumps(chart.option, separators=(",", ":"))) for chart in drawn)
    assert size <= 15_000


def test_options_are_json_without_nan() -> None:
    lines = [line([math.inf, math.nan, 2.0]), line([], label="BN", recipe="batch")]
    for draw in (charts.loss_curves, charts.accuracy_curves, charts.clipped_share_curves):
        json.dumps(draw(lines, 5).option, allow_nan=False)
    json.dumps(ratio_by_layer({"a": (math.nan, math.nan, math.nan)}, 0.1).option, allow_nan=False)
