"""The page Train, driven as a viewer drives it, with a stand-in for what computes."""

import time
from functools import partial

import pytest
from streamlit.testing.v1 import AppTest

from app.compute.jobs import Race
from app.compute.tickets import State
from app.demos import recorded, runs
from app.demos.presets import PRESETS
from nfnet.controls import Control
from nfnet.events import Loading
from nfnet.run import UserError
from tests.app.pages import opened
from tests.app.scripted_compute import ScriptedCompute, died, finished, step


@pytest.fixture
def page(compute, monkeypatch, tmp_path):
    """Opens the page with these settings in its address; no recorded runs."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)

    return partial(opened, "train")


def press(at: AppTest, name: str, key: str = "train") -> AppTest:
    at.button(key=f"{key}_{name}").click().run()
    assert not at.exception
    return at


def keys(at: AppTest) -> set[str]:
    return {button.key.rsplit("_", 1)[1] for button in at.button} - {"restore"}


def start_running(at: AppTest, compute: ScriptedCompute, key: str = "train"):
    press(at, "start", key)
    ticket = compute.tickets[-1]
    ticket.state = State("running")
    at.run()
    assert not at.exception
    return ticket


def test_the_first_screen_offers_the_story_and_one_start(page, compute) -> None:
    at = page()
    assert keys(at) == {"start"} and not compute.tickets
    assert any(PRESETS["four"].caption in m.value for m in at.markdown)
    assert any("no recorded run" in c.value for c in at.caption)


def test_start_sends_the_four_recipes_as_one_race_on_one_seed(page, compute) -> None:
    press(page(), "start")
    (ticket,) = compute.tickets
    assert isinstance(ticket.job, Race)
    assert ticket.job.configs == tuple(lane.config for lane in PRESETS["four"].lanes)
    assert len(ticket.owner) >= 16


def test_a_waiting_run_says_its_place_and_can_be_cancelled(page, compute) -> None:
    at = press(page(), "start")
    compute.tickets[0].state = State("queued", place=3, eta=41.7)
    at.run()
    assert "number 3 in the queue, about 42 s" in at.info[0].value
    press(at, "stop")
    assert compute.tickets[0].cancelled and keys(at) == {"start", "reset"}
    assert "stopped before it ended" in at.info[0].value


def test_nets_that_have_all_ended_are_not_starting(page, compute) -> None:
    """The last net's end comes before the run's own."""
    at = page()
    ticket = start_running(at, compute)
    ticket.items += [(lane, step(60)) for lane in range(4)]
    ticket.items += [(lane, died(61)) for lane in range(3)]
    at.run()
    bar = at.get("progress")[0].proto
    assert bar.value == 60 and "Step 60 of 100" in bar.text
    ticket.items.append((3, finished(100)))
    at.run()
    bar = at.get("progress")[0].proto
    assert bar.value == 100 and "Every net has ended" in bar.text


def test_events_that_come_between_two_looks_are_drawn(page, compute) -> None:
    at = page()
    ticket = start_running(at, compute)
    assert "Starting" in at.get("progress")[0].proto.text
    ticket.items += [(lane, step(1, 2.3)) for lane in range(4)]
    at.run()
    assert [m.value for m in at.metric] == ["50%"] * 4
    ticket.items += [(3, step(2, 1.25, 0.01, 0.83)), (2, died(2))]
    at.run()
    assert at.metric[2].value == "dead"
    assert at.metric[3].delta == "83% clipped"
    assert any("step 2: the loss is no longer a number" in m.value for m in at.markdown)
    assert "Step 2 of 100, 2,500 images a second." == at.get("progress")[0].proto.text
    drawn = [chart.proto for chart in at.get("echarts_chart")]
    assert len(drawn) == 4 and all(chart.alt for chart in drawn)
    assert "NF no longer a number at step 2" in drawn[0].alt


def test_the_threshold_reaches_the_running_net_and_only_that(page, compute) -> None:
    at = page()
    ticket = start_running(at, compute)
    at.select_slider(key="train_clipping").set_value("0.1").run()
    assert ticket.sent == [(Control("clipping", 0.1), 3)]
    at.select_slider(key="train_clipping").set_value("off").run()
    assert ticket.sent[1:] == [(Control("clipping", None), 3)]
    at.select_slider(key="train_lr").set_value("× 3").run()
    sent = {lane: control.value for control, lane in ticket.sent[2:]}
    assert sent == pytest.approx({0: 0.9, 1: 0.9, 2: 3.0, 3: 3.0})


def test_pause_go_on_and_stop(page, compute) -> None:
    at = page()
    ticket = start_running(at, compute)
    ticket.items += [(0, step(5))]
    press(at, "pause")
    assert ticket.sent == [(Control("pause"), None)]
    assert "paused" in at.get("progress")[0].proto.text
    assert at.button(key="train_pause").label == "Go on"
    press(at, "pause")
    assert ticket.sent[1] == (Control("resume"), None)
    press(at, "stop")
    assert ticket.sent[2] == (Control("stop"), None) and not ticket.cancelled


def test_the_end_is_told_and_a_new_start_uses_the_levers(page, compute) -> None:
    at = page()
    ticket = start_running(at, compute)
    ticket.items += [(lane, finished(100, 0.9 + lane / 100)) for lane in range(4)]
    ticket.state = State("done")
    at.run()
    assert [m.value for m in at.metric] == ["90.0%", "91.0%", "92.0%", "93.0%"]
    assert keys(at) == {"start", "reset"}
    at.select_slider(key="train_clipping").set_value("0.03").run()
    assert ticket.sent == []
    assert any("That run is over" in c.value for c in at.caption)
    press(at, "start")
    assert [c.clipping for c in compute.tickets[1].job.configs] == [None, None, None, 0.03]
    press(at, "stop")
    press(at, "reset")
    assert keys(at) == {"start"} and at.metric[0].value == "–"


@pytest.mark.parametrize(
    "state",
    [
        State("failed", reason="worker died", message="The worker died; start the run again."),
        State("failed", reason="out of memory", message="Too large for this computer."),
    ],
)
def test_a_failure_is_one_sentence_and_the_next_start_works(page, compute, state) -> None:
    at = page()
    ticket = start_running(at, compute)
    ticket.state = state
    at.run()
    assert [e.value for e in at.error] == [state.message]
    press(at, "start")
    assert len(compute.tickets) == 2 and not at.error


def test_a_refusal_is_shown_once(page, compute) -> None:
    compute.refuse = UserError("Forty runs wait already; try again in a minute.")
    at = press(page(), "start")
    assert [w.value for w in at.warning] == ["Forty runs wait already; try again in a minute."]
    at.run()
    assert not at.warning and keys(at) == {"start"}


def test_a_run_that_the_server_lost_is_said_kindly(page, compute) -> None:
    at = page()
    start_running(at, compute)
    compute.tickets.clear()
    at.run()
    assert "no longer has this run" in at.error[0].value and "start" in keys(at)


def test_the_page_finds_its_run_again_after_another_page(page, compute) -> None:
    at = page()
    ticket = start_running(at, compute)
    at.switch_page("views/clipping.py").run()
    ticket.items += [(lane, step(7, 1.0)) for lane in range(4)]
    at.switch_page("views/train.py").run()
    assert not at.exception and not ticket.cancelled
    assert "Step 7 of 100" in at.get("progress")[0].proto.text


def test_another_set_up_stops_the_run_and_brings_its_own_threshold(page, compute) -> None:
    at = page()
    ticket = start_running(at, compute)
    at.pills(key="train_story").set_value("Raise the batch").run()
    assert not at.exception and ticket.cancelled and keys(at) == {"start"}
    assert at.select_slider(key="train_clipping").value == "0.1"
    at.segmented_control(key="train_batch").set_value(512).run()
    assert at.select_slider(key="train_clipping").value == "0.01"
    press(at, "start")
    assert compute.tickets[1].job.configs == tuple(n.config for n in PRESETS["batch-512"].lanes)


def test_recipes_pictures_and_seed_can_be_chosen(page, compute) -> None:
    at = page()
    at.pills(key="train_recipes").set_value(["NF + AGC", "NFNet-XS"]).run()
    at.segmented_control(key="train_data").set_value("CIFAR-10").run()
    assert len(at.pills(key="train_recipes").value) == 4  # new pictures, the story's own recipes
    at.pills(key="train_recipes").set_value(["NF + AGC", "NFNet-XS"]).run()
    at.number_input(key="train_seed").set_value(7).run()
    press(at, "start")
    agc, xs = compute.tickets[0].job.configs
    assert (agc.dataset, agc.steps, agc.seed) == ("cifar10", 120, 7)
    assert (xs.architecture, xs.dataset, xs.seed) == ("nfnet", "cifar10", 7)
    at.pills(key="train_recipes").set_value([]).run()
    assert "at least one" in at.info[0].value and not at.exception
    every = ["BN", "no norm", "NF", "NF + AGC", "NFNet-XS"]
    at.pills(key="train_recipes").set_value(every).run()
    assert "one to four" in at.info[0].value


def test_the_finding_is_told_after_the_planned_run_and_not_after_a_steered_one(page, compute):
    def told(at: AppTest) -> bool:
        return any(PRESETS["four"].finding in m.value for m in at.markdown)

    at = page()
    assert not told(at)
    ticket = start_running(at, compute)
    assert not told(at)
    ticket.items += [(lane, finished()) for lane in range(4)]
    ticket.state = State("done")
    at.run()
    assert told(at)
    ticket = start_running(at, compute)
    at.select_slider(key="train_clipping").set_value("0.1").run()
    ticket.state = State("done")
    at.run()
    assert not told(at)


def test_what_was_not_measured_is_said_to_be_free_play(page) -> None:
    at = page(train_batch="512")
    assert any("Free play" in m.value and "times 4" in m.value for m in at.markdown)


def test_a_download_shows_its_megabytes(page, compute) -> None:
    at = page()
    ticket = start_running(at, compute)
    ticket.items.append((0, Loading("CIFAR-10", 34_000_000, 170_000_000)))
    at.run()
    bar = at.get("progress")[0].proto
    assert bar.text == "CIFAR-10: 34 of 170 MB" and bar.value == 20
    ticket.items.append((0, Loading("CIFAR-10", 34_000_000, 0)))
    at.run()
    assert at.get("progress")[0].proto.text == "CIFAR-10: 34 MB"


def test_a_result_that_was_there_already_is_replayed_and_says_so(page, compute) -> None:
    compute.ready = [(0, step(n, 2.0)) for n in range(1, 11)] + [(0, finished(10, 0.7))]
    at = press(page(train_recipes="NF"), "start")
    assert any("replayed" in c.value for c in at.caption)
    at.session_state["train_run"].began -= runs.REPLAY_SECONDS / 2
    at.run()
    now = int(at.get("progress")[0].proto.text.split()[1])
    assert 5 <= now < 10
    at.select_slider(key="train_clipping").set_value("0.1").run()
    assert compute.tickets[0].sent == []  # nothing is running that it could reach
    press(at, "stop")  # a replay is stopped by showing its end
    assert at.metric[0].value == "70.0%" and "start" in keys(at)


def test_the_first_minute_keeps_its_suspense_and_the_attempt_before(page, compute) -> None:
    at = page(train_part="The first minute")
    assert "NF" in at.metric[0].label and at.metric[0].value == "–"
    ticket = start_running(at, compute, "train_open")
    ticket.items += [(0, step(n, 2.0 * n)) for n in range(1, 17)] + [(0, died(17))]
    ticket.state = State("done")
    at.run()
    assert at.metric[0].value == "dead"
    at.select_slider(key="train_open_clipping").set_value("0.01").run()
    ticket = start_running(at, compute, "train_open")
    before, again = (t.job.configs[0] for t in compute.tickets)
    assert again == before.replace(clipping=0.01)
    ticket.items += [(0, step(n, 1.0, 0.01, 0.9)) for n in range(1, 5)]
    at.run()
    assert "NF + AGC" in at.metric[0].label
    assert "before no longer a number at step 17" in at.get("echarts_chart")[0].proto.alt


@pytest.mark.parametrize(
    "params",
    [
        {"train_story": "<script>alert(1)</script>"},
        {"train_batch": "7"},
        {"train_batch": "1e99"},
        {"train_seed": "-5"},
        {"train_seed": "99999999999999999999"},
        {"train_clipping": "nan"},
        {"train_lr": "× 1000"},
        {"train_recipes": "everything"},
        {"train_data": "../../etc/passwd"},
        {"train_preset": "x" * 10_000},
    ],
    ids=lambda p: next(iter(p)),
)
def test_a_hostile_address_is_ignored_with_one_sentence(page, compute, params) -> None:
    at = page(**params)
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value
    assert not set(params.values()) & {at.warning[0].value}
    press(at, "start")
    assert compute.tickets[0].job.configs == tuple(lane.config for lane in PRESETS["four"].lanes)


def test_a_good_address_opens_what_it_names(page, compute) -> None:
    at = page(
        train_story="Raise the batch", train_batch="512", train_seed="3", train_clipping="0.1"
    )
    assert not at.warning
    press(at, "start")
    configs = compute.tickets[0].job.configs
    assert {(c.batch_size, c.seed) for c in configs} == {(512, 3)}
    assert configs[2].clipping == 0.1
    at = page(train_preset="batch-16")
    assert not at.warning
    assert at.segmented_control(key="train_batch").value == 16
    assert at.pills(key="train_story").value == "Raise the batch"


def test_very_many_viewers_look_less_often(monkeypatch) -> None:
    assert runs.interval("") is None
    runs._looks.clear()
    assert (runs.interval("live"), runs.interval("queued")) == (0.5, 3.0)
    runs._looks.extend([time.monotonic()] * runs.CROWDED)
    assert (runs.interval("live"), runs.interval("queued")) == (2.0, 3.0)
    runs._looks.clear()


def test_a_slide_that_is_left_keeps_its_run_and_its_threshold(compute, monkeypatch, tmp_path):
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    at = AppTest.from_file("../../app/main.py", default_timeout=30)
    at.query_params["slide"], at.query_params["plain"] = "cold-open", "1"
    at.run()
    key = "cold_open_cold-open"  # the demo, on its slide
    ticket = start_running(at, compute, key)
    ticket.items = [(0, step(1, loss=2.5))]
    at.select_slider(key=f"{key}_clipping").set_value("0.01").run()
    for button in ("deck_next", "deck_back"):
        at.button(key=button).click().run()
        assert not at.exception
    assert at.select_slider(key=f"{key}_clipping").value == "0.01"
    assert any("loss 2.5" in m.value for m in at.markdown)
    assert not ticket.state.ended


def test_reset_puts_the_page_back(page, compute) -> None:
    at = page(train_story="Raise the batch", train_batch="512", train_seed="3")
    at.button(key="train_restore").click().run()
    assert at.pills(key="train_story").value == "Four recipes"
    assert at.segmented_control(key="train_batch").value == 128
    assert at.number_input(key="train_seed").value == 0 and not at.exception


def styles(at: AppTest) -> str:
    return "".join(block.body for block in at.get("html") if "display: none" in block.body)


def test_a_teacher_hands_the_page_out_with_controls_hidden(page, compute) -> None:
    at = page(train_batch="512")
    at.session_state["train_hand_out"] = True  # opened
    at.run()
    at.multiselect(key="train_hide").set_value(["recipes", "seed"]).run()
    link = at.code[0].value
    assert "train_batch=512" in link and "hide=train_recipes&hide=train_seed" in link
    at = page(train_batch="512", hide=["train_recipes", "train_seed"])
    assert ".st-key-train_recipes, .st-key-train_seed {" in styles(at)
    assert not at.get("popover") and at.segmented_control(key="train_batch").value == 512


@pytest.mark.parametrize("hide", ["*", "x{}</style><script>", "stApp]", "A" * 99, ""])
def test_an_odd_name_to_hide_does_nothing(page, compute, hide) -> None:
    assert not styles(page(hide=hide))
