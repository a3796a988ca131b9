"""The lecture: one slide, the bar that moves on, and the address of the slide."""

from pathlib import Path

import streamlit as st

from app import handout, shell
from app.components.deck_nav import KEY, deck_nav, plain_nav
from app.deck.model import CUT, Deck, DeckError
from app.deck.render import render_slide
from app.demos import DEMOS
from app.slides import read_deck, slides_folder


def current(deck: Deck) -> int:
    """The index of the slide that the address names; else the last one seen, else the first."""
    name = st.query_params.get("slide")
    if name is None:
        # Another page clears the address, and then the bar has no state; a bare address has both.
        away = KEY not in st.session_state and "deck_back" not in st.session_state
        name = st.session_state.get("deck_slide") if away else None
    index = deck.find(name) if name else 0
    if index is None:
        st.info("There is no such slide; here is the first one.", icon=":material/info:")
        index = 0
    go_to(deck.slides[index].id)
    return index


def go_to(slide: str) -> None:
    st.session_state["deck_slide"] = slide
    if st.query_params.get("slide") != slide:
        st.query_params["slide"] = slide


def show(deck: Deck, folder: Path) -> None:
    index = current(deck)
    # The bar goes first: keys work, and steps are hidden, while a slow demo is still being drawn.
    with st.bottom, st.container(horizontal=True, vertical_alignment="center", key="deck_bar"):
        cut = shell.flag("cut", f"{CUT}")
        if shell.flag("plain"):
            plain_nav(deck, index, go_to, cut)
        else:
            deck_nav(deck, index, go_to, cut, handout.served)
        shell.large_type_toggle()
    render_slide(deck.slides[index], DEMOS, folder, notes=shell.flag("notes"))


folder = slides_folder()
try:
    deck, _ = read_deck(folder)
except DeckError as error:
    st.error(f"A slide needs mending. {error}", icon=":material/build:")
else:
    if deck.slides:
        show(deck, folder)
    else:
        st.info("There are no slides here yet. The labs above work without them.")
