"""What adaptive gradient clipping does to the real gradients of a small net, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from app import shell
from app.components.clip_canvas import Choice, Look, clip_canvas
from app.demos import clip_settings, data_choice, fresh, links, one_of, recorded, reset, screen
from app.demos.clipping_seeds import shares_table, ways_table
from app.demos.clipping_words import (
    NOT_THESE,
    NOTHING,
    NOTHING_TRAINED,
    PIECES,
    UNTAKEN,
    WORDS,
    angle,
    describe,
    floored,
    formula,
    takeaway,
)
from app.demos.data_choice import SHAPES, Pictures
from app.demos.presets import LAMBDAS
from app.demos.unit_figures import Units, shares_by_layer, sorted_units
from app.numbers import written
from nfnet.run import CLIP_BY, UserError

HOW = (
    "Drag the line λ up or down; with the keyboard, arrow keys move it. Choose a bar to see its "
    "unit's weight and gradient, where the circle is λ times ‖W‖\\*: drag that too. Then let a "
    "layer, or the whole net, be clipped as one: the same gradients, another pattern."
)


@dataclass(frozen=True)
class View:
    """One look at the units."""

    key: str
    units: Units
    clipping: float | None
    by: str
    compact: bool
    plain: bool
    dark: bool
    size: int


def render(params: dict[str, Any], compact: bool) -> None:
    """The units as bars under a threshold; not compact: one unit, layers, a fresh set.

    Parameters: step (of training), clipping (the threshold's first place), key.
    """
    key, plain = params["key"], shell.flag("plain")
    if not compact:
        links.check(
            key,
            {
                "step": ("training step", one_of(*map(str, fresh.STEPS), fresh.TRAINED)),
                "lambda": ("threshold", clip_settings.threshold),
                "by": ("way of clipping", one_of(*CLIP_BY)),
                **data_choice.readers(),
            },
        )
        st.markdown(WORDS)
    clip_settings.arrive(key, params["clipping"], compact, plain)
    step, data = _controls(params, compact, plain)
    pictures = SHAPES if compact else data_choice.bring(key, data)
    if pictures is None:
        return
    trained = step == fresh.TRAINED
    try:
        item, label = _gradients(key, step, pictures)
    except UserError as error:
        if str(error) != recorded.MISSING:
            st.info(str(error))
        else:
            st.info(NOTHING_TRAINED if trained else NOTHING)
        if not compact and not trained:
            fresh.offer(key, pictures)
        return
    view = View(
        key,
        Units.of(item),
        clip_settings.clipping_now(key),
        st.session_state[f"{key}_by"],
        compact,
        plain,
        st.context.theme.type == "dark",
        screen.size(compact),
    )
    if compact:
        _overview(view, 430)
        return
    clip_settings.show_in_address(key, params["clipping"])
    st.caption(f"{label} {floored(view.units)}".strip())
    if not plain:
        st.markdown(HOW)
    _overview(view, 430)
    left, right = st.columns(2, gap="large")
    with left:
        _one_unit(view)
        _against_global(view)
    with right:
        _layers(view)
    if trained:
        return
    if pictures.drawn:
        st.subheader("Over five seeds")
        left, right = st.columns(2, gap="large")
        left.markdown(shares_table())
        right.markdown(ways_table())
    fresh.offer(key, pictures)


def _controls(params: dict[str, Any], compact: bool, plain: bool) -> tuple[str, str]:
    """The settings that are no part of the canvas: the training step, the pictures' name."""
    key, data = params["key"], ""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        step = st.segmented_control(
            "Training step",
            [*map(str, fresh.STEPS), fresh.TRAINED],
            default=params["step"],
            required=True,
            key=f"{key}_step",
            bind=None if compact else "query-params",
        )
        if plain:
            st.select_slider(
                "Threshold λ",
                LAMBDAS,
                key=f"{key}_lambda",
                width=420,
                help="A piece is shortened when its ‖G‖ is more than λ times its ‖W‖*.",
            )
            st.segmented_control(
                "Clipped as one",
                list(PIECES),
                required=True,
                format_func=PIECES.__getitem__,
                key=f"{key}_by",
            )
        if not compact:
            data = data_choice.select(key)
            usual = {"step": params["step"], "lambda": params["clipping"], "by": clip_settings.BY}
            reset.button(key, {**usual, "data": "Shapes"})
            called = {"step": "training step", "canvas": "canvas", "another": "another net"}
            links.hand_out(key, called | data_choice.CALLED)
    return step, data


def _gradients(key: str, step: str, pictures: Pictures) -> tuple[dict[str, Any], str]:
    """One item of a Gradients job, and whose it is: the viewer's own if there is one.

    Raises:
        UserError: there is none for these pictures at this step.
    """
    if step == fresh.TRAINED:
        item, label = gradients_at(step)
        return item, label + (NOT_THESE.format(pictures.called) if pictures.private else "")
    own = fresh.taken(key, pictures)
    if own:
        config, items = own
        item = next((item for item in items if item["step"] == int(step)), None)
        if item is None:
            raise UserError(f"This net died before step {step}; choose an earlier one.")
        return item, f"{describe(config)} Taken just now on this server, on {pictures.called}."
    if not pictures.drawn:
        raise UserError(UNTAKEN.format(called=pictures.called) + " " + pictures.conditions)
    return gradients_at(step)


def gradients_at(step: str) -> tuple[dict[str, Any], str]:
    """The recorded item of this step, or of the trained net, and its label.

    Raises:
        UserError: there is no recording, or it cannot be read.
    """
    trained = step == fresh.TRAINED
    was = recorded.load("gradients-trained" if trained else "gradients")
    item = next(item for item in was.items if trained or item["step"] == int(step))
    return item, f"{describe(was.configs[0])} {was.label}"


def _overview(view: View, height: int) -> None:
    """All units under the threshold: the canvas, or a still chart on the plain page."""
    key, units = view.key, view.units
    if view.plain:
        chosen = None if view.compact else _chosen(view)
        words = takeaway(units, view.clipping, view.by)
        st.plotly_chart(
            sorted_units(units, view.clipping, view.dark, view.size, chosen, view.by),
            key=f"{key}_units",
            height=height,
            config={"displayModeBar": False},
            alt=words,
        )
        st.markdown(words)
        return

    def remember(choice: Choice) -> None:
        off = choice.clipping is None
        st.session_state[f"{key}_lambda"] = "off" if off else f"{choice.clipping:.3g}"
        st.session_state[f"{key}_by"] = choice.by
        if not view.compact:
            st.session_state[f"{key}_chosen"] = choice.unit

    clip_canvas(
        f"{key}_canvas",
        units.columns(),
        Choice(view.clipping, view.by, _chosen(view)),
        Look(view.dark, view.size, height, plane=not view.compact),
        remember,
    )


def _chosen(view: View) -> int:
    """The chosen unit, or the filter with the largest ratio."""
    chosen = st.session_state.get(f"{view.key}_chosen")
    if isinstance(chosen, int) and 0 <= chosen < len(view.units.ratio):
        return chosen
    return view.units.worst


def _one_unit(view: View) -> None:
    """The numbers of one unit, or of the piece that it is clipped with, put into the rule."""
    units = view.units
    st.subheader("One unit, with its numbers")
    st.selectbox(
        "Unit",
        range(len(units.names)),
        index=units.worst,
        format_func=units.names.__getitem__,
        key=f"{view.key}_chosen",
        help="The filter with the largest ratio is chosen to begin with.",
    )
    i = _chosen(view)
    pieces = units.pieces(view.by)
    weight, gradient = (
        float(norms[pieces.of[i]]) for norms in (pieces.weight_norm, pieces.gradient_norm)
    )
    whose = {"unit": "this unit's", "layer": "this layer's", "global": "the whole net's"}[view.by]
    if view.by != "unit":
        st.markdown(f"Clipped with the others: here are {whose} lengths.")
    st.latex(formula(weight, gradient, view.clipping))
    factor = units.factor(view.clipping, view.by)[i]
    if view.clipping is None:
        st.markdown("λ is off: the gradient stays as it is.")
    elif factor < 1:
        st.markdown(
            f"The ratio is above λ = {view.clipping:g}, so {whose} gradient keeps its direction "
            f"and is multiplied by **{written(factor)}**."
        )
    else:
        st.markdown(f"The ratio is not above λ = {view.clipping:g}: {whose} gradient is untouched.")
    if units.weight_norm[i] and units.gradient_norm[i]:
        st.markdown(angle(units.cosine[i], units.layer[i] not in units.vectors, units.upright))


def _against_global(view: View) -> None:
    """AGC beside one factor for the whole net that makes the gradient as short."""
    units, clipping = view.units, view.clipping
    if view.by != "unit":
        return
    st.subheader("Against clipping the global norm")
    if clipping is None or units.equal_global_factor(clipping) >= 1:
        st.markdown("Nothing is clipped at this λ, so there is nothing to compare.")
        return
    factor = units.factor(clipping)
    common = units.equal_global_factor(clipping)
    after = written(units.norm(factor))
    spared = float((factor > common).mean())
    st.markdown(
        f"The whole gradient has length {written(units.norm())}; after AGC it is **{after}**. "
        f"Clipping the global norm at {after} makes it just as short, but multiplies **every** "
        f"unit by {written(common, 2)}, large or small. "
        f"AGC leaves {spared:.0%} of the units longer than that and changes the "
        "direction of the whole gradient. With both thresholds tuned the global norm does no worse "
        "on this net (see Sweeps); what differs is what each one holds fixed."
    )


def _layers(view: View) -> None:
    st.subheader("Layer by layer")
    shares = view.units.shares(view.clipping, view.by)
    most = max(shares, key=shares.get)
    st.plotly_chart(
        shares_by_layer(shares, view.dark),
        key=f"{view.key}_layers",
        height=120 + 21 * len(shares),
        config={"displayModeBar": False},
        alt=f"Share of units shortened by layer; most in {most} ({shares[most]:.0%}).",
    )
