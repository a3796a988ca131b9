"""The curves of app.charts where nothing moves: an ECharts option in, a Plotly figure out.

On the screen ECharts draws them, because it updates in place; a file or a page to print has only
Plotly, which Python brings along. What is drawn is decided once, in app.charts; this translates
the few things that its options use: lines, dots, level lines, labels at a line's end.
"""

from __future__ import annotations

import math
from typing import Any

from app.charts import HEIGHT

STROKES = {"dotted": "dot", "dashed": "dash", "solid": "solid"}


def still_chart(option: dict[str, Any], height: int = HEIGHT) -> dict[str, Any]:
    """The figure `{"data", "layout"}` of an option made by app.charts."""
    letters = option["textStyle"]
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {
        "height": height,
        "margin": {"l": 8, "r": option["grid"]["right"], "t": 44, "b": 8},
        "font": {"size": letters["fontSize"], "color": letters["color"]},
        "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": _axis(option["xAxis"]),
        "yaxis": _axis(option["yAxis"]),
        "shapes": [],
        "annotations": [_title(option["yAxis"])],
    }
    layout["yaxis"]["title"] = {"text": ""}
    for series in option["series"]:
        points = _points(series, option.get("dataset", []))
        if points:
            traces.append(_trace(series, points))
            if series.get("endLabel", {}).get("show"):
                layout["annotations"].append(_end(series, points[-1], layout))
        for level in series.get("markLine", {}).get("data", []):
            _level(level["yAxis"], series, layout)
    return {"data": traces, "layout": layout}


def _axis(axis: dict[str, Any]) -> dict[str, Any]:
    bounds = [axis["min"], axis["max"]]
    log = axis["type"] == "log"
    return {
        "type": "log" if log else "linear",
        "range": [math.log10(value) for value in bounds] if log else bounds,
        "title": {"text": axis.get("name", "")},
        "automargin": True,
        "zeroline": False,
        "showgrid": axis.get("splitLine", {}).get("show", True),
        "gridcolor": "rgba(128,138,150,0.28)",
        **({"dtick": 1, "exponentformat": "power"} if log else {}),
    }


def _title(axis: dict[str, Any]) -> dict[str, Any]:
    """The vertical axis's name, level and above it."""
    place = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "yshift": 10}
    return {**place, "text": axis["name"], "xanchor": "left", "yanchor": "bottom", **_PLAIN}


_PLAIN = {"showarrow": False}


def _points(series: dict[str, Any], datasets: list[dict[str, Any]]) -> list[list[float]]:
    if "datasetIndex" in series:
        return datasets[series["datasetIndex"]]["source"]
    return series.get("data", [])


def _trace(series: dict[str, Any], points: list[list[float]]) -> dict[str, Any]:
    x, y = zip(*points, strict=True)
    trace = {"type": "scatter", "x": list(x), "y": list(y), "name": series["name"]}
    if series["type"] == "scatter":
        return {**trace, "mode": "markers", "marker": {"color": series["color"], "size": 9}}
    dash = series["lineStyle"]["type"]
    dash = STROKES[dash] if isinstance(dash, str) else ",".join(f"{length}px" for length in dash)
    line = {"color": series["color"], "width": series["lineStyle"]["width"], "dash": dash}
    return {**trace, "mode": "lines", "line": line}


def _end(series: dict[str, Any], point: list[float], layout: dict[str, Any]) -> dict[str, Any]:
    label = series["endLabel"]
    text = f'<span style="color:{series["color"]}">●</span> {series["name"]}'
    return {
        "x": _scaled(point[0], layout["xaxis"]),
        "y": _scaled(point[1], layout["yaxis"]),
        "text": text,
        "xanchor": "left",
        "xshift": 6,
        "yshift": -label["offset"][1],
        **_PLAIN,
    }


def _level(value: float, series: dict[str, Any], layout: dict[str, Any]) -> None:
    """A thin line across the whole chart, with its name at the right, above it."""
    style = series["markLine"]["lineStyle"]
    line = {"color": style["color"], "width": 1.5, "dash": STROKES[style["type"]]}
    across = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value}
    layout["shapes"].append({**across, "line": line})
    layout["annotations"].append(
        {
            "xref": "paper",
            "x": 1,
            "xanchor": "right",
            "y": _scaled(value, layout["yaxis"]),
            "yanchor": "bottom",
            "text": series["name"],
            "font": {"color": style["color"]},
            **_PLAIN,
        }
    )


def _scaled(value: float, axis: dict[str, Any]) -> float:
    """A place for an annotation, which Plotly takes as the logarithm on such an axis."""
    return math.log10(value) if axis["type"] == "log" else value
