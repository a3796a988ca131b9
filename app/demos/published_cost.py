"""The catch made visible: accuracy against what a net costs, by one price after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from app.demos import tables
from app.demos.published_paint import Drawn, Look, figure, legend

# axis -> (table, column, what the axis is called, what the switch says)
PRICES: dict[str, tuple[str, str, str, str]] = {
    "step-time": ("imagenet-cost", "tpu_ms", "training step on TPUv3, ms", "Step, TPUv3"),
    "step-time-gpu": ("imagenet-cost", "gpu_ms", "training step on a V100, ms", "Step, V100"),
    "flops": ("imagenet-cost", "flops_b", "multiply-adds an image, billions", "Multiply-adds"),
    "parameters": ("imagenet-cost", "params_m", "parameters, millions", "Parameters"),
    "resolution": ("resolution", "test_px", "side of the test image, px", "Resolution"),
}
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000)


@dataclass(frozen=True)
class Family:
    """How a family of nets is drawn. `recipe`: a key of app.theme; empty: neither BN nor NF."""

    recipe: str
    symbol: str
    dash: str
    joined: bool = True


FAMILIES = {
    "NFNet": Family("agc", "circle", "solid"),
    "NFNet + SAM": Family("agc", "circle-open", "solid", joined=False),
    "EfficientNet": Family("batch", "square", "dash"),
    "EfficientNet + MaxUp": Family("batch", "square-open", "dash", joined=False),
    "LambdaNet": Family("batch", "diamond", "dot"),
    "BoTNet": Family("batch", "triangle-up", "dashdot"),
    "SENet": Family("batch", "cross", "longdash"),
    "ResNet": Family("batch", "x", "dot"),
    "EfficientNetV2": Family("batch", "hexagon2", "dashdot"),
    "DeiT": Family("", "star", "dot"),
}
UPPER = {"flops": "EfficientNet", "parameters": "EfficientNet"}  # whose curve lies above; or NFNet
LED = ("NFNet", "EfficientNet")  # drawn large, their members named; the others are in the legend


def cost(look: Look, axis: str = "step-time") -> Drawn:
    """ImageNet top-1 against a price, logarithmic; green: NF + AGC, blue: with BN, grey: neither.

    Args:
        axis: a key of PRICES.
    """
    table, column, title, _ = PRICES[axis]
    priced = {row["model"]: row for row in tables.load(table)}
    prices = {model: tables.number(row, column) for model, row in priced.items()}
    rows = [row for row in tables.load("imagenet-cost") if prices.get(row["model"])]
    rows.sort(key=lambda row: prices[row["model"]])
    traces = []
    for family in reversed(FAMILIES):
        members = [row for row in rows if row["family"] == family]
        if members:
            upper = family == UPPER.get(axis, "NFNet")
            traces.append(_family(family, members, prices, look, upper))
    scale = f"{',<br>' if look.narrow else ', '}log scale"
    across = {"type": "log", "title": title + scale, "tickangle": 0}
    across["tickvals"] = (1, 10, 100, 1000) if look.narrow else TICKS
    values = [prices[row["model"]] for row in rows]
    across["range"] = [math.log10(values[0] / 1.45), math.log10(values[-1] * 1.35)]
    if axis == "resolution":
        across |= {"type": "linear", "title": title, "tickvals": None, "dtick": 100}
        across["range"] = [values[0] - 40, values[-1] + 30]
    upward = {"title": "ImageNet top-1, %", "dtick": 2, "range": [75.9, 87.4]}
    ours, theirs = _ends(rows, prices)
    alt = (
        f"ImageNet top-1 against {title}, for {len(rows)} nets. NFNets: {ours}. EfficientNets, "
        f"with batch normalization: {theirs}."
    )
    height = 35 if look.narrow else 22.5
    small = {"font": {"size": (0.85 if look.narrow else 1) * look.size}}
    key = legend(look, traceorder="reversed", **small)
    drawn = figure(traces, look, height, across, upward, **key)
    used = [*rows, *([priced[row["model"]] for row in rows] if table != "imagenet-cost" else [])]
    return Drawn(drawn, alt, used)


def _family(
    family: str, rows: list[tables.Row], prices: dict[str, float], look: Look, upper: bool
) -> dict[str, Any]:
    style = FAMILIES[family]
    paint = look.colour(style.recipe) if style.recipe else look.muted
    leads = family in LED
    return {
        "type": "scatter",
        "mode": "markers" + "+lines" * style.joined + "+text" * leads,
        "name": family.replace("EfficientNet +", "EffNet +"),
        "showlegend": look.narrow or not leads,
        "x": [prices[row["model"]] for row in rows],
        "y": [tables.number(row, "top1") for row in rows],
        "line": {"color": paint, "dash": style.dash, "width": 4 if leads else 1.5},
        "opacity": 1 if leads else 0.85,
        "marker": {
            "color": paint,
            "symbol": style.symbol,
            "size": (0.8 if leads else 0.6) * look.size,
            "line": {"color": paint, "width": 2 if style.symbol.endswith("open") else 0},
        },
        "text": _names(family, rows, look) if leads else None,
        "textposition": [_side(row["model"], upper) for row in rows],
        "textfont": {"color": look.text, "size": look.size},
        "cliponaxis": False,
        "customdata": [row["model"] for row in rows],
        "hovertemplate": "%{customdata}: %{y} %, %{x:,}<extra></extra>",
    }


def _side(model: str, upper: bool) -> str:
    """Where a net's name stands, clear of its own curve and of the other one."""
    if model == "EffNet-B0":
        return "bottom right"
    return "top left" if upper else "top center" if model == "NFNet-F4" else "bottom right"


def _names(family: str, rows: list[tables.Row], look: Look) -> list[str]:
    """F0 or B0 beside each point, the first with its family; on a phone the first and last."""
    names = [row["model"].split("-")[-1] for row in rows]
    if look.narrow:
        names = [name if i in (0, len(names) - 1) else "" for i, name in enumerate(names)]
    else:
        names[0] = f"{family}-{names[0]}"
    return [f"<b>{name}</b>" for name in names]


def _ends(rows: list[tables.Row], prices: dict[str, float]) -> tuple[str, str]:
    """The cheapest and the dearest NFNet and EfficientNet of a figure, in words."""
    told = []
    for family in ("NFNet", "EfficientNet"):
        members = [row for row in rows if row["family"] == family]
        members.sort(key=lambda row: prices[row["model"]])
        told.append(
            " to ".join(
                f"{row['model']} ({row['top1']} %, {prices[row['model']]:,g})"
                for row in (members[0], members[-1])
            )
        )
    return told[0], told[1]


SIDES = {  # of the point, where its name stands; to the right if not named here
    "NFNet-F4+": "middle left",
    "EffNet-L2, Meta Pseudo Labels": "middle left",
    "EffNet-L2, NoisyStudent + SAM": "bottom center",
    "BiT-L ResNet-152x4": "bottom center",
    "ViT-H/14": "bottom left",
}


def _name(row: tables.Row, look: Look) -> str:
    name = row["model"].replace(", ", "<br>") if look.narrow else row["model"]
    return f"<b>{name}</b>" if row["family"] == "NFNet" else name


def spent(look: Look) -> Drawn:
    """Pre-trained on more than ImageNet: top-1 against the days of computation it took."""
    rows = [row for row in tables.load("extra-data") if row["tpu_core_days"]]
    days = [tables.number(row, "tpu_core_days") for row in rows]
    styles = {
        "NFNet": ("agc", "circle"),
        "EfficientNet": ("batch", "square"),
        "BiT": ("", "diamond"),
        "ViT": ("", "star"),
    }
    paints = [styles[row["family"]][0] for row in rows]
    points = {
        "type": "scatter",
        "mode": "markers+text",
        "x": days,
        "y": [tables.number(row, "top1") for row in rows],
        "marker": {
            "color": [look.colour(paint) if paint else look.muted for paint in paints],
            "symbol": [styles[row["family"]][1] for row in rows],
            "size": 0.9 * look.size,
        },
        "text": [_name(row, look) for row in rows],
        "textposition": [SIDES.get(row["model"], "middle right") for row in rows],
        "textfont": {"color": look.text, "size": look.size},
        "cliponaxis": False,
        "customdata": [row["model"] for row in rows],
        "hovertemplate": "%{customdata}: %{y} %, %{x:,} core-days<extra></extra>",
    }
    across = {
        "type": "log",
        "title": "TPUv3-core-days, log scale",
        "tickvals": (1000, 10000) if look.narrow else TICKS,
        "range": [math.log10(280 if look.narrow else 500), math.log10(40000)],
    }
    upward = {"title": "ImageNet top-1, %", "dtick": 1, "range": [86.85, 90.6]}
    best = ", ".join(
        f"{row['model']} {row['top1']} % in {day:,g}" for row, day in zip(rows, days, strict=True)
    )
    alt = f"ImageNet top-1 against core-days on TPUv3, pre-trained on more data: {best}."
    return Drawn(figure([points], look, 22, across, upward), alt, rows)
