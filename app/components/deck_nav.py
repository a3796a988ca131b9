"""Moves through the slides by key, clicker, swipe and buttons; reveals steps in the browser.

`deck_nav` is the component, `plain_nav` its fallback out of Streamlit's own buttons. Both report
through a callback, so that the address is right before the slide is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

KEY = "deck_nav"
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


def deck_nav(slides: list[dict[str, Any]], index: int, on_move: Callable[[str], None]) -> None:
    """The bar, and the keys of the whole page.

    Args:
        slides: one `{"id", "title", "steps"}` each; the title as plain text.
        index: the slide that this run of the script draws.
        on_move: called with a slide's id before the run that shall draw it.
    """

    def moved() -> None:
        position = _position()
        if any(position.get("slide") == slide["id"] for slide in slides):
            on_move(position["slide"])

    st.html(_WAITING)
    number = _position().get("number", 0)
    _component(
        key=KEY,
        # What was last received: an answer to an older position must not move the browser back.
        data={"slides": slides, "index": index, "ack": number if _is_number(number) else 0},
        on_position_change=moved,
    )


def plain_nav(ids: list[str], index: int, on_move: Callable[[str], None]) -> None:
    """Two buttons and the number of the slide, for a browser where the component will not do."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Back",
            key="deck_back",
            icon=":material/chevron_left:",
            shortcut="PageUp",
            disabled=index == 0,
            on_click=on_move,
            args=(ids[max(index - 1, 0)],),
        )
        st.button(
            "Next",
            key="deck_next",
            icon=":material/chevron_right:",
            shortcut="PageDown",
            disabled=index == len(ids) - 1,
            on_click=on_move,
            args=(ids[min(index + 1, len(ids) - 1)],),
        )
        st.markdown(f"{index + 1} / {len(ids)}", width="content")


def _position() -> dict[str, Any]:
    # What a browser sends is not to be trusted to have the right shape.
    state = st.session_state.get(KEY)
    position = state.get("position") if isinstance(state, dict) else None
    return position if isinstance(position, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
