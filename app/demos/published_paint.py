"""What all figures of published numbers share: their look, their axes, their families."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import plotly.graph_objects as go

from app.demos.tables import Row
from app.theme import MUTED, PAGE, TEXT, colour

FONT = "Source Sans, Source Sans Pro, system-ui, sans-serif"


@dataclass(frozen=True)
class Look:
    """How a figure is drawn: on a dark page or not, its letters in pixels, for a phone or not.

    `height` is the share of the usual height, for large letters on a screen that does not grow.
    """

    dark: bool = False
    size: int = 18
    narrow: bool = False
    height: float = 1.0

    @property
    def text(self) -> str:
        return TEXT[self.dark]

    @property
    def muted(self) -> str:
        return MUTED[self.dark]

    @property
    def page(self) -> str:
        return PAGE[self.dark]

    def colour(self, recipe: str) -> str:
        return colour(recipe, self.dark)


class Drawn(NamedTuple):
    """A figure, what it shows in words, and the rows of the tables that it is drawn from."""

    figure: go.Figure
    alt: str
    rows: Sequence[Row]


def figure(
    traces: list[dict[str, Any]],
    look: Look,
    height: float,
    xaxis: dict[str, Any],
    yaxis: dict[str, Any],
    **layout: Any,
) -> go.Figure:
    """The figure made in one go, `height` given in letter heights so that large type has room."""
    letters = {"family": FONT, "size": look.size, "color": look.text}

    def axis(settings: dict[str, Any]) -> dict[str, Any]:
        quiet = {
            "gridcolor": "rgba(128,138,150,0.28)",
            "zeroline": False,
            "ticks": "",
            "tickfont": letters,
            "automargin": True,
            "fixedrange": True,  # a finger scrolls the page, not the axis
        }
        standoff = 0.6 * look.size  # or Plotly lays a large title over its numbers
        title = {"text": settings.get("title", ""), "font": letters, "standoff": standoff}
        return {**quiet, **settings, "title": title}

    base = {
        "height": round(height * look.height * look.size),
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "font": letters,
        "hoverlabel": {
            "font": letters,
            "bgcolor": look.page,
            "bordercolor": look.muted,
            "align": "left",
        },
        "showlegend": False,
        "dragmode": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "autotypenumbers": "strict",
        # Streamlit hands Plotly a copy of the chart it has just drawn. With this mark and without
        # a template Plotly finds nothing new in it; else it would draw everything a second time.
        "datarevision": zlib.crc32(repr(traces).encode()),
    }
    axes = {"xaxis": axis(xaxis), "yaxis": axis(yaxis)}
    traces = [_bars(trace) if trace["type"] == "bar" else trace for trace in traces]
    made = go.Figure({"data": traces, "layout": {**base, **axes, **layout}})
    made.layout.template = None
    return made


def _bars(trace: dict[str, Any]) -> dict[str, Any]:
    """The bars with what Plotly's usual template would give them."""
    usual = {
        "line": {"color": "#E5ECF6", "width": 0.5},
        "pattern": {"fillmode": "overlay", "size": 10, "solidity": 0.2},
    }
    marker = trace["marker"]
    dressed = {part: {**usual[part], **marker.get(part, {})} for part in usual}
    return {**trace, "marker": {**marker, **dressed}}


def legend(look: Look, **more: Any) -> dict[str, Any]:
    """Layout for a legend above the chart; a click on it hides nothing by accident."""
    place = {"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0}
    still = {"itemclick": False, "itemdoubleclick": False, "font": {"size": look.size}}
    return {"showlegend": True, "legend": {**place, **still, **more}}


def note(text: str, look: Look, **place: Any) -> dict[str, Any]:
    """A piece of text at a place of the chart, without an arrow."""
    base = {"text": text, "showarrow": False, "font": {"size": look.size, "color": look.text}}
    return {**base, **place}


def signed(value: float) -> str:
    """A difference of percentages with its sign: +0.5, ±0.0, −0.2."""
    text = f"{abs(value):.1f}"
    return f"{'±' if text == '0.0' else '+' if value > 0 else '−'}{text}"
