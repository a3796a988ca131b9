"""What standardizing a filter does to its weights, and why it removes the mean shift."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from app.pictures.svg import NORMAL, Drawing

FILTER = (1.0, 0.6, 0.2, 1.3, 0.6, -0.2, 0.9, 0.3, -0.2)  # 3x3, row by row: bright at the left


def standardized(weights: Sequence[float], gain: float = 1.0) -> tuple[list[float], list[float]]:
    """The weights less their mean, and these at length `gain`."""
    mean = sum(weights) / len(weights)
    centred = [w - mean for w in weights]
    return centred, [gain * w / math.hypot(*centred) for w in centred]


def ws_filter(weights: Sequence[float] = FILTER, gain: float = 1.0) -> str:
    """A 3x3 filter before, after its mean is taken off, and at length `gain`."""
    centred, final = standardized(weights, gain)
    mean, length = sum(weights) / 9, math.hypot(*weights)
    d = Drawing(
        "Weight standardization of a 3×3 filter",
        f"Nine weights as bars and as a grid of signs. Before: mean {mean:.2f}, length"
        f" {length:.2f}. Less the mean: mean 0, length {math.hypot(*centred):.2f}. Divided by that"
        f" length and times the gain: mean 0, length {gain:g}.",
        height=640,
    )
    panels = [
        ("A filter", weights, "muted"),
        ("− mean", centred, "nf"),
        ("÷ length × gain", final, "nf"),
    ]
    scale = 140 / max(abs(w) for w in weights)
    for k, (title, values, colour) in enumerate(panels):
        x0 = 10 + 300 * k
        d.text(x0 + 140, 34, title, size=NORMAL, bold=True, colour=_ink(colour))
        _signs(d, x0 + 140, 140, values, colour)
        _bars(d, x0, 404, values, colour, scale)
        m, n = sum(values) / 9 + 0.0, math.hypot(*values)
        d.text(x0 + 140, 556, f"mean {_zero(m)}", size=NORMAL)
        d.text(x0 + 140, 600, f"length {n:.2f}", size=NORMAL)
        if k:
            d.line([(x0 - 44, 140), (x0 + 14, 140)], width=4, arrow=True)
    return d.svg()


def _ink(colour: str) -> str:
    return "text" if colour == "muted" else f"{colour}-ink"


def _zero(value: float) -> str:
    return "0" if abs(value) < 1e-9 else f"{value:.2f}"


def _signs(d: Drawing, cx: float, cy: float, values: Sequence[float], colour: str) -> None:
    for k, value in enumerate(values):
        x, y = cx + (k % 3 - 1) * 50, cy + (k // 3 - 1) * 50
        d.box(x, y, 46, 46, "+" if value > 0 else "−", colour=colour, solid=value > 0, radius=4)


def _bars(
    d: Drawing, x0: float, y0: float, values: Sequence[float], colour: str, scale: float
) -> None:
    for k, value in enumerate(values):
        high = value * scale
        d.rectangle(x0 + 10 + 29 * k, y0 - max(high, 0), 22, abs(high), colour)
    d.line([(x0, y0), (x0 + 280, y0)], width=2.5)
    mean = sum(values) / len(values)
    if abs(mean) > 1e-9:
        level = y0 - mean * scale
        d.line([(x0, level), (x0 + 280, level)], dashes="9 6", width=3)


def mean_shift(weights: Sequence[float] = FILTER) -> str:
    """Noise, its ReLU, and what two filters of length 1 make of it.

    The filters see independent values max(0, z), z standard normal, one for each weight.
    """
    length = math.hypot(*weights)
    plain, zero_sum = [w / length for w in weights], standardized(weights)[1]
    total, mean = sum(plain), 1 / math.sqrt(2 * math.pi)
    d = Drawing(
        "Mean shift",
        f"Four histograms. A standard normal z has mean 0; its ReLU has mean {mean:.2f}. A filter"
        f" of length 1 whose weights sum to {total:.2f} turns this into outputs of mean"
        f" {mean * total:.2f}; a filter of length 1 whose weights sum to 0 gives mean 0.",
        height=728,
    )
    normal = [_mass(k) for k in range(-6, 7)]
    relu = [0.0] * 6 + [0.5 + _mass(0) / 2] + normal[7:]
    _histogram(d, 225, 270, normal, "muted", 0.0, "standard normal *z*", "mean 0")
    _histogram(d, 675, 270, relu, "muted", mean, "max(0, *z*)", f"mean {mean:.2f}")
    d.line([(405, 190), (495, 190)], width=4, arrow=True)
    d.text(450, 158, "ReLU")
    d.text(450, 360, "then through a filter of length 1", colour="muted")
    for x, filter_, colour, title in (
        (225, plain, "none", f"weights sum to {total:.1f}"),
        (675, zero_sum, "nf", "weights sum to 0"),
    ):
        shifted = mean * sum(filter_) + 0.0
        label = f"mean {_zero(shifted)}"
        _histogram(d, x, 660, _sums(filter_), colour, shifted, title, label, tall=490)
        if shifted > 1e-9:
            d.line([(x, 660), (x, 460)], colour="muted", width=2)
            d.line([(x, 470), (x + shifted * 52 - 3, 470)], width=4, arrow=True)
    return d.svg()


def _mass(k: int, step: float = 0.5) -> float:
    """Probability of a standard normal between (k - 1/2) step and (k + 1/2) step."""
    low, high = ((k + side) * step / math.sqrt(2) for side in (-0.5, 0.5))
    return (math.erf(high) - math.erf(low)) / 2


def _sums(weights: Sequence[float], step: float = 0.5, fine: int = 50) -> list[float]:
    """Histogram of sum w_i max(0, z_i), by convolving the nine distributions on a fine grid."""
    delta, reach = step / fine, 8 * fine  # the grid spans 8 bins to each side
    total = np.ones(1)
    for weight in weights:
        part = np.zeros(2 * reach + 1)
        sign, each = (1 if weight > 0 else -1), delta / abs(weight)
        for k in range(reach + 1):
            part[reach + sign * k] = _mass(k, each)
        part[reach] = 0.5 + _mass(0, each) / 2
        total = np.convolve(total, part)
    centre = len(total) // 2
    edges = [(k - 0.5) * fine + centre for k in range(-6, 8)]
    return [float(total[int(a) : int(b)].sum()) for a, b in zip(edges, edges[1:], strict=False)]


def _histogram(
    d: Drawing,
    cx: float,
    y0: float,
    masses: Sequence[float],
    colour: str,
    mean: float,
    title: str,
    label: str,
    tall: float = 330.0,
) -> None:
    """Bars for the bins -6 ... 6 of half a unit each, above y0; the mean as a dashed line.

    Args:
        tall: px a unit of probability.
    """
    wide = 26.0
    for k, mass in enumerate(masses):
        high = mass * tall
        d.rectangle(cx + (k - 6.5) * wide + 1.5, y0 - high, wide - 3, high, colour)
    d.line([(cx - 180, y0), (cx + 180, y0)], width=2.5)
    d.text(cx, y0 - 236, title, size=NORMAL, bold=True, colour=_ink(colour))
    x = cx + mean * 2 * wide
    d.line([(x, y0 + 10), (x, y0 - 206)], dashes="9 6", width=3)
    d.text(x, y0 + 34, label)
