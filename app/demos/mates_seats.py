"""The table of Batch mates on the page: eight pictures, and who may sit where."""

from __future__ import annotations

import base64
import functools
import io
import secrets

import streamlit as st
from PIL import Image

from app.demos import links, one_of, photo_source, reset
from app.demos.mates_settings import (
    COMPANIES,
    OWN,
    SEATS,
    SIZES,
    STRANGERS,
    Table,
    another,
    neighbours,
    shuffled,
)
from nfnet.drawings import SAMPLES
from nfnet.strangers import COPY, picture, spoken

SIDE = 144  # px of a picture that is sent
SPOKEN = tuple(map(spoken, STRANGERS))
# A slide's pictures go edge to edge on a phone; these are eight small ones, as wide as their names
# in whatever size of type.
SMALL = """<style>.st-key-slide .st-key-{key}_seats [data-testid="stElementContainer"]:has(
[data-testid="stImage"]) {{ width: 100% !important; margin-inline: 0; }}
.st-key-{key}_seats [data-testid="stImage"] {{ max-width: 104px; }}
.st-key-{key}_seats > [data-testid="stLayoutWrapper"] {{ flex-basis: 6.5rem; width: 6.5rem; }}
.st-key-{key}_seats > [data-testid="stLayoutWrapper"] > * {{ width: 100%; }}</style>"""
CALLED = {
    "gallery": "choice of drawings",
    "own": "own picture's upload",
    "change": "named companies and shuffling",
    "size": "batch size",
}


def check(key: str) -> None:
    """One warning if the address asks for a picture, seat or size that is not here."""
    seats = {f"seat{n}": (f"seat {n}", one_of(*SPOKEN)) for n in range(2, SEATS + 1)}
    others = {
        "sample": ("picture", one_of(*SAMPLES)),
        "size": ("batch size", one_of(*map(str, SIZES))),
    }
    links.check(key, seats | others)
    name = st.query_params.get(f"{key}_sample")
    if name in SAMPLES:
        st.session_state.setdefault(f"{key}_sample", name)


def controls(key: str, params: dict) -> tuple[Table, bytes]:
    """Everything that can be moved, the pictures included; the table, and an uploaded file."""
    st.markdown("**Your picture**, at seat 1")
    shown = photo_source.choose(key, {"sample": params["own"]}, False)
    own = shown.sample
    _change_places(key, own)
    usual = neighbours(params["company"], own)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(
            horizontal=True, vertical_alignment="bottom", key=f"{key}_change", width="content"
        ):
            _named(key, "first", own)
            st.button(
                "Swap a neighbour",
                key=f"{key}_another",
                icon=":material/swap_horiz:",
                on_click=_swap,
                args=(key, own),
            )
            st.button(
                "Shuffle the strangers",
                key=f"{key}_shuffle",
                icon=":material/shuffle:",
                on_click=_shuffle,
                args=(key, own),
            )
            for company in ("noise", "black", "copies"):
                _named(key, company, own)
        defaults = dict(zip(_names(), neighbours(params["company"], OWN), strict=True))
        reset.button(key, defaults | {"size": SEATS, "sample": OWN, "source": "sample"}, _at_home)
        links.hand_out(key, CALLED)
        size = st.select_slider(
            "Batch size",
            SIZES,
            value=SEATS,
            key=f"{key}_size",
            bind="query-params",
            width=300,
            help="Past eight, further figures and noise come in, always the same.",
        )
    seats = row(key, Table(usual, size, own, "" if own else shown.digest), True)
    return Table(seats, size, own, "" if own else shown.digest), b"" if own else shown.data


def _named(key: str, company: str, own: str) -> None:
    """A button for a company with a name."""
    seats = neighbours(company, own)
    st.button(COMPANIES[company], key=f"{key}_{company}", on_click=_sit, args=(key, seats))


def row(key: str, table: Table, editable: bool = False) -> tuple[str, ...]:
    """The eight seats as pictures; the names of the seven neighbours, as they are chosen now."""
    first, chosen = neighbours("first", table.own), []
    width = 132 if editable else 104
    if not editable:
        st.html(SMALL.format(key=key))
    with st.container(horizontal=True, gap="small", key=f"{key}_seats"):
        with st.container(width=width, gap="xxsmall"):
            _own_picture(key, table)
            st.caption("**1: your picture**" if editable else "**1: own**")
        for seat, usual in enumerate(table.seats, 2):
            with st.container(width=width, gap="xxsmall"):
                here, place = seat <= table.size, st.empty()
                name = usual
                if editable:
                    name = st.selectbox(
                        f"Seat {seat}",
                        STRANGERS,
                        index=STRANGERS.index(usual),
                        format_func=spoken,
                        key=f"{key}_seat{seat}",
                        bind="query-params",
                        disabled=not here,
                        filter_mode="contains",
                    )
                _picture(place, key, table, name, here)
                new = here and name != first[seat - 2]
                was = f"was {spoken(first[seat - 2])}" if new else ""
                if not editable:
                    was = f"{seat}: {spoken(name)}" + (f" ({was})" if was else "")
                st.caption(was or "&nbsp;")
                chosen.append(name)
    if table.size > SEATS:
        st.caption(f"And {table.size - SEATS} more strangers, figures and noise.")
    return tuple(chosen)


def _own_picture(key: str, table: Table) -> None:
    """The own picture; an uploaded one as the worker sent it back, for nobody reads files here."""
    if table.own:
        st.image(thumbnail(table.own), width="stretch", alt=f"A drawing of a {spoken(table.own)}")
        return
    digest, seen = st.session_state.get(f"{key}_seen", ("", ""))
    known = digest == table.digest and seen
    source = f"data:image/jpeg;base64,{seen}" if known else thumbnail("")
    st.image(source, width="stretch", alt="Your own picture")


def _picture(place, key: str, table: Table, name: str, here: bool) -> None:
    with place.container():
        if not here:
            st.image(thumbnail(""), width="stretch", alt="An empty seat")
        elif name == COPY:
            _own_picture(key, table)
        else:
            st.image(thumbnail(name), width="stretch", alt=spoken(name))


@functools.lru_cache(maxsize=128)
def thumbnail(name: str) -> str:
    """A named picture as a small PNG, an empty seat for "", in an address of its own.

    Bytes Streamlit would decode and encode at every run, and the browser fetch one by one.
    """
    image = picture(name) if name else Image.new("RGBA", (8, 8), (127, 136, 150, 40))
    soft = image.width > SIDE
    how = Image.Resampling.BOX if soft else Image.Resampling.NEAREST
    file = io.BytesIO()
    image.resize((SIDE, SIDE), how).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _names() -> list[str]:
    return [f"seat{n}" for n in range(2, SEATS + 1)]


def _change_places(key: str, own: str) -> None:
    """A company with a name stays what it is; else who comes to the first seat leaves its own."""
    was = st.session_state.get(f"{key}_own_was", own)
    st.session_state[f"{key}_own_was"] = own
    seats = tuple(st.session_state.get(f"{key}_{name}") for name in _names())
    if was == own or None in seats:
        return
    for company in COMPANIES:
        if seats == neighbours(company, was):
            _sit(key, neighbours(company, own))
            return
    _sit(key, tuple(was if own and was and seat == own else seat for seat in seats))


def _sit(key: str, seats: tuple[str, ...]) -> None:
    for name, guest in zip(_names(), seats, strict=True):
        st.session_state[f"{key}_{name}"] = guest


def _swap(key: str, own: str) -> None:
    seats = tuple(st.session_state[f"{key}_{name}"] for name in _names())
    seat, guest = another(seats, own, secrets.randbelow(2**32))
    st.session_state[f"{key}_{_names()[seat]}"] = guest


def _shuffle(key: str, own: str) -> None:
    _sit(key, shuffled(own, secrets.randbelow(2**32)))


def _at_home(key: str) -> None:
    """After a reset: the address names no picture."""
    st.query_params.pop(f"{key}_sample", None)
    st.session_state[f"{key}_own_was"] = OWN
