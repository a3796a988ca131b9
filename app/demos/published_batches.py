"""What a normalizer costs and what a batch does to it: published figures that are short tables."""

from __future__ import annotations

from typing import Any

from app.demos import tables
from app.demos.published_paint import Drawn, Look, figure, legend, note
from app.theme import LABELS

LINES = {  # recipe -> (column, marker, dash)
    "batch": ("bn", "square", "dash"),
    "nf": ("nf", "diamond", "dot"),
    "agc": ("nf_agc", "circle", "solid"),
}


def batch_scaling(look: Look, depth: str = "50") -> Drawn:
    """Top-1 of BN, NF and NF + AGC against the batch; a collapse is told, not drawn as a number.

    Args:
        depth: of the ResNet, 50 or 200.
    """
    rows = tables.load("agc-batch-size")
    batches = [row["batch_size"] for row in rows]
    values = {
        recipe: [tables.number(row, f"{column}_resnet{depth}") for row in rows]
        for recipe, (column, _, _) in LINES.items()
    }
    known = [value for line in values.values() for value in line if value is not None]
    low, high = min(known) - 0.6, max(known) + 0.2
    traces, labels = [], []
    for recipe, (_, symbol, dash) in LINES.items():
        traces.append(_line(LABELS[recipe], recipe, batches, values[recipe], symbol, dash, look))
    for place, line in enumerate(zip(*values.values(), strict=True)):
        if line[1] is None:
            edge = {"x": place, "y": low, "yanchor": "bottom"}
            labels.append(note("<b>✕</b>", look, **edge))
            left = {"xanchor": "right", "xshift": -1.6 * look.size, "align": "right"}
            labels.append(note("<b>NF collapses</b>", look, **edge, **left))
            last = place - 1
            traces.append(_fall(last, place, values["nf"][last], low, batches, look))
    sizes = {"title": "batch size (the rate grows with it)", "type": "category"}
    upward = {"title": "ImageNet top-1, %", "dtick": 0.5, "range": [low, high]}
    told = "; ".join(
        f"{LABELS[recipe]} "
        + ", ".join("collapses" if value is None else f"{value:g}" for value in line)
        for recipe, line in values.items()
    )
    alt = f"ImageNet top-1 of ResNet-{depth} at batch {', '.join(batches)}: {told}."
    drawn = figure(traces, look, 24, sizes, upward, annotations=labels, **legend(look))
    return Drawn(drawn, alt, rows)


def _line(
    name: str,
    recipe: str,
    x: list[str],
    y: list[float | None],
    symbol: str,
    dash: str,
    look: Look,
    **more: Any,
) -> dict[str, Any]:
    paint = look.colour(recipe)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": x,
        "y": y,
        "connectgaps": False,
        "line": {"color": paint, "width": 4, "dash": dash},
        "marker": {"color": paint, "symbol": symbol, "size": 0.8 * look.size},
        "cliponaxis": False,
        "hovertemplate": f"{name}: %{{y}}<extra></extra>",
        **more,
    }


def _fall(
    last: int, place: int, value: float, low: float, batches: list[str], look: Look
) -> dict[str, Any]:
    """From the last known value to the chart's edge; its end is no value and says none."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "collapse",
        "showlegend": False,
        "hoverinfo": "skip",
        "x": [batches[last], batches[place]],
        "y": [value, low],
        "line": {"color": look.colour("nf"), "width": 4, "dash": "dot"},
    }


def small_batches(look: Look) -> Drawn:
    """The error of a net with batch statistics, and with group statistics, by images a device."""
    rows = tables.load("small-batches")
    images = [row["images_per_gpu"] for row in rows]
    bn = [tables.number(row, "bn_error_percent") for row in rows]
    gn = [tables.number(row, "gn_error_percent") for row in rows]
    style = {"mode": "lines+markers+text", "textfont": {"size": look.size, "color": look.text}}
    rest = len(rows) - 1  # at the first, many images, BN is the lower line
    lines = [
        _line(name, "batch", images, values, symbol, dash, look)
        | style
        | {
            "text": [f"<b>{value:g}</b>" for value in values],
            "textposition": [f"{side} center" for side in (first, *[then] * rest)],
        }
        for name, values, symbol, dash, first, then in (
            ("BatchNorm", bn, "square", "dash", "bottom", "top"),
            ("GroupNorm", gn, "diamond", "solid", "top", "bottom"),
        )
    ]
    for part in (lines[1]["line"], lines[1]["marker"]):
        part["color"] = look.muted
    upward = {"title": "validation error, %", "range": [20.5, 37], "dtick": 5}
    across = {"title": "images a GPU", "type": "category"}
    told = "; ".join(
        f"{n} images a GPU: BatchNorm {b:g} %, GroupNorm {g:g} %"
        for n, b, g in zip(images, bn, gn, strict=True)
    )
    alt = f"ImageNet validation error of ResNet-50. {told}."
    return Drawn(figure(lines, look, 22, across, upward, **legend(look)), alt, rows)


def step_time(look: Look) -> Drawn:
    """A training step of each NFNet, and of the same net with BN."""
    rows = tables.load("step-time")
    nets = [f"<b>{row['model']}</b>" for row in rows]
    nf = [tables.number(row, "nf_ms") for row in rows]
    bn = [tables.number(row, "bn_ms") for row in rows]
    bars = [
        _bars("BN", "batch", bn, nets, look, "x")
        | {
            "text": [
                f"<b>{ms:.1f} ms, +{row['bn_longer_percent']} %</b>"
                for ms, row in zip(bn, rows, strict=True)
            ]
        },
        _bars("NF + AGC", "agc", nf, nets, look, "")
        | {"text": [f"<b>{ms:.1f} ms</b>" for ms in nf]},
    ]
    across = {
        "title": "a training step on TPUv3, ms",
        "range": [0, max(bn) * (1.9 if look.narrow else 1.4)],
        "tickvals": [0, 200, 400, 600],
    }
    down = {"autorange": "reversed", "type": "category", "showgrid": False}
    drawn = figure(
        bars[::-1],  # from the top: the axis is reversed
        look,
        25,
        across,
        down,
        barmode="group",
        bargap=0.28,
        bargroupgap=0.06,
        **legend(look),
    )
    told = "; ".join(
        f"{row['model']} {a:g} ms, with BN {b:g} ms" for row, a, b in zip(rows, nf, bn, strict=True)
    )
    alt = f"A training step of the same net without and with BN: {told}."
    return Drawn(drawn, alt, rows)


def _bars(
    name: str, recipe: str, values: list[float], places: list[str], look: Look, hatch: str
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": values,
        "y": places,
        "textposition": "outside",
        "textfont": {"size": look.size, "color": look.text},
        "cliponaxis": False,
        "hoverinfo": "skip",
        "marker": {
            "color": look.colour(recipe),
            "line": {"color": look.colour(recipe), "width": 2},
            "pattern": {
                "shape": hatch,
                "fgcolor": look.page,
                "fgopacity": 0.5,
                "fillmode": "overlay",  # else the bar itself would be see-through
                "size": 9,
                "solidity": 0.22,
            },
        },
    }


def bn_share(look: Look) -> Drawn:
    """Where the time of a training step goes, operation by operation."""
    rows = tables.load("bn-share")
    shares = [tables.number(row, "share_percent") for row in rows]
    names = [row["operation"] for row in rows]
    ours = [name == "batch normalization" for name in names]
    shown = [name.replace(" ", "<br>") if look.narrow else name for name in names]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": shares,
        "y": [f"<b>{name}</b>" if own else name for name, own in zip(shown, ours, strict=True)],
        "marker": {
            "color": [look.colour("batch") if own else look.muted for own in ours],
            "opacity": [1 if own else 0.55 for own in ours],
        },
        "text": [f"<b>{share:g} %</b>" for share in shares],
        "textposition": "outside",
        "textfont": {"size": look.size, "color": look.text},
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
    across = {
        "title": "share of training time, %",
        "range": [0, 82 if look.narrow else 70],
        "dtick": 20,
    }
    down = {"autorange": "reversed", "type": "category", "showgrid": False, "title": ""}
    told = ", ".join(f"{name} {share:g} %" for name, share in zip(names, shares, strict=True))
    drawn = figure([bars], look, 15, across, down, bargap=0.3)
    alt = f"Share of a ResNet-50's training time by operation: {told}."
    return Drawn(drawn, alt, rows)
