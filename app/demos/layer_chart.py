"""Gradient over weight, layer by layer: a dot-and-range chart on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Mapping

from app.charts import Chart, base, log10, significant
from app.numbers import written
from app.theme import MUTED, TEXT, colour

LEAST = 12  # px of a layer's name
RATIO_RANGE = (1e-6, 1e5)  # ratios beyond are drawn at the edge


def ratio_by_layer(
    ratios: Mapping[str, tuple[float, float, float]],
    clipping: float | None,
    dark: bool = False,
    size: int = 13,
    recipe: str = "agc",
) -> Chart:
    """For each layer the median (dot) and 10 to 90 % range (bar) of ||G|| / ||W||* of its units.

    Args:
        ratios: layer -> (10 %, 50 %, 90 %), input first.
        clipping: the threshold drawn as a line; None: no line.
    """
    layers = list(ratios)
    ranges, medians = [], []
    for i, layer in enumerate(layers):
        low, middle, high = (_into(value, RATIO_RANGE) for value in ratios[layer])
        if high is not None:  # a low end of zero lies beyond the edge
            ranges += [[low, i], [high, i], [None, i]]
        if middle is not None:
            medians.append([middle, i])
    drawn = [point[0] for point in ranges + medians if point[0] is not None]
    drawn += [clipping] if clipping else []
    low = 10.0 ** math.floor(log10(min(drawn, default=1e-3)))
    high = 10.0 ** math.ceil(log10(max(drawn, default=1.0)) + 1e-9)
    for start in ranges[::3]:
        start[0] = low if start[0] is None else start[0]
    paint, text = colour(recipe, dark), TEXT[dark]
    option = base(dark, size)
    option["grid"] = {"left": 8, "right": 24, "top": 30, "bottom": 30, "containLabel": True}
    option["xAxis"] = {
        "type": "log",
        "min": low,
        "max": high,
        "name": "‖G‖ / ‖W‖*",
        "nameLocation": "middle",
        "nameGap": 26,
        "axisLabel": {"color": text, "fontSize": size},
        "nameTextStyle": {"color": text, "fontSize": size},
        "splitLine": {"lineStyle": {"color": MUTED[dark], "opacity": 0.25}},
    }
    option["yAxis"] = {
        "type": "category",
        "data": layers,
        "inverse": True,
        "axisLabel": {"color": text, "fontSize": max(LEAST, size - 3), "interval": 0},
    }
    option["dataset"] = [{"source": ranges}, {"source": medians}]
    encode = {"x": 0, "y": 1}
    option["series"] = [
        {
            "type": "line",
            "name": "10 to 90 % of the units",
            "datasetIndex": 0,
            "encode": encode,
            "showSymbol": False,
            "connectNulls": False,
            "lineStyle": {"color": paint, "width": 3, "opacity": 0.55},
        },
        {
            "type": "scatter",
            "name": "median unit",
            "datasetIndex": 1,
            "encode": encode,
            "symbolSize": 8,
            "itemStyle": {"color": paint},
        },
    ]
    if clipping:
        option["series"][1]["markLine"] = {
            "silent": True,
            "symbol": "none",
            "precision": 8,  # the default would round the threshold to two decimals
            "lineStyle": {"color": text, "width": 2, "type": "dashed"},
            "label": {
                "formatter": f"λ {clipping:g}",
                "position": "start",
                "color": text,
                "fontSize": size,
            },
            "data": [{"xAxis": clipping}],
        }
    above = sum(1 for value, _ in medians if clipping and value > clipping)
    alt = f"Gradient-to-weight ratio of {len(layers)} layers"
    if clipping:
        alt += f": the median unit is above λ = {clipping:g} in {above} of them."
    elif medians:
        values = [value for value, _ in medians]
        low, high = (written(end(values), 2) for end in (min, max))
        alt += f": medians from {low} to {high}, nothing is clipped."
    return Chart(option, alt)


def _into(value: float, bounds: tuple[float, float]) -> float | None:
    """`value` moved to the nearer bound where it lies beyond; None if it is no number or zero."""
    if math.isnan(value) or value <= 0:
        return None
    return significant(min(max(value, bounds[0]), bounds[1]), 3)
