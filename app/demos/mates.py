"""Batch mates: what one picture's answer owes to the strangers in its batch, under BN and NF."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.deck.model import Still
from app.demos import asking, mates_data, mates_seats, screen
from app.demos.mates_figures import (
    NAMES,
    Item,
    amount,
    answer_bars,
    answer_words,
    farthest_reach,
    largest_share,
    reach_bars,
    reach_words,
    short,
    size_figure,
    size_words,
    verdict,
)
from app.demos.mates_settings import COMPANIES, Table, neighbours
from app.demos.mates_words import FAIR, REACH, WHAT, WHERE, finding
from app.demos.published_paint import Look
from app.demos.stills import SIZE as STILL_SIZE
from nfnet.run import UserError
from nfnet.strangers import first_company, spoken

STILL = {"displayModeBar": False}
PRINTED = 3  # classes of each net on paper, where both nets share a slide
LOOKING = "The nets are looking at the new table; below are their last answers."
WAITING = "No answer to this table is recorded here; the nets are being asked."


def render(params: dict[str, Any], compact: bool) -> None:
    """The table and both nets' answers; not compact: every seat, uploads, sizes, what it means.

    Parameters: own (a drawing), company (one of COMPANIES, on arrival), key.
    """
    key, image = params["key"], b""
    if compact:
        company = st.segmented_control(
            "Who else is in the batch",
            list(COMPANIES),
            format_func=COMPANIES.__getitem__,
            default=params["company"],
            required=True,
            key=f"{key}_company",
            label_visibility="collapsed",
        )
        table = Table(neighbours(company, params["own"]), 8, params["own"])
        mates_seats.row(key, table)
    else:
        mates_seats.check(key)
        try:
            table, image = mates_seats.controls(key, params)
        except UserError as error:
            st.warning(str(error))
            return
    _answers(key, table, image, compact)
    if not compact:
        st.markdown(WHAT)
        st.markdown(FAIR)
        _measured(key)
        st.subheader("Where it matters")
        st.markdown(WHERE)


def lab(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the page that show what the slide shows."""
    company = st.session_state.get(f"{params['key']}_company", params["company"])
    seats = neighbours(company, params["own"])
    return [
        ("mates_sample", params["own"]),
        *((f"mates_seat{n}", spoken(name)) for n, name in enumerate(seats, 2)),
    ]


def still(params: dict[str, Any]) -> tuple[Still, ...]:
    """Both nets' recorded answers after one swap, for print."""
    recorded, label = mates_data.companies()
    items = recorded.get((params["own"], neighbours("swap", params["own"])), [])
    most = largest_share(items)
    return tuple(
        Still(
            answer_bars(item, Look(size=STILL_SIZE), most, PRINTED).to_plotly_json(),
            answer_words(item),
            f"{verdict(item)} {label}",
        )
        for item in items
    )


def _answers(key: str, table: Table, image: bytes, compact: bool) -> None:
    """Both nets' answers to this table: recorded ones, or from a worker within a moment."""
    known, label = mates_data.companies()
    recorded = known.get((table.own, table.company), []) if table.own else []
    try:
        job = table.job(image)
    except UserError as error:
        st.warning(f"{error}.")
        return
    ask = asking.Ask(
        job,
        "Ask again",
        expected=2,
        doing="The nets are looking",
        recorded=recorded,
        at_once=True,
    )

    def draw(items: Sequence[Item], own: bool) -> None:
        place = st.container()
        shown, stale = _shown(key, table, items)
        with place:
            if not shown:
                st.info(WAITING)
                return
            if not compact:
                where = "" if own or stale else f" {label}"
                calm = f"Both nets in training mode, batch of {table.size}.{where}"
                st.caption(LOOKING if stale else calm)
            for column, item in zip(st.columns(len(shown), gap="large"), shown, strict=True):
                with column:
                    _net(key, item, table, largest_share(shown), compact)
            if not compact:
                _reaches(key, shown, table)

    asking.show(key, ask, draw)


def _shown(key: str, table: Table, items: Sequence[Item]) -> tuple[Sequence[Item], bool]:
    """The answers to this table, else the last ones about the same picture; whether they are old.

    An uploaded picture comes back with its answer, and is kept to be drawn at its seat.
    """
    memory = st.session_state
    if len(items) == 2:
        memory[f"{key}_shown"] = (table, items)
        seen = (table.digest, items[0]["seen"])
        if seen[1] and memory.get(f"{key}_seen") != seen:
            memory[f"{key}_seen"] = seen
            st.rerun()  # its seat is already drawn, without it
        return items, False
    was, last = memory.get(f"{key}_shown", (None, ()))
    same = was and (was.own, was.digest) == (table.own, table.digest)
    return (last, True) if same else ((), False)


def _net(key: str, item: Item, table: Table, most: float, compact: bool) -> None:
    """One net's answer, on an axis up to `most` for both."""
    look = Look(st.context.theme.type == "dark", screen.size(compact) + (0 if compact else 2))
    norm = item["norm"]
    at_first = table.company == first_company(table.own, table.size - 1)
    st.markdown(verdict(item, at_first))
    _chart(answer_bars(item, look, most), f"{key}_bars_{norm}", answer_words(item))
    if compact:
        moved = "" if at_first else f"Largest change of a logit: **{amount(item['difference'])}**."
        st.caption(moved or "&nbsp;")
        return
    st.markdown(f"Largest change of a logit (the largest logit is {item['scale']:.1f}) against …")
    with st.container(horizontal=True):
        for label, name, about in (
            ("first company", "difference", short(item["first_label"], 18)),
            ("evaluation mode", "gap", short(item["evaluation_label"], 18)),
            ("sitting alone", "alone", "batch of 1"),
        ):
            st.metric(
                label,
                amount(item[name]),
                about,
                delta_color="off",
                delta_arrow="off",
                border=True,
                width=165,
            )


def _reaches(key: str, shown: Sequence[Item], table: Table) -> None:
    """How far each net's loss of the own picture reaches, where anybody else is there."""
    seats = table.seats[: len(shown[0]["reach"]) - 1]
    if not seats:
        return
    st.markdown(REACH)
    look, most = _look(), farthest_reach(shown)
    for column, item in zip(st.columns(len(shown), gap="large"), shown, strict=True):
        with column:
            norm, words = item["norm"], reach_words(item)
            st.markdown(f"**{NAMES[norm]}**")
            _chart(reach_bars(item, seats, look, most), f"{key}_reach_{norm}", words)
            st.caption(words)


def _look() -> Look:
    return Look(st.context.theme.type == "dark", screen.size(False) + 2)


def _measured(key: str) -> None:
    """The measurement over many pictures and seeds."""
    st.subheader("Measured over many pictures")
    record = mates_data.measured()
    rows = record.rows("changes")
    if not rows:
        st.info("The recorded measurement is not here; make it with benchmarks/batch_mates.py.")
        return
    look = _look()
    left, right = st.columns(2, gap="large")
    with left:
        _chart(size_figure(rows, look), f"{key}_sizes", size_words(rows))
    with right:
        conditions = record.conditions
        st.markdown(finding(record.items, conditions["pictures"], conditions["seeds"]))
    st.caption(record.label)


def _chart(figure: Any, key: str, alt: str) -> None:
    st.plotly_chart(figure, key=key, theme=None, config=STILL, alt=alt)
