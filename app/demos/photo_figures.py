"""The figures of the Photos page: an answer in, Plotly figures and words out. No Streamlit here."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence

import plotly.graph_objects as go

from app.theme import TEXT, colour
from nfnet.photo import Answer, Prediction

GRID = 16  # places a side where a click puts the square
_CLEAR = "rgba(0,0,0,0)"
# What counts stays bright, the rest is darkened: no colour is needed, so none is mistaken.
_SPOTLIGHT = [[0, "rgba(0,0,0,0.78)"], [0.5, "rgba(0,0,0,0.35)"], [1, _CLEAR]]


def percent(probability: float) -> str:
    """As a person writes it, and never "0%" or "100%" for what is only close to it."""
    if probability < 0.001:
        return "< 0.1%"
    if probability < 0.1:
        return f"{probability:.1%}"
    return "> 99%" if probability >= 0.995 else f"{probability:.0%}"


def in_words(predictions: Sequence[Prediction]) -> str:
    """All answers in a line, for those who cannot see the bars."""
    answers = (f"{n}. {p.label} {percent(p.probability)}" for n, p in enumerate(predictions, 1))
    return "; ".join(answers)


def bars(predictions: Sequence[Prediction], dark: bool, size: int = 14) -> go.Figure:
    """One bar an answer, the most probable on top, its name above it."""
    rows = list(range(len(predictions)))
    letters = {"size": size, "color": TEXT[dark]}
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [round(p.probability, 4) for p in predictions],
        "y": rows,
        "width": 0.34,
        "marker": {"color": colour("agc", dark)},
        "hoverinfo": "skip",
    }
    rail = {**trace, "x": [1] * len(rows), "marker": {"color": "rgba(127,136,150,0.18)"}}
    words = []
    for row, prediction in zip(rows, predictions, strict=True):
        place = {"y": row - 0.2, "showarrow": False, "yanchor": "bottom", "font": letters}
        # Plotly reads some HTML in texts; names of classes come out of a file.
        name = html.escape(_short(prediction.label))
        words.append({**place, "x": 0, "xanchor": "left", "text": name})
        share = html.escape(percent(prediction.probability))
        words.append({**place, "x": 1, "xanchor": "right", "text": f"<b>{share}</b>"})
    hidden = {"visible": False, "fixedrange": True}
    layout = {
        "annotations": words,
        "barmode": "overlay",
        "xaxis": {**hidden, "range": [0, 1]},
        "yaxis": {**hidden, "range": [len(rows) - 0.7, -0.85]},
        "margin": {"l": 4, "r": 4, "t": 4, "b": 4},
        "showlegend": False,
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
    }
    return go.Figure({"data": [rail, trace], "layout": layout})


def _short(label: str, most: int = 34) -> str:
    first = label.split(",")[0]
    return first if len(first) <= most else f"{first[: most - 1]}…"


def picture(answer: Answer, spotlight: bool, clickable: bool) -> go.Figure:
    """The square that the network saw, in shares from its upper left corner.

    Args:
        spotlight: darken what speaks less for the first answer.
        clickable: a grid of unseen points that a click selects.
    """
    image = {
        "source": "data:image/jpeg;base64," + base64.b64encode(answer.seen).decode(),
        "xref": "x",
        "yref": "y",
        "x": 0,
        "y": 0,
        "sizex": 1,
        "sizey": 1,
        "sizing": "stretch",
        "layer": "below",
    }
    traces = []
    if spotlight and answer.heat_map:
        rows, columns = len(answer.heat_map), len(answer.heat_map[0])
        traces.append(
            {
                "type": "heatmap",
                "z": [[round(value, 3) for value in row] for row in answer.heat_map],
                "x0": 0.5 / columns,
                "dx": 1 / columns,
                "y0": 0.5 / rows,
                "dy": 1 / rows,
                "zmin": 0,
                "zmax": 1,
                "zsmooth": "best",
                "colorscale": _SPOTLIGHT,
                "showscale": False,
                "hoverinfo": "skip",
            }
        )
    places = [(n + 0.5) / GRID for n in range(GRID)] if clickable else [0.5]
    traces.append(
        {
            "type": "scatter",
            "x": places * len(places),
            "y": [y for y in places for _ in places],
            "mode": "markers",
            "marker": {"size": 22, "opacity": 0},
            "hoverinfo": "none" if clickable else "skip",
        }
    )
    hidden = {"visible": False, "fixedrange": True}
    layout = {
        "images": [image],
        "xaxis": {**hidden, "range": [0, 1], "constrain": "domain", "constraintoward": "left"},
        "yaxis": {**hidden, "range": [1, 0], "scaleanchor": "x", "constrain": "domain"},
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "dragmode": False,
        "showlegend": False,
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
    }
    return go.Figure({"data": traces, "layout": layout})
