"""The page Photos as a viewer drives it, in each of its states; its figures and words."""

from __future__ import annotations

import html
import io
from functools import partial
from types import SimpleNamespace

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.compute.jobs import Download
from app.compute.tickets import State
from app.demos import photo_asks, photo_nets, photo_source
from app.demos.photo_answer import cost, plain
from app.demos.photo_figures import bars, in_words, percent, picture
from app.demos.photos import CALLED
from nfnet.drawings import SAMPLES, SIDE, sample
from nfnet.photo import MAX_BYTES, Occlusion, Perturbation, Question
from nfnet.run import UserError
from tests.app.pages import opened
from tests.app.photo_tools import PhotoCompute, answer, facts


@pytest.fixture
def compute(monkeypatch) -> PhotoCompute:
    fake = PhotoCompute()
    monkeypatch.setattr("app.compute.get_compute", lambda workers=None: fake)
    return fake


@pytest.fixture
def page(compute):
    return partial(opened, "photos")


def said(at: AppTest) -> str:
    parts = (at.markdown, at.caption, at.subheader, at.info, at.warning, at.error, at.success)
    return " ".join(element.value for part in parts for element in part)


def run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception
    return at


# States


def test_without_weights_the_page_says_what_to_do_and_asks_nothing(page, compute) -> None:
    compute.models = facts()
    at = page()
    assert "python -m nfnet download nfnet_f0" in said(at) and "NFNET_WEIGHTS" in said(at)
    assert compute.asked == [] and not at.get("plotly_chart")
    compute.models = facts("nfnet_mini")
    at.button(key="photos_relist").click().run()
    run(at)
    assert compute.asked[-1].job.question.model == "nfnet_mini"


def test_where_nothing_can_be_computed_the_page_says_so(page, compute) -> None:
    compute.refuse = UserError("nothing can be computed at the moment; try again in a minute")
    at = page()
    assert "Nothing can be computed at the moment" in said(at)
    compute.refuse = None
    run(at)
    assert len(compute.asked) == 1


def test_the_first_drawing_is_asked_about_at_once(page, compute) -> None:
    at = page()
    (ticket,) = compute.asked
    assert ticket.job.question == Question("nfnet_f0")
    assert ticket.job.image == sample("lighthouse")
    assert "number 1 in the queue" in said(at)
    ticket.state = State("queued", place=7, eta=12.3)
    assert "number 7 in the queue, about 12 s" in said(run(at))
    ticket.state, ticket.items = State("running"), [{"loading": dict(what="", done=1, total=4)}]
    assert run(at).get("progress")[0].proto.value == 25
    ticket.items = []
    assert "is looking" in said(run(at))
    compute.reply()
    run(at)
    assert at.subheader[0].value == "goldfish, 75%"
    assert "12.4 billion multiply-adds in 0.62 s" in said(at) and "drawing of ours" in said(at)
    charts = at.get("plotly_chart")
    assert len(charts) == 2 and len(compute.asked) == 1
    assert "1. goldfish, Carassius auratus 75%; 2. <b>tench</b> 10%" in charts[1].proto.alt


def test_what_the_network_may_not_know_is_said(page, compute) -> None:
    at = page()
    compute.reply(threshold=0.4, best=0.3)
    assert "Below 40% this network often does not know" in said(run(at))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State("failed", reason="worker died", message="x"), "process that looked at this picture"),
        (State("failed", reason="out of memory", message="batch"), "smaller network"),
        (State("failed", reason="deadline", message="steps"), "too long"),
        (State("failed", reason="error", message="x"), "server's log"),
        (State("failed", reason="invalid", message="this is a GIF; save it."), "This is a GIF"),
        (State("cancelled", message="A newer run took this one's place."), "A newer run"),
    ],
)
def test_what_went_wrong_is_one_sentence_and_not_asked_again_by_itself(
    page, compute, state, words
) -> None:
    at = page()
    compute.asked[-1].state = state
    run(at)
    assert [words in error.value for error in at.error] == [True]
    run(at)
    assert len(compute.asked) == 1  # a picture that kills a worker does not kill the next one
    if state.reason == "invalid":  # the same picture would be refused again
        assert not [button for button in at.button if button.key == "photos_again"]
        return
    at.button(key="photos_again").click().run()
    assert len(compute.asked) == 2
    compute.reply()
    assert not run(at).error


def test_a_server_that_forgot_the_question_says_so(page, compute) -> None:
    at = page()
    compute.tickets.clear()
    assert photo_asks.LOST in said(run(at))


def test_a_full_queue_is_one_sentence(page, compute) -> None:
    at = page()
    compute.reply()
    run(at)
    compute.refuse = UserError("200 runs are waiting already; try again in a minute")
    at.slider(key="photos_rotation").set_value(90).run()
    assert "200 runs are waiting already" in at.error[0].value


# What a viewer changes


def test_every_lever_changes_the_question_and_reset_takes_it_back(page, compute) -> None:
    at = page()
    compute.reply()
    run(at)
    at.slider(key="photos_brightness").set_value(1.5).run()
    at.slider(key="photos_rotation").set_value(-90).run()
    at.slider(key="photos_noise").set_value(0.2).run()
    at.slider(key="photos_crop").set_value(0.5).run()
    at.toggle(key="photos_heat").set_value(True).run()
    at.toggle(key="photos_cover").set_value(True).run()
    at.slider(key="photos_x").set_value(0.25).run()
    at.segmented_control(key="photos_net").set_value("F0").run()
    assert compute.asked[-1].job.question == Question(
        "nfnet_f0", Perturbation(1.5, -90.0, 0.2, 0.5), Occlusion(0.25, 0.5, 0.3), True, 5
    )
    assert "before the change" in said(at)  # the old answer stands meanwhile, and is called so
    at.button(key="photos_reset").click().run()
    assert compute.asked[-1].job.question == Question("nfnet_f0")


def test_the_page_is_handed_out_with_its_settings_and_what_to_hide(page, compute) -> None:
    at = page(photos_rotation="30")
    at.button(key="photos_show_ladybug").click()
    at.session_state["photos_hand_out"] = True  # opened
    run(at)
    assert not at.exception
    assert {"photos_rotation=30", "photos_sample=ladybug"} <= set(
        at.code[0].value.partition("?")[2].split("&")
    )
    for name in CALLED:
        at.multiselect(key="photos_hide").set_value([name])
        run(at)
        assert at.code[0].value.endswith(f"hide=photos_{name}")
    at = page(hide="photos_rotation")
    assert not any(button.label == "Hand out" for button in at.button)


def test_settings_come_from_the_address(page, compute) -> None:
    compute.models = facts("nfnet_f0", "nfnet_f1")
    at = page(photos_net="F1", photos_sample="giraffe", photos_rotation="45", photos_heat="true")
    assert not at.warning
    job = compute.asked[-1].job
    assert job.question == Question("nfnet_f1", Perturbation(rotation=45.0), heat_map=True)
    assert job.image == sample("giraffe")


@pytest.mark.parametrize(
    "params",
    [
        {"photos_sample": "../../etc/passwd"},
        {"photos_net": "F9"},
        {"photos_rotation": "1e9"},
        {"photos_noise": "nan"},
        {"photos_crop": "<script>"},
    ],
)
def test_a_hostile_address_is_ignored_with_one_sentence(page, compute, params) -> None:
    at = page(**params)
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value
    assert compute.asked[-1].job.question == Question("nfnet_f0")
    assert compute.asked[-1].job.image == sample("lighthouse")


def test_another_drawing_is_another_question_and_stands_in_the_address(page, compute) -> None:
    at = page()
    compute.reply()
    run(at)
    at.button(key="photos_show_giraffe").click().run()
    assert compute.asked[-1].job.image == sample("giraffe")
    assert not at.subheader or at.subheader[0].value != "goldfish, 75%"  # no old answer beside it
    assert at.query_params["photos_sample"] in ("giraffe", ["giraffe"])


def test_a_file_is_asked_about_unopened_and_its_name_shown_nowhere(page, compute) -> None:
    at = page()
    hostile = b"\x89PNG not really"
    at.file_uploader[0].upload("**bold** [x](http://evil) <b>.png", hostile).run()
    assert not at.exception
    job = compute.asked[-1].job
    assert job.image == hostile
    compute.reply()
    run(at)
    assert "evil" not in said(at) and "drawing of ours" not in said(at)
    assert not {name for name in at.query_params if "upload" in name}
    at.button(key="photos_show_umbrella").click().run()
    assert compute.asked[-1].job.image == sample("umbrella")


def test_a_network_that_is_not_here_is_never_asked(page, compute) -> None:
    at = page()
    before = len(compute.asked)
    at.segmented_control(key="photos_net").set_value("F1").run()
    assert "python -m nfnet download nfnet_f1" in said(at)
    assert len(compute.asked) == before


def test_who_sits_at_the_server_can_download_and_cancel(page, compute, monkeypatch) -> None:
    monkeypatch.setattr(photo_nets, "may_download", lambda: True)
    at = page(photos_net="F1")
    at.button(key="photos_fetch").click().run()
    ticket = next(t for t in compute.tickets if isinstance(t.job, Download))
    assert ticket.job == Download("nfnet_f1")
    ticket.state = State("running")
    ticket.items = [
        {"loading": {"what": "F1", "done": n * 10**8, "total": 5 * 10**8}} for n in (0, 2)
    ]
    run(at)
    assert "NFNet-F1: 200 of 500 MB" in at.get("progress")[0].proto.text
    at.button(key="photos_cancel").click().run()
    assert ticket.cancelled
    at.button(key="photos_fetch").click().run()
    ticket = compute.tickets[-1]
    ticket.state = State("failed", reason="invalid", message="There is no network; copy the file.")
    run(at)
    assert "There is no network; copy the file." in [error.value for error in at.error]
    at.button(key="photos_fetch").click().run()
    compute.tickets[-1].state, compute.models = State("done"), facts("nfnet_f0", "nfnet_f1")
    run(at)
    assert "NFNet-F1 is here." in said(at)
    assert compute.asked[-1].job.question.model == "nfnet_f1"


@pytest.mark.parametrize(("address", "may"), [(None, True), ("192.0.2.7", False)])
def test_only_who_sits_at_the_server_may_fill_its_disk(monkeypatch, address, may) -> None:
    monkeypatch.setattr(photo_nets.st, "context", SimpleNamespace(ip_address=address))
    assert photo_nets.may_download() == may


# Words and figures


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "< 0.1%"), (0.0123, "1.2%"), (0.5, "50%"), (0.994, "99%"), (0.9999, "> 99%")],
)
def test_shares_are_neither_nothing_nor_certain(share, words) -> None:
    assert percent(share) == words


def test_labels_are_text_wherever_they_are_shown() -> None:
    figure = bars(answer().predictions, dark=False)
    texts = [note.text for note in figure.layout.annotations]
    assert "&lt;b&gt;tench&lt;/b&gt;" in texts and "<b>tench</b>" not in texts
    assert "goldfish" in texts and html.escape("< 0.1%") in "".join(texts)
    assert plain("a*b [c](d) :red[e] $f$") == r"a\*b \[c\]\(d\) \:red\[e\] \$f\$"
    assert in_words(answer().predictions).count(";") == 4


def test_the_picture_is_shown_by_the_browser_and_what_counts_stays_bright() -> None:
    grid = [[0.0, 1.0], [0.25, 0.5]]
    figure = picture(answer(heat_map=grid), spotlight=True, clickable=True)
    assert figure.layout.images[0].source.startswith("data:image/jpeg;base64,")
    heat, places = figure.data
    assert (heat.x0, heat.dx, heat.y0, heat.dy) == (0.25, 0.5, 0.25, 0.5)
    assert heat.colorscale[-1][1] == "rgba(0,0,0,0)"
    assert figure.layout.yaxis.range == (1, 0)  # the first row is the top one
    assert (
        min(places.x) > 0
        and max(places.y) < 1
        and len(set(zip(places.x, places.y, strict=True))) == 256
    )
    assert len(picture(answer(heat_map=grid), False, False).data) == 1


def test_the_cost_is_told_in_words() -> None:
    assert cost(answer()) == (
        "NFNet-F0 at 256 px: 12.4 billion multiply-adds in 0.62 s on this server."
    )


def test_seconds_left_follow_from_the_speed() -> None:
    loading = {"what": "", "done": 120 * 10**6, "total": 286 * 10**6}
    assert photo_nets.amount("nfnet_f0", loading, 10e6) == "NFNet-F0: 120 of 286 MB, 17 s left"
    assert photo_nets.amount("nfnet_f0", loading, 1e6).endswith("3 min left")
    assert photo_nets.amount("nfnet_f0", {**loading, "total": 0}, 1e6) == "NFNet-F0: 120 MB"


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("https://lecture.example/photos", True),
        ("http://localhost:8501/photos", True),
        ("http://192.168.1.7:8501/photos", False),
        (None, False),
    ],
)
def test_the_camera_is_offered_where_a_browser_would_allow_it(url, secure) -> None:
    assert photo_source.is_secure(url) == secure


@pytest.mark.parametrize("name", SAMPLES)
def test_a_drawing_is_a_small_picture_that_is_always_the_same(name) -> None:
    data = sample(name)
    assert len(data) < 100_000 < MAX_BYTES
    drawn = Image.open(io.BytesIO(data))
    assert drawn.size == (SIDE, SIDE) and drawn.mode == "RGB"
    sample.cache_clear()
    assert sample(name) == data
