"""Our counts beside the published ones, and the published nets against each other. No Streamlit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from app.demos import tables
from app.demos.models_drawing import short
from app.demos.models_settings import CONFIGS, NETS
from app.demos.published_cost import FAMILIES, TICKS
from app.demos.published_paint import Drawn, Look, figure, legend, note
from app.numbers import written
from nfnet.counts import count

NONE = "–"  # nothing published


@dataclass(frozen=True)
class Price:
    """An axis of the chart: what it is called, its table and column, whether it is logarithmic."""

    called: str
    title: str
    table: str
    column: str
    logarithmic: bool = True


ACROSS = {
    "work": Price("Multiply-adds", "multiply-adds an image, billions", "imagenet-cost", "flops_b"),
    "parameters": Price("Parameters", "parameters, millions", "imagenet-cost", "params_m"),
    "px": Price("Resolution", "side of the test image, px", "resolution", "test_px", False),
}
UP = {
    "tpu": Price("Step, TPUv3", "training step on TPUv3, ms", "imagenet-cost", "tpu_ms"),
    "gpu": Price("Step, V100", "training step on a V100, ms", "imagenet-cost", "gpu_ms"),
    "top1": Price("Top-1", "ImageNet top-1, %", "imagenet-cost", "top1", False),
}
SHOWN = ("NFNet", "NFNet + SAM", "EfficientNet", "ResNet")  # of the table's families


def published(name: str) -> tables.Row | None:
    """The published counts of a net, if there are any.

    Those of EfficientNets are from their own paper, which has two digits; the NFNets paper pads
    them with zeros.
    """
    return _row(name, "efficientnet", "imagenet-cost", "extra-data")


def measured(name: str) -> tables.Row | None:
    """A net's accuracy and step times on ImageNet, if they are published."""
    return _row(name, "imagenet-cost")


def _row(name: str, *among: str) -> tables.Row | None:
    """The first row in these tables that is about a net."""
    called = NETS[name].replace("EfficientNet", "EffNet")
    for table in among:
        for row in tables.load(table):
            if row["model"].removesuffix(" + SAM") == called:
                return row
    return None


def difference(ours: float, theirs: float | None) -> str:
    """How much larger our count is than a published one, to the published one's own digits."""
    if theirs is None:
        return NONE
    share = 100 * (ours - theirs) / theirs
    return "none" if abs(share) < 0.05 else f"{share:+.1f} %".replace("-", "−")


def agreed(ours: int, row: tables.Row, column: str) -> str:
    """The published count and our difference from it, where ours is rounded as theirs is."""
    printed = row[column].strip()
    if not printed:
        return NONE
    size = {"flops_b": 1e9, "params_m": 1e6}[column]
    digits = len(printed.partition(".")[2])
    return difference(round(ours / size, digits), float(printed))


@cache
def comparison() -> tuple[dict[str, str], ...]:
    """A line a net of ImageNet's size: our counts, the published ones, and what was measured."""
    lines = []
    for name, config in CONFIGS.items():
        if config.stem != "imagenet" or config.num_classes != 1000:
            continue
        counts, row = count(config), published(name)
        lines.append(
            {
                "Net": NETS[name],
                "px": str(counts.resolution),
                "Parameters, ours": f"{counts.parameters:,}",
                "published": f"{row['params_m']} M" if row else NONE,
                "difference": agreed(counts.parameters, row, "params_m") if row else NONE,
                "Multiply-adds, ours": short(counts.multiply_adds),
                "published ": f"{row['flops_b']} G" if row else NONE,
                "difference ": agreed(counts.multiply_adds, row, "flops_b") if row else NONE,
                **_measured(measured(name)),
            }
        )
    return tuple(lines)


def _measured(row: tables.Row | None) -> dict[str, str]:
    with_sam = " with SAM" if row and row["model"].endswith("SAM") else ""

    def cell(column: str, unit: str) -> str:
        return f"{row[column]} {unit}{with_sam}" if row and row[column] else NONE

    return {
        "Top-1": cell("top1", "%"),
        "Step, TPUv3": cell("tpu_ms", "ms"),
        "Step, V100": cell("gpu_ms", "ms"),
    }


def sources() -> list[tables.Row]:
    """The published rows that the lines and the chart are taken from."""
    rows = [find(name) for find in (published, measured) for name in CONFIGS]
    return [*filter(None, rows), *tables.load("resolution")]


def chart(look: Look, across: str, up: str, net: str, value: float) -> Drawn:
    """Published nets of three families by two of their prices, and where a net of ours stands.

    Args:
        across, up: keys of ACROSS and UP.
        net: what the net is called.
        value: its own count in the unit of `across`.
    """
    x, y = ACROSS[across], UP[up]
    points = list(_points(x, y))
    upper = "NFNet" if (across, up) == ("px", "top1") else "EfficientNet"  # whose curve lies above
    traces = [
        _family(family, [p for p in points if p[0]["family"] == family], look, upper)
        for family in SHOWN
        if any(p[0]["family"] == family for p in points)
    ]
    span = _span(x, [p[1] for p in points] + [value], 0.15)
    axes = (
        {"title": _scale(x, look), "range": span, **_ticks(x, look)},
        # room below for the name of the line
        {
            "title": _scale(y, look),
            "range": _span(y, [p[2] for p in points], 0.25),
            **_ticks(y, look),
        },
    )
    line = {
        "type": "line",
        "x0": value,
        "x1": value,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": look.text, "width": 2, "dash": "dot"},
    }
    at = math.log10(value) if x.logarithmic else value
    left = (at - span[0]) / (span[1] - span[0]) > 0.5
    words = note(
        net,
        look,
        x=at,
        y=0.01,
        yref="paper",
        xanchor="right" if left else "left",
        yanchor="bottom",
    )
    height = 30 if look.narrow else 24
    drawn = figure(traces, look, height, *axes, shapes=[line], annotations=[words], **legend(look))
    ends = "; ".join(_told(family, points) for family in ("NFNet", "EfficientNet"))
    alt = f"{y.title} against {x.title}: {ends}. {net} stands at {written(value, 4)}."
    return Drawn(drawn, alt, [row for row, _, _ in points])


def _points(x: Price, y: Price) -> Iterator[tuple[tables.Row, float, float]]:
    """Published nets that have both prices, the cheaper first."""
    priced = {row["model"]: row for row in tables.load(x.table)}
    found = []
    for row in tables.load(y.table):
        if row["family"] in SHOWN and row["model"] in priced:
            pair = tables.number(priced[row["model"]], x.column), tables.number(row, y.column)
            if None not in pair:
                found.append((row, *pair))
    yield from sorted(found, key=lambda point: point[1])


def _family(
    family: str, points: list[tuple[tables.Row, float, float]], look: Look, upper: str
) -> dict[str, Any]:
    style = FAMILIES[family]
    paint = look.colour(style.recipe)
    names = [row["model"].split("-")[-1].removesuffix(" + SAM") for row, _, _ in points]
    return {
        "type": "scatter",
        "mode": "markers+text" + "+lines" * style.joined,
        "name": family if style.joined else f"{family}: {', '.join(names)}",
        "x": [point[1] for point in points],
        "y": [point[2] for point in points],
        "line": {"color": paint, "dash": style.dash, "width": 3},
        "marker": {"color": paint, "symbol": style.symbol, "size": 0.75 * look.size},
        "text": ["" if look.narrow or not style.joined else name for name in names],
        "textposition": "top left" if family == upper else "bottom right",
        "textfont": {"color": look.text, "size": look.size},
        "cliponaxis": False,
        "customdata": [row["model"] for row, _, _ in points],
        "hovertemplate": "%{customdata}: %{x:,}, %{y:,}<extra></extra>",
    }


def _span(price: Price, values: list[float], below: float) -> list[float]:
    """An axis's ends; `below` is the room before the first value, as a share of all."""
    low, high = min(values), max(values)
    if price.logarithmic:
        low, high = math.log10(low), math.log10(high)
    return [low - below * (high - low), high + 0.1 * (high - low)]


def _scale(price: Price, look: Look) -> str:
    if not price.logarithmic:
        return price.title
    return f"{price.title}{',<br>' if look.narrow else ', '}log scale"


def _ticks(price: Price, look: Look) -> dict[str, Any]:
    if not price.logarithmic:
        return {}
    return {"type": "log", "tickvals": (1, 10, 100, 1000) if look.narrow else TICKS, "tickangle": 0}


def _told(family: str, points: list[tuple[tables.Row, float, float]]) -> str:
    members = [point for point in points if point[0]["family"] == family]
    first, last = members[0], members[-1]
    return " to ".join(f"{row['model']} ({x:,g}, {y:,g})" for row, x, y in (first, last))
