"""What a student sees of a job: its state, its ticket, and who takes jobs.

How turns are given is in `desk`, who computes in `local`; a page needs only these names and
`app.compute.get_compute`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from app.compute.jobs import Item, Job
from nfnet.controls import Control


@dataclass(frozen=True)
class State:
    """Where a job stands. The last three names are final: a job reaches exactly one of them."""

    name: Literal["queued", "running", "done", "failed", "cancelled"]
    place: int = 0  # in the queue, 1 = next; 0: not waiting
    eta: float | None = None  # seconds until it starts; None: nothing measured yet, or not waiting
    # "invalid", "error", "out of memory", "worker died", "deadline" or "abandoned"
    reason: str = ""
    message: str = ""  # one sentence for the student

    @property
    def ended(self) -> bool:
        return self.name not in ("queued", "running")


@dataclass(eq=False)
class Entry:
    """All that is known of one job. Only the desk looks inside."""

    job: Job
    kind: str  # one of KINDS
    owner: str
    watched: float  # when someone last looked
    name: str = "queued"
    reason: str = ""
    message: str = ""
    items: Sequence[Item] = field(default_factory=list)
    version: int = 0
    started: float | None = None
    paused: bool = False  # ever
    steered: bool = False  # any control was sent: the run is private
    levers: dict[tuple[int, str], Control] = field(default_factory=dict)  # moved, not yet sent
    ticket: Ticket = None  # type: ignore[assignment]  # set by the desk at once

    @property
    def ended(self) -> bool:
        return self.name not in ("queued", "running")


class Desk(Protocol):
    """What a ticket needs of the desk that issued it."""

    def state(self, entry: Entry) -> State: ...
    def version(self, entry: Entry) -> int: ...
    def events(self, entry: Entry, after: int) -> list[Item]: ...
    def send(self, entry: Entry, control: Control, lane: int | None) -> None: ...
    def cancel(self, entry: Entry) -> None: ...


class Ticket:
    """A student's hold on one job, from `Compute.submit` on. Safe to use from any thread.

    Every look at it (`state`, `version`, `events`) says that someone still watches; a job that
    nobody watches for a while is cancelled as abandoned.
    """

    def __init__(
        self, desk: Desk, entry: Entry, *, id: str, job: Job, owner: str, shared: bool
    ) -> None:
        self._desk, self._entry = desk, entry
        self.id = id  # cannot be guessed, so it may stand in a URL
        self.job = job
        self.owner = owner
        self.shared = shared  # an equal job's result, which was there already

    @property
    def state(self) -> State:
        return self._desk.state(self._entry)

    @property
    def version(self) -> int:
        """Grows whenever there is something new to draw: items, a state, another place."""
        return self._desk.version(self._entry)

    def events(self, after: int = 0) -> list[Item]:
        """The items from index `after` on, in the order they were measured."""
        return self._desk.events(self._entry, after)

    def send(self, control: Control, lane: int | None = None) -> None:
        """Moves a lever of one lane, or of all (None). From then on the run is private.

        Of two values for one lever that the worker has not taken yet only the newer is sent.
        After the end, and for jobs other than races, this does nothing.
        """
        self._desk.send(self._entry, control, lane)

    def cancel(self) -> None:
        """Ends the job now, unless it has ended."""
        self._desk.cancel(self._entry)


class Compute(Protocol):
    """Something that runs jobs: worker processes here, or a cluster."""

    def submit(self, job: Job, owner: str) -> Ticket:
        """Takes a job. UserError (also Busy, QueueFull) says in a sentence why it cannot."""

    def ticket(self, id: str, owner: str) -> Ticket | None:
        """The owner's own ticket; None for an unknown one or someone else's."""

    def stats(self) -> dict[str, Any]:
        """Figures for the lecturer: workers, slots, jobs running, waiting and ended."""

    def close(self) -> None:
        """Ends every job and every worker."""
