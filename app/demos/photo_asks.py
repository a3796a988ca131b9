"""What a viewer has asked about pictures: tickets, answers and refusals, kept in the session."""

from __future__ import annotations

import time
from dataclasses import dataclass

import streamlit as st

import app.compute
from app.compute.items import ModelFacts
from app.compute.jobs import Classify, Download, Job, Models, without_picture
from app.compute.tickets import State, Ticket
from app.demos import runs
from nfnet.photo import Answer
from nfnet.run import UserError

LIST_SECONDS = 60.0  # after which what is on disk is looked up again
NEAR = 3  # places from the front of the queue where it is worth looking often

# What went wrong, for someone who looks at a picture; other reasons bring their own sentence.
REASONS = {
    "worker died": (
        "The process that looked at this picture died, perhaps for want of memory. "
        "Try another picture or a smaller network."
    ),
    "out of memory": (
        "This picture and network need more memory than the server has; try a smaller network."
    ),
    "deadline": "This took too long and was ended; try a smaller network.",
    "abandoned": "Nobody waited for this answer any more.",
    "error": "Something went wrong with this picture; its details are in the server's log.",
}
LOST = "The server no longer has this question."


@dataclass
class Standing:
    """Where a question stands. `answer` is the last one, of this question only if `fresh`."""

    answer: Answer | None = None
    fresh: bool = False
    state: State | None = None  # of the job that is on its way
    loading: dict | None = None
    failure: str = ""
    hopeless: bool = False  # asking the same again would fail the same


def ask(key: str, job: Classify) -> Standing:
    """Submits the question if it is a new one, and says where it stands."""
    memory = st.session_state
    standing = Standing(answer=memory.get(f"{key}_answer"))
    asked: Job | None = memory.get(f"{key}_asked")
    if asked != job:
        memory[f"{key}_asked"] = without_picture(job)
        memory[f"{key}_failure"], memory[f"{key}_hopeless"] = "", False
        memory[f"{key}_answered"] = False
        try:
            memory[f"{key}_ticket"] = app.compute.get_compute().submit(job, runs.owner()).id
        except UserError as error:
            memory[f"{key}_failure"] = _sentence(str(error))
    if not memory[f"{key}_answered"] and not memory[f"{key}_failure"]:
        _look(key, standing)
    standing.failure, standing.hopeless = memory[f"{key}_failure"], memory[f"{key}_hopeless"]
    standing.fresh = memory[f"{key}_answered"]
    return standing


def _look(key: str, standing: Standing) -> None:
    """Hears what has become of the ticket."""
    memory = st.session_state
    ticket = app.compute.get_compute().ticket(memory[f"{key}_ticket"], runs.owner())
    state = ticket.state if ticket else State("failed", message=LOST)
    items = ticket.events() if ticket else []
    if state.name == "done":
        answer = Answer.from_json(items[-1]["answer"])
        memory[f"{key}_answer"] = standing.answer = answer
        memory[f"{key}_answered"] = True
    elif state.ended:
        memory[f"{key}_failure"] = _sentence(REASONS.get(state.reason) or state.message or LOST)
        memory[f"{key}_hopeless"] = state.reason == "invalid"
    else:
        standing.state = state
        standing.loading = items[-1]["loading"] if items else None


def again(key: str) -> None:
    """Forgets how the last question ended, so that it is asked anew."""
    st.session_state.pop(f"{key}_asked", None)


def forget_answer(key: str) -> None:
    """Another picture: the old answer must not stand beside it."""
    again(key)
    st.session_state.pop(f"{key}_answer", None)


def pace(standing: Standing) -> str:
    """How closely to watch: "live", "queued" far back in the queue, or "" for not at all."""
    if standing.state is None:
        return ""
    return "queued" if standing.state.place > NEAR else "live"


def models(key: str) -> tuple[list[ModelFacts] | None, str]:
    """Which networks there are (None: not known yet), and why that cannot be said."""
    memory, compute, owner = st.session_state, app.compute.get_compute(), f"{runs.owner()} list"
    seen = memory.get(f"{key}_models")
    ticket = compute.ticket(memory.get(f"{key}_list", ""), owner)
    if ticket is None:
        if seen is not None and time.monotonic() - memory[f"{key}_listed"] < LIST_SECONDS:
            return seen, ""
        try:
            ticket = compute.submit(Models(), owner)
        except UserError as error:
            return seen, _sentence(str(error))
        memory[f"{key}_list"] = ticket.id
    if items := ticket.events():
        memory[f"{key}_models"], memory[f"{key}_listed"] = items[0]["models"], time.monotonic()
        if ticket.state.ended:
            memory.pop(f"{key}_list")
        return items[0]["models"], ""
    if ticket.state.ended and not ticket.events():
        memory.pop(f"{key}_list")
        memory[f"{key}_models"], memory[f"{key}_listed"] = [], time.monotonic()
        return [], _sentence(ticket.state.message or LOST)
    return seen, ""


def look_again(key: str) -> None:
    """Has the list of networks made anew."""
    st.session_state[f"{key}_listed"] = -LIST_SECONDS


def download(key: str, model: str) -> None:
    st.session_state.pop(f"{key}_download_end", None)
    try:
        ticket = app.compute.get_compute().submit(Download(model), runs.owner())
    except UserError as error:
        st.session_state[f"{key}_refusal"] = str(error)
        return
    st.session_state[f"{key}_download"] = (ticket.id, model, time.monotonic())


def downloading(key: str) -> tuple[Ticket, str, float] | None:
    """The ticket of the viewer's own download, its model and when it began; or None."""
    known = st.session_state.get(f"{key}_download")
    if known is None:
        return None
    id, model, began = known
    ticket = app.compute.get_compute().ticket(id, runs.owner())
    if ticket is None:
        del st.session_state[f"{key}_download"]
        return None
    return ticket, model, began


def end_download(key: str, state: State, model: str) -> None:
    """Keeps how the download ended, to be said until the next one, and looks what is here now."""
    del st.session_state[f"{key}_download"]
    st.session_state[f"{key}_download_end"] = (state, model)
    look_again(key)


def download_end(key: str) -> tuple[State | None, str]:
    """How the last download ended, and of which model."""
    return st.session_state.get(f"{key}_download_end", (None, ""))


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
