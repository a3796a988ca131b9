"""The Black box's figure: the loss, and layer by layer what AGC would look at. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.demos.curves import Curve, gather
from app.demos.presets import Lane
from app.theme import DASHES, MUTED, PAGE, TEXT, colour
from nfnet.events import Event, Step

LOSSES = (0.03, 1e4)  # drawn within; above: at the top edge
LARGE = 15  # px; above it, as in slides, every other number of a scale is left out
RATIOS = (-3.5, 1.0)  # powers of ten from the palest to the darkest colour


@dataclass
class Flight:
    """One run with what was recorded of it, and its ratios step by step."""

    curve: Curve
    steps: list[Step] = field(default_factory=list)

    @property
    def layers(self) -> list[str]:
        return list(self.steps[0].ratios) if self.steps else []

    @property
    def died(self) -> int | None:
        """The step whose loss was no longer a number."""
        end = self.curve.end
        return end.step if end is not None and getattr(end, "reason", "") == "non-finite" else None

    def medians(self) -> list[list[float | None]]:
        """Layer by layer, a number a step: log10 of the median unit's ratio; None: infinite."""
        return [[_log10(step.ratios[layer][1]) for step in self.steps] for layer in self.layers]


def flights(lanes: Sequence[Lane], items: Sequence[tuple[int, Event]]) -> list[Flight]:
    """One a lane, from a race's items."""
    made = [Flight(curve) for curve in gather(tuple(lanes), items)]
    for lane, event in items:
        if isinstance(event, Step) and event.ratios and lane < len(made):
            made[lane].steps.append(event)
    return made


def flight_figure(
    shown: Sequence[Flight], step: int, until: int, dark: bool, size: int, height: int
) -> dict[str, Any]:
    """Loss on top, a heat map for each flight below, steps from left to right.

    Args:
        step: where the line stands.
        until: the last step on the axis.
        height: px of the figure; the gaps hold one line of letters.
    """
    maps = [flight for flight in shown if flight.steps]
    tops = [1.0, *(0.66 - 0.35 * i for i in range(len(maps)))] if len(maps) > 1 else [1.0, 0.6]
    gap = 1.5 * size / (height - 5 * size)  # below the panels are the axis and its title
    feet = [top + gap for top in tops[1:]] + [0.0]
    panels = range(2, 2 + len(maps))
    letters = {"size": size, "color": TEXT[dark]}
    few = int(size > LARGE)
    layout: dict[str, Any] = {
        "margin": {"l": 8, "r": 8, "t": round(1.6 * size), "b": 8},
        "font": letters,
        "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "annotations": [],
        "xaxis": {
            "range": [0.5, until + 0.5],
            "title": {"text": "step", "font": letters},
            "tickfont": letters,
            "anchor": f"y{len(maps) + 1}" if maps else "y",
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
        "yaxis": {
            "type": "log",
            "domain": [feet[0], tops[0]],
            "range": _decades(shown),  # whole ones, so that a number stands at both ends
            "tickvals": [0.1, 1, 10, 100, 1e3, 1e4][few :: 1 + few],
            "ticktext": ["0.1", "1", "10", "100", "1,000", "≥ 10,000"][few :: 1 + few],
            "tickfont": letters,
            "gridcolor": "rgba(163,173,186,0.25)",
            "automargin": True,
        },
        # in each panel by itself: between them are their names
        "shapes": [_upright(step, f"y{i or ''} domain", dark) for i in (0, *panels)],
    }
    traces = [_loss(flight, dark) for flight in shown if flight.curve.steps]
    _note(layout, "training loss, logarithmic scale", 1.0, size, dark)
    for i, flight in enumerate(maps):
        axis = f"yaxis{i + 2}"
        layout[axis] = {
            "domain": [feet[i + 1], tops[i + 1]],
            "autorange": "reversed",
            "type": "category",
            "showgrid": False,
            "automargin": True,
            "tickvals": [flight.layers[0], flight.layers[-1]],
            "ticktext": ["first layer", "last layer"],
            "tickfont": letters,
        }
        label = flight.curve.lane.label
        _note(layout, f"{label}: median ‖G‖ / ‖W‖*", tops[i + 1], size, dark)
        traces.append(_map(flight, f"y{i + 2}", tops[-1] if i == 0 else None, dark, size))
        if flight.died and flight.died <= until:
            layout["annotations"].append(_death(flight.died, f"y{i + 2} domain", size, dark))
    return {"data": traces, "layout": layout}


def _upright(step: int, yref: str, dark: bool) -> dict[str, Any]:
    line = {"color": TEXT[dark], "width": 2.5, "dash": "dash"}
    place = {"x0": step - 0.5, "x1": step - 0.5, "yref": yref, "y0": 0, "y1": 1}
    return {"type": "line", "line": line, **place}


def _decades(shown: Sequence[Flight]) -> list[int]:
    """The powers of ten around all losses that are drawn, from 0.1 or 1 to 10 at least."""
    losses = [v for flight in shown for v in flight.curve.losses if math.isfinite(v)]
    low, high = min([1.0, *losses]), max([10.0, *losses])
    ends = (max(low, LOSSES[0]), min(high, LOSSES[1]))
    return [math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1]))]


def _loss(flight: Flight, dark: bool) -> dict[str, Any]:
    curve = flight.curve
    low, high = LOSSES
    drawn = [min(max(v, low), high) if math.isfinite(v) else None for v in curve.losses]
    dash = DASHES[curve.lane.recipe]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": curve.lane.label,
        "x": curve.steps,
        "y": [None if v is None else float(f"{v:.3g}") for v in drawn],
        "line": {
            "color": colour(curve.lane.recipe, dark),
            "width": 3,
            "dash": ",".join(f"{n}px" for n in dash) or "solid",
        },
        "hovertemplate": "%{fullData.name}, step %{x}: loss %{y:.3g}<extra></extra>",
    }


def _map(flight: Flight, axis: str, top: float | None, dark: bool, size: int) -> dict[str, Any]:
    """One heat map; `top` is the height of the colours' key, None for none."""
    low, high = RATIOS
    medians = flight.medians()
    powers = range(math.ceil(low), math.floor(high) + 1, 1 + (size > LARGE))
    drawn = [[high if v is None else round(v, 2) for v in row] for row in medians]
    return {
        "type": "heatmap",
        "yaxis": axis,
        "x": [step.step for step in flight.steps],
        "y": flight.layers,
        "z": drawn,
        "zmin": low,
        "zmax": high,
        # no recipe's colour: both maps have one scale
        "colorscale": [[0, PAGE[dark]], [1, TEXT[dark]]],
        "showscale": top is not None,
        "colorbar": {
            "tickvals": list(powers),
            "ticktext": [f"{10.0**p:g}" for p in powers],
            "tickfont": {"size": size, "color": TEXT[dark]},
            "thickness": size,
            "outlinecolor": MUTED[dark],
            "outlinewidth": 1,
            "y": 0.0,
            "yanchor": "bottom",
            "len": top,  # that of the lowest map: no map's name runs into it
        },
        "hovertemplate": "%{y}, step %{x}: 10 to the power %{z}<extra></extra>",
    }


def _death(step: int, yref: str, size: int, dark: bool) -> dict[str, Any]:
    return {
        "x": step,
        "y": 0.5,
        "yref": yref,
        "text": f"✕ step {step}:<br>no longer<br>a number",
        "showarrow": False,
        "xanchor": "left",
        "align": "left",
        "font": {"size": size, "color": TEXT[dark]},
    }


def _note(layout: dict[str, Any], text: str, top: float, size: int, dark: bool) -> None:
    note = {"x": 0, "xref": "paper", "y": top, "yref": "paper", "text": text, "showarrow": False}
    place = {"xanchor": "left", "yanchor": "bottom", "font": {"size": size, "color": TEXT[dark]}}
    layout["annotations"].append({**note, **place})


def _log10(value: float) -> float | None:
    if not math.isfinite(value):
        return None
    return math.log10(value) if value > 0 else -9.0
