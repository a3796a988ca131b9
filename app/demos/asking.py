"""A measurement on a button: recorded figures until it is pressed, the server's own from then on.

What takes a moment only may be asked without a button, as soon as a setting changes.

Everything sits in one fragment that looks while the viewer's own job goes on, and not when it does
not. A demo gives the job and a function that draws its items, as many as have come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

import app.compute
from app.compute.jobs import Item, Job, without_picture
from app.compute.tickets import State, Ticket
from app.demos import loading, runs
from nfnet.events import Loading
from nfnet.run import UserError

GONE = "The server no longer has this measurement; press again."
MADE_BEFORE = "Exactly this was computed here before; these are its figures."


@dataclass(frozen=True)
class Ask:
    """What a button computes.

    Args:
        job: what is sent to the workers; None: nothing that can be asked, `why` says what to mend.
        label: the button's.
        expected: items that come in all, for the bar.
        doing: what goes on meanwhile, for the bar: "Measuring on this machine".
        help: the button's tooltip: how long it takes.
        recorded: figures of exactly this job made beforehand, shown until the button is pressed.
        about: where and how those were made.
        progress: share done by the items so far, where counting them does not tell.
        at_once: asked by itself whenever the job is another one, unless its figures are recorded;
            the button is there to ask again. `draw` has to say what it shows meanwhile.
    """

    job: Job | None
    label: str
    expected: int
    doing: str
    help: str = ""
    why: str = ""
    recorded: Sequence[Item] = ()
    about: str = ""
    progress: Callable[[Sequence[Item]], float] | None = None
    at_once: bool = False


def show(key: str, ask: Ask, draw: Callable[[Sequence[Item], bool], None]) -> None:
    """Draws the button, where the job stands, and `draw(items, own)` below.

    `items` is empty before anything was computed or recorded; `own` says that the viewer's own
    job, or an equal one, made them. A job under this key that is not the one asked for now is
    cancelled and forgotten.
    """
    if ask.at_once:
        _at_once(key, ask)
    pace = runs.pace(_state(_current(key, ask)))
    st.fragment(_part, run_every=runs.interval(pace))(key, ask, draw, pace)


def _part(key: str, ask: Ask, draw: Callable[[Sequence[Item], bool], None], pace: str) -> None:
    ticket = _current(key, ask)
    state = _state(ticket)
    if runs.pace(state) != pace:
        st.rerun()  # the whole page, because only that can change how often this looks
    # as many blocks at every look, so that the figures below keep their place
    above, below = st.container(), st.container()
    items, fetched = loading.apart(_items(key, ask, ticket))
    with above:
        with st.container(horizontal=True, vertical_alignment="center"):
            if ask.at_once and (pace or ask.recorded or (state and state.name == "done")):
                pass
            elif pace:
                st.button(
                    "Cancel",
                    key=f"{key}_cancel",
                    icon=":material/stop:",
                    on_click=_forget,
                    args=(key,),
                )
            else:
                st.button(
                    ask.label,
                    key=f"{key}_ask",
                    icon=":material/play_arrow:",
                    on_click=_submit,
                    args=(key, ask),
                    disabled=ask.job is None,
                    help=ask.help or None,
                )
        _where(key, ask, state, items, fetched)
    with below:
        own = bool(items)
        draw(items if own else ask.recorded, own)


def _where(
    key: str, ask: Ask, state: State | None, items: Sequence[Item], fetched: Loading | None
) -> None:
    """Where the job stands, in words and as a bar; where the figures come from."""
    if ask.job is None and ask.why:
        st.info(ask.why)
    refused = runs.refusal(key)
    if refused:
        st.warning(refused)
    if state is None:
        if ask.recorded and ask.about:
            st.caption(ask.about)
    elif state.name == "queued":
        if ask.at_once and state.place < 2:
            return  # its turn comes in a moment
        eta = f", about {state.eta:.0f} s" if state.eta is not None else ""
        st.info(f"This waits for a free worker: number {state.place} in the queue{eta}.")
    elif state.name == "running":
        if fetched:
            loading.bar(fetched)
            return
        if ask.at_once:
            return
        share = ask.progress(items) if ask.progress else len(items) / ask.expected
        st.progress(min(1.0, share), f"{ask.doing}: {share:.0%}.")
    elif state.name == "failed":
        st.error(state.message or GONE)
    elif state.name == "cancelled":
        st.info("This was stopped before it ended. Press the button to begin anew.")
    elif st.session_state.get(f"{key}_shared") and not ask.at_once:
        st.caption(MADE_BEFORE)


def _current(key: str, ask: Ask) -> Ticket | None:
    """The ticket under this key; one of another job is cancelled and forgotten."""
    id = st.session_state.get(f"{key}_ticket")
    if id is None:
        return None
    ticket = app.compute.get_compute().ticket(id, runs.owner())
    if ticket is None:
        del st.session_state[f"{key}_ticket"]
        st.session_state[f"{key}_refusal"] = GONE
    elif ticket.job != ask.job:
        _forget(key)
        return None
    return ticket


def _items(key: str, ask: Ask, ticket: Ticket | None) -> Sequence[Item]:
    """What the ticket has given so far; those of the last finished one if there is none.

    So a second measurement that is cancelled leaves the first on the screen.
    """
    place = f"{key}_finished"
    if ticket is None:
        job, items = st.session_state.get(place, (None, []))
        return items if ask.job is not None and job == ask.job else []
    items = ticket.events()
    if ticket.state.name == "done" and not ask.at_once:
        st.session_state[place] = (ticket.job, items)
    return items


def _state(ticket: Ticket | None) -> State | None:
    return ticket.state if ticket else None


def _at_once(key: str, ask: Ask) -> None:
    """Submits what is asked for now, unless that was done before or its figures are recorded."""
    if st.session_state.get(f"{key}_last_asked") == ask.job:
        return
    st.session_state[f"{key}_last_asked"] = ask.job and without_picture(ask.job)
    if ask.job is not None and not ask.recorded:
        _submit(key, ask)


def _submit(key: str, ask: Ask) -> None:
    _forget(key)
    try:
        ticket = app.compute.get_compute().submit(ask.job, runs.owner())
    except UserError as error:
        st.session_state[f"{key}_refusal"] = str(error)
        return
    st.session_state[f"{key}_ticket"] = ticket.id
    st.session_state[f"{key}_shared"] = ticket.shared


def _forget(key: str) -> None:
    id = st.session_state.pop(f"{key}_ticket", None)
    ticket = app.compute.get_compute().ticket(id, runs.owner()) if id else None
    if ticket and not ticket.state.ended:
        ticket.cancel()
