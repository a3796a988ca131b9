"""Worker processes, really started, steered, stopped and killed."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import app.compute
from app.compute.jobs import Busy, Gradients, Propagate, Race
from app.compute.process import ROOT, WorkerProcess
from nfnet.run import Control, Finished, RunConfig, Step, UserError
from tests.app.compute_tools import (
    SCRIPTED,
    all_ready,
    ended,
    gone,
    no_leftovers,
    pids,
    running,
    scripted_compute,
    wait_for,
)
from tests.app.scripted_worker import scripted, step

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by signal")


@pytest.fixture(params=[False, True], ids=["socketpair", "loopback"], scope="module")
def compute(request):
    """One for many tests: what one test does to it must not harm the next."""
    with scripted_compute(loopback=request.param) as compute:
        yield compute


def race(*scripts, **options):
    return Race(tuple(scripted(script, **options) for script in scripts))


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
    gradients = compute.submit(Gradients(scripted(), at_steps=(0, 4)), "b")
    assert ended(gradients).name == "done"
    assert [item["step"] for item in gradients.events()] == [0, 4]
    propagate = compute.submit(Propagate(scripted()), "b")
    assert ended(propagate).name == "done"
    assert propagate.events()[0]["predicted_variance"] is None
    assert training.state.name == "running"
    training.cancel()


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        (race("raise"), "error"),
        (race("refuse"), "invalid"),
        (race("exit"), "worker died"),
        (race("crash"), "worker died"),
        (race("leak"), "out of memory"),
        (race("torch leak"), "out of memory"),
        (race("cuda error"), "error"),
        (Gradients(scripted("nonsense")), "worker died"),
        (Gradients(scripted("blob")), "worker died"),
        (Propagate(scripted("raise")), "error"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_job_that_goes_wrong_says_why_and_the_next_one_runs(compute, job, reason):
    ticket = compute.submit(job, "a")
    behind = compute.submit(fresh("steps"), "b")
    state = ended(ticket)
    assert (state.name, state.reason) == ("failed", reason)
    assert state.message.endswith(".") and "secret" not in state.message
    if reason == "invalid":
        assert state.message == "choose a smaller rate."
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
    for n in range(20_000):
        ticket.send(Control("lr", n / 10_000))
    ticket.cancel()
    assert ended(compute.submit(fresh("steps"), "b")).name == "done"


def test_cancelling_a_willing_worker_keeps_it(compute):
    ticket = compute.submit(fresh("steps", steps=1000, pause=0.01), "a")
    running(ticket)
    (worker,) = pids(compute, "long")
    ticket.cancel()
    assert ticket.state.name == "cancelled"
    wait_for(lambda: not pids(compute, "long"))
    assert not gone(worker) and worker in pids(compute, "idle")


@pytest.mark.parametrize("how", ["stuck", "half a message", "stopped"])
def test_cancelling_a_deaf_worker_ends_it(compute, how):
    if how == "half a message" and compute._options["loopback"]:
        pytest.skip("the script writes to the inherited socket")
    ticket = compute.submit(fresh("stuck" if how == "stopped" else how), "a")
    wait_for(lambda: ticket.state.name == "running")
    (worker,) = wait_for(lambda: pids(compute, "long"))
    if how == "stopped":
        running(ticket)
        os.kill(worker, signal.SIGSTOP)
    seen = len(ticket.events())
    ticket.cancel()
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


# With settings of their own


def test_printing_a_lot_blocks_nothing_and_goes_to_the_apps_log(capfd):
    with scripted_compute() as compute:
        assert ended(compute.submit(fresh("print", steps=1), "a")).name == "done"
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err.count("x" * 10_000) == 300


def test_a_job_past_its_deadline_is_ended():
    with scripted_compute(deadline=0.5) as compute:
        ticket = compute.submit(race("stuck"), "a")
        state = ended(ticket)
        assert (state.name, state.reason) == ("failed", "deadline")
        assert ended(compute.submit(race("steps"), "b")).name == "done"


def test_jobs_that_nobody_watches_are_ended():
    with scripted_compute(abandon_after=0.5) as compute:
        tickets = [compute.submit(race("stuck", lr=n / 10), f"owner {n}") for n in (1, 2)]
        wait_for(lambda: compute.stats()["cancelled"] == 2)
        assert {t.state.reason for t in tickets} == {"abandoned"}
        assert ended(compute.submit(race("steps"), "c")).name == "done"


def test_workers_that_cannot_start_are_told_in_a_sentence():
    with scripted_compute(command=(*SCRIPTED, "--broken")) as compute:
        ticket = compute.submit(race("steps"), "a")
        state = ended(ticket)
        assert (state.name, state.reason) == ("failed", "worker died")
        with pytest.raises(Busy, match="try again in a minute"):
            compute.submit(race("steps"), "a")


def test_closing_ends_jobs_and_processes_and_may_be_done_twice():
    with no_leftovers(), scripted_compute(workers=2) as compute:
        tickets = [compute.submit(race("stuck", lr=n / 10), f"owner {n}") for n in range(3)]
        running(tickets[0])
        workers = pids(compute)
        compute.close()
        assert {t.state.name for t in tickets} == {"cancelled"}
        assert all(gone(pid) for pid in workers if pid)
        compute.close()
        with pytest.raises(Busy):
            compute.submit(race("steps"), "a")


def test_the_supervisor_sleeps_while_nothing_happens():
    with scripted_compute() as compute:
        all_ready(compute, 3)
        ticket = compute.submit(race("stuck"), "a")
        running(ticket)
        waits, wait = [], compute._changed.wait
        compute._changed.wait = lambda timeout=None: waits.append(timeout) or wait(timeout)
        with compute._changed:
            compute._changed.notify_all()
        time.sleep(0.3)
        assert len(waits) == 1 and waits[0] > 10


def test_a_worker_runs_modestly_at_the_project_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NFNET_DATA", "data")
    with scripted_compute(loopback=True) as compute:
        ticket = compute.submit(Propagate(scripted("environment")), "a")
        assert ended(ticket).name == "done"
        report = ticket.events()[0]["report"]
    assert report["cwd"] == str(ROOT) and report["data"] == str(tmp_path / "data")
    assert report["nice"] > os.nice(0) and report["threads"] == "1"
    assert report["group"] and report["stdin"] and report["key"] is None


def test_a_worker_ends_when_its_channel_closes():
    with no_leftovers():
        process = WorkerProcess(SCRIPTED)
        process.start()
        assert b"ready" in process.receive()
        process._connection.close()
        assert process._process.wait(30) == 0
        process.bury()


def test_on_loopback_only_the_worker_with_the_key_is_admitted():
    impostors = """
        import os, socket, sys
        address = ("127.0.0.1", int(sys.argv[sys.argv.index("--channel") + 1].split(":")[1]))
        for words in (b"", b"x" * 32, b"short"):
            with socket.create_connection(address) as caller:
                caller.sendall(words)
        with socket.create_connection(address) as caller:
            caller.sendall(bytes.fromhex(os.environ["NFNET_WORKER_KEY"]) + b"\\0\\0\\0\\2me")
    """
    with no_leftovers():
        process = WorkerProcess((sys.executable, "-c", textwrap.dedent(impostors)), loopback=True)
        process.start()
        assert process.receive() == b"me"
        process.bury()
        lost = WorkerProcess((sys.executable, "-c", "pass"), loopback=True)
        with pytest.raises(ConnectionError):
            lost.start()
        lost.bury()


APP = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
from app.compute.jobs import Race
from app.compute.local import LocalCompute
from tests.app.compute_tools import SCRIPTED, all_ready, pids, running
from tests.app.scripted_worker import scripted

compute = LocalCompute(command=SCRIPTED)
all_ready(compute, 3)
running(compute.submit(Race((scripted("stuck"),)), "a"))
assert not [m for m in sys.modules if m.split(".")[0] in ("torch", "streamlit")], "too much loaded"
print(*pids(compute), flush=True)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None])
def test_no_worker_outlives_the_app_however_it_ends(end, tmp_path):
    code = APP + ("sys.stdin.read()" if end else "")
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path, text=True
    ) as app_process:
        workers = [int(word) for word in app_process.stdout.readline().split()]
        assert len(workers) == 3
        if end:
            app_process.send_signal(end)
        assert app_process.wait(30) == (-end if end else 0)
    wait_for(lambda: all(gone(pid) for pid in workers), "the orphans to end", seconds=10)


def test_the_app_has_one_compute(monkeypatch):
    monkeypatch.setattr("app.compute.local.COMMAND", SCRIPTED)
    with no_leftovers():
        first = app.compute.get_compute()
        assert app.compute.get_compute(workers=3) is first
        first.close()
        second = app.compute.get_compute(workers=2)
        assert second is not first and second.stats()["slots"] == {"long": 2, "short": 1}
        second.close()
