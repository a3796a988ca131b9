"""Whose turn it is: the queue, the states of all jobs, their items, and shared results.

Pure bookkeeping, the same for every kind of worker: no process, no thread, no sleep. Its rules:

- Each kind of job (`KINDS`) has a queue and slots of its own, so none waits behind another kind.
- In each queue an owner has one running job and one waiting. A further submit takes the place of
  the waiting one, which is cancelled: who changes their mind does not go back to the end.
- Turns are given in the order of the queue; an owner whose job still runs is passed over.
- The deadline counts from the start. A run that was paused gets longer, a download longer still.
- What nobody looks at is abandoned. A job's end is final; what comes later is not heard.
"""

from __future__ import annotations

import heapq
import math
import secrets
import statistics
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.compute.jobs import Item, Job, QueueFull, Race, is_shared, kind_of, without_picture
from app.compute.tickets import Entry, State, Ticket
from nfnet.controls import Control

PAUSE_FACTOR = 3  # how much longer a run may take once it was paused
DOWNLOAD_FACTOR = 12
MAX_ITEMS = 50_000  # of one job: four lanes of the longest run a classroom may ask for
KEPT_ITEMS = 100_000  # of all ended jobs together; a step of a small net takes about 3 kB
KEPT_TICKETS = 1000
KEPT_RESULTS = 32

REPLACED = "A newer run of yours took this one's place."
CANCELLED = "This run was cancelled."
ABANDONED = "Nobody watched this run for a while, so it was ended; start it again when you like."
TOO_LONG = "This took longer than {:.0f} seconds and was ended; try fewer steps or a smaller net."
TOO_MUCH = "This run reported more than can be kept; try fewer steps."


class Desk:
    """Jobs of all owners. Every method is safe from any thread; `changed` is its lock.

    Args:
        slots: how many jobs of each kind ("long", "short") may run at once.
        queue_limit: how many may wait in each queue.
        deadline: seconds a job may run.
        abandon_after: seconds without a look at the ticket until a job is ended.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        slots: Mapping[str, int],
        *,
        queue_limit: int = 200,
        deadline: float = 300.0,
        abandon_after: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.changed = threading.Condition()
        self.slots = dict(slots)
        self._queue_limit, self._deadline = queue_limit, deadline
        self._abandon_after, self._clock = abandon_after, clock
        self._queues: dict[str, list[Entry]] = {kind: [] for kind in slots}
        self._running: dict[str, list[Entry]] = {kind: [] for kind in slots}
        self._seconds = {kind: deque[float](maxlen=20) for kind in slots}  # of the last runs
        self._tickets: dict[str, Ticket] = {}
        self._ended: OrderedDict[str, Entry] = OrderedDict()  # longest unseen first
        self._results: OrderedDict[Job, tuple[Item, ...]] = OrderedDict()  # longest unused first
        self._counts = Counter[str]()

    # What owners ask for

    def submit(self, job: Job, owner: str) -> Ticket:
        """Queues a job, or answers at once with an equal job's result. Raises QueueFull."""
        with self.changed:
            entry = Entry(job, kind_of(job), owner, self._clock())
            queue, result = self._queues[entry.kind], self._results.get(job)
            earlier = next((e for e in queue if e.owner == owner), None)
            if not earlier and result is None and len(queue) >= self._queue_limit:
                raise QueueFull(f"{len(queue)} runs are waiting already; try again in a minute")
            ticket = self._issue(entry, shared=result is not None)
            if result is not None:
                self._results.move_to_end(job)
                entry.items = result
                self._counts["shared"] += 1
                self.end(entry, "done")
            elif earlier:
                queue.insert(queue.index(earlier), entry)
            else:
                queue.append(entry)
            if earlier:
                self.end(earlier, "cancelled", message=REPLACED)
            self.changed.notify_all()
            return ticket

    def _issue(self, entry: Entry, shared: bool) -> Ticket:
        token = secrets.token_urlsafe(16)
        entry.ticket = Ticket(
            self, entry, id=token, job=entry.job, owner=entry.owner, shared=shared
        )
        self._tickets[token] = entry.ticket
        return entry.ticket

    def ticket(self, id: str, owner: str) -> Ticket | None:
        """The owner's ticket of that id, if there is one and it has not been forgotten."""
        with self.changed:
            ticket = self._tickets.get(id)
            if ticket is None or ticket.owner != owner:
                return None
            if id in self._ended:
                self._ended.move_to_end(id)
            return ticket

    # What tickets ask for

    def state(self, entry: Entry) -> State:
        with self.changed:
            entry.watched = self._clock()
            if entry.name != "queued":
                return State(entry.name, reason=entry.reason, message=entry.message)
            place = self._queues[entry.kind].index(entry) + 1
            return State("queued", place=place, eta=self._eta(entry.kind, place))

    def _eta(self, kind: str, place: int) -> float | None:
        """Seconds until the job at `place` starts, if each takes as long as the last few did."""
        if not self._seconds[kind]:
            return None
        usual, now = statistics.fmean(self._seconds[kind]), self._clock()
        free_in = [max(0.0, usual - (now - e.started)) for e in self._running[kind]]
        free_in += [0.0] * (self.slots[kind] - len(free_in))
        heapq.heapify(free_in)
        for _ in range(place - 1):
            heapq.heapreplace(free_in, free_in[0] + usual)
        return free_in[0]

    def version(self, entry: Entry) -> int:
        with self.changed:
            entry.watched = self._clock()
            return entry.version

    def events(self, entry: Entry, after: int) -> list[Item]:
        with self.changed:
            entry.watched = self._clock()
            return list(entry.items[max(after, 0) :])

    def send(self, entry: Entry, control: Control, lane: int | None) -> None:
        with self.changed:
            if entry.ended or not isinstance(entry.job, Race):
                return  # only a race has lanes with levers
            lanes = range(len(entry.job.configs))
            lever = "pause" if control.name == "resume" else control.name
            for each in lanes if lane is None else {lane}.intersection(lanes):
                entry.levers.pop((each, lever), None)  # so that the newest move comes last
                entry.levers[each, lever] = control
                entry.steered = True
                entry.paused |= control.name == "pause"
            self.changed.notify_all()

    def cancel(self, entry: Entry) -> None:
        self.end(entry, "cancelled", message=CANCELLED)

    # What those who give out the work ask for

    def next(self, kind: str) -> Entry | None:
        """The job whose turn it is; it stays in the queue until `start`."""
        with self.changed:
            busy = {e.owner for e in self._running[kind]}
            if len(self._running[kind]) >= self.slots[kind]:
                return None
            return next((e for e in self._queues[kind] if e.owner not in busy), None)

    def start(self, entry: Entry) -> None:
        with self.changed:
            self._leave_queue(entry)
            self._running[entry.kind].append(entry)
            entry.name, entry.started = "running", self._clock()
            entry.version += 1

    def add(self, entry: Entry, items: Sequence[Item]) -> None:
        with self.changed:
            if entry.name != "running" or not items:
                return
            if len(entry.items) + len(items) > MAX_ITEMS:
                self.end(entry, "failed", "error", TOO_MUCH)
                return
            entry.items.extend(items)
            entry.version += 1

    def take_levers(self, entry: Entry) -> list[tuple[int, Control]]:
        """The moves that the worker has not heard of yet, oldest first; they count as told."""
        with self.changed:
            moves = [(lane, control) for (lane, _), control in entry.levers.items()]
            entry.levers.clear()
            return moves

    def end(self, entry: Entry, name: str, reason: str = "", message: str = "") -> None:
        """Gives a job its final state; the first one wins."""
        with self.changed:
            if entry.ended:
                return
            if entry in self._queues[entry.kind]:
                self._leave_queue(entry)
            elif entry in self._running[entry.kind]:
                self._running[entry.kind].remove(entry)
                self._seconds[entry.kind].append(self._clock() - entry.started)
            entry.name, entry.reason, entry.message = name, reason, message
            entry.version += 1
            entry.levers.clear()
            self._counts[name] += 1
            entry.job = entry.ticket.job = without_picture(entry.job)
            if name == "done" and not entry.steered and is_shared(entry.job):
                entry.items = tuple(entry.items)
                self._results[entry.job] = entry.items
                _trim(self._results, KEPT_RESULTS, len)
            self._ended[entry.ticket.id] = entry
            for token in _trim(self._ended, KEPT_TICKETS, _own_items):
                del self._tickets[token]
            self.changed.notify_all()

    def _leave_queue(self, entry: Entry) -> None:
        queue = self._queues[entry.kind]
        place = queue.index(entry)
        del queue[place]
        for moved in queue[place:]:
            moved.version += 1

    def end_all(self, name: str, reason: str, message: str) -> None:
        with self.changed:
            for entry in self._active():
                self.end(entry, name, reason, message)

    def _active(self) -> list[Entry]:
        tables = (*self._queues.values(), *self._running.values())
        return [entry for entries in tables for entry in entries]

    def expire(self) -> float:
        """Ends what ran too long or is abandoned; returns the seconds until the next may be due."""
        with self.changed:
            now, soonest = self._clock(), math.inf
            for entry in self._active():
                ends = [(entry.watched + self._abandon_after, "cancelled", "abandoned", ABANDONED)]
                if entry.started is not None:
                    limit = self._deadline * _patience(entry)
                    message = TOO_LONG.format(limit)
                    ends.append((entry.started + limit, "failed", "deadline", message))
                due, *end = min(ends)
                if now >= due:
                    self.end(entry, *end)
                else:
                    soonest = min(soonest, due)
            return max(0.0, soonest - now)

    def stats(self) -> dict[str, Any]:
        with self.changed:
            names = ("done", "failed", "cancelled", "shared")
            return {
                "slots": dict(self.slots),
                "waiting": {kind: len(queue) for kind, queue in self._queues.items()},
                "running": {kind: len(running) for kind, running in self._running.items()},
                "usual_seconds": {kind: _mean(s) for kind, s in self._seconds.items()},
                **{name: self._counts[name] for name in names},
            }


def _patience(entry: Entry) -> int:
    """How many times the usual deadline a job may take."""
    if entry.kind == "download":
        return DOWNLOAD_FACTOR
    return PAUSE_FACTOR if entry.paused else 1


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _own_items(entry: Entry) -> int:
    return 0 if entry.ticket.shared else len(entry.items)


def _trim(table: OrderedDict, most: int, size: Callable[[Any], int]) -> list:
    """Drops the first entries until at most `most` with KEPT_ITEMS items in all are left."""
    dropped = []
    total = sum(size(value) for value in table.values())
    while len(table) > 1 and (len(table) > most or total > KEPT_ITEMS):
        key, value = table.popitem(last=False)
        total -= size(value)
        dropped.append(key)
    return dropped
