"""The charts of signal propagation: a computed curve, measured dots. No Streamlit here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from app import charts
from app.numbers import written
from app.theme import MUTED, TEXT, colour
from nfnet.meanfield import Signal

QUANTITIES = {
    "variance": "variance of the stream",
    "squared_mean": "squared channel mean of the stream",
    "branch_variance": "variance of the residual branch",
}
LARGEST = 1e38  # beyond, float32 has no numbers
POWERS = 1e9  # from this ratio on the axis counts powers of ten: ECharts writes all the zeros
SPREADS = 30.0  # from this ratio of largest to smallest on the axis is logarithmic


class Curve(NamedTuple):
    """One net: its label, its recipe's key in the theme, what it computes to, what was measured."""

    label: str
    recipe: str
    computed: Sequence[Signal]
    measured: Sequence[dict[str, Any]] = ()
    divided_by: Sequence[float] | None = None


def chart(
    curves: Sequence[Curve], quantity: str, dark: bool = False, size: int = 13
) -> charts.Chart:
    """One quantity of QUANTITIES against the block, the computed as lines, the measured as dots."""
    series: list[dict[str, Any]] = []
    for curve in curves:
        paint = colour(curve.recipe, dark)
        line = _points([getattr(signal, quantity) for signal in curve.computed])
        series.append(_line(curve.label, line, paint, "solid", 2.5))
        if quantity == "variance" and curve.divided_by:
            expected = _points(curve.divided_by)
            series.append(_line("σ², expected", expected, MUTED[dark], "dashed", 2))
        dots = _points([row[quantity] for row in curve.measured])
        series.append(
            {
                "type": "scatter",
                "name": f"{curve.label}, measured",
                "data": dots,
                "symbolSize": 9 if len(dots) <= 60 else 5,
                "color": paint,
            }
        )
    axis = _axis([point[1] for each in series for point in each["data"]])
    name = QUANTITIES[quantity] + (", logarithmic scale" if axis["type"] == "log" else "")
    low = axis["min"]
    for each in series:  # what is below the axis is drawn at its lower edge
        each["data"] = [[x, charts.significant(max(y, low))] for x, y in each["data"]]
    if axis["type"] == "log" and axis["max"] / low > POWERS:
        axis = {"type": "value", "min": math.log10(low), "max": math.log10(axis["max"])}
        name = f"{QUANTITIES[quantity]}, as a power of ten"
        for each in series:
            each["data"] = [[x, charts.significant(math.log10(y))] for x, y in each["data"]]
    _labels(series, axis, dark, size)
    blocks = max(len(curve.computed) for curve in curves)
    style = {"color": TEXT[dark], "fontSize": size}
    option = charts.base(dark, size)
    longest = max(len(s["name"]) for s in series if s["type"] == "line")
    option["grid"]["right"] = round(size * (1.7 + 0.56 * longest))
    option["xAxis"] = {
        "type": "value",
        "min": 0,
        "max": blocks,
        "minInterval": 1,
        "name": "block",
        "nameLocation": "middle",
        "nameGap": 26,
        "nameTextStyle": style,
        "axisLabel": style,
        "splitLine": {"show": False},
    }
    option["yAxis"] = {
        **axis,
        "name": name,
        "nameTextStyle": {**style, "align": "left"},
        "axisLabel": style,
        "splitLine": {"lineStyle": {"color": MUTED[dark], "opacity": 0.25}},
    }
    option["series"] = series
    return charts.Chart(option, _alt(curves, quantity))


def _points(values: Sequence[float | None]) -> list[list[float]]:
    return [
        [block + 1, value]
        for block, value in enumerate(values)
        if value is not None and math.isfinite(value) and abs(value) < LARGEST
    ]


def _line(name: str, data: list, paint: str, dash: Any, width: float) -> dict[str, Any]:
    return {
        "type": "line",
        "name": name,
        "data": data,
        "showSymbol": False,
        "color": paint,
        "lineStyle": {"width": width, "type": dash},
    }


def _labels(series: list[dict[str, Any]], axis: dict[str, Any], dark: bool, size: int) -> None:
    """Each line's name at its end, moved so that none lies on another."""
    lines = [each for each in series if each["type"] == "line" and each["data"]]
    shifts = charts.label_shifts(
        [charts.Line("", "nf", *zip(*each["data"], strict=True)) for each in lines],
        max((each["data"][-1][0] for each in lines), default=1),
        axis,
        size,
    )
    for each, shift in zip(lines, shifts, strict=True):
        each["endLabel"] = {
            "show": True,
            "formatter": f"{{dot|●}} {each['name']}",
            "rich": {"dot": {"color": each["color"]}},
            "offset": [0, shift],
            "color": TEXT[dark],
            "fontSize": size,
        }


def _axis(values: Sequence[float]) -> dict[str, Any]:
    top = max(values, default=1.0)
    low = min((v for v in values if v > 0), default=0.0)
    # a squared mean near nothing is nothing: on a linear axis it looks like it
    if top > 1.5 and top / low > SPREADS:
        bottom = max(low, top / 1e45, 1e-3)
        return {
            "type": "log",
            "min": 10.0 ** math.floor(charts.log10(bottom)),
            "max": 10.0 ** math.ceil(charts.log10(top) + 1e-9),
        }
    size = 10.0 ** math.floor(math.log10(max(1.05 * top, 0.1)))
    ends = (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    end = next(end for end in ends if end * size >= 1.05 * top)
    start = math.floor(9 * low * 0.97) / 10 if low > 0.6 * top else 0
    return {"type": "value", "min": start, "max": round(end * size, 6)}


def _alt(curves: Sequence[Curve], quantity: str) -> str:
    told = []
    for curve in curves:
        first, last = (getattr(curve.computed[i], quantity) for i in (0, -1))
        text = f"{curve.label} computed {written(first)} after the first block and {written(last)} "
        text += f"after the last of {len(curve.computed)}"
        measured = [row[quantity] for row in curve.measured]
        if measured and math.isfinite(measured[-1]):
            text += f", measured {written(measured[-1])} there"
        told.append(text)
    return f"{QUANTITIES[quantity].capitalize()} block by block: {'; '.join(told)}."


def largest_gap(computed: Sequence[Signal], measured: Sequence[dict[str, Any]]) -> float | None:
    """The largest difference of a measured variance to the computed one, as a share of that."""
    gaps = [
        abs(row["variance"] / signal.variance - 1)
        for row, signal in zip(measured, computed, strict=False)
        if math.isfinite(row["variance"])
    ]
    return max(gaps, default=None)


def overflows(measured: Sequence[dict[str, Any]]) -> int | None:
    """The first block, from 1, whose measured signal float32 cannot hold; None: it can hold all."""
    for row in measured:
        if not (math.isfinite(row["variance"]) and math.isfinite(row["squared_mean"])):
            return row["block"] + 1
    return None
