"""Published figures, drawn from the tables with their sources."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.demos import links, one_of, tables
from app.demos.published_figures import FIGURES, drawn, published_source
from app.demos.published_paint import Look

# Each figure is sent laid out for a wide place and for a narrow one; the place itself shows one.
# What is not shown is no part of the page for a screen reader either.
SWITCH = """<style>
.st-key-{key}_place {{ container-type: inline-size; }}
.st-key-{key}_narrow {{ display: none; }}
@container (max-width: 620px) {{
  .st-key-{key}_wide {{ display: none; }}
  .st-key-{key}_narrow {{ display: flex; }}
}}
</style>"""
PHONE = 15  # px of the letters on a phone; there large type would leave no room for the chart


def render(params: dict[str, Any], compact: bool) -> None:
    """One figure with its small print; not compact: every switch, and the table it is drawn from.

    Parameters: figure, and for those that have it net, axis, depth or pixels; key.
    """
    name, key = params["figure"], params["key"]
    published = FIGURES[name]
    shown = {option: params[option] for option in published.options}
    if not compact:
        checks = {
            option: (about.called.lower(), one_of(*about.choices))
            for option, about in published.options.items()
        }
        links.check(key, checks)
    if published.live or not compact:
        for option, about in published.options.items():
            shown[option] = st.segmented_control(
                about.called,
                list(about.choices),
                default=shown[option],
                format_func=about.choices.__getitem__,
                required=True,
                key=f"{key}_{option}",
                bind=None if compact else "query-params",
                label_visibility="collapsed" if compact else "visible",
            )
    _chart(name, key, shown, compact)
    st.caption(published_source(name))
    if not compact:
        _details(published.sources)


def lab(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the page Published that show what the slide shows, switches included."""
    name, key = params["figure"], params["key"]
    chosen = {
        option: st.session_state.get(f"{key}_{option}", params[option])
        for option in FIGURES[name].options
    }
    return [("pub_figure", name), *((f"pub_{option}", value) for option, value in chosen.items())]


def _chart(name: str, key: str, options: dict[str, str], compact: bool) -> None:
    dark = st.context.theme.type == "dark"
    st.html(SWITCH.format(key=key))
    with st.container(key=f"{key}_place"):
        for width, look in (
            ("wide", Look(dark, _size(compact))),
            ("narrow", Look(dark, PHONE, narrow=True)),
        ):
            figure, alt = drawn(name, look, options)
            with st.container(key=f"{key}_{width}"):
                st.plotly_chart(
                    figure,
                    key=f"{key}_{width}_chart",
                    theme=None,
                    config={"displayModeBar": False, "scrollZoom": False},
                    alt=alt,
                )


def _size(compact: bool) -> int:
    """Pixels of the letters: 18 in a slide, half as large again in large type."""
    small = 18 if compact else 16
    return round(1.5 * small) if st.session_state.get("flag_projector") else small


def _details(names: tuple[str, ...]) -> None:
    """The rows behind the figure: numbers to copy, and a chart in words for those who need one."""
    with st.expander("The numbers"):
        for name in names:
            rows = tables.load(name)
            columns = [c for c in rows[0] if c not in tables.SOURCE or c == "arxiv"]
            st.table([{column: row[column] for column in columns} for row in rows])
