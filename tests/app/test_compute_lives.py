"""The lives of worker processes: how they start, are left alone, and end with the app."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import app.compute
from app.compute.jobs import Busy, Propagate
from app.compute.process import ROOT, WorkerProcess
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
from tests.app.scripted_worker import race, scripted

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by signal")


def test_printing_a_lot_blocks_nothing_and_goes_to_the_apps_log(capfd):
    with scripted_compute() as compute:
        assert ended(compute.submit(race("print", steps=1), "a")).name == "done"
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err.count("x" * 10_000) == 300


def test_a_job_past_its_deadline_is_ended():
    with scripted_compute(deadline=0.5) as compute:
        ticket = compute.submit(race("stuck"), "a")
        state = ended(ticket)
        assert (state.name, state.reason) == ("failed", "deadline")
        assert ended(compute.submit(race("steps"), "b")).name == "done"


def test_cancelling_a_willing_worker_keeps_it():
    with scripted_compute(grace=0.5) as compute:
        ticket = compute.submit(race("steps", steps=1000, pause=0.01), "a")
        running(ticket)
        (worker,) = pids(compute, "long")
        ticket.cancel()
        assert ticket.state.name == "cancelled"
        # longer than the grace, so that a kill would still come
        assert ended(compute.submit(race("steps", steps=60, pause=0.01), "b")).name == "done"
        assert not gone(worker) and worker in pids(compute)
        assert compute.stats()["replaced"] == 0


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


def test_a_worker_that_is_killed_before_it_was_started_ends_all_the_same():
    with no_leftovers():
        process = WorkerProcess(SCRIPTED)
        process.kill()
        process.start()
        with pytest.raises((EOFError, ConnectionError)):
            process.receive()
        assert process.bury() == -signal.SIGKILL


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
from app.compute.jobs import (Race)
from app.compute.local import LocalCompute
from tests.app.compute_tools import SCRIPTED, all_ready, pids, running
from tests.app.scripted_worker import race, scripted

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
        assert second is not first and second.stats()["slots"]["long"] == 2
        second.close()
