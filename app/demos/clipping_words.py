"""What the Clipping page says: sentences and formulas out of a net's units. No Streamlit here."""

from __future__ import annotations

import numpy as np

from app.demos.unit_figures import EPS, Units
from app.numbers import latex, written
from nfnet.run import RunConfig

WORDS = """
- A **unit** is what is clipped as one piece: in a convolution all the weights that make one output
  channel. A bias vector or a gain vector is one unit as a whole.
- **Fan-in** is how many weights feed a unit: input channels × 3 × 3. A **gain** is the one learned
  factor of an output channel, applied after its weights are standardized.
- **‖W‖\\*** is the length of the unit's weights (root of the sum of squares), but at least 0.001,
  so that a unit which starts at zero can move. **‖G‖** is the length of its gradient.
"""
NOTHING = (
    "There are no recorded gradients; the button **Take fresh gradients** on Clipping makes some."
)
UNTAKEN = "No gradients of these steps are recorded for {called}; take fresh ones below."
NOT_THESE = " They are of CIFAR-10, not of {}."
NOTHING_TRAINED = "The trained net's gradients are not recorded."
PIECES = {"unit": "unit (AGC)", "layer": "layer", "global": "whole net"}


def describe(config: RunConfig) -> str:
    """The net whose gradients these are, in a sentence."""
    if config.start != "random":
        return (
            "Gradients of the net that comes with the lecture, trained on CIFAR-10 to its end, for "
            f"one batch of {config.batch_size} training pictures, before they are clipped. At the "
            "end clipping has little left to do: in five batches looked at, 2% of the units (1 to "
            "5) lay above the λ 0.01 of its training, over half of the biases and gains among them."
        )
    clipping = "unclipped" if config.clipping is None else f"with AGC, λ {config.clipping:g}"
    return (
        f"Gradients of a small NF net trained {clipping}, at rate {config.lr:g} and batch "
        f"{config.batch_size}, before they are clipped."
    )


def takeaway(units: Units, clipping: float | None, by: str = "unit") -> str:
    """What the figure shows, from its numbers; the component's clip_rule.js says the same."""
    ratio, factor, pieces = units.ratio, units.factor(clipping, by), units.pieces(by)
    if clipping is None:
        return (
            f"No clipping: ratios run from {written(ratio.min(), 2)} to {written(ratio.max(), 2)} "
            f"over {len(ratio)} units."
        )
    cut = factor[factor < 1]
    start = f"λ = {clipping:g}: "
    share = f"{len(cut)} of {len(factor)} units ({len(cut) / len(factor):.0%})"
    if by == "global":
        told = f"{start}the whole net's ratio is {written(pieces.ratio[0])}, "
        if not len(cut):
            return f"{told}not above it; nothing changes."
        norm = clipping * max(pieces.weight_norm[0], EPS)
        return (
            f"{told}above it, so every unit is multiplied by {written(cut[0], 2)}. "
            f"This is clipping the global norm at {written(norm, 2)}."
        )
    if not len(cut):
        return f"{start}none of the {len(factor)} units is above it; nothing changes."
    if by == "layer":
        above = int((pieces.ratio > clipping).sum())
        small = int(((factor < 1) & (ratio <= clipping)).sum())
        return (
            f"{start}{above} of {len(pieces.ratio)} layers (weights, gains and biases apart) "
            f"are above it, so {share} are shortened, {small} of them although their own ratio is "
            "not above it."
        )
    return (
        f"{start}{share} are shortened, the median one of them to {written(np.median(cut), 2)} of "
        "its length. The others stay as they are."
    )


def floored(units: Units) -> str:
    """A word on the units whose weights are so small that the floor stands for them."""
    count = int((units.weight_norm < EPS).sum())
    if not count:
        return ""
    return (
        f"Units whose weights are still near zero: {count}, biases as a rule. Their ‖W‖\\* is the "
        "floor of 0.001, which makes their ratio large."
    )


def angle(cosine: float, is_filter: bool, upright: bool) -> str:
    """What to say of the angle between a unit's weight and its gradient.

    Args:
        upright: every filter of this net has its gradient at a right angle.
    """
    degrees = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if is_filter and upright:
        return (
            "The gradient stands at a right angle to the weight, as that of every filter here: "
            "scaled weight standardization makes the output the same for a longer or shorter "
            "filter, so no part of the gradient points along it."
        )
    return f"The angle between weight and gradient is {degrees:.0f}°."


def formula(weight: float, gradient: float, clipping: float | None) -> str:
    """The rule with these norms put in, as LaTeX."""
    floored = max(weight, EPS)
    ratio = gradient / floored
    lines = [
        r"\frac{\|G\|}{\|W\|^\star} &= "
        rf"\frac{{{latex(gradient)}}}{{{latex(floored)}}} = {latex(ratio)}"
    ]
    if clipping is not None and ratio > clipping:
        lines.append(
            r"G &\to \lambda\,\frac{\|W\|^\star}{\|G\|}\,G \\[6pt] &= "
            rf"{clipping:g}\cdot\frac{{{latex(floored)}}}{{{latex(gradient)}}}\,G = "
            rf"{latex(clipping * floored / gradient)}\,G"
        )
    else:
        lines.append(r"G &\to G")
    return r"\begin{aligned}" + r" \\[6pt] ".join(lines) + r"\end{aligned}"
