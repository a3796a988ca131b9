"""Published figures, drawn from the tables with their sources."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import streamlit as st

from app.demos import links, one_of, places, tables
from app.demos.published_columns import NONE, numbers
from app.demos.published_figures import FIGURES, drawn
from app.demos.published_names import DEFAULTS
from app.demos.published_paint import Drawn, Look


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
    chosen = tuple(shown.items())
    figure = places.show(key, _looks(compact), lambda look: _drawn(name, look, chosen), compact)
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


def _looks(compact: bool) -> dict[str, Look]:
    """The sizes by name; in a slide a third one, its letters 25 px, where the screen is large."""
    looks = places.looks(compact, height=0.9)
    if compact and not st.session_state.get("flag_projector"):
        looks["large"] = Look(st.context.theme.type == "dark", 25)
    return looks


@lru_cache(maxsize=128)
def _drawn(name: str, look: Look, options: tuple[tuple[str, str], ...]) -> Drawn:
    """As `drawn`; the tables do not change while the app runs, and nobody changes the figure."""
    return drawn(name, look, dict(options))


def _details(name: str, rows: Sequence[tables.Row]) -> None:
    """The rows behind the figure: numbers to copy, and for those who prefer to read them."""
    lines = numbers(name, rows)
    with st.expander("The numbers"):
        st.table(lines)
        if any(NONE in line.values() for line in lines):
            st.caption(f"{NONE}: not published.")
