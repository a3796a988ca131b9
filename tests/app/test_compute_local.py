"""Worker processes, really started, steered, stopped and killed."""

from __future__ import annotations

import math
import os
import signal
import time

import pytest

from app.compute.jobs import Gradients, Propagate, Race
from nfnet.controls import Control
from nfnet.events import Finished, Step
from nfnet.run import RunConfig, UserError
from tests.app.compute_tools import (
    all_ready,
    ended,
    gone,
    pids,
    running,
    scripted_compute,
    wait_for,
)
from tests.app.scripted_worker import MARKS, race, scripted, step

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by signal")


@pytest.fixture(params=[False, True], ids=["socketpair", "loopback"], scope="module")
def compute(request, tmp_path_factory):
    """One for many tests: what one test does to it must not harm the next."""
    marks = tmp_path_factory.mktemp("marks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARKS, str(marks))
        with scripted_compute(loopback=request.param) as compute:
            compute.marks = marks
            yield compute


def skip_on_loopback(compute):
    if compute._options["loopback"]:
        pytest.skip("the script writes to the inherited socket")


_numbers = iter(range(1, 10**6))


def fresh(*scripts, **options):
    """A race that no earlier one equals, so that no result is shared."""
    return race(*scripts, lr=float(next(_numbers)) / 1000, **options)


def test_a_race_gives_every_item_in_order_and_is_done(compute):
    job = fresh("steps", "steps", steps=40)
    ticket = compute.submit(job, "a")
    assert ended(ticket).name == "done"
    items = ticket.events()
    for lane in range(2):
        events = [event for each, event in items if each == lane]
        assert events[:-1] == [step(n, job.configs[0].lr) for n in range(1, 41)]
        assert isinstance(events[-1], Finished) and events[-1].loss == math.inf
    assert ticket.events(after=80) == items[80:] and ticket.events(after=82) == []


def test_an_equal_job_gets_the_same_items_at_once(compute):
    first = compute.submit(race("steps", steps=7), "a")
    ended(first)
    second = compute.submit(race("steps", steps=7), "b")
    assert second.shared and second.state.name == "done"
    assert second.events() == first.events()
    steered = compute.submit(fresh("steps", steps=50, pause=0.01), "a")
    running(steered)
    steered.send(Control("lr", 2.0))
    ended(steered)
    assert not compute.submit(steered.job, "b").shared


def test_items_come_a_few_at_a_time_the_first_one_soon(compute):
    began = time.monotonic()
    ticket = compute.submit(fresh("steps", steps=60, pause=0.02), "a")
    running(ticket)
    assert len(ticket.events()) < 10
    ended(ticket)
    seconds = time.monotonic() - began
    # the start, the first item, the last ones and the end are changes too
    assert len(ticket.events()) == 61 and ticket.version <= 5 * seconds + 4


def test_short_jobs_give_their_items_past_a_training(compute):
    training = compute.submit(fresh("steps", steps=1000, pause=0.05), "a")
    running(training)
    gradients = compute.submit(Gradients(scripted(), at_steps=(0, 4)), "c")  # it trains too
    propagate = compute.submit(Propagate(scripted()), "b")
    assert ended(propagate).name == "done"
    assert propagate.events()[0]["predicted_variance"] is None
    assert (training.state.name, gradients.state.name) == ("running", "queued")
    training.cancel()
    assert ended(gradients).name == "done"
    assert [item["step"] for item in gradients.events()] == [0, 4]


@pytest.mark.parametrize(
    ("job", "reason", "replaced"),
    [
        (race("raise"), "error", 0),
        (race("refuse"), "invalid", 0),
        (race("exit"), "worker died", 1),
        (race("crash"), "worker died", 1),
        (race("leak"), "out of memory", 1),
        (race("torch leak"), "out of memory", 1),
        (race("cuda error"), "error", 1),
        (race("ready again"), "worker died", 1),
        (Gradients(scripted("nonsense")), "worker died", 1),
        (Gradients(scripted("blob")), "worker died", 1),
        (Propagate(scripted("raise")), "error", 0),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_job_that_goes_wrong_says_why_and_the_next_one_runs(compute, job, reason, replaced):
    if job == race("ready again"):
        skip_on_loopback(compute)
    all_ready(compute, 3)
    before = set(pids(compute))
    ticket = compute.submit(job, "a")
    behind = compute.submit(fresh("steps"), "b")
    state = ended(ticket)
    assert (state.name, state.reason) == ("failed", reason)
    assert state.message.endswith(".") and "secret" not in state.message
    if reason == "invalid":
        assert state.message == "choose a smaller rate."
    if reason in ("error", "invalid") and isinstance(job, Race):
        assert len(ticket.events()) == 3  # what was measured before it went wrong
    wait_for(lambda: len(before - set(pids(compute))) == replaced, "the worker to go, or not")
    assert ended(behind).name == "done"
    assert not compute.submit(job, "c").shared


def test_controls_reach_a_running_lane_and_a_paused_one_stands_still(compute):
    ticket = compute.submit(fresh("steps", "steps", steps=1000, pause=0.01), "a")
    running(ticket)
    ticket.send(Control("lr", 7.0), lane=1)
    wait_for(lambda: any(e.lr == 7.0 for _, e in ticket.events()))
    ticket.send(Control("pause"), lane=0)

    def still():
        seen = len(ticket.events())
        wait_for(lambda: len(ticket.events()) > seen + 20)
        return {lane for lane, _ in ticket.events(seen)} == {1}

    wait_for(still, "lane 0 to stand still")
    ticket.send(Control("pause"))  # now both: the worker sleeps
    ticket.send(Control("stop"), lane=1)
    wait_for(lambda: isinstance(ticket.events()[-1][1], Finished))
    assert ticket.state.name == "running"
    ticket.send(Control("stop"))
    assert ended(ticket).name == "done"
    ends = {lane: e for lane, e in ticket.events() if isinstance(e, Finished)}
    assert ends[0].stopped and ends[1].stopped
    assert all(e.lr != 7.0 for lane, e in ticket.events() if lane == 0 and isinstance(e, Step))


def test_a_flood_of_controls_to_a_deaf_worker_blocks_nobody(compute):
    ticket = compute.submit(fresh("stuck"), "a")
    running(ticket)
    for n in range(1000):
        ticket.send(Control("lr", n / 1000))
        time.sleep(0.0005)  # so that the supervisor could send each on its own
    ticket.cancel()
    assert ended(compute.submit(fresh("steps"), "b")).name == "done"


@pytest.mark.parametrize("how", ["stuck", "half a message", "stopped"])
def test_cancelling_a_deaf_worker_ends_it(compute, how):
    if how == "half a message":
        skip_on_loopback(compute)
    ticket = compute.submit(fresh("stuck" if how == "stopped" else how), "a")
    wait_for(lambda: ticket.state.name == "running")
    (worker,) = wait_for(lambda: pids(compute, "long"))
    wait_for((compute.marks / str(worker)).exists, "the worker to be deaf")
    if how == "stopped":
        os.kill(worker, signal.SIGSTOP)
    ticket.cancel()
    seen = len(ticket.events())
    assert ticket.state.name == "cancelled"
    assert ended(compute.submit(fresh("steps"), "b")).name == "done"
    wait_for(lambda: gone(worker))
    assert ticket.state.name == "cancelled" and len(ticket.events()) == seen


def test_when_a_worker_is_killed_the_next_job_starts_on_a_worker_that_was_ready(compute):
    all_ready(compute, 3)
    victim = compute.submit(fresh("steps", steps=1000, pause=0.01), "a")
    running(victim)
    behind = compute.submit(fresh("steps", steps=1000, pause=0.01), "b")
    assert (behind.state.name, behind.state.place) == ("queued", 1)
    (killed,), ready = pids(compute, "long"), pids(compute, "idle")
    os.kill(killed, signal.SIGKILL)
    state = ended(victim)
    assert (state.name, state.reason) == ("failed", "worker died") and state.message
    assert victim.events()
    wait_for(lambda: pids(compute, "long"))
    assert pids(compute, "long")[0] in ready
    running(behind)
    behind.cancel()
    all_ready(compute, 3)
    assert killed not in pids(compute)


def test_a_worker_that_dies_idle_is_replaced(compute):
    all_ready(compute, 3)
    killed = pids(compute)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not set(killed) & set(pids(compute)))
    assert ended(compute.submit(fresh("steps"), "a")).name == "done"


def test_what_is_too_large_for_a_classroom_is_refused_at_once(compute):
    with pytest.raises(UserError, match="steps is 4000, and at most 3000"):
        compute.submit(Race((RunConfig(steps=4000, batch_size=1),)), "a")


def test_a_ticket_is_its_owners(compute):
    ticket = compute.submit(fresh("steps"), "a")
    assert compute.ticket(ticket.id, "a") is ticket
    assert compute.ticket(ticket.id, "b") is None


def test_every_gpu_trains_one_run_at_a_time(monkeypatch):
    monkeypatch.setenv("SCRIPTED_GPUS", "2")
    with scripted_compute() as compute:
        wait_for(lambda: compute.stats()["slots"]["long"] == 2, "the workers to tell of the GPUs")
        all_ready(compute, 4)  # two that train, one for short jobs, one spare
        tickets = [compute.submit(race("steps", steps=40, pause=0.05), o) for o in "ab"]
        for ticket in tickets:
            running(ticket)
        used = {ticket.events()[0][1].images_per_second for ticket in tickets}
        assert used == {0.0, 1.0}
