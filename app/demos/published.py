"""Published figures, drawn from the tables with their sources."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import streamlit as st

from app.components.deck_nav import room
from app.demos import links, one_of, tables
from app.demos.published_columns import NONE, numbers
from app.demos.published_figures import FIGURES, drawn
from app.demos.published_names import DEFAULTS
from app.demos.published_paint import Drawn, Look

# A figure is sent in several sizes and the place shows the one that fits; the others are no part of
# the page for a screen reader either. Drawing each takes the browser a tenth of a second, so where
# it has said what fits on a slide, only that is sent, and shown whatever the place.
SWITCH = """<style>
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


def render(params: dict[str, Any], compact: bool) -> None:
    """One figure with its small print; not compact: every switch, and the table it is drawn from.

    Parameters: figure, and for those that have it net, axis, depth or pixels; key.
    """
    name, key = params["figure"], params["key"]
    published = FIGURES[name]
    shown = {option: params[option] for option in published.options}
    if not compact:
        for option, about in published.options.items():
            links.check(key, {option: (about.called.lower(), one_of(*about.choices))})
            shown[option] = asked(f"{key}_{option}", tuple(about.choices), shown[option])
    if published.live or not compact:
        for option, about in published.options.items():
            shown[option] = st.segmented_control(
                about.called,
                list(about.choices),
                default=shown[option],
                format_func=about.choices.__getitem__,
                required=True,
                key=f"{key}_{option}",
                label_visibility="collapsed" if compact else "visible",
            )
    if not compact:
        for option in DEFAULTS:
            tell(f"{key}_{option}", shown.get(option, params[option]), params[option])
    dark = st.context.theme.type == "dark"
    looks = _looks(compact, dark)
    if len(looks) > 1:
        st.html(SWITCH.format(key=key))
    with st.container(key=f"{key}_place"):
        for size, look in looks.items():
            figure = _drawn(name, look, tuple(shown.items()))
            with st.container(key=f"{key}_{size}"):
                _chart(figure, f"{key}_{size}_chart")
    st.caption(tables.small_print(figure.rows, brief=compact))
    if not compact:
        _details(name, figure.rows)


def lab(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the page Published that show what the slide shows, switches included."""
    name, key = params["figure"], params["key"]
    chosen = {
        option: st.session_state.get(f"{key}_{option}", params[option])
        for option in FIGURES[name].options
    }
    return [("pub_figure", name), *((f"pub_{option}", value) for option, value in chosen.items())]


def asked(parameter: str, choices: tuple[str, ...], usual: str) -> str:
    """What the page's address asks for, or the usual where it asks for nothing that there is."""
    value = st.query_params.get(parameter)
    return value if value in choices else usual


def tell(parameter: str, value: str, usual: str) -> None:
    """Puts what is shown into the address by its name; a bound widget would put its label."""
    if value != usual:
        st.query_params[parameter] = value
    elif parameter in st.query_params:
        del st.query_params[parameter]


def _looks(compact: bool, dark: bool) -> dict[str, Look]:
    """The sizes by name; in a slide letters of 18 px, or of 25 where the screen is large."""
    looks = {"wide": Look(dark, 18), "large": Look(dark, 25)}
    if st.session_state.get("flag_projector"):
        looks = {"wide": Look(dark, 26, height=0.9)}
    elif not compact:
        looks = {"wide": Look(dark, 16)}
    # On a phone large type would leave no room for the chart.
    looks["narrow"] = Look(dark, 15, narrow=True)
    size = room() if compact else ""
    if size == "large" and size not in looks:
        size = "wide"
    return {size: looks[size]} if size else looks


@lru_cache(maxsize=128)
def _drawn(name: str, look: Look, options: tuple[tuple[str, str], ...]) -> Drawn:
    """As `drawn`; the tables do not change while the app runs, and nobody changes the figure."""
    return drawn(name, look, dict(options))


def _chart(figure: Drawn, key: str) -> None:
    still = {"displayModeBar": False, "scrollZoom": False}
    st.plotly_chart(figure.figure, key=key, theme=None, config=still, alt=figure.alt)


def _details(name: str, rows: Sequence[tables.Row]) -> None:
    """The rows behind the figure: numbers to copy, and for those who prefer to read them."""
    lines = numbers(name, rows)
    with st.expander("The numbers"):
        st.table(lines)
        if any(NONE in line.values() for line in lines):
            st.caption(f"{NONE}: not published.")
