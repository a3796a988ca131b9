"""A Plotly figure for places of any width: sent in several sizes, of which the place shows one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.components.deck_nav import room
from app.demos.published_paint import Drawn, Look

# Sizes that are not shown are no part of the page for a screen reader either.
_SWITCH = """<style>
.st-key-{key}_place {{ container-type: inline-size; }}
:is(.st-key-{key}_large, .st-key-{key}_narrow) {{ display: none; }}
@container (max-width: 620px) {{
  .st-key-{key}_wide {{ display: none; }}
  .st-key-{key}_narrow {{ display: flex; }}
}}
@media (min-height: 900px) {{ @container (min-width: 1100px) {{
  .st-key-{key}_place:has(.st-key-{key}_large) .st-key-{key}_wide {{ display: none; }}
  .st-key-{key}_large {{ display: flex; }}
}} }}
</style>"""


def looks(compact: bool, height: float = 0.8) -> dict[str, Look]:
    """The usual sizes by name: wide, and narrow for a phone.

    Args:
        height: share of the usual height that a figure has in large type, on a projector.
    """
    dark = st.context.theme.type == "dark"
    wide = Look(dark, 18 if compact else 16)
    if st.session_state.get("flag_projector"):
        wide = Look(dark, 26, height=height)
    # On a phone large type would leave no room for the chart.
    return {"wide": wide, "narrow": Look(dark, 15, narrow=True)}


def show(
    key: str, sizes: dict[str, Look], draw: Callable[[Look], Drawn], across_slide: bool = False
) -> Drawn:
    """The figure at its place.

    Args:
        sizes: wide and narrow; there may be a large one for the widest places of a high window.
        across_slide: the figure is as wide as a slide. Drawing each size takes the browser a tenth
            of a second, so once it has said which one fits there, only that is sent.

    Returns:
        the figure in the first of the sizes that were sent
    """
    if across_slide and (fitting := room()):
        fitting = fitting if fitting in sizes else "wide"
        sizes = {fitting: sizes[fitting]}
    if len(sizes) > 1:
        st.html(_SWITCH.format(key=key))
    figures = {size: draw(look) for size, look in sizes.items()}
    with st.container(key=f"{key}_place"):
        for size, drawn in figures.items():
            with st.container(key=f"{key}_{size}"):
                chart(f"{key}_{size}_chart", drawn)
    return next(iter(figures.values()))


def chart(key: str, drawn: Drawn) -> None:
    """A Plotly figure that stands still: no bar of tools, no zoom under the wheel."""
    still = {"displayModeBar": False, "scrollZoom": False}
    st.plotly_chart(drawn.figure, key=key, theme=None, config=still, alt=drawn.alt)
