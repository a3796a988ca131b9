"""The Black box: its figure against the events it is made of, and the page as it is used."""

import math
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from app.compute.jobs import Fork
from app.compute.tickets import State
from app.demos import DEMOS, recorded
from app.demos.blackbox import STOPS, alternative, how_late, reading, still
from app.demos.blackbox_figures import flight_figure, flights
from app.demos.blackbox_runs import (
    CLIPPING,
    CRASH,
    ELSEWHERE,
    SEED,
    SEEDS,
    STEP,
    lanes,
    recording,
)
from nfnet.events import Step
from nfnet.run import CLASSROOM, UserError
from tests.app.pages import opened
from tests.app.scripted_compute import died, finished, step

BOTH = lanes(2, 0.1, 3)
ITEMS = [
    *((lane, step(n, 2.0 if n < 4 else 4e5)) for n in range(1, 5) for lane in (0, 1)),
    (0, died(5)),
    (1, step(5, 1.5, 0.1, 0.3)),
    (1, finished(100, 0.9)),
]


def test_the_fork_differs_from_the_crash_only_in_when_it_clips() -> None:
    crash, fork = (lane.config for lane in BOTH)
    assert fork.replace(clipping=None, clipping_from=1) == crash == CRASH.replace(seed=2)
    assert (fork.clipping, fork.clipping_from) == (0.1, 3)
    for lane in BOTH:
        lane.config.check(CLASSROOM)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_recorded_crash_is_what_the_page_asks_for(seed: int) -> None:
    was = recorded.load(recording(seed))
    assert was.name == recording(seed)
    asked = [lane.config for lane in lanes(seed, CLIPPING, STEP)]
    assert list(was.configs) == (asked if seed == SEED else asked[:1])
    assert {"device", "cpu", "threads", "torch", "command"} <= set(was.conditions)
    crash = flights(lanes(seed, CLIPPING, STEP), was.items)[0]
    assert crash.died == len(crash.steps) + 1 > 20


def test_the_recorded_fork_begins_where_the_run_stood() -> None:
    was = recorded.load(recording(SEED))
    crash, fork = flights(lanes(SEED, CLIPPING, STEP), was.items)
    (theirs, theirs_next), (ours, ours_next) = crash.steps[STEP - 1 : STEP + 1], fork.steps[:2]
    # the gradient of the fork's first step is that of the run; what is done with it differs
    assert (ours.step, ours.loss, ours.ratios) == (STEP, theirs.loss, theirs.ratios)
    assert ours.clipping == CLIPPING and theirs.clipping is None
    assert ours_next != theirs_next
    assert crash.died and fork.curve.end.accuracy > 0.8


def test_a_map_has_the_logarithm_of_each_layers_median_unit() -> None:
    crash, fork = flights(BOTH, ITEMS)
    assert crash.layers == ["stem", "blocks.0.conv1"] and crash.died == 5 and fork.died is None
    assert crash.medians()[0] == pytest.approx([-2] * 4)
    endless = Step(1, 2.0, 0.1, 1.0, None, 0.0, math.inf, {"a": (0.0, math.inf, math.inf)})
    zero = Step(2, 2.0, 0.1, 1.0, None, 0.0, 0.0, {"a": (0.0, 0.0, 0.0)})
    (odd, _) = flights(BOTH, [(0, endless), (0, zero)])
    assert odd.medians() == [[None, -9.0]]
    drawn = flight_figure([odd], 1, 4, False, 13, 620)["data"][1]
    assert drawn["z"] == [[drawn["zmax"], -9.0]]  # infinite is drawn as the darkest


@pytest.mark.parametrize("dark", [False, True])
def test_the_figure_shows_losses_maps_the_line_and_the_death(dark: bool) -> None:
    figure = flight_figure(flights(BOTH, ITEMS), 3, 100, dark, 13, 620)
    kinds = [trace["type"] for trace in figure["data"]]
    assert kinds == ["scatter", "scatter", "heatmap", "heatmap"]
    loss = figure["data"][0]
    assert loss["y"] == [2.0, 2.0, 2.0, 1e4]  # what is larger is drawn at the edge
    layout = figure["layout"]
    assert layout["xaxis"]["range"] == [0.5, 100.5] and layout["shapes"][0]["x0"] == 2.5
    (death,) = [a for a in layout["annotations"] if "no longer" in a["text"]]
    assert death["x"] == 5 and "step 5" in death["text"]
    spans = [layout[a]["domain"] for a in ("yaxis3", "yaxis2", "yaxis")]
    flat = [edge for span in spans for edge in span]
    assert flat == sorted(flat) and 0 <= flat[0] and flat[-1] <= 1  # none overlaps another
    alone = flight_figure(flights(BOTH, ITEMS[:1])[:1], 1, 9, dark, 13, 620)["layout"]
    assert alone["yaxis2"]["domain"][1] < alone["yaxis"]["domain"][0]


def test_what_is_read_off_is_counted_from_the_numbers() -> None:
    crash, fork = flights(BOTH, ITEMS)
    told = reading(crash, 4, 0.015)
    assert "Loss 400,000, 1 step before the end" in told
    assert "In 1 of 2 layers the median unit is above λ = 0.015" in told
    assert "is no longer a number at step 5; AGC from step 3 ends at 90%" in alternative(
        [crash, fork], 3
    )


def test_the_table_says_what_was_measured() -> None:
    text = how_late()
    assert "| the step before | 0 of 5 | 10% |" in text
    assert "| 3 steps before | 3 of 5 | 41% |" in text
    assert "| 5 steps before | 5 of 5 | 89% |" in text and "| the start | 5 of 5 | 90% |" in text
    assert "5 steps before the end is early enough" in text and "2 steps before is too" in text


def test_paper_has_the_recorded_fork_and_nothing_else() -> None:
    params = DEMOS["blackbox"].read({})
    (printed,) = still(params)
    assert "AGC from step 24 ends at" in printed.alt and "Recorded" in printed.caption
    assert still({**params, "step": 23}) == ()


# the page


@pytest.fixture
def page(compute):
    """Opens the page, with the recordings that ship and these settings in its address."""

    return partial(opened, "blackbox")


def words(at: AppTest) -> str:
    return " ".join(e.value for e in (*at.markdown, *at.caption))


def fork_button(at: AppTest):
    return at.button(key="blackbox_fork_ask")


def test_a_crash_and_a_fork_are_there_on_arrival(page, compute) -> None:
    at = page()
    assert "step 34: the loss is no longer a number" in words(at)
    assert "**AGC from step 24**: 90.8% of the test images right" in words(at)
    assert "Recorded 2026-11-27" in words(at) and len(at.get("plotly_chart")) == 1
    assert compute.tickets == []


def test_scrubbing_moves_the_line_and_the_instruments(page) -> None:
    at = page()
    for place in (1, 33):
        at.slider(key="blackbox_step").set_value(place).run()
        assert not at.exception
        assert f"The instruments at step {place}" in [s.value for s in at.subheader]
        assert fork_button(at).label == f"AGC from step {place}"
        assert "AGC from step 24" not in words(at)  # that fork was another one
    at.slider(key="blackbox_step").set_value(34).run()
    assert "nothing is left to read" in words(at)
    at.slider(key="blackbox_step").set_value(24).run()
    assert "90.8%" in words(at)


def test_a_shorter_run_takes_the_slider_back(page) -> None:
    at = page(blackbox_step="33")
    at.segmented_control(key="blackbox_seed").set_value("0").run()
    assert not at.exception and at.slider(key="blackbox_step").value == 21
    assert "step 21: the loss is no longer a number" in words(at)
    at.button(key="blackbox_restore").click().run()
    assert at.slider(key="blackbox_step").value == 24 and "90.8%" in words(at)


@pytest.mark.parametrize("stop", [STOPS[0], STOPS[-1]])
def test_a_fork_is_shown_as_it_goes_beside_the_run(page, compute, stop: str) -> None:
    at = page(blackbox_lambda=stop, blackbox_step="20", blackbox_seed="1")
    assert not at.warning
    fork_button(at).click().run()
    (ticket,) = compute.tickets
    both = lanes(1, float(stop), 20)
    assert ticket.job == Fork(both[1].config)
    ticket.items, ticket.state = [(0, step(10))], State("running")
    at.run()  # the run has not come as far as the line
    assert not at.exception and "nothing is left to read" not in words(at)
    assert "5%" in at.get("progress")[0].proto.text
    ticket.items = [(0, step(50)), (1, step(100))]
    at.run()
    assert "75%" in at.get("progress")[0].proto.text
    ticket.items = [(0, step(1)), (0, died(2)), (1, step(20)), (1, finished(100, 0.87))]
    ticket.state = State("done")
    at.run()
    assert "**AGC from step 20**: 87.0%" in words(at) and "step 2: the loss is no" in words(at)
    assert "a checkpoint of the run above, saved after step 19" in words(at)
    at.slider(key="blackbox_step").set_value(12).run()
    assert "87.0%" not in words(at) and "step 28: the loss is no longer a number" in words(at)


def test_a_refusal_is_one_sentence(page, compute) -> None:
    at = page()
    compute.refuse = UserError("Too many wait; try again in a minute.")
    fork_button(at).click().run()
    assert [w.value for w in at.warning] == ["Too many wait; try again in a minute."]


@pytest.mark.parametrize(
    "params",
    [
        {"blackbox_seed": "3"},
        {"blackbox_step": "0"},
        {"blackbox_step": "1e2"},
        {"blackbox_lambda": "off"},
        {"blackbox_lambda": "<b>"},
    ],
)
def test_a_hostile_address_is_ignored_with_one_sentence(page, params) -> None:
    at = page(**params)
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value
    assert "step 34: the loss is no longer a number" in words(at)


def test_an_address_beyond_the_runs_end_stops_at_it(page) -> None:
    at = page(blackbox_step="99", blackbox_seed="0")
    assert at.slider(key="blackbox_step").value <= 21 and not at.warning


def test_without_a_recording_one_can_still_be_made(page, compute, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    at = page()
    assert "no recorded crash" in at.info[0].value
    fork_button(at).click().run()
    compute.tickets[0].items = ITEMS
    compute.tickets[0].state = State("done")
    at.run()
    assert not at.exception and "90.0%" in words(at)


# other pictures


def test_a_crash_on_other_pictures_is_the_viewers_own_and_can_be_scrubbed(page, compute) -> None:
    at = page(blackbox_data="CIFAR-10")
    assert "Nothing is recorded here for CIFAR-10" in at.info[0].value
    assert not at.get("plotly_chart") and "saved" not in words(at)
    fork_button(at).click().run()
    (ticket,) = compute.tickets
    assert (ticket.job.config.dataset, ticket.job.config.lr) == ("cifar10", ELSEWHERE)
    ticket.items = [item for item in ITEMS if item[0] == 0]
    ticket.state = State("done")
    at.run()
    assert "step 5: the loss is no longer a number" in words(at)
    at.run()
    at.slider(key="blackbox_step").set_value(3).run()
    assert not at.exception and at.slider(key="blackbox_step").max == 5
    assert "The instruments at step 3" in [s.value for s in at.subheader]
    assert "Your own run of the NF net at rate 1 on CIFAR-10." in words(at) and not at.info
    assert "How late is too late?" not in [s.value for s in at.subheader]
    at.segmented_control(key="blackbox_seed").set_value("0").run()
    assert "Nothing is recorded here for CIFAR-10" in at.info[0].value
    at.segmented_control(key="blackbox_data").set_value("Shapes").run()
    assert "step 21: the loss is no longer a number" in words(at)


def test_guessing_is_told_by_the_classes_that_there_are() -> None:
    crash, fork = lanes(1, 0.01, 9, "own:0123456789abcdef", (30, 10))
    assert (crash.guess_accuracy, fork.guess_accuracy) == (0.75, 0.75)
    assert fork.config.replace(clipping=None, clipping_from=1) == crash.config
    crash.config.check(CLASSROOM)
