"""Filters before and after standardization: pictures of a layer, one filter's weights in bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.demos.published_paint import Drawn, Look, figure
from app.numbers import written
from app.theme import MUTED, colour

GAP = 1  # pixels between two filters
ZOOM = 14


def arrays(items: Sequence[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (O, 3, kh, kw) as they are, the same standardized at gain 1, and gains (O,)."""
    weight, standardized = (
        np.array([item[name] for item in items]) for name in ("weight", "standardized")
    )
    return weight, standardized, np.array([item["gain"] for item in items])


def sheet(weights: np.ndarray, largest: float, dark: bool) -> np.ndarray:
    """The filters as small colour pictures in two rows, uint8 (height, width, 3).

    Grey is a weight of zero; red, green and blue are the filter's weights for the three colours.
    """
    count, _, height, width = weights.shape
    columns = -(-count // 2)
    ground = 14 if dark else 255
    canvas = np.full((2 * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), ground, np.uint8)
    levels = np.clip(127.5 + 127.5 * weights / largest, 0, 255).round().astype(np.uint8)
    for index, pixels in enumerate(levels):
        top, left = (index // columns) * (height + GAP), (index % columns) * (width + GAP)
        canvas[top : top + height, left : left + width] = pixels.transpose(1, 2, 0)
    return canvas.repeat(ZOOM, 0).repeat(ZOOM, 1)


def bars(weights: np.ndarray, recipe: str | None, look: Look) -> Drawn:
    """One filter's weights in the order red, green, blue; the dashed line is their mean.

    Args:
        recipe: whose colour the bars have; None: grey.
    """
    values = weights.ravel()
    mean, length = float(values.mean()), float(np.linalg.norm(values))
    paint = colour(recipe, look.dark) if recipe else MUTED[look.dark]
    trace = {
        "type": "bar",
        "x": list(range(1, len(values) + 1)),
        "y": values.round(5).tolist(),
        "marker": {"color": paint},
        "hovertemplate": "weight %{x}: %{y:.4f}<extra></extra>",
    }
    level = {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": mean, "y1": mean}
    drawn = figure(
        [trace],
        look,
        12,
        {"title": "red, green, blue, row by row", "range": [0, len(values) + 1]},
        {"title": "weight"},
        shapes=[{**level, "line": {"color": look.text, "dash": "dash", "width": 2}}],
    )
    alt = f"The {len(values)} weights of one filter: mean {number(mean)}, length {number(length)}."
    return Drawn(drawn, alt, ())


def number(value: float) -> str:
    """Three digits; what is zero but for rounding is zero."""
    return written(value) if abs(value) > 1e-4 else "0"
