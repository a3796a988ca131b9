"""Filters before and after standardization: pictures of a layer, one filter's weights in bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.demos.published_paint import Drawn, Look, figure, legend
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


def bars(weight: np.ndarray, standardized: np.ndarray, gain: float, look: Look) -> Drawn:
    """One filter's weights, before and after, in the order red, green, blue."""
    before, after = weight.ravel(), gain * standardized.ravel()
    places = list(range(1, len(before) + 1))
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": places,
            "y": values.round(4).tolist(),
            "marker": {"color": paint},
            "hovertemplate": "weight %{x}: %{y:.3f}<extra></extra>",
        }
        for name, values, paint in (
            ("as it is", before, MUTED[look.dark]),
            ("standardized", after, colour("nf", look.dark)),
        )
    ]
    mean = float(before.mean())
    level = {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": mean, "y1": mean}
    line = {"color": MUTED[look.dark], "dash": "dash", "width": 2}
    drawn = figure(
        traces,
        look,
        15 if look.narrow else 17,
        {"title": "weight: red, green, blue, row by row", "range": [0, len(before) + 1]},
        {"title": "value"},
        barmode="group",
        shapes=[{**level, "line": line}],
        **legend(look),
    )
    alt = (
        f"The {len(before)} weights of one filter. As it is: mean {mean:.3f}, length "
        f"{np.linalg.norm(before):.3f}. Standardized: mean 0, length {np.linalg.norm(after):.3f}."
    )
    return Drawn(drawn, alt, ())
