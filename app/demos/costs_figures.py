"""What a step costs, drawn: time by operation, memory, and time over batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from app.demos.costs_data import BATCHES, NORMS, OPERATIONS, Cell
from app.demos.published_paint import Look, figure, legend
from app.numbers import written

# operation: opacity of its grey, and its hatch; normalization has its recipe's colour instead
GREYS = {
    "convolution": (1.0, ""),
    "activation": (0.75, "/"),
    "addition": (0.75, "\\"),
    "other": (0.45, ""),
}
NORMALIZES = {"batch": "batch normalization", "nf": "weight standardization"}
DASHES = {"batch": ("square", "dash"), "nf": ("diamond", "dot")}
NETS = {  # the axis of the nets, from the top
    "autorange": "reversed",
    "type": "category",
    "showgrid": False,
    "ticklabelstandoff": 6,
}
BRIEFLY = {"batch": "BN", "nf": "scaled WS"}  # in a legend inside the figure
SHOWN = ("convolution", *NORMALIZES.values(), *BRIEFLY.values())  # their ms stand in the bars
HATCHES = {"batch": "x", "nf": "", "none": "."}


def times(
    found: Mapping[str, Cell], unit: str, which: str, look: Look, keyed: bool = False
) -> tuple[go.Figure, str]:
    """A bar a net, a piece an operation, in ms or in shares of the net's own time; its words.

    `keyed`: with a legend inside; on a page `swatches` is one that finds room on a phone.
    """
    nets = [found[norm] for norm in NORMS if norm in found]
    scale = [100 / cell.ms if unit == "share" else 1.0 for cell in nets]
    places = [f"<b>{NORMS[cell.norm]}</b><br>{written(cell.ms)} ms" for cell in nets]
    traces = []
    for operation in OPERATIONS:
        values = [cell.parts[operation] * by for cell, by in zip(nets, scale, strict=True)]
        if operation == "normalization":
            for n, cell in enumerate(nets):
                if cell.norm in NORMALIZES:
                    paint = {"color": look.colour(cell.norm)} | _hatch(HATCHES[cell.norm], look)
                    name = (BRIEFLY if keyed else NORMALIZES)[cell.norm]
                    traces.append(_pieces(name, values[n : n + 1], places[n : n + 1], paint, look))
        else:
            opacity, hatch = GREYS[operation]
            # in the colour, not as the bar's own opacity: that the legend would not show
            paint = {"color": f"{look.muted}{round(255 * opacity):02X}"} | _hatch(hatch, look)
            traces.append(_pieces(operation, values, places, paint, look))
    sign = " %" if unit == "share" else " ms"
    for trace in traces:
        trace["hovertemplate"] = f"{trace['name']}: %{{x:.3g}}{sign}<extra></extra>"
    passes = {"both": "forward and backward", "forward": "forward", "backward": "backward"}[which]
    across = {"title": f"{passes}, {'% of the time' if unit == 'share' else 'ms'}"}
    drawn = figure(
        traces,
        look,
        20.5 if keyed else 15.5,
        across,
        NETS,
        barmode="stack",
        bargap=0.3,
        uniformtext={"minsize": round(0.85 * look.size), "mode": "hide"},
        **(legend(look, traceorder="normal") if keyed else {}),
    )
    told = "; ".join(
        f"{NORMS[cell.norm]} {written(cell.ms)} ms, "
        + ", ".join(f"{name} {cell.share(name):.0%}" for name in OPERATIONS if cell.parts[name])
        for cell in nets
    )
    return drawn, f"Time of a step by operation, {passes}: {told}."


def swatches(look: Look) -> str:
    """The legend of `times` as HTML that breaks its lines where it must."""
    hatch = "repeating-linear-gradient({}deg, transparent 0 3px, {}99 3px 4px)"
    angles = {"/": (135,), "\\": (45,), "x": (45, 135), "": ()}
    paints = {
        name: (f"{look.muted}{round(255 * opacity):02X}", shape)
        for name, (opacity, shape) in GREYS.items()
    }
    own = {NORMALIZES[norm]: (look.colour(norm), HATCHES[norm]) for norm in NORMALIZES}
    first, *rest = paints.items()
    shown, row = "", "display: inline-flex;"
    for name, (paint, shape) in (first, *own.items(), *rest):
        lines = ", ".join(hatch.format(angle, look.page) for angle in angles[shape])
        style = f"background-color: {paint};" + (f" background-image: {lines};" if lines else "")
        box = f'<i style="width: 0.85em; height: 0.85em; flex: none; {style}"></i>'
        shown += f'<span style="{row} gap: 0.45em; align-items: center">{box}{name}</span>'
    place = f"display: flex; flex-wrap: wrap; gap: 0.2em 1.3em; font-size: {look.size}px"
    return f'<div style="{place}">{shown}</div>'


def _pieces(
    name: str, values: Sequence[float], places: Sequence[str], paint: dict[str, Any], look: Look
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": [float(f"{value:.4g}") for value in values],
        "y": list(places),
        "marker": paint | {"line": {"color": look.page, "width": 2}},
        "text": [f"<b>{written(value)}</b>" for value in values],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        # letters on hatching or on a pale grey would be hard to read
        "textfont": {"size": look.size, "color": look.page},
        **({} if name in SHOWN else {"textposition": "none"}),
    }


def _hatch(shape: str, look: Look) -> dict[str, Any]:
    if not shape:
        return {}
    more = {"fgcolor": look.page, "fgopacity": 0.5, "fillmode": "overlay", "size": 9}
    return {"pattern": {"shape": shape, "solidity": 0.15, **more}}


def memory(found: Mapping[str, Cell], look: Look) -> tuple[go.Figure, str]:
    """A bar a net: megabytes kept from the forward for the backward pass; its words."""
    nets = [found[norm] for norm in NORMS if norm in found]
    sizes = [cell.saved_bytes / 1e6 for cell in nets]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [float(f"{size:.4g}") for size in sizes],
        "y": [
            f"<b>{NORMS[cell.norm]}</b><br>{written(size)} MB"
            for cell, size in zip(nets, sizes, strict=True)
        ],
        "marker": {
            "color": [look.colour(cell.norm) for cell in nets],
            "pattern": _hatch("x", look).get("pattern", {})
            | {"shape": [HATCHES[cell.norm] for cell in nets]},
        },
        "hovertemplate": "%{x:.3g} MB<extra></extra>",
    }
    across = {"title": "kept for backward, MB", "rangemode": "tozero"}
    told = "; ".join(
        f"{NORMS[cell.norm]} {written(size)} MB" for cell, size in zip(nets, sizes, strict=True)
    )
    drawn = figure([bars], look, 15.5, across, NETS, bargap=0.3)
    return drawn, f"Kept from the forward for the backward pass: {told}."


def over_batches(by_norm: Mapping[str, Mapping[str, float]], look: Look) -> tuple[go.Figure, str]:
    """Time of a step over that of the net with no normalizer, against the batch; its words."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": NORMS[norm],
            "x": list(line),
            "y": [round(value, 3) for value in line.values()],
            "line": {"color": look.colour(norm), "width": 4, "dash": DASHES[norm][1]},
            "marker": {
                "color": look.colour(norm),
                "symbol": DASHES[norm][0],
                "size": 0.8 * look.size,
            },
            "cliponaxis": False,
            "hovertemplate": f"{NORMS[norm]}, batch %{{x}}: %{{y:.2f}} times<extra></extra>",
        }
        for norm, line in by_norm.items()
    ]
    known = [value for line in by_norm.values() for value in line.values()]
    across = {
        "title": "batch size",
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(BATCHES),
        "range": [-0.2, len(BATCHES) - 0.8],
    }
    # from the net without a normalizer, the line at 1, so that heights can be compared
    upward = {
        "title": "time, no norm = 1",
        "range": [min([0.95, *known]) - 0.02, max([1.3, *known]) + 0.06],
        "tickformat": ".1f",
        "dtick": 0.1 if max([1.3, *known]) < 1.6 else 0.2,
    }
    level = {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": 1, "y1": 1}
    shapes = [{**level, "line": {"color": look.muted, "width": 2}}]
    told = "; ".join(
        f"{NORMS[norm]} " + ", ".join(f"{value:.2f} at {batch}" for batch, value in line.items())
        for norm, line in by_norm.items()
        if line
    )
    drawn = figure(traces, look, 19, across, upward, shapes=shapes, **legend(look))
    return drawn, f"Time of a step over that of the net without a normalizer, by batch: {told}."
