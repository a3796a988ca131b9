"""What adaptive gradient clipping does to the real gradients of a small net, unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from app.demos import fresh, links, one_of, recorded, screen
from app.demos.presets import LAMBDAS
from app.demos.unit_figures import EPS, Units, shares_by_layer, sorted_units
from nfnet.run import RunConfig, UserError

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


def render(params: dict[str, Any], compact: bool) -> None:
    """Sorted ratios with the threshold; not compact: layers, one unit's arithmetic, a fresh set.

    Parameters: step (of training), clipping (the slider's first place), key.
    """
    key = params["key"]
    if not compact:
        links.check(
            key,
            {
                "step": ("training step", one_of(*map(str, fresh.STEPS))),
                "lambda": ("threshold", one_of(*LAMBDAS)),
            },
        )
        st.markdown(WORDS)
    try:
        config, items, label = _gradients(key)
    except UserError as error:
        st.info(str(error) if str(error) != recorded.MISSING else NOTHING)
        if not compact:
            fresh.offer(key)
        return
    bind = None if compact else "query-params"
    dark = st.context.theme.type == "dark"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        step = st.segmented_control(
            "Training step",
            [str(step) for step in fresh.STEPS],
            default=params["step"],
            required=True,
            key=f"{key}_step",
            bind=bind,
        )
        stop = st.select_slider(
            "Threshold λ",
            LAMBDAS,
            value=params["clipping"],
            key=f"{key}_lambda",
            bind=bind,
            width=420,
            help="A unit is shortened when ‖G‖ is more than λ times ‖W‖*.",
        )
    clipping = None if stop == "off" else float(stop)
    units = Units.of(next(item for item in items if item["step"] == int(step)))
    if compact:
        _overview(key, units, clipping, dark, screen.size(compact), height=380)
        return
    st.caption(f"{label} {floored(units)}".strip())
    chosen = st.session_state.get(f"{key}_chosen")
    _overview(key, units, clipping, dark, screen.size(compact), 430, _valid(chosen, units))
    left, right = st.columns(2, gap="large")
    with left:
        _one_unit(key, units, clipping)
        _against_global(units, clipping)
    with right:
        st.subheader("Layer by layer")
        shares = units.shares(clipping)
        figure = shares_by_layer(shares, dark)
        most = max(shares, key=shares.get)
        st.plotly_chart(
            figure,
            key=f"{key}_layers",
            height=120 + 21 * len(shares),
            config={"displayModeBar": False},
            alt=f"Share of units shortened by layer; most in {most} ({shares[most]:.0%}).",
        )
    fresh.offer(key)


def _gradients(key: str) -> tuple[RunConfig, list[dict[str, Any]], str]:
    """The viewer's own gradients if they made some, else the recorded ones."""
    own = st.session_state.get(f"{key}_own")
    if own:
        config, items = own
        return config, items, f"{describe(config)} Taken on this server just now."
    was = recorded.load("gradients")
    return was.configs[0], list(was.items), f"{describe(was.configs[0])} {was.label}"


def describe(config: RunConfig) -> str:
    """The net whose gradients these are, in a sentence."""
    clipping = "unclipped" if config.clipping is None else f"with AGC, λ {config.clipping:g}"
    return (
        f"Gradients of a small NF net trained {clipping}, at rate {config.lr:g} and batch "
        f"{config.batch_size}, before they are clipped."
    )


def _overview(
    key: str,
    units: Units,
    clipping: float | None,
    dark: bool,
    size: int,
    height: int,
    chosen: int | None = None,
) -> None:
    st.plotly_chart(
        sorted_units(units, clipping, dark, size, chosen),
        key=f"{key}_units",
        height=height,
        config={"displayModeBar": False},
        alt=takeaway(units, clipping),
    )
    st.markdown(takeaway(units, clipping))


def takeaway(units: Units, clipping: float | None) -> str:
    """What the figure shows, from its numbers."""
    if clipping is None:
        return (
            f"No clipping: ratios run from {units.ratio.min():.2g} to {units.ratio.max():.2g} "
            f"over {len(units.ratio)} units."
        )
    factor = units.factor(clipping)
    clipped = int((factor < 1).sum())
    if not clipped:
        return f"λ = {clipping:g}: none of the {len(factor)} units is above it; nothing changes."
    middle = float(np.median(factor[factor < 1]))
    return (
        f"λ = {clipping:g}: {clipped} of {len(factor)} units ({clipped / len(factor):.0%}) are "
        f"shortened, the median one of them to {middle:.2g} of its length. The others stay as "
        "they are."
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


def _valid(chosen: int | None, units: Units) -> int:
    """The chosen unit, or the filter with the largest ratio."""
    if isinstance(chosen, int) and 0 <= chosen < len(units.ratio):
        return chosen
    return units.worst


def _one_unit(key: str, units: Units, clipping: float | None) -> None:
    """One unit's numbers put into the rule."""
    st.subheader("One unit, with its numbers")
    names = units.names
    st.selectbox(
        "Unit",
        range(len(names)),
        index=_valid(None, units),
        format_func=names.__getitem__,
        key=f"{key}_chosen",
        help="The filter with the largest ratio is chosen to begin with.",
    )
    i = _valid(st.session_state[f"{key}_chosen"], units)
    weight, gradient = float(units.weight_norm[i]), float(units.gradient_norm[i])
    st.latex(formula(weight, gradient, clipping))
    if clipping is None:
        st.markdown("λ is off: the gradient stays as it is.")
    elif units.factor(clipping)[i] < 1:
        st.markdown(
            f"The ratio is above λ = {clipping:g}, so this unit's gradient keeps its direction and "
            f"is multiplied by **{units.factor(clipping)[i]:.3g}**."
        )
    else:
        st.markdown(f"The ratio is not above λ = {clipping:g}: this unit's gradient is untouched.")


def formula(weight: float, gradient: float, clipping: float | None) -> str:
    """The rule with these norms put in, as LaTeX."""
    floored = max(weight, EPS)
    ratio = gradient / floored
    lines = [
        r"\frac{\|G\|}{\|W\|^\star} &= "
        rf"\frac{{{_tex(gradient)}}}{{{_tex(floored)}}} = {_tex(ratio)}"
    ]
    if clipping is not None and ratio > clipping:
        lines.append(
            r"G &\to \lambda\,\frac{\|W\|^\star}{\|G\|}\,G \\[6pt] &= "
            rf"{clipping:g}\cdot\frac{{{_tex(floored)}}}{{{_tex(gradient)}}}\,G = "
            rf"{_tex(clipping * floored / gradient)}\,G"
        )
    else:
        lines.append(r"G &\to G")
    return r"\begin{aligned}" + r" \\[6pt] ".join(lines) + r"\end{aligned}"


def _tex(value: float) -> str:
    """Three significant digits; powers of ten as mathematics."""
    text = f"{value:.3g}"
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return rf"{mantissa}\cdot 10^{{{int(exponent)}}}"


def _against_global(units: Units, clipping: float | None) -> None:
    st.subheader("Against clipping the global norm")
    if clipping is None or units.equal_global_factor(clipping) >= 1:
        st.markdown("Nothing is clipped at this λ, so there is nothing to compare.")
        return
    factor = units.factor(clipping)
    common = units.equal_global_factor(clipping)
    spared = float((factor > common).mean())
    st.markdown(
        f"The whole gradient has length {units.norm():.3g}; after AGC it is "
        f"**{units.norm(factor):.3g}**. Clipping the global norm at {units.norm(factor):.3g} makes "
        f"it just as short, but multiplies **every** unit by {common:.2g}, large or small: the "
        f"dotted line. AGC leaves {spared:.0%} of the units longer than that and changes the "
        "direction of the whole gradient. With both thresholds tuned the two train about "
        "equally well on this net; what differs is what each one holds fixed."
    )
