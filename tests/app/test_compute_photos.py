"""Jobs about photos: on the wire, in the queue, and in real worker processes."""

from __future__ import annotations

import json
import os
import random
import signal
import time

import pytest

from app.compute import jobs, photos, wire
from app.compute.desk import DOWNLOAD_FACTOR, Desk
from app.compute.jobs import Classify, Download, Models, Race
from nfnet.photo import MAX_BYTES, Answer, Occlusion, Perturbation, Prediction, Question
from nfnet.run import RunConfig, UserError
from tests.app.compute_tools import all_ready, ended, pids, running, scripted_compute, wait_for
from tests.app.scripted_worker import race

QUESTION = Question("nfnet_f1", Perturbation(crop=0.5), Occlusion(0.1, 0.2), heat_map=True)
ANSWER = Answer(
    "nfnet_f0",
    (Prediction(1, "goldfish", 0.75, "n01443537"),),
    0.5,
    12_380_000_000,
    256,
    b"\xff\xd8\xff...",
    [[0.0, 1.0], [0.5, 0.25]],
    0.3,
)


# On the wire


@pytest.mark.parametrize("job", [Classify(QUESTION, b"\x00\xff"), Models(), Download("nfnet_f0")])
def test_a_job_about_photos_survives_the_wire(job):
    values = json.loads(json.dumps(jobs.job_to_json(job)))
    picture = getattr(job, "image", b"")
    again = jobs.job_from_json(values, picture)
    assert again == job and getattr(again, "image", b"") == picture


def test_equal_is_who_asks_the_same_about_the_same_picture():
    job = Classify(QUESTION, b"one")
    assert job == Classify(QUESTION, b"one") and hash(job) == hash(Classify(QUESTION, b"one"))
    assert job != Classify(QUESTION, b"two") and job != Classify(Question(), b"one")
    assert jobs.without_picture(job) == job and jobs.without_picture(job).image == b""
    assert "one" not in repr(job)


def test_what_is_too_large_or_unknown_is_refused_in_a_sentence():
    with pytest.raises(UserError, match="8.0 MB, and at most 8 are allowed"):
        Classify(Question(), bytes(MAX_BYTES + 1))
    Classify(Question(), bytes(MAX_BYTES))
    with pytest.raises(UserError, match="unknown model"):
        Download("../../etc/passwd")


def test_items_about_photos_survive_the_wire():
    item = {"answer": ANSWER.to_json()}
    loading = {"loading": {"what": "weights", "done": 1, "total": 0}}
    sent = json.loads(json.dumps([loading, item]))
    received = wire.items_from_json(Classify(QUESTION, b""), sent)
    assert received == [loading, item]
    assert Answer.from_json(received[1]["answer"]) == ANSWER


def answer(**changes):
    return {"answer": {**ANSWER.to_json(), **changes}}


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"answer": None},
        {"answer": {}},
        {"loading": {"what": "x", "done": "1", "total": 0}},
        answer(seen="%%%"),
        answer(seen="PHN2Zz4="),  # <svg>
        answer(seen="/9j/" + "A" * (3 << 20)),
        answer(predictions=[{"index": 1}]),
        answer(predictions=[{**ANSWER.predictions[0].to_json(), "probability": 1.5}]),
        answer(predictions=[{**ANSWER.predictions[0].to_json(), "probability": float("nan")}]),
        answer(predictions=[{**ANSWER.predictions[0].to_json(), "label": "x" * 301}]),
        answer(predictions=[{**ANSWER.predictions[0].to_json(), "label": 3}]),
        answer(predictions=7),
        answer(seconds="long"),
        answer(extra=1),
        answer(heat_map=[[0.0, 1.0], [0.0]]),
        answer(heat_map=[[0.0] * 65]),
        answer(heat_map=[["red"]]),
        answer(heat_map=[[]]),
        answer(heat_map=[[0.0]] * 65),
        answer(heat_map=[[-0.1, 0.0]]),
        answer(threshold="low"),
    ],
)
def test_what_is_no_answer_is_not_believed(item):
    with pytest.raises(wire.BadMessage):
        wire.items_from_json(Classify(QUESTION, b""), [item])


# In the queue, with a clock that the test moves


def test_a_picture_is_let_go_with_the_end_of_its_job():
    desk = Desk({"short": 1})
    for name in ("done", "failed", "cancelled"):
        ticket = desk.submit(Classify(Question(), f"{name} picture".encode()), "a")
        entry = desk.next("short")
        desk.start(entry)
        assert entry.job.image
        desk.end(entry, name)
        assert ticket.job.image == entry.job.image == b""
    again = desk.submit(Classify(Question(), b"done picture"), "b")
    assert again.shared and again.job.image == b""
    assert not any(job.image for job in desk._results)


def test_what_is_on_disk_is_looked_up_each_time():
    desk = Desk({"short": 1, "download": 1})
    for job in (Models(), Download("nfnet_f0")):
        desk.submit(job, "a")
        entry = desk.next(jobs.kind_of(job))
        desk.start(entry)
        desk.end(entry, "done")
        assert not desk.submit(job, "b").shared


def test_a_download_holds_up_nobody_and_may_take_long():
    clock = lambda: clock.now  # noqa: E731
    clock.now = 0.0
    desk = Desk({"long": 1, "short": 1, "download": 1}, deadline=10, abandon_after=1e9, clock=clock)
    download = desk.submit(Download("nfnet_f0"), "a")
    for job in (Race((RunConfig(),)), Classify(Question(), b"")):
        ticket = desk.submit(job, "a")
        assert ticket.state.place == 1
    desk.start(desk.next("download"))
    clock.now = 10.0 * DOWNLOAD_FACTOR - 1
    desk.expire()
    assert download.state.name == "running"
    clock.now += 1
    desk.expire()
    assert download.state.reason == "deadline"


# In processes


@pytest.fixture(scope="module")
def compute():
    with scripted_compute(grace=0.3) as compute:
        all_ready(compute, 3)
        yield compute


def ask(compute, picture=b"picture", owner="a", **question):
    return compute.submit(Classify(Question(**question), picture), owner)


def answer_of(ticket):
    state = ended(ticket)
    assert state.name == "done", state
    return Answer.from_json(ticket.events()[-1]["answer"])


def test_a_large_picture_arrives_whole(compute):
    picture = random.Random(1).randbytes(MAX_BYTES)
    best = answer_of(ask(compute, picture)).predictions[0]
    assert best.label == f"{len(picture)} bytes, sum {sum(picture)}"


def test_the_net_is_loaded_once_and_its_worker_asked_again(compute):
    first = ask(compute, b"1")
    worker = answer_of(first).predictions[0].index
    others = [ask(compute, bytes([n]), owner=f"owner {n}") for n in range(5)]
    assert {answer_of(t).predictions[0].index for t in others} == {worker}
    assert all(list(item) == ["answer"] for t in others for item in t.events())
    other = ask(compute, b"1", model="nfnet_f1", heat_map=True)
    assert answer_of(other).heat_map == [[0.0, 1.0], [0.5, 0.25]]
    assert other.events()[0] == {"loading": {"what": "nfnet_f1", "done": 1, "total": 2}}


def test_trainings_leave_the_worker_with_the_net_alone(compute):
    worker = answer_of(ask(compute, b"before")).predictions[0].index
    for n in range(3):
        training = compute.submit(race("steps", steps=300, pause=0.01, lr=0.5 + n / 100), "t")
        running(training)
        assert pids(compute, "long") != [worker]
        training.cancel()
        ended(training)
    assert answer_of(ask(compute, b"after")).predictions[0].index == worker


def test_a_question_that_changed_takes_the_waiting_ones_place(compute):
    running_ = compute.submit(Classify(Question(), b"script:print"), "x")
    asked = [
        ask(compute, b"p", owner="y", perturbation=Perturbation(crop=0.5 + n / 50))
        for n in range(9)
    ]
    assert answer_of(asked[-1]).predictions[0].probability == 0.5 + 8 / 50
    assert {ended(t).name for t in asked[1:-1]} <= {"cancelled", "done"}
    assert ended(asked[4]).name == "cancelled"
    ended(running_)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("exit", "worker died"),
        ("crash", "worker died"),
        ("leak", "out of memory"),
        ("raise", "error"),
        ("refuse", "invalid"),
    ],
)
def test_a_picture_that_harms_its_worker_costs_one_answer(compute, order, reason):
    state = ended(ask(compute, f"script:{order}".encode()))
    assert (state.name, state.reason) == ("failed", reason) and state.message
    assert answer_of(ask(compute, order.encode())).predictions
    all_ready(compute, 3)


def test_an_answer_that_lies_ends_its_worker(compute):
    state = ended(ask(compute, b"lies"))
    assert (state.name, state.reason) == ("failed", "worker died")
    all_ready(compute, 3)


def test_weights_that_are_not_here_are_never_random(compute):
    state = ended(ask(compute, b"x", model="nfnet_f3"))
    assert (state.name, state.reason) == ("failed", "invalid")
    assert "python -m nfnet download nfnet_f3" in state.message


def test_the_list_says_what_is_on_disk(compute):
    ticket = compute.submit(Models(), "list")
    assert ended(ticket).name == "done"
    (item,) = ticket.events()
    facts = {each["name"]: each for each in item["models"]}
    assert list(facts) == photos.NAMES
    assert facts["nfnet_f0"]["on_disk"] and facts["nfnet_f0"]["about"] == "Made for tests."
    assert facts["nfnet_f2"] == {
        "name": "nfnet_f2",
        "on_disk": False,
        "parameters": 8,
        "bytes": 7,
        "published": True,
        "about": "",
    }
    worker = answer_of(ask(compute, b"right after")).predictions[0].index
    assert worker in pids(compute)


def test_a_download_reports_its_bytes_leaves_room_for_others_and_can_be_cancelled(compute):
    download = compute.submit(Download("nfnet_f2"), "a")
    running(download)
    assert download.events()[0] == {"loading": {"what": "nfnet_f2", "done": 0, "total": 50}}
    training = compute.submit(race("steps", steps=200, pause=0.01, lr=0.7), "a")
    running(training)
    assert answer_of(ask(compute, b"meanwhile")).predictions
    assert download.state.name == "running"
    training.cancel()
    download.cancel()
    assert ended(download).name == "cancelled"
    refused = ended(compute.submit(Download("nfnet_f6"), "a"))
    assert refused.message == "there is no network here; copy the file."


@pytest.mark.skipif(os.name == "nt", reason="stops by signal")
def test_a_worker_that_does_not_listen_cannot_hold_up_the_app_with_a_large_picture(compute):
    all_ready(compute, 3)
    worker = answer_of(ask(compute, b"who")).predictions[0].index
    os.kill(worker, signal.SIGSTOP)
    ticket = ask(compute, random.Random(2).randbytes(MAX_BYTES))
    wait_for(lambda: ticket.state.name == "running")
    began = time.monotonic()
    ticket.cancel()
    assert compute.stats()["running"]["short"] == 0
    other = ask(compute, b"other", owner="b")
    assert answer_of(other).predictions[0].index != worker
    assert time.monotonic() - began < 20
    all_ready(compute, 3)


def test_forty_students_ask_at_once_and_each_has_a_place(compute):
    tickets = [ask(compute, bytes([n, n]), owner=f"student {n}") for n in range(40)]
    places = [ticket.state.place for ticket in tickets]
    assert places == sorted(places) and max(places) <= 40
    labels = [answer_of(ticket).predictions[0].label for ticket in tickets]
    assert labels == [f"2 bytes, sum {2 * n}" for n in range(40)]
