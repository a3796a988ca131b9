"""One worker process: `python -m app.compute.worker`, started by `app.compute.local`.

It takes one job at a time from its channel and answers with what `app.compute.tasks` computes. It
ends when the channel closes, and at once when the app is gone, even in the middle of a step.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from app.compute import jobs, tasks, wire
from app.compute.process import KEY_VARIABLE
from nfnet.controls import Control
from nfnet.run import UserError

SEND_EVERY = 0.2  # seconds: a viewer sees no more, and each message costs the app
SEND_BYTES = 1 << 20  # of items collected, then sent early
NICENESS = 5
MEMORY_BYTES = 4 << 30

NO_MEMORY = "This needed more memory than there is; try a smaller batch or a narrower net."
BROKE = "Something went wrong in this computation; its details are in the app's log."

log = logging.getLogger("app.compute.worker")


class Cancelled(Exception):
    """The app wants this job no more."""


class Channel:
    """The app's words for one job, and the items for the app, collected."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._items: list[str] = []
        self._bytes = 0
        self._sent = -SEND_EVERY
        self.run = 0

    def next_job(self) -> tuple[dict[str, Any], bytes, int]:
        """Waits for a job, its picture and the number of its GPU. EOFError: there will be none."""
        while (message := json.loads(self._connection.recv_bytes()))["type"] != "run":
            pass  # a late word about the last job
        picture = self._connection.recv_bytes() if message["picture"] else b""
        self.run, self._sent = message["run"], time.monotonic() - SEND_EVERY
        self._items.clear()
        return message["job"], picture, message["gpu"]

    def listen(self, wait: bool = False) -> list[tuple[int, Control]]:
        """Controls that have come, as (lane, control). `wait`: until something comes.

        Raises:
            Cancelled: the job is to end.
            EOFError: the app is gone.
        """
        heard: list[tuple[int, Control]] = []
        if wait:
            self.flush()
        while self._connection.poll(None if wait and not heard else 0):
            message = json.loads(self._connection.recv_bytes())
            if message["run"] != self.run:
                continue
            if message["type"] == "cancel":
                raise Cancelled
            heard += [(lane, Control(name, value)) for lane, name, value in message["controls"]]
            self._connection.send_bytes(wire.pack("heard", run=self.run))
        return heard

    def add(self, item: jobs.Item) -> None:
        """Sends an item: the first at once, the others a few times a second, none left out."""
        self._items.append(json.dumps(wire.item_to_json(item), separators=(",", ":")))
        self._bytes += len(self._items[-1])
        if time.monotonic() - self._sent >= SEND_EVERY or self._bytes >= SEND_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._items:
            items = ",".join(self._items)  # each is JSON already
            message = f'{{"type":"items","run":{self.run},"items":[{items}]}}'
            self._connection.send_bytes(message.encode())
            self._items.clear()
            self._bytes, self._sent = 0, time.monotonic()

    def ready(self, device: str, gpus: int) -> None:
        self._connection.send_bytes(wire.pack("ready", device=device, gpus=gpus))

    def ended(self, outcome: str, reason: str, message: str, retiring: bool) -> None:
        self._connection.send_bytes(
            wire.pack(
                "ended",
                run=self.run,
                outcome=outcome,
                reason=reason,
                message=message,
                retiring=retiring,
            )
        )


def main(
    load: Callable[[], tasks.Library] = tasks.load_library, memory: int = MEMORY_BYTES
) -> None:
    """Serves jobs until the app is gone.

    Args:
        load: gives what computes; called once, in the worker.
        memory: bytes of private memory a worker without CUDA may have (POSIX).
    """
    options = argparse.ArgumentParser()
    options.add_argument("--channel", required=True)
    options.add_argument("--parent", type=int, required=True)
    arguments = options.parse_args()
    logging.basicConfig(format="worker %(process)d: %(message)s")
    threading.Thread(target=_follow, args=(arguments.parent,), daemon=True).start()
    _be_modest()
    with contextlib.suppress(EOFError, ConnectionError), _connect(arguments.channel) as connection:
        channel = Channel(connection)
        library = load()
        if library.device != "cuda":  # CUDA reserves far more addresses than it uses
            _limit_memory(memory)
        channel.ready(library.device, library.gpus)
        while not _perform(channel, library):
            pass


def _perform(channel: Channel, library: tasks.Library) -> bool:
    """Computes the next job; whether this worker must be replaced after it."""
    values, picture, gpu = channel.next_job()
    outcome, reason, message, retiring = "done", "", "", False
    try:
        if library.gpus:  # not before there is work: an idle worker takes no GPU memory
            library.use_gpu(gpu)
        job = jobs.job_from_json(values, picture)
        for item in tasks.compute(job, library, channel.listen):
            channel.add(item)
        channel.flush()
    except Cancelled:
        outcome = "cancelled"
    except UserError as error:
        outcome, reason, message = "failed", "invalid", str(error).rstrip(".") + "."
    except (EOFError, ConnectionError):
        raise
    except Exception as error:
        log.exception("job failed: %s", str(values)[:2000])
        outcome, reason, message = "failed", "error", BROKE
        if _out_of_memory(error):
            reason, message = "out of memory", NO_MEMORY
        # after a CUDA error no later call in this process can succeed
        retiring = reason == "out of memory" or "CUDA error" in str(error)
    if outcome != "done":
        with contextlib.suppress(MemoryError):
            channel.flush()
    channel.ended(outcome, reason, message, retiring)
    return retiring


def _out_of_memory(error: Exception) -> bool:
    """Python's, torch's on an accelerator (by name: torch may not be loaded), torch's on a CPU."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or (isinstance(error, RuntimeError) and "allocate memory" in str(error))


def _connect(channel: str) -> Connection:
    how, _, where = channel.partition(":")
    if how == "fd":
        os.set_inheritable(int(where), False)
        return Connection(int(where))
    caller = socket.create_connection(("127.0.0.1", int(where)))
    caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    caller.sendall(bytes.fromhex(os.environ.pop(KEY_VARIABLE)))
    return Connection(caller.detach())


def _follow(parent: int) -> None:
    """Ends this process when the app has ended, whatever the main thread is doing."""
    if os.name == "nt":
        import _winapi  # as multiprocessing does: the standard library has no public call

        handle = _winapi.OpenProcess(0x0010_0000, False, parent)  # SYNCHRONIZE
        _winapi.WaitForSingleObject(handle, _winapi.INFINITE)
    else:
        with contextlib.suppress(OSError, AttributeError):  # AttributeError: not Linux
            watch = select.poll()
            watch.register(os.pidfd_open(parent), select.POLLIN)
            if os.getppid() == parent:
                watch.poll()
        while os.getppid() == parent:
            time.sleep(1)
    os._exit(0)


def _be_modest() -> None:
    """The app's thread goes first, and if memory runs out the kernel should pick a worker."""
    with contextlib.suppress(AttributeError, OSError):  # AttributeError: Windows
        os.nice(NICENESS)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("500")


def _limit_memory(size: int) -> None:
    """Makes a leak a MemoryError in this job before it is everybody's."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # ImportError: Windows
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        limit = size if most == resource.RLIM_INFINITY else min(size, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


if __name__ == "__main__":
    sys.exit(main())
