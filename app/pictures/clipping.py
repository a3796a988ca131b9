"""Adaptive gradient clipping as vectors: one gradient, two units."""

from __future__ import annotations

import math

import numpy as np

from app.pictures.svg import LARGE, Drawing, Point
from nfnet.formulas import clip_factor

Vector = tuple[float, float]


def agc_vector(
    weights: tuple[Vector, Vector] = ((0.42, 0.56), (0.96, 1.28)),
    gradient: Vector = (0.0136, 0.0040),
    clipping: float = 0.01,
    zoom: int = 80,
) -> str:
    """Two units with the same gradient; it is too long for the small weight only.

    Args:
        weights: weight vector of each unit.
        gradient: of both units.
        clipping: the threshold, lambda.
        zoom: how much the lens magnifies; at true size the circle is `clipping` of the arrow.
    """
    size = math.hypot(*gradient)
    norms = np.array([math.hypot(*weight) for weight in weights])
    factors = [float(f) for f in clip_factor(norms, np.array([size, size]), clipping)]
    d = Drawing(
        "Adaptive gradient clipping, for two units",
        f"Two weight vectors W of length {norms[0]:g} and {norms[1]:g}; a lens magnifies their"
        f" tips {zoom} times. Around each tip a circle of radius λ‖W‖, with λ = {clipping:g}. Both"
        f" units have the same gradient G of length {size:.4f}. It leaves the small weight's circle"
        f" and is shortened to it, to {factors[0]:.2f} of its length, in the same direction. It"
        " ends inside the large weight's circle and stays as it is.",
        height=720,
    )
    titles = ("Small *W*: clipped", "Large *W*: unchanged")
    for k, (weight, factor) in enumerate(zip(weights, factors, strict=True)):
        d.text(225 + 450 * k, 34, titles[k], size=LARGE, bold=True)
        _unit(d, 450 * k, weight, gradient, factor, clipping, zoom)
    d.text(
        450,
        690,
        f"Magnified {zoom} times; *λ* = {clipping:g}. Both gradients are equal.",
        colour="muted",
    )
    return d.svg()


def _unit(
    d: Drawing,
    x0: float,
    weight: Vector,
    gradient: Vector,
    factor: float,
    clipping: float,
    zoom: int,
) -> None:
    pixels = 115.0  # px a unit of weight, at true size
    lens, centre = 180.0, (x0 + 225, 260.0)
    norm = math.hypot(*weight)
    root = (x0 + 90, 636.0)
    tip = _moved(root, weight, pixels)
    for end in _tangents(tip, centre, lens):  # the rays of the lens
        d.line([tip, end], colour="muted", width=1.5)
    d.circle(*centre, lens, colour="muted", fill="page", width=2.5)
    d.line([root, tip], width=5, arrow=True)
    middle = _moved(root, weight, pixels / 2)
    d.text(middle[0] - 30, middle[1] - 10, "*W*", size=LARGE)

    radius = clipping * norm * pixels * zoom
    d.circle(*centre, radius, colour="agc", fill="tint")
    d.line([_moved(centre, weight, -lens / norm), centre], width=9, arrow=True)
    end = _moved(centre, gradient, pixels * zoom)
    kept = _moved(centre, gradient, pixels * zoom * factor)
    d.line([centre, kept], colour="agc", width=7, arrow=True)
    # the circle's name stands outside a small circle, inside a large one
    above = radius + 24 if radius < lens / 2 else radius - 30
    d.text(centre[0], centre[1] - above, "*λ*‖*W*‖", colour="agc-ink")
    if factor < 1:
        d.line([kept, end], colour="nf", width=4, arrow=True, dashes="8 6")
        d.text(end[0] + 8, end[1] - 28, "*G*", colour="nf-ink", size=LARGE)
        d.text(centre[0] + radius + 8, centre[1] + 36, "clipped", colour="agc-ink", anchor="start")
    else:
        d.text(end[0] - 10, end[1] + 36, "*G*", colour="agc-ink", size=LARGE)


def _tangents(point: Point, centre: Point, radius: float) -> list[Point]:
    """Where the two tangents from the point touch the circle."""
    away = math.atan2(point[1] - centre[1], point[0] - centre[0])
    half = math.acos(radius / math.dist(point, centre))
    angles = (away - half, away + half)
    return [(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in angles]


def _moved(point: Point, vector: Vector, scale: float) -> Point:
    """From the point along the vector; y points up in vectors and down on the sheet."""
    return point[0] + vector[0] * scale, point[1] - vector[1] * scale
