"""The speed limit in degrees: how far a step turns each filter, and filters as clock hands.

Items of a Turns job in, Plotly figures out; no Streamlit here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.demos.published_paint import Drawn, Look, figure, legend, note
from app.numbers import written
from app.theme import MUTED, colour
from nfnet.formulas import turn_limit

HANDS = 16
LEAST = 1e-5  # degrees; what turns less is float32's rounding, and a logarithmic axis has no zero


def gathered(item: dict[str, Any], what: str) -> np.ndarray:
    """One number a filter, over all layers; NaN left out."""
    values = np.array([value for layer in item["layers"] for value in layer[what]])
    return values[np.isfinite(values)]


def turned(
    runs: Sequence[tuple[str, str, Sequence[dict[str, Any]]]],
    clipping: float | None,
    lr: float,
    momentum: float,
    steps: int,
    look: Look,
) -> Drawn:
    """Degrees a step: median, 10 to 90 % and the farthest filter of each run, and the limits.

    Args:
        runs: label, recipe and items of each; the items' rates give the limit at their steps.
    """
    traces: list[dict[str, Any]] = []
    told, heights = [], []
    watched = max((items[-1]["step"] for *_, items in runs if items), default=0.8 * steps)
    for label, recipe, items in runs:
        if not items:
            continue
        paint = colour(recipe, look.dark)
        x = [item["step"] for item in items]
        degrees = [np.maximum(gathered(item, "turned"), LEAST) for item in items]
        low, middle, high = ([float(np.quantile(d, q)) for d in degrees] for q in (0.1, 0.5, 0.9))
        most = [float(d.max()) for d in degrees]
        heights += low + most
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{label}: median filter",
                "x": x,
                "y": _rounded(middle),
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": _rounded([h - m for h, m in zip(high, middle, strict=True)]),
                    "arrayminus": _rounded([m - lo for lo, m in zip(low, middle, strict=True)]),
                    "color": paint,
                },
                "line": {"color": paint, "width": 2.5},
                "hovertemplate": "step %{x}: %{y:.3g}° (median)<extra></extra>",
            }
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{label}: farthest",
                "x": x,
                "y": _rounded(most),
                "marker": {"color": paint, "symbol": "triangle-up", "size": 10},
                "hovertemplate": "step %{x}: %{y:.3g}° (farthest)<extra></extra>",
            }
        )
        now, far = written(middle[-1], 2), written(most[-1], 2)
        told.append(f"{label}, step {x[-1]}: median {now}°, farthest {far}°")
    if clipping:
        rates = [lr * 0.5 * (1 + math.cos(math.pi * step / steps)) for step in range(steps)]
        limits = {"limit of one gradient": 0.0}
        if momentum:
            limits["limit with momentum"] = momentum
        for (name, m), dash in zip(limits.items(), ("dash", "dot"), strict=False):
            values = [turn_limit(rate, clipping, m) for rate in rates]
            heights += [value for step, value in enumerate(values, 1) if step <= watched]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "x": list(range(1, steps + 1)),
                    "y": _rounded([max(v, LEAST) for v in values]),
                    "line": {"color": look.text, "width": 2, "dash": dash},
                    "hoverinfo": "skip",
                }
            )
    upward = {"title": "degrees a step", "type": "log", "dtick": 1, "exponentformat": "none"}
    if heights:  # at the very end of training rate and limit fall to zero: below the chart
        ends = (math.log10(end(heights)) for end in (min, max))
        upward["range"] = [end + room for end, room in zip(ends, (-0.2, 0.2), strict=True)]
    drawn = figure(
        traces,
        look,
        20 if look.narrow else 19,
        {"title": "step", "range": [0, steps]},
        upward,
        **legend(look),
    )
    limit = f"Limit of one gradient {written(turn_limit(lr, clipping))}°. " if clipping else ""
    return Drawn(drawn, f"Degrees a step turns the filters. {limit}{'; '.join(told)}.", ())


def clock_hands(item: dict[str, Any], layer: str, recipe: str, look: Look) -> Drawn:
    """Filters of a layer as hands: each began at twelve and points as far as it has turned."""
    away = next(one["away"] for one in item["layers"] if one["name"] == layer)[:HANDS]
    columns = 4 if look.narrow else 8
    paint = colour(recipe, look.dark)
    circle = np.linspace(0, 2 * math.pi, 49)
    rings: dict[str, list] = {"x": [], "y": []}
    hands: dict[str, list] = {"x": [], "y": []}
    notes = []
    for index, degrees in enumerate(away):
        x, y = 2.5 * (index % columns), -3.2 * (index // columns)
        rings["x"] += [*(x + np.cos(circle)).round(3).tolist(), None, x, x, None]
        rings["y"] += [*(y + np.sin(circle)).round(3).tolist(), None, y, y + 1, None]
        angle = math.radians(degrees)
        hands["x"] += [x, round(x + 0.95 * math.sin(angle), 4), None]
        hands["y"] += [y, round(y + 0.95 * math.cos(angle), 4), None]
        notes.append(note(f"{degrees:.0f}°", look, x=x, y=y - 1.45))
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "hoverinfo": "skip",
            **points,
            "line": {"color": shade, "width": width},
        }
        for points, shade, width in ((rings, MUTED[look.dark], 1.2), (hands, paint, 4))
    ]
    rows = -(-len(away) // columns)
    hidden = {"visible": False}
    drawn = figure(
        traces,
        look,
        (8.0 if look.narrow else 7.0) * rows,
        {**hidden, "range": [-1.3, 2.5 * columns - 1.2]},
        {**hidden, "range": [-3.2 * rows + 1.3, 1.2], "scaleanchor": "x"},
        annotations=notes,
    )
    alt = (
        f"{len(away)} filters of {layer} as clock hands after step {item['step']}: turned away "
        f"from where they began by {min(away):.0f} to {max(away):.0f} degrees."
    )
    return Drawn(drawn, alt, ())


def right_angles(item: dict[str, Any], look: Look) -> Drawn:
    """The angle between every filter and its gradient, as a histogram."""
    angles = gathered(item, "gradient_angle")
    off = float(np.abs(angles - 90).max()) if len(angles) else 0.0
    reach = max(15.0, math.ceil(off / 5) * 5)
    edges = np.linspace(90 - reach, 90 + reach, 61)
    count, _ = np.histogram(angles, edges)
    middles = (edges[1:] + edges[:-1]) / 2
    bars = {
        "type": "bar",
        "x": middles.round(2).tolist(),
        "y": count.tolist(),
        "marker": {"color": colour("nf", look.dark)},
        "hovertemplate": "%{x:.1f}°: %{y} filters<extra></extra>",
    }
    drawn = figure(
        [bars],
        look,
        13,
        {"title": "degrees between a filter and its gradient", "range": [edges[0], edges[-1]]},
        {"title": "filters"},
        bargap=0,
    )
    far = f"{written(off, 2)}°" if off >= 0.01 else "less than 0.01°"
    words = f"{len(angles)} filters; the farthest from a right angle is {far} off."
    return Drawn(drawn, words, ())


def _rounded(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.4g}") for value in values]
