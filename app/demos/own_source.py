"""One's own pictures to train on: a zip that the viewer brings, or the folder of the server.

A worker reads them; here only the zip's bytes pass through. What was found is the session's, and
the address tells its digest, so that a link opens the same pictures while the server has them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

import streamlit as st
from streamlit.errors import StreamlitAPIException

import app.compute
from app.compute.jobs import Unpack, without_picture
from app.compute.tickets import State, Ticket
from app.demos import runs
from app.demos.photo_answer import plain
from nfnet.photo import MAX_BYTES
from nfnet.run import FOLDER, OWN, UserError

YOURS, SERVERS = "Your own", "The server's"
TEST_EVERY = 5
FEW = 50  # test pictures, below which an accuracy is a rough figure
LAYOUT = (
    "A zip with a folder for each class and its pictures inside: 2 to 20 classes, at least 10 "
    "pictures of each, at most 2,000 in all; JPEG, PNG or WebP."
)
KEPT = (
    "Each picture is reduced to 32 pixels a side, and that is what the server keeps, until it "
    "stops or needs the room. Nobody sees the pictures; whoever has this page's link can train "
    "on them."
)
LOST = "The server no longer has this question; choose the zip again."
STOPPED = "Reading these pictures was stopped. Read them again, or choose another zip."


@dataclass(frozen=True)
class Found:
    """A set of pictures that the server has."""

    dataset: str  # its name in a run's configuration
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    skipped: int

    @property
    def testing(self) -> int:
        """Pictures kept for the test, every fifth of a class."""
        return sum(count // TEST_EVERY for count in self.counts)

    @property
    def training(self) -> int:
        return sum(self.counts) - self.testing


def offered() -> tuple[str, ...]:
    """The names of what can be chosen here besides the usual sets."""
    return (YOURS, SERVERS) if os.environ.get("NFNET_PICTURES") else (YOURS,)


def digest(text: str) -> str:
    """A set's digest as it stands in an address; ValueError where it is none."""
    if not re.fullmatch("[0-9a-f]{16}", text):
        raise ValueError("not a digest")
    return text


def found(key: str, choice: str) -> Found | None:
    """What is known of the pictures chosen; None: not known, or not these."""
    known = st.session_state.get(f"{key}_found")
    wanted = FOLDER if choice == SERVERS else OWN + _in_address(key)
    return known if known is not None and known.dataset == wanted else None


def recall(key: str) -> None:
    """The pictures that this session brought last, in any lab, unless the address names others."""
    last = st.session_state.get("own_last")
    if last is not None and not _in_address(key):
        st.session_state[f"{key}_found"] = last
        st.query_params[f"{key}_own"] = last.dataset.removeprefix(OWN)


def choose(key: str, choice: str) -> Found | None:
    """Draws what pictures are brought with, has them read, says what was found and gives it."""
    with st.container(key=f"{key}_own", gap="small"):
        file = _uploader(key) if choice == YOURS else None
        here = found(key, choice)
        if file is not None and file.file_id != st.session_state.get(f"{key}_own_file"):
            _ask(key, Unpack(file.getvalue()), file.file_id)
        elif here is None and choice == SERVERS:
            _ask(key, Unpack())
        elif here is None and _in_address(key):
            _ask(key, Unpack(digest=_in_address(key)))
        else:
            st.session_state.pop(f"{key}_own_asked", None)
            if here is not None:
                _tell(here)
    return found(key, choice)


def _in_address(key: str) -> str:
    try:
        return digest(st.query_params.get(f"{key}_own", ""))
    except ValueError:
        return ""


def _uploader(key: str):
    st.markdown(LAYOUT)
    try:
        return st.file_uploader(
            "A zip of your pictures",
            ["zip"],
            key=f"{key}_zip",
            max_upload_size=MAX_BYTES >> 20,
            help=KEPT,
            width=560,
        )
    except StreamlitAPIException:  # a file under another name than the browser lets through
        st.error("Only files named .zip are taken.")
        return None


def _ask(key: str, job: Unpack, file: str = "") -> None:
    """Has a job done once, and keeps what comes of it."""
    memory = st.session_state
    asked = (without_picture(job), file)  # a link's set may be brought as a file after all
    if memory.get(f"{key}_own_asked") != asked:
        memory[f"{key}_own_asked"], memory[f"{key}_own_failure"] = asked, ""
        memory.pop(f"{key}_found", None)
        try:
            memory[f"{key}_own_ticket"] = app.compute.get_compute().submit(job, runs.owner()).id
        except UserError as error:
            memory[f"{key}_own_failure"] = str(error)
    failure = memory[f"{key}_own_failure"]
    if failure:
        st.warning(plain(f"{failure[:1].upper()}{failure[1:]}".rstrip(".") + "."))
        if failure == STOPPED:
            st.button(
                "Read again",
                key=f"{key}_own_again",
                icon=":material/refresh:",
                on_click=lambda: memory.pop(f"{key}_own_asked"),
            )
        return
    st.fragment(_look, run_every=runs.interval("live"))(key, file)


def _look(key: str, file: str) -> None:
    """Hears what has become of the ticket; its end is told by the whole page."""
    memory = st.session_state
    ticket = app.compute.get_compute().ticket(memory[f"{key}_own_ticket"], runs.owner())
    state = ticket.state if ticket else State("failed", message=LOST)
    items = ticket.events() if ticket else []
    if state.name == "done":
        item = items[-1]
        here = memory[f"{key}_found"] = Found(
            item["dataset"], tuple(item["classes"]), tuple(item["counts"]), item["skipped"]
        )
        if here.dataset.startswith(OWN):
            memory["own_last"] = here
        if file:
            memory[f"{key}_own_file"] = file
            st.query_params[f"{key}_own"] = item["dataset"].removeprefix(OWN)
        st.rerun()
    if state.ended:
        memory[f"{key}_own_failure"] = memory[f"{key}_own_failure"] or state.message or LOST
        st.rerun()
    st.button(
        "Cancel",
        key=f"{key}_own_cancel",
        icon=":material/stop:",
        on_click=_cancel,
        args=(key, ticket),
    )
    if state.name == "queued" and state.place > 1:
        st.progress(0.0, f"These pictures wait for a free worker: number {state.place} in line.")
        return
    loading = items[-1]["loading"] if items else None
    share = loading["done"] / max(1, loading["total"]) if loading else 0.0
    st.progress(min(1.0, share), "Reading the pictures.")


def _cancel(key: str, ticket: Ticket) -> None:
    st.session_state[f"{key}_own_failure"] = STOPPED
    ticket.cancel()


def _tell(here: Found) -> None:
    """What was found, in a few words."""
    classes = ", ".join(
        f"{plain(name)} ({count})" for name, count in zip(here.classes, here.counts, strict=True)
    )
    words = (
        f"**{len(here.classes)} classes, {sum(here.counts):,} pictures:** {classes}. Every fifth "
        f"of a class is kept for the test: {here.training:,} to train on, {here.testing:,} to test."
    )
    if here.skipped:
        files = "file was" if here.skipped == 1 else "files were"
        words += f" {here.skipped:,} {files} left out: no pictures, or not readable."
    if here.testing < FEW:
        words += " So few test pictures give only a rough accuracy."
    st.markdown(words)
