"""What adaptive gradient clipping does to the real gradients of a small net, unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

import app.compute
from app.compute.jobs import Gradients
from app.demos import recorded, runs
from app.demos.presets import LAMBDAS
from app.demos.unit_figures import EPS, Units, shares_by_layer, sorted_units
from nfnet.run import RunConfig, UserError

STEPS = (0, 20, 60)
CONFIG = RunConfig(clipping=0.01)  # the net whose gradients are taken: it trains

WORDS = """
- **Unit**: what is clipped as one piece. In a convolution it is one output channel: all the weights
  that make that channel. A vector (gains, biases) is one unit as a whole.
- **Fan-in**: how many weights feed a unit, here input channels times 3 × 3.
- **Gain**: one learned factor for each output channel, applied after the weights are standardized.
- **‖W‖\\***: the unit's weights as one length (root of the sum of squares), but at least 0.001, so
  that a unit which starts at zero can move. **‖G‖** is the same length of its gradient.

The classifier's weight is never clipped, so it is not shown.
"""


def render(params: dict[str, Any], compact: bool) -> None:
    """Sorted ratios with the threshold; not compact: layers, one unit's arithmetic, a fresh set.

    Parameters: step (of training), clipping (the slider's first place), key.
    """
    key = params["key"]
    try:
        config, items, label = _gradients(key)
    except UserError as error:
        st.info(str(error))
        if not compact:
            _afresh(key)
        return
    bind = None if compact else "query-params"
    dark = st.context.theme.type == "dark"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        step = st.segmented_control(
            "Training step",
            [str(step) for step in STEPS],
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
        _overview(key, units, clipping, dark, size=18, height=380)
        return
    st.caption(label)
    chosen = st.session_state.get(f"{key}_chosen")
    _overview(key, units, clipping, dark, size=14, height=430, chosen=_valid(chosen, units))
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
    _afresh(key)


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
    return (
        f"λ = {clipping:g}: {clipped} of {len(factor)} units ({clipped / len(factor):.0%}) are "
        f"shortened, the worst to {factor.min():.2g} of its length. The others stay as they are."
    )


def _valid(chosen: int | None, units: Units) -> int:
    """The chosen unit, or the one with the largest ratio."""
    if isinstance(chosen, int) and 0 <= chosen < len(units.ratio):
        return chosen
    return int(np.argmax(units.ratio))


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
        help="The one with the largest ratio is chosen to begin with.",
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
    with st.expander("The words: unit, fan-in, gain, ‖W‖*"):
        st.markdown(WORDS)


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
            r"G &\to \lambda\,\frac{\|W\|^\star}{\|G\|}\,G = "
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
        "direction of the whole gradient. With both thresholds tuned the two train equally well "
        "on this net; what differs is what each one holds fixed."
    )


def _afresh(key: str) -> None:
    """A new set of gradients from a short job on this server."""
    ticket_id = st.session_state.get(f"{key}_ticket")
    ticket = app.compute.get_compute().ticket(ticket_id, runs.owner()) if ticket_id else None
    waiting = ticket is not None and not ticket.state.ended
    st.fragment(_fresh_part, run_every=1.0 if waiting else None)(key, waiting)


def _fresh_part(key: str, waiting: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input("Seed", 0, 9999, 1, key=f"{key}_seed", width=140)
        st.button(
            "Take fresh gradients",
            key=f"{key}_fresh",
            icon=":material/refresh:",
            disabled=waiting,
            on_click=_submit,
            args=(key,),
            help=f"Trains a net with this seed for {max(STEPS)} steps, about ten seconds.",
        )
        if f"{key}_own" in st.session_state and st.button("Back to the recorded ones"):
            del st.session_state[f"{key}_own"]
            st.rerun()
    refused = runs.refusal(key)
    if refused:
        st.warning(refused)
    ticket_id = st.session_state.get(f"{key}_ticket")
    if not ticket_id:
        return
    ticket = app.compute.get_compute().ticket(ticket_id, runs.owner())
    state = ticket.state if ticket else None
    if state is None or state.name in ("failed", "cancelled"):
        del st.session_state[f"{key}_ticket"]
        st.error((state and state.message) or "The gradients could not be taken; press again.")
    elif state.name == "done":
        del st.session_state[f"{key}_ticket"]
        st.session_state[f"{key}_own"] = (ticket.job.config, ticket.events())
        st.rerun()
    elif not waiting:
        st.rerun()
    else:
        done = len(ticket.events())
        st.progress(done / len(STEPS), f"Training seed {seed}: {done} of {len(STEPS)} sets taken.")


def _submit(key: str) -> None:
    config = CONFIG.replace(seed=int(st.session_state[f"{key}_seed"]))
    try:
        ticket = app.compute.get_compute().submit(Gradients(config, STEPS), runs.owner())
    except UserError as error:
        st.session_state[f"{key}_refusal"] = str(error)
        return
    st.session_state[f"{key}_ticket"] = ticket.id
