"""An activation's gain γ estimated by sampling, beside its exact value. No Streamlit here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from app.demos.published_paint import Drawn, Look, figure, legend
from app.theme import colour
from nfnet.formulas import GAMMA
from nfnet.meanfield import FUNCTIONS

ACTIVATIONS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "relu": ("ReLU", FUNCTIONS["relu"]),
    "gelu": ("GELU", FUNCTIONS["gelu"]),
    "silu": ("SiLU", FUNCTIONS["silu"]),
    "leaky_relu": ("leaky ReLU", lambda x: np.where(x > 0, x, 0.01 * x)),
    "elu": ("ELU", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    "tanh": ("tanh", np.tanh),
    "sigmoid": ("sigmoid", lambda x: 0.5 * (1 + np.tanh(x / 2))),
    "softplus": ("softplus", lambda x: np.logaddexp(0, x)),
}
CLOSED = {"relu": r"\sqrt{\frac{2}{1 - 1/\pi}}"}  # what can be written down
SIZES = ("100", "1,000", "10,000", "100,000")
SHOWN = 120  # points of the running estimate


@dataclass(frozen=True)
class Estimate:
    """γ from the first n samples, for growing n."""

    counts: np.ndarray
    gamma: np.ndarray
    error: np.ndarray  # standard error

    @property
    def last(self) -> tuple[float, float]:
        return float(self.gamma[-1]), float(self.error[-1])


@lru_cache(maxsize=32)  # a figure is drawn in two sizes
def estimate(activation: str, size: int, seed: int) -> Estimate:
    """1 / sqrt(Var f(z)) from z ~ N(0, 1), with the standard error by the delta method."""
    z = np.random.default_rng(seed).standard_normal(size)
    values = ACTIVATIONS[activation][1](z)
    counts = np.unique(np.geomspace(10, size, SHOWN).astype(int))
    # about a fixed point near the mean, so that the sums keep their digits
    moved = values - moments(activation)[0]
    square = moved * moved
    powers = (moved, square, square * moved, square * square)
    m, m2, m3, m4 = (np.cumsum(power)[counts - 1] / counts for power in powers)
    variance = np.maximum(m2 - m**2, 1e-4)  # ten samples may all be negative
    fourth = m4 - 4 * m * m3 + 6 * m**2 * m2 - 3 * m**4
    gamma = variance**-0.5
    spread = np.sqrt(np.maximum(fourth - variance**2, 0) / counts)
    return Estimate(counts, gamma, gamma * spread / (2 * variance))


@cache
def moments(activation: str) -> tuple[float, float]:
    """Mean and variance of f(z), z ~ N(0, 1), by Gauss-Legendre quadrature from -12 to 12."""
    z, weights = _nodes()
    values = ACTIVATIONS[activation][1](z)
    mean = float(values @ weights)
    return mean, float((values - mean) ** 2 @ weights)


@cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Nodes (240,), and their weights with the density of N(0, 1) in them.

    Either side of 0 has its own, as some activations have a kink there.
    """
    nodes, weights = np.polynomial.legendre.leggauss(120)
    right = 6 * (nodes + 1)
    z = np.concatenate([right - 12, right])
    return z, 6 * np.tile(weights, 2) * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def exact(activation: str) -> float:
    """1 / sqrt(Var f(z)) by quadrature."""
    return moments(activation)[1] ** -0.5


def running(activation: str, size: int, seed: int, look: Look) -> Drawn:
    """The estimate and two standard errors around it as samples come in; the exact value."""
    found, true = estimate(activation, size, seed), exact(activation)
    x = found.counts.tolist()
    low, high = ((found.gamma + side * found.error).round(4).tolist() for side in (-2, 2))
    paint = colour("nf", look.dark)
    clear = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    rgb = ", ".join(str(int(paint[i : i + 2], 16)) for i in (1, 3, 5))
    traces = [
        {**clear, "x": x, "y": high, "showlegend": False},
        {
            **{**clear, "x": x, "y": low, "fill": "tonexty", "fillcolor": f"rgba({rgb}, 0.22)"},
            "name": "± 2 standard errors",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "estimate",
            "x": x,
            "y": found.gamma.round(5).tolist(),
            "line": {"color": paint, "width": 2.5},
            "hovertemplate": "%{x:,} samples: %{y:.4f}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "lines",
            "name": "exact",
            "x": [10, size],
            "y": [true, true],
            "line": {"color": look.text, "width": 2, "dash": "dash"},
            "hoverinfo": "skip",
        },
    ]
    wide = max(0.02 * true, 3 * float(found.error[len(found.error) // 3]))
    drawn = figure(
        traces,
        look,
        15 if look.narrow else 17,
        {"title": "samples", "type": "log", "range": [1, math.log10(size)], "dtick": 1},
        {"title": "γ", "range": [true - wide, true + wide]},
        **legend(look),
    )
    last, error = found.last
    alt = (
        f"γ of {ACTIVATIONS[activation][0]} estimated from up to {size:,} samples: at the end "
        f"{last:.4f} ± {error:.4f}; exact {true:.4f}; official code {GAMMA[activation]:.4f}."
    )
    return Drawn(drawn, alt, ())
