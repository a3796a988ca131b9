"""How long a page takes to run again while three people train on the same server.

    python -m benchmarks.rerun_latency [--reruns 100] [--trainings 3] [--delayed]

Starts the real server, `python -m app --workers 3 --port 0`, and speaks Streamlit's own protocol to
it over loopback, as a browser would. Three sessions open the Train page, press Start, and look at
their run as often as the page tells a browser to; a finished one is replaced by a fresh session
with another seed. Further sessions, one a page, run their page again and again.

What is measured is the time from sending the request to the message that the script has finished.
It holds the script's run, the 10 ms for which the server gathers messages, the way there and back
and this client's own work, so it is an upper bound of the server's time. A rerun counts as one
during trainings only if all three were training from before it until after it.

The client acknowledges at once what it receives, where the system lets it (Linux). With --delayed
it leaves that to the system, and then the server's last small packet may wait up to 40 ms for the
acknowledgement of the one before (Nagle's algorithm): time on the wire, in which nothing runs.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[1]
PAGES = {"Lecture": "", "Train": "train", "Clipping": "clipping"}
PATIENCE = 120  # s for a page, and for a run to start
QUICKACK = getattr(socket, "TCP_QUICKACK", None)


@contextmanager
def server(workers: int) -> Iterator[str]:
    """The address of a freshly started server, which ends with the block."""
    command = [sys.executable, "-m", "app", "--port", "0", "--workers", str(workers)]
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + PATIENCE
            while True:
                text = Path(log.name).read_text(errors="replace")
                if found := re.search(r"http://(\S+)", text):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"the server did not start:\n{text}")
                time.sleep(0.1)
            yield found[1]
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@dataclass(frozen=True)
class Target:
    address: str
    delayed: bool  # acknowledgements left to the system


class Session:
    """One browser tab: asks for runs of its page, one at a time, and keeps what they drew."""

    def __init__(self, connection: ClientConnection, target: Target, page: str, query: str) -> None:
        self.connection, self.target = connection, target
        self.page, self.query = page, query
        self.page_hash = ""
        self.buttons: dict[str, tuple[str, str]] = {}  # label: widget, fragment
        self.refresh: tuple[str, float] | None = None  # a fragment to look at, every so many s
        self._announced: tuple[str, float] | None = None
        self.progress = ""

    async def run(self, fragment: str = "", press: str = "", automatic: bool = False) -> float:
        """Runs the page, or one fragment, pressing a button if given; returns the seconds."""
        message = BackMsg()
        request = message.rerun_script
        request.query_string, request.page_script_hash = self.query, self.page_hash
        request.page_name = "" if self.page_hash else self.page
        request.fragment_id, request.is_auto_rerun = fragment, automatic
        request.context_info.url = f"http://{self.target.address}/{self.page}"
        request.context_info.timezone, request.context_info.locale = "UTC", "en"
        if press:
            request.widget_states.widgets.add(id=press, trigger_value=True)
        began = time.perf_counter()
        await self.connection.send(message.SerializeToString())
        async with asyncio.timeout(PATIENCE):
            while not self._finished(await self.connection.recv()):
                pass
        return time.perf_counter() - began

    def _finished(self, data: bytes) -> bool:
        """Takes one message in; whether the run is over (and not to be followed by another)."""
        if QUICKACK is not None and not self.target.delayed:  # the system soon forgets it again
            self.connection.transport.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, QUICKACK, 1
            )
        message = ForwardMsg()
        message.ParseFromString(data)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.progress, self._announced = "", None
            self.page_hash = message.new_session.page_script_hash
        elif kind == "navigation":
            self.page_hash = message.navigation.page_script_hash
        elif kind == "auto_rerun":
            self._announced = message.auto_rerun.fragment_id, message.auto_rerun.interval
        elif kind == "delta":
            self._draw(message.delta)
        if kind != "script_finished":
            return False
        status = message.script_finished
        if status == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            raise SystemExit(f"the page '{self.page}' does not compile")
        if status == ForwardMsg.FINISHED_SUCCESSFULLY:  # the whole page, not one fragment
            self.refresh = self._announced
        return status != ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def _draw(self, delta: Delta) -> None:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise SystemExit(f"the page '{self.page}' failed: {element.exception.message}")
        if kind == "button":
            self.buttons[element.button.label] = element.button.id, delta.fragment_id
        elif kind == "progress":
            self.progress = element.progress.text


@asynccontextmanager
async def visit(target: Target, page: str, query: str = "") -> AsyncIterator[Session]:
    """A session that has seen its page once."""
    url = f"ws://{target.address}/_stcore/stream"
    options = {"subprotocols": ["streamlit"], "compression": None, "max_size": None}
    async with connect(url, **options) as connection:
        session = Session(connection, target, page, query)
        await session.run()
        yield session


class Trainee:
    """A person who trains without end, each time with another seed."""

    def __init__(self, looks: list[float]) -> None:
        self.training = False
        self.runs = 0
        self.looks = looks  # seconds of each look at a run in progress

    async def train(self, target: Target, seeds: Iterator[int]) -> None:
        while True:
            async with visit(target, "train", f"train_seed={next(seeds)}") as session:
                button, fragment = session.buttons["Start"]
                await session.run(fragment, press=button)
                self.runs += 1
                while session.refresh:
                    fragment, interval = session.refresh
                    began = time.monotonic()
                    seconds = await session.run(fragment, automatic=True)
                    if self.training and session.progress:
                        self.looks.append(seconds)
                    self.training = session.progress.startswith("Step")
                    await asyncio.sleep(max(0.0, began + interval - time.monotonic()))
            self.training = False


async def measure(
    sessions: dict[str, Session], trainees: Sequence[Trainee], reruns: int
) -> dict[str, list[float]]:
    """Page -> seconds of its reruns, so many of each page, while all `trainees` train."""
    found: dict[str, list[float]] = {page: [] for page in sessions}
    given_up = time.monotonic() + PATIENCE + 2 * reruns
    while min(map(len, found.values())) < reruns:
        if time.monotonic() > given_up:
            raise SystemExit(f"{len(trainees)} owners hardly ever trained at the same time")
        for page, session in sessions.items():
            # uneven pauses, so that nothing periodic falls always before or always into them
            await asyncio.sleep(random.uniform(0.02, 0.12))
            before = [(trainee.training, trainee.runs) for trainee in trainees]
            seconds = await session.run()
            after = [(trainee.training, trainee.runs) for trainee in trainees]
            if before == after and all(training for training, _ in before):
                found[page].append(seconds)
    return found


def table(title: str, found: dict[str, list[float]]) -> None:
    """Prints median, 95th percentile, largest, and how many there were."""
    load = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    print(f"\n{title} (load average {load})")
    print(f"{'ms':22} {'median':>8} {'p95':>8} {'max':>8} {'n':>6}")
    for name, seconds in found.items():
        ms = [1e3 * value for value in seconds]
        p95 = statistics.quantiles(ms, n=20, method="inclusive")[-1]
        print(f"{name:22} {statistics.median(ms):8.1f} {p95:8.1f} {max(ms):8.1f} {len(ms):6d}")
    sys.stdout.flush()


async def compare(target: Target, reruns: int, trainings: int) -> None:
    async with AsyncExitStack() as stack:
        sessions = {
            name: await stack.enter_async_context(visit(target, page))
            for name, page in PAGES.items()
        }
        await measure(sessions, (), 30)  # what pages do only at first; the workers finish loading
        table("nobody trains", await measure(sessions, (), reruns))

        looks: list[float] = []
        trainees = [Trainee(looks) for _ in range(trainings)]
        seeds = itertools.count(1000)  # others' results would only be replayed
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(trainee.train(target, seeds)) for trainee in trainees]
            found = await measure(sessions, trainees, reruns)
            for task in tasks:
                task.cancel()
        together = [seconds for page in found.values() for seconds in page]
        table(
            f"{trainings} owners train (runs started: {sum(t.runs for t in trainees)})",
            {**found, "all pages": together, "a look at one's run": looks},
        )
        median = 1e3 * statistics.median(together)
        print(f"median of a page rerun during trainings: {median:.1f} ms (wanted: under 50)")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--reruns", type=int, default=100, help="of each page, in each table")
    parser.add_argument("--trainings", type=int, default=3, help="owners and workers")
    parser.add_argument("--delayed", action="store_true", help="do not acknowledge at once")
    options = parser.parse_args(arguments)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"streamlit {version('streamlit')}, torch {version('torch')}; "
        "from request to script finished, over loopback, acknowledged "
        f"{'at once' if QUICKACK is not None and not options.delayed else 'as the system does'}"
    )
    with server(options.trainings) as address:
        asyncio.run(compare(Target(address, options.delayed), options.reruns, options.trainings))


if __name__ == "__main__":
    main()
