"""Worker processes on this machine: one supervisor thread, one thread for each process.

A worker's thread starts it, hears it out and buries it. The supervisor gives out the work and ends
what must end. Both act under the desk's lock and sleep until something happens. One ready process
more than there are slots waits as a spare, so the next job need not wait until a dead worker is
replaced (seconds, for torch's import).

Nothing here can block on a worker that does not listen: what one may have unread is a job, one
message of controls and one cancel, which is far less than a socket holds, and a picture, which a
thread of its own writes.
"""

from __future__ import annotations

import atexit
import logging
import math
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.compute import jobs, wire
from app.compute.desk import Desk
from app.compute.jobs import KINDS, Busy, Classify, Job, Models
from app.compute.process import WorkerProcess
from app.compute.tickets import Entry, Ticket

COMMAND = (sys.executable, "-m", "app.compute.worker")
START_SECONDS = 120.0  # from nothing to ready, on a slow disk
STARTING_AT_ONCE = 2  # more imports of torch at a time would starve the app
HOPELESS = 3  # starts failed in a row
LONGEST_MESSAGE = 500  # characters of a worker's sentence for a student

DIED = "The process that computed this died, perhaps for want of memory; start the run again."
NO_WORKERS = "Nothing can be computed at the moment; try again in a minute"
CLOSED = "The lecture is closing."

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Worker:
    process: WorkerProcess
    thread: threading.Thread | None = None
    give_up: float = math.inf  # when it must be ready, or have let go of a job that has ended
    device: str | None = None  # None: not ready yet
    entry: Entry | None = None  # what it computes
    run: int = 0  # number of that job; tells late words about an earlier one
    told_to_stop: bool = False
    steering: bool = False  # controls are on their way
    gpu: int = 0  # that its job computes on, where there is one
    looks: bool = False  # at photos: it has a net for them in memory


class LocalCompute:
    """`Compute` with `workers` slots for trainings and one for short jobs; starts at once.

    Photos go to the one worker that has looked at photos before, as long as there is a choice: a
    large net is loaded once. A download takes a spare process.

    Args:
        workers: trainings at a time; None: one a GPU, and one where there is none.
        spares: ready processes beyond the slots.
        command: what starts a worker; tests put a scripted one here.
        queue_limit, deadline, abandon_after: see `Desk`.
        grace: seconds a worker has to let go of a job before it is killed.
        loopback: None: only where a socket cannot be inherited (Windows).
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        spares: int = 1,
        command: Sequence[str] = COMMAND,
        queue_limit: int = 200,
        deadline: float = 300.0,
        abandon_after: float = 60.0,
        grace: float = 1.0,
        loopback: bool | None = None,
    ) -> None:
        self._desk = Desk(
            {"long": workers or 1, "short": 1, "download": 1},
            queue_limit=queue_limit,
            deadline=deadline,
            abandon_after=abandon_after,
        )
        self._changed = self._desk.changed
        self._one_a_gpu, self._spares = workers is None, spares
        self._command, self._grace = command, grace
        self._options = {} if loopback is None else {"loopback": loopback}
        self._workers: list[_Worker] = []
        self._threads: set[threading.Thread] = set()  # of all processes not yet buried
        self._device, self._gpus = "cpu", 0  # the last ready worker's
        self._runs = self._replaced = self._failed_starts = 0
        self._next_start = 0.0
        self.closed = False
        self._supervisor = threading.Thread(
            target=self._supervise, name="compute-supervisor", daemon=True
        )
        self._supervisor.start()
        atexit.register(self.close)

    def submit(self, job: Job, owner: str) -> Ticket:
        """See `Compute.submit`. A second job of an owner waits, a third replaces the second."""
        with self._changed:
            if self.closed or self._hopeless():
                raise Busy(NO_WORKERS)
            jobs.check(job, self._device)
            return self._desk.submit(job, owner)

    def ticket(self, id: str, owner: str) -> Ticket | None:
        return self._desk.ticket(id, owner)

    def stats(self) -> dict[str, Any]:
        """`Desk.stats`, the device, workers lost so far, and what each process does."""
        with self._changed:
            workers = [{"pid": w.process.pid, "doing": _doing(w)} for w in self._workers]
            own = {"device": self._device, "replaced": self._replaced, "workers": workers}
            return self._desk.stats() | own

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._desk.end_all("cancelled", "", CLOSED)
            for worker in self._workers:
                worker.process.kill()
            threads = [self._supervisor, *self._threads]
            self._changed.notify_all()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(15)
        atexit.unregister(self.close)

    # The supervisor

    def _supervise(self) -> None:
        with self._changed:
            while not self.closed:
                due_in = self._desk.expire()
                self._reclaim()
                self._give_out()
                self._steer()
                self._recruit()
                due_in = min(due_in, *(t - time.monotonic() for t in self._due_times()))
                self._changed.wait(None if due_in == math.inf else max(0.0, due_in))

    def _due_times(self) -> list[float]:
        return [self._next_start_due(), *(w.give_up for w in self._workers)]

    def _reclaim(self) -> None:
        """Takes workers back from jobs that have ended: first asks, then kills."""
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.entry and worker.entry.ended and not worker.told_to_stop:
                worker.told_to_stop, worker.give_up = True, now + self._grace
                worker.process.send(wire.pack("cancel", run=worker.run))
            if now >= worker.give_up:
                log.warning("worker %s does not answer and is killed", worker.process.pid)
                self._lose(worker)
                worker.process.kill()

    def _give_out(self) -> None:
        for kind in KINDS:
            while self._busy(kind) < self._desk.slots[kind]:
                entry = self._desk.next(kind)
                worker = self._free_worker(entry.job) if entry else None
                if worker is None:
                    break
                self._runs += 1
                if not self._hand_over(worker, entry.job):
                    self._lose(worker)  # died idle: the job has not been touched
                    worker.process.kill()
                    continue
                worker.entry, worker.run = entry, self._runs
                worker.told_to_stop = worker.steering = False
                self._desk.start(entry)

    def _free_worker(self, job: Job) -> _Worker | None:
        looks = isinstance(job, Classify | Models)
        free = [w for w in self._workers if w.device and not w.entry]
        return min(free, key=lambda worker: worker.looks != looks, default=None)

    def _hand_over(self, worker: _Worker, job: Job) -> bool:
        worker.looks |= isinstance(job, Classify | Models)
        picture = jobs.picture_of(job)
        in_use = [each.gpu for each in self._workers if each.entry]
        worker.gpu = min(range(max(1, self._gpus)), key=in_use.count)
        message = wire.pack(
            "run",
            run=self._runs,
            job=jobs.job_to_json(job),
            picture=bool(picture),
            gpu=worker.gpu,
        )
        return worker.process.send(message) and (not picture or worker.process.send(picture))

    def _busy(self, kind: str) -> int:
        """Slots taken; one whose job was cancelled is free only when its worker has let go."""
        return sum(w.entry is not None and w.entry.kind == kind for w in self._workers)

    def _steer(self) -> None:
        for worker in self._workers:
            if worker.entry and worker.entry.levers and not worker.steering:
                moves = self._desk.take_levers(worker.entry)
                controls = [[lane, control.name, control.value] for lane, control in moves]
                worker.steering = True
                worker.process.send(wire.pack("controls", run=worker.run, controls=controls))

    def _recruit(self) -> None:
        while self._next_start_due() <= time.monotonic():
            worker = _Worker(WorkerProcess(self._command, **self._options))
            worker.give_up = time.monotonic() + START_SECONDS
            worker.thread = threading.Thread(
                target=self._attend, args=(worker,), name="compute-worker", daemon=True
            )
            self._workers.append(worker)
            self._threads.add(worker.thread)
            worker.thread.start()

    def _next_start_due(self) -> float:
        starting = sum(worker.device is None for worker in self._workers)
        if len(self._workers) >= self._wanted() or starting >= STARTING_AT_ONCE:
            return math.inf
        return self._next_start

    def _wanted(self) -> int:
        return self._desk.slots["long"] + self._desk.slots["short"] + self._spares

    def _hopeless(self) -> bool:
        ready = any(worker.device for worker in self._workers)
        return self._failed_starts >= HOPELESS and not ready

    # One worker's thread

    def _attend(self, worker: _Worker) -> None:
        try:
            worker.process.start()
            while True:
                message = wire.unpack(worker.process.receive())
                if message["type"] == "items":
                    with self._changed:  # not before the supervisor has noted what it gave out
                        entry = worker.entry if worker.run == message["run"] else None
                    # decoded without the lock: this is the only costly part
                    items = wire.items_from_json(entry.job, message["items"]) if entry else []
                    message["items"] = items
                with self._changed:
                    self._hear(worker, message)
        except (EOFError, OSError) as error:
            log.info("worker %s is gone: %r", worker.process.pid, error)
        except wire.BadMessage as error:
            log.error("worker %s is ended: %s", worker.process.pid, error)
        finally:
            with self._changed:
                self._lose(worker)
            status = worker.process.bury()
            log.info("worker %s ended with status %s", worker.process.pid, status)
            with self._changed:
                self._threads.discard(worker.thread)

    def _hear(self, worker: _Worker, message: dict[str, Any]) -> None:
        if message["type"] == "ready":
            if worker.device is not None:  # it would be given more time to let go of its job
                raise wire.BadMessage("ready for the second time")
            worker.device = self._device = message["device"]
            self._gpus = message["gpus"]
            worker.give_up, self._failed_starts = math.inf, 0
            if self._one_a_gpu:
                self._desk.slots["long"] = max(1, self._gpus)
            self._changed.notify_all()
            return
        entry = worker.entry
        if entry is None or message["run"] != worker.run:
            return
        if message["type"] == "items":
            self._desk.add(entry, message["items"])
            return
        if message["type"] == "heard":
            worker.steering = False
        else:
            text = message["message"][:LONGEST_MESSAGE]
            self._desk.end(entry, message["outcome"], message["reason"], text)
            worker.entry, worker.give_up = None, math.inf
            if message["retiring"]:
                self._lose(worker)
        self._changed.notify_all()

    def _lose(self, worker: _Worker) -> None:
        """Strikes a worker off; what it computed has failed. Harmless the second time."""
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        self._replaced += not self.closed
        if worker.entry is not None:
            self._desk.end(worker.entry, "failed", "worker died", DIED)
        if worker.device is None and not self.closed:
            self._failed_starts += 1
            self._next_start = time.monotonic() + min(30.0, 0.25 * 2**self._failed_starts)
            log.error("a worker could not start (%d in a row)", self._failed_starts)
            if self._hopeless():
                self._desk.end_all("failed", "worker died", NO_WORKERS + ".")
        self._changed.notify_all()


def _doing(worker: _Worker) -> str:
    if worker.device is None:
        return "starting"
    return worker.entry.kind if worker.entry else "idle"
