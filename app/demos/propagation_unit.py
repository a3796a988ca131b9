"""Why a ReLU shifts the mean: one unit's outputs for many inputs, and what centring changes.

Numbers in, a figure out; no Streamlit here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.demos.published_paint import Drawn, Look, figure, note
from app.theme import colour

FAN_IN = 144  # 16 channels x 3 x 3
PICTURES = 3000
RELU_MEAN = (2 * np.pi) ** -0.5


@dataclass(frozen=True)
class Unit:
    """One unit's outputs for the same inputs, with weights as drawn and with them standardized."""

    sum: float  # of the weights as drawn
    plain: np.ndarray  # (PICTURES,)
    centred: np.ndarray

    @property
    def expected(self) -> float:
        """The mean over all inputs: each has mean 0.4, so it is 0.4 times the weights' sum."""
        return RELU_MEAN * self.sum


def unit(seed: int, fan_in: int = FAN_IN) -> Unit:
    """A unit with weights from N(0, 1 / fan-in), over rectified inputs from N(0, 1)."""
    draw = np.random.default_rng(seed)
    weight = draw.normal(scale=fan_in**-0.5, size=fan_in)
    inputs = np.maximum(draw.standard_normal((PICTURES, fan_in), np.float32), 0)
    centred = weight - weight.mean()
    centred /= np.linalg.norm(centred)
    plain, other = (inputs @ np.stack([weight, centred], 1).astype(np.float32)).T
    return Unit(float(weight.sum()), plain, other)


def histogram(one: Unit, look: Look) -> Drawn:
    """Both distributions with their means."""
    edges = np.linspace(-4, 4, 65)
    middles = (edges[1:] + edges[:-1]) / 2
    traces, notes, shapes = [], [], []
    for name, values, recipe in (
        ("weights as drawn", one.plain, "none"),
        ("weights that sum to zero", one.centred, "nf"),
    ):
        paint = colour(recipe, look.dark)
        count, _ = np.histogram(values, edges)
        traces.append(
            {
                "type": "scatter",
                "x": middles.round(4).tolist(),
                "y": count.tolist(),
                "name": name,
                "mode": "lines",
                "line": {"shape": "hvh", "color": paint, "width": 2},
                "fill": "tozeroy",
                "fillcolor": f"rgba({', '.join(str(int(paint[i : i + 2], 16)) for i in (1, 3, 5))}"
                ", 0.25)",
                "hoverinfo": "skip",
            }
        )
        mean = float(values.mean())
        line = {"color": paint, "width": 3, "dash": "dash" if recipe == "none" else "solid"}
        side = {"type": "line", "x0": mean, "x1": mean, "y0": 0, "y1": 1, "yref": "y domain"}
        shapes.append({**side, "line": line})
        right = (mean >= 0) if recipe == "none" else (one.plain.mean() < 0)
        notes.append(
            note(
                f"{name}:<br>mean {signed(mean)}",
                look,
                x=mean,
                y=1.0 if recipe == "none" else 0.72,
                yref="y domain",
                yanchor="top",
                xanchor="left" if right else "right",
                xshift=8 if right else -8,
                align="left" if right else "right",
                bgcolor=f"rgba({'14,17,23' if look.dark else '255,255,255'},0.7)",
            )
        )
    drawn = figure(
        traces,
        look,
        15 if look.narrow else 17,
        {"title": "the unit's output, before its own activation", "range": [-4, 4]},
        {"title": "inputs", "showticklabels": False},
        annotations=notes,
        shapes=shapes,
    )
    alt = (
        f"Histogram of one unit's output for {PICTURES:,} inputs. With its weights as drawn, which "
        f"sum to {signed(one.sum)}, the mean is {signed(float(one.plain.mean()))}; with weights "
        f"that sum to zero it is {signed(float(one.centred.mean()))}."
    )
    return Drawn(drawn, alt, ())


def signed(value: float) -> str:
    """Two digits after the point; nothing is not minus nothing."""
    text = f"{abs(value):.2f}"
    return text if text == "0.00" or value >= 0 else f"−{text}"
