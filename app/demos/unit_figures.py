"""The figures of the Clipping page: numbers of units in, Plotly figures out. No Streamlit here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from app.numbers import written
from app.theme import MUTED, TEXT, colour
from nfnet.formulas import clip_factor, global_clip_factor, gradient_ratio

EPS = 1e-3  # the floor on a weight's norm
AFTER = {"unit": "after AGC", "layer": "after, by layer", "global": "after, the whole net at once"}
SMALLEST = 1e-7  # ratios below are drawn here: a logarithmic axis has no zero


class Pieces(NamedTuple):
    """What is clipped as one."""

    of: np.ndarray  # the piece that each unit belongs to
    weight_norm: np.ndarray  # one a piece
    gradient_norm: np.ndarray

    @property
    def ratio(self) -> np.ndarray:
        return gradient_ratio(self.weight_norm, self.gradient_norm, EPS)


@dataclass(frozen=True)
class Units:
    """The units of a net that AGC may clip, in the net's order; arrays have one entry a unit."""

    layer: np.ndarray  # names
    index: np.ndarray  # within the layer
    weight_norm: np.ndarray
    gradient_norm: np.ndarray
    cosine: np.ndarray  # of the angle between weight and gradient; 0 where one has no length
    vectors: frozenset[str]  # names of the layers that are vectors: biases and gains

    @classmethod
    def of(cls, item: dict[str, Any]) -> Units:
        """From one item of a Gradients job; the classifier's weight, never clipped, is left out."""
        layers = [layer for layer in item["layers"] if layer["clipped"]]
        sizes = [len(layer["weight_norm"]) for layer in layers]
        return cls(
            np.repeat([layer["name"] for layer in layers], sizes),
            np.concatenate([np.arange(size) for size in sizes]),
            np.concatenate([np.asarray(layer["weight_norm"], float) for layer in layers]),
            np.concatenate([np.asarray(layer["gradient_norm"], float) for layer in layers]),
            np.concatenate([np.asarray(layer["cosine"], float) for layer in layers]),
            frozenset(layer["name"] for layer in layers if len(layer["shape"]) < 2),
        )

    @property
    def ratio(self) -> np.ndarray:
        return gradient_ratio(self.weight_norm, self.gradient_norm, EPS)

    def pieces(self, by: str = "unit") -> Pieces:
        """What is compared with the threshold and clipped as one: a unit, a layer, all of them."""
        if by == "unit":
            each = np.arange(len(self.weight_norm))
            return Pieces(each, self.weight_norm, self.gradient_norm)
        if by == "layer":
            _, of = np.unique(self.layer, return_inverse=True)
        else:
            of = np.zeros(len(self.layer), int)
        norms = (np.bincount(of, x**2) ** 0.5 for x in (self.weight_norm, self.gradient_norm))
        return Pieces(of, *norms)

    def factor(self, clipping: float | None, by: str = "unit") -> np.ndarray:
        """What each unit's gradient is multiplied by; 1 everywhere for None.

        By "unit" this is AGC; by "layer" a layer takes the place of the unit; "global" compares
        the whole net, which is to clip the global norm at clipping times the norm of all weights.
        """
        if clipping is None:
            return np.ones_like(self.weight_norm)
        pieces = self.pieces(by)
        return clip_factor(pieces.weight_norm, pieces.gradient_norm, clipping, EPS)[pieces.of]

    def norm(self, factor: np.ndarray | float = 1.0) -> float:
        """The length of the whole gradient, each unit's part multiplied by its factor."""
        return float(np.sqrt(np.sum((self.gradient_norm * factor) ** 2)))

    def equal_global_factor(self, clipping: float | None) -> float:
        """The one factor of global-norm clipping that leaves the gradient as long as AGC does."""
        return float(global_clip_factor(self.gradient_norm, self.norm(self.factor(clipping))))

    def shares(self, clipping: float | None, by: str = "unit") -> dict[str, float]:
        """Layer -> share of its units that AGC shortens, in the net's order.

        Vectors, one unit each, are taken together by their kind: "all bias vectors".
        """
        clipped = self.factor(clipping, by) < 1
        rows = np.array([self._row(name) for name in self.layer])
        filters = [row for row in dict.fromkeys(rows) if not row.startswith("all ")]
        vectors = [row for row in dict.fromkeys(rows) if row.startswith("all ")]
        return {row: float(clipped[rows == row].mean()) for row in filters + vectors}

    def _row(self, name: str) -> str:
        return f"all {name.rsplit('.', 1)[-1]} vectors" if name in self.vectors else name

    @property
    def worst(self) -> int:
        """The filter with the largest ratio (of all units, where there are only vectors)."""
        ratio = np.where(np.isin(self.layer, list(self.vectors)), -1.0, self.ratio)
        return int(np.argmax(ratio if (ratio >= 0).any() else self.ratio))

    @property
    def upright(self) -> bool:
        """Whether the gradient of every filter stands within half a degree of a right angle."""
        filters = ~np.isin(self.layer, list(self.vectors))
        return bool((np.abs(self.cosine[filters]) < np.sin(np.radians(0.5))).all())

    @property
    def names(self) -> list[str]:
        return [f"{name}, unit {i}" for name, i in zip(self.layer, self.index, strict=True)]

    def columns(self) -> dict[str, list[Any]]:
        """What clip_canvas draws, one entry a unit."""
        _, layer = np.unique(self.layer, return_inverse=True)
        return {
            "names": self.names,
            "layer": layer.tolist(),
            "weight": _round(self.weight_norm, 4),
            "gradient": _round(self.gradient_norm, 4),
            "cosine": _round(self.cosine, 4),
        }


def sorted_units(
    units: Units,
    clipping: float | None,
    dark: bool,
    size: int = 14,
    chosen: int | None = None,
    by: str = "unit",
) -> go.Figure:
    """Every unit's ratio, largest first, before clipping and after it.

    By "unit", which is AGC, the same for clipping the global norm as short is drawn beside it.
    """
    ratio, names = units.ratio, units.names
    order = np.argsort(-ratio, kind="stable")
    rank = np.arange(1, len(order) + 1)
    before = np.maximum(ratio[order], SMALLEST)
    traces = [
        {
            "x": rank,
            "y": _round(before),
            "mode": "markers",
            "marker": {"size": 5, "color": colour("nf", dark), "symbol": "circle"},
            "name": "before",
            "text": [f"{names[i]}: {written(ratio[i])}" for i in order],
            "hovertemplate": "%{text}<extra></extra>",
        }
    ]
    layout = {}
    if clipping is not None:
        after = np.maximum((units.ratio * units.factor(clipping, by))[order], SMALLEST)
        curves = [(AFTER[by], after, {"color": colour("agc", dark), "width": 3})]
        if by == "unit":
            equal = before * units.equal_global_factor(clipping)
            dotted = {"color": MUTED[dark], "width": 2, "dash": "dot"}
            curves.insert(0, ("after global-norm clipping", equal, dotted))
        for name, y, line in curves:
            trace = {"x": rank, "y": _round(y), "mode": "lines", "line": line}
            traces.append({**trace, "name": name, "hoverinfo": "skip"})
        edge = {
            "type": "line",
            "xref": "x domain",
            "x0": 0,
            "x1": 1,
            "y0": clipping,
            "y1": clipping,
        }
        layout["shapes"] = [
            {**edge, "layer": "below", "line": {"color": TEXT[dark], "dash": "dash", "width": 1.5}}
        ]
        layout["annotations"] = [
            {
                "x": 0.01,  # here, and below the line, no curve runs
                "xref": "x domain",
                "y": math.log10(clipping),
                "text": f"λ = {clipping:g}",
                "showarrow": False,
                "xanchor": "left",
                "yanchor": "top",
                "font": {"color": TEXT[dark], "size": size},
            }
        ]
    if chosen is not None:
        place = int(np.flatnonzero(order == chosen)[0])
        ring = {"size": 13, "color": TEXT[dark], "symbol": "circle-open", "line": {"width": 3}}
        traces.append(
            {
                "x": [rank[place]],
                "y": _round(before[[place]]),
                "mode": "markers+text",
                "marker": ring,
                "text": ["your unit"],
                "textposition": "top right",
                "name": "your unit",
                "showlegend": False,
                "hoverinfo": "skip",
            }
        )
    decades = 2 if size > 20 else 1  # larger letters would lie on each other
    ratios = {"type": "log", "title": "‖G‖ / ‖W‖*", "exponentformat": "power", "dtick": decades}
    ranks = {"title": "units, largest ratio first", "range": [0, 1.01 * len(order)]}
    return _figure(traces, layout, ranks, ratios, dark, size)


def shares_by_layer(shares: dict[str, float], dark: bool, size: int = 13) -> go.Figure:
    """Share of units shortened, layer by layer, input on top."""
    bars = {
        "type": "bar",
        "x": [round(share, 4) for share in shares.values()],
        "y": list(shares),
        "orientation": "h",
        "marker": {"color": colour("agc", dark)},
        "text": [f"{share:.0%}" for share in shares.values()],
        "textposition": "outside",
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
    across = {
        "range": [0, 1.3],  # room for "100%" also where the chart is narrow
        "tickvals": [0, 0.5, 1],
        "tickangle": 0,
        "tickformat": ".0%",
        "title": "share of units shortened",
    }
    layers = {"autorange": "reversed", "type": "category", "dtick": 1}
    return _figure([bars], {}, across, layers, dark, size)


def _figure(
    traces: list[dict[str, Any]],
    layout: dict[str, Any],
    xaxis: dict[str, Any],
    yaxis: dict[str, Any],
    dark: bool,
    size: int,
) -> go.Figure:
    """The figure made in one go: each later update would cost Plotly milliseconds of checks."""
    letters = {"size": size, "color": TEXT[dark]}

    def axis(settings: dict[str, Any]) -> dict[str, Any]:
        title = {"text": settings.get("title", ""), "font": letters}
        style = {"gridcolor": "rgba(163,173,186,0.25)", "tickfont": letters}
        return {**style, **settings, "title": title}

    base = {
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "font": letters,
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.02,
            "x": 0,
            "font": {"size": size},
        },
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }
    axes = {"xaxis": axis(xaxis), "yaxis": axis(yaxis)}
    return go.Figure({"data": traces, "layout": {**base, **axes, **layout}})


def _round(values: np.ndarray, digits: int = 3) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]
