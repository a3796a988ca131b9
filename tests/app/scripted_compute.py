"""A stand-in for app.compute that does what a test tells it to, and remembers what it was sent."""

from __future__ import annotations

from app.compute.tickets import State
from nfnet.events import Diverged, Evaluation, Finished, Step


def step(number: int, loss: float = 2.0, clipping: float | None = None, share: float = 0.0) -> Step:
    return Step(
        step=number,
        loss=loss,
        accuracy=0.5,
        lr=1.0,
        clipping=clipping,
        clipped_share=share,
        largest_ratio=3.0,
        ratios={"stem": (0.001, 0.01, 0.1), "blocks.0.conv1": (0.01, 0.02, float("inf"))},
        images_per_second=2500.0,
    )


def finished(number: int = 100, accuracy: float = 0.96, stopped: bool = False) -> Finished:
    return Finished(number, accuracy, 0.1, stopped, 5.0)


def died(number: int = 17) -> Diverged:
    return Diverged(number, "non-finite", number - 1, 4321.0, 0.1)


def stuck(number: int = 100) -> Diverged:
    return Diverged(number, "stuck at chance", number, 2.3026, 0.1, 0.1)


def evaluated(number: int, accuracy: float) -> Evaluation:
    return Evaluation(number, accuracy, 1.0)


class ScriptedTicket:
    """A ticket whose state and items the test sets."""

    def __init__(self, id: str, job, owner: str, shared: bool = False) -> None:
        self.id, self.job, self.owner, self.shared = id, job, owner, shared
        self.state = State("queued", place=1)
        self.items: list = []
        self.sent: list = []
        self.cancelled = False

    @property
    def version(self) -> int:
        return len(self.items)

    def events(self, after: int = 0) -> list:
        return self.items[after:]

    def send(self, control, lane=None) -> None:
        self.sent.append((control, lane))

    def cancel(self) -> None:
        self.cancelled = True
        if not self.state.ended:
            self.state = State("cancelled", message="This run was cancelled.")


class ScriptedCompute:
    """Keeps its tickets; `refuse` is raised by the next submit, `ready` shares a result."""

    def __init__(self) -> None:
        self.tickets: list[ScriptedTicket] = []
        self.refuse: Exception | None = None
        self.ready: list | None = None

    def submit(self, job, owner: str) -> ScriptedTicket:
        if self.refuse:
            raise self.refuse
        ticket = ScriptedTicket(f"ticket-{len(self.tickets)}", job, owner, bool(self.ready))
        if self.ready:
            ticket.items, ticket.state = list(self.ready), State("done")
        self.tickets.append(ticket)
        return ticket

    def ticket(self, id: str, owner: str) -> ScriptedTicket | None:
        own = [t for t in self.tickets if (t.id, t.owner) == (id, owner)]
        return own[0] if own else None
