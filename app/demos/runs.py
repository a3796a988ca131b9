"""A viewer's run: its ticket, what has arrived, and the levers. The session holds it by a key.

A run is live (a ticket of app.compute), or a replay: a finished result that this server already
had, or a recorded one, played at a steady pace so that one can watch it happen.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from dataclasses import dataclass, field

import streamlit as st

import app.compute
from app.compute.jobs import Race
from app.compute.tickets import State
from app.demos.curves import Curve, gather
from app.demos.presets import Lane
from app.demos.recorded import Recorded
from nfnet.controls import Control
from nfnet.events import Event
from nfnet.run import UserError

REPLAY_SECONDS = 6.0
POLL = {"live": 0.5, "queued": 3.0, "": None}  # seconds between two looks
CROWDED = 100  # looks a second of all viewers together, past which each looks less often
_looks: deque[float] = deque(maxlen=CROWDED)


@dataclass
class Run:
    """One race of one viewer. `base` is the set-up it was started from, `lanes` what runs."""

    base: tuple[Lane, ...]
    lanes: tuple[Lane, ...]
    ticket: str = ""  # of a live run
    items: tuple[tuple[int, Event], ...] | None = None  # of a replay
    shared: bool = False  # a replay of what this server computed before
    recorded: str = ""  # where and how it was recorded, if it was
    began: float = field(default_factory=time.monotonic)
    seen: int = 0
    paused: bool = False
    steered: bool = False
    curves: list[Curve] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.curves = gather(self.lanes)


def owner() -> str:
    """This session's token, by which its runs are its own."""
    return st.session_state.setdefault("owner", secrets.token_urlsafe(16))


def start(key: str, base: tuple[Lane, ...], lanes: tuple[Lane, ...]) -> None:
    """Submits `lanes` as one race; what was there is forgotten. A refusal is kept for `refusal`."""
    forget(key)
    try:
        job = Race(tuple(lane.config for lane in lanes))
        ticket = app.compute.get_compute().submit(job, owner())
    except UserError as error:
        st.session_state[f"{key}_refusal"] = str(error)
        return
    run = Run(base, lanes, ticket=ticket.id)
    if ticket.shared:
        run.items, run.shared = tuple(ticket.events()), True
    st.session_state[f"{key}_run"] = run


def replay(key: str, base: tuple[Lane, ...], lanes: tuple[Lane, ...], was: Recorded) -> None:
    """Plays a recorded race of `lanes` as if it ran now."""
    forget(key)
    st.session_state[f"{key}_run"] = Run(base, lanes, items=was.items, recorded=was.label)


def current(key: str, base: tuple[Lane, ...]) -> Run | None:
    """The session's run under this key; one of another set-up is stopped and forgotten."""
    run = st.session_state.get(f"{key}_run")
    if run is not None and run.base != base:
        forget(key)
        return None
    return run


def refusal(key: str) -> str:
    """Why the last start was refused, once; empty if it was not."""
    return st.session_state.pop(f"{key}_refusal", "")


def forget(key: str) -> None:
    """Stops the run under this key, if there is one, and forgets it."""
    st.session_state.pop(f"{key}_before", None)
    run = st.session_state.pop(f"{key}_run", None)
    ticket = _ticket(run) if run else None
    if ticket and not ticket.state.ended:
        ticket.cancel()


def refresh(run: Run) -> State:
    """Adds what has arrived to the run's curves, and says where the run stands."""
    _looks.append(time.monotonic())
    if run.items is not None:
        share = min(1.0, (time.monotonic() - run.began) / REPLAY_SECONDS)
        _add(run, run.items[run.seen : round(share * len(run.items))])
        return State("done" if share == 1 else "running")
    ticket = _ticket(run)
    if ticket is None:
        return State(
            "failed",
            reason="abandoned",
            message="The server no longer has this run; press Start to run it again.",
        )
    state = ticket.state  # before the events: whatever an ended run gave is then in them
    _add(run, ticket.events(run.seen))
    return state


def steer(run: Run, control: Control, lanes: list[int] | None = None) -> bool:
    """Sends one control to these lanes (None: all). False if the run is past steering."""
    ticket = _ticket(run)
    if ticket is None or ticket.state.ended or run.items is not None:
        return False
    for lane in lanes if lanes is not None else [None]:
        ticket.send(control, lane)
    if control.name in ("pause", "resume"):
        run.paused = control.name == "pause"
    run.steered = True
    return True


def stop(run: Run) -> None:
    """Ends a run early: a running net is still tested, a waiting run is taken off the queue."""
    ticket = _ticket(run)
    if run.items is not None:
        run.began = -REPLAY_SECONDS
    elif ticket and ticket.state.name == "queued":
        ticket.cancel()
    else:
        steer(run, Control("stop"))


def pace(state: State | None) -> str:
    """How closely to watch a run: "live", "queued", or "" for not at all."""
    if state is None or state.ended:
        return ""
    return "queued" if state.name == "queued" else "live"


def interval(pace: str) -> float | None:
    """Seconds between two looks at this pace; longer while very many viewers look."""
    full = len(_looks) == CROWDED and time.monotonic() - _looks[0] < 1
    return max(POLL[pace], 2.0) if full and POLL[pace] else POLL[pace]


def _ticket(run: Run):
    if not run.ticket or run.items is not None:
        return None
    return app.compute.get_compute().ticket(run.ticket, owner())


def _add(run: Run, items) -> None:
    for lane, event in items:
        run.curves[lane].add(event)
    run.seen += len(items)
