"""What the tests with real worker processes share."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from app.compute.local import LocalCompute

HERE = Path(__file__).parent
SCRIPTED = (sys.executable, str(HERE / "scripted_worker.py"))


def wait_for(condition, what="", seconds=30.0):
    """The first true value of `condition()`; fails the test if there is none in a long time."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"waited {seconds:.0f} s for {what or condition}"
        time.sleep(0.005)
    return value


def ended(ticket):
    """The ticket's state, once it has ended."""
    return wait_for(lambda: ticket.state.ended and ticket.state, "the job to end")


def running(ticket):
    wait_for(lambda: ticket.events() or ticket.state.ended, "the first item")
    assert ticket.state.name == "running"


def pids(compute, *doing):
    """Process ids of the workers that are doing one of these ("idle", "long", …; none: any)."""
    workers = compute.stats()["workers"]
    return [w["pid"] for w in workers if not doing or w["doing"] in doing]


def all_ready(compute, count):
    wait_for(lambda: len(pids(compute, "idle")) == count, f"{count} idle workers")


def gone(pid):
    """Whether the process has ended; a zombie, which an absent parent left, has too."""
    if not Path("/proc/self/stat").exists():  # not Linux
        status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True)
        return status.stdout.strip()[:1] in (b"", b"Z")
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def open_files():
    return len(os.listdir("/dev/fd"))


@contextlib.contextmanager
def no_leftovers():
    """Whoever uses this leaves no thread, no open file and no child process behind."""
    threads, files = set(threading.enumerate()), open_files()
    yield
    assert set(threading.enumerate()) <= threads
    assert open_files() <= files
    with contextlib.suppress(ChildProcessError):
        assert os.waitpid(-1, os.WNOHANG) == (0, 0), "an unreaped child"


@contextlib.contextmanager
def scripted_compute(**options):
    """A LocalCompute whose workers follow scripted_worker.py; it must leave nothing behind."""
    with no_leftovers():
        compute = LocalCompute(**{"command": SCRIPTED, **options})
        known = set()
        try:
            yield compute
            known.update(pids(compute))
        finally:
            compute.close()
        assert all(gone(pid) for pid in known if pid)
