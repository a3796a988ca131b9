"""Moves through the slides by key, clicker, swipe and buttons; reveals steps in the browser.

`deck_nav` is the component, `plain_nav` its fallback out of Streamlit's own buttons. Both report
through a callback, so that the address is right before the slide is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from app.deck.model import Deck
from app.deck.words import plain_text

KEY = "deck_nav"
ROOMS = ("narrow", "wide", "large")
_HERE = Path(__file__).parent
# Until the component is there, at the first load, steps stay hidden; should it never come, they
# appear by themselves.
_WAITING = """
<style>
@media screen {
  html:not([data-deck]) [class*="st-key-frag_"] { animation: deck-wait 5s step-end }
  @keyframes deck-wait { from { opacity: 0 } to { opacity: 1 } }
}
</style>
"""


def _read(suffix: str) -> str:
    return (_HERE / f"deck_nav.{suffix}").read_text(encoding="utf-8")


_component = st.components.v2.component(
    "deck_nav", html=_read("html"), css=_read("css"), js=_read("js")
)


def deck_nav(
    deck: Deck,
    index: int,
    on_move: Callable[[str], None],
    cut: bool = False,
    handout: bool = False,
) -> None:
    """The bar, and the keys of the whole page.

    Args:
        index: the slide that this run of the script draws.
        on_move: called with a slide's id before the run that shall draw it.
        cut: optional slides are passed by; by their number or tile they can still be reached.
        handout: whether `/handout` is there to be linked to.
    """
    slides = [
        {
            "id": slide.id,
            "title": plain_text(slide.title),
            "section": slide.section,
            "steps": slide.steps,
            "minutes": float(f"{slide.minutes:g}"),
            "optional": slide.optional,
        }
        for slide in deck.slides
    ]

    def moved() -> None:
        position = _position()
        if any(position.get("slide") == slide["id"] for slide in slides):
            on_move(position["slide"])

    st.html(_WAITING)
    number = _position().get("number", 0)
    _component(
        key=KEY,
        # What was last received: an answer to an older position must not move the browser back.
        data={
            "slides": slides,
            "index": index,
            "cut": cut,
            "handout": handout,
            "ack": number if _is_number(number) else 0,
        },
        on_position_change=moved,
    )


def plain_nav(deck: Deck, index: int, on_move: Callable[[str], None], cut: bool = False) -> None:
    """Two buttons and the number of the slide, for a browser where the component will not do."""
    with st.container(horizontal=True, vertical_alignment="center"):
        before, after = deck.beside(index, -1, cut), deck.beside(index, 1, cut)
        st.button(
            "Back",
            key="deck_back",
            icon=":material/chevron_left:",
            shortcut="PageUp",
            disabled=before is None,
            on_click=on_move,
            args=(deck.slides[before or 0].id,),
        )
        st.button(
            "Next",
            key="deck_next",
            icon=":material/chevron_right:",
            shortcut="PageDown",
            disabled=after is None,
            on_click=on_move,
            args=(deck.slides[after or 0].id,),
        )
        words = f", {deck.minutes(cut=True):g}-minute cut" if cut else ""
        st.markdown(f"{index + 1} / {len(deck.slides)}{words}", width="content")


def room() -> str:
    """Which of ROOMS a figure as wide as the slide has in this browser; "": it has not said."""
    said = _position().get("room")
    return said if said in ROOMS else ""


def _position() -> dict[str, Any]:
    # What a browser sends is not to be trusted to have the right shape.
    state = st.session_state.get(KEY)
    position = state.get("position") if isinstance(state, dict) else None
    return position if isinstance(position, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
