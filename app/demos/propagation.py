"""Signal propagation: what depth does to the signal, computed at once and measured on a button."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import streamlit as st

from app.deck.model import Still
from app.demos import asking, links, named, one_of, places, reset, screen, whole, words
from app.demos.propagation_figures import Curve, chart
from app.demos.propagation_settings import (
    ACTIVATIONS,
    ALPHAS,
    BLOCKS,
    GAINS,
    IMAGES,
    NETS,
    PARTS,
    SHORTCUTS,
    WIDTHS,
    Setting,
)
from app.demos.propagation_unit import histogram, signed, unit
from app.demos.propagation_words import POOL, TERMS, UNIT, comparison, story
from app.demos.published_paint import Look
from app.still_chart import still_chart

USUAL = Setting()
DEFAULTS = {
    "net": USUAL.net,
    "parts": list(USUAL.parts),
    "alpha": USUAL.alpha,
    "activation": USUAL.activation,
    "blocks": USUAL.blocks,
    "width": USUAL.width,
    "gain": USUAL.gain,
    "shortcut": USUAL.shortcut,
    "images": USUAL.images,
    "seed": USUAL.seed,
}
CALLED = {
    "net": "net",
    "parts": "parts",
    "alpha": "α",
    "activation": "activation",
    "blocks": "blocks",
    "width": "width",
    "gain": "skip gain",
    "shortcut": "shortcut",
    "images": "pictures",
    "seed": "seed",
}
NOT_RECORDED = "The line is computed; these settings were not recorded. Press **Measure**."
NOT_RECORDED_IN_A_SLIDE = (
    "The line is computed; these settings were not recorded. Press **Measure** in the lab."
)
HELP = "Sends 32 pictures through a fresh net of this kind on the server: a second or two, for "
HELP += "200 blocks of width 32 some more."


def render(params: dict[str, Any], compact: bool) -> None:
    """The signal's variance block by block; not compact: everything to switch, mean and branch.

    Parameters: part ("curves", or "unit": why a ReLU shifts the mean), net and parts (those of an
    NF net that are in), key.
    """
    key = params["key"]
    if compact:
        _unit(key, True) if params["part"] == "unit" else _in_a_slide(params)
        return
    readers = {
        **{"net": one_of(*NETS), "parts": words(*PARTS), "alpha": one_of(*ALPHAS)},
        **{"activation": one_of(*ACTIVATIONS), "blocks": whole(*BLOCKS)},
        **{"width": one_of(*WIDTHS), "gain": one_of(*GAINS), "shortcut": one_of(*SHORTCUTS)},
        **{"images": one_of(*IMAGES), "seed": whole(0, 9999)},
    }
    links.check(key, {name: (CALLED[name], read) for name, read in readers.items()})
    st.markdown(TERMS)
    setting = _controls(key)
    was, computed = setting.recorded(), setting.curve()
    st.markdown(story(setting, computed))
    asking.show(
        f"{key}_measure",
        asking.Ask(
            setting.job,
            "Measure",
            expected=setting.blocks,
            doing="Measuring on this server",
            help=HELP,
            recorded=was.items if was else (),
            about=was.label if was else "",
        ),
        partial(_draw, key, setting, computed),
    )
    st.subheader("Why a ReLU shifts the mean")
    _unit(key, False)
    st.subheader("A trap: the pooled shortcut")
    st.markdown(POOL)


def _controls(key: str) -> Setting:
    """Everything that can be changed, in one container."""
    bind = {"bind": "query-params"}

    def segmented(name: str, label: str, options: dict[str, str]) -> str:
        return named.segmented(f"{key}_{name}", label, options, DEFAULTS[name])

    def stops(name: str, label: str, options: tuple[str, ...], **more: Any) -> str:
        return st.select_slider(
            label, options, value=DEFAULTS[name], key=f"{key}_{name}", **bind, **more
        )

    with st.container(key=f"{key}_controls"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            net = segmented("net", "Net", NETS)
            parts = _parts(key, net != "nf")
            activation = segmented("activation", "Activation", ACTIVATIONS)
            images = segmented("images", "Pictures", IMAGES)
            shortcut = segmented("shortcut", "Shortcut of a transition", SHORTCUTS)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            blocks = st.slider(
                "Blocks, in three stages",
                *BLOCKS,
                DEFAULTS["blocks"],
                key=f"{key}_blocks",
                width=260,
                **bind,
            )
            alpha = stops(
                "alpha", "α", ALPHAS, width=200, disabled=net != "nf" or "alpha" not in parts
            )
            gain = stops(
                "gain",
                "Skip gain",
                GAINS,
                width=200,
                help="SkipInit's factor at the branch's end; it starts at 0 in an NFNet.",
            )
            width = stops(
                "width",
                "Width of the first stage",
                WIDTHS,
                width=200,
                help="Channels; each later stage has twice as many. The line is for a wide net.",
            )
            seed = st.number_input("Seed", 0, 9999, 0, key=f"{key}_seed", width=130, **bind)
            reset.button(key, DEFAULTS)
            links.hand_out(key, CALLED)
    return Setting(
        net, tuple(parts), alpha, activation, blocks, width, gain, shortcut, images, int(seed)
    )


def _parts(key: str, disabled: bool) -> tuple[str, ...]:
    """Which parts of the NF net are in; the address names them, "none" for no part at all."""
    place = f"{key}_parts"
    if place not in st.session_state:
        try:
            there = words(*PARTS)(st.query_params.get_all(place) or list(PARTS))
        except ValueError:
            there = tuple(PARTS)
        st.session_state[place] = list(there)
    chosen = st.pills(
        "Parts of the NF net",
        list(PARTS),
        selection_mode="multi",
        format_func=PARTS.__getitem__,
        key=place,
        disabled=disabled,
        help="γ undoes what the activation takes, α turns the branch down, β divides by the "
        "predicted standard deviation. Touch one to leave it out.",
    )
    parts = tuple(part for part in PARTS if part in chosen)
    if parts == tuple(PARTS):
        st.query_params.pop(place, None)
    else:
        st.query_params[place] = list(parts) or ["none"]
    return parts


def _draw(key: str, setting: Setting, computed: Any, items: Any, own: bool) -> None:
    """The three charts, and how near the dots lie."""
    dark, size = st.context.theme.type == "dark", screen.size(False)
    curve = Curve(NETS[setting.net], setting.net, computed, items, setting.divided_by())
    if items:
        st.markdown(comparison(setting, computed, items))
    else:
        st.caption(NOT_RECORDED)
    _chart(chart([curve], "variance", dark, size), f"{key}_variance", 340)
    left, right = st.columns(2)
    with left:
        _chart(chart([curve], "squared_mean", dark, size), f"{key}_mean", 270)
    with right:
        _chart(chart([curve], "branch_variance", dark, size), f"{key}_branch", 270)


def _chart(made: Any, key: str, height: int) -> None:
    st.echarts_chart(made.option, key=key, height=height, alt=made.alt)


def _in_a_slide(params: dict[str, Any]) -> None:
    """Which parts are in, and the variance; measured beforehand where one part is left out."""
    key, dark = params["key"], st.context.theme.type == "dark"
    parts = params["parts"]
    if params["net"] == "nf":
        parts = st.pills(
            "Parts of the NF net",
            list(PARTS),
            selection_mode="multi",
            default=list(parts),
            format_func=PARTS.__getitem__,
            key=f"{key}_parts",
            label_visibility="collapsed",
        )
    setting = Setting(net=params["net"], parts=tuple(p for p in PARTS if p in parts))
    made = chart([_curve(setting)], "variance", dark, screen.size(True))
    _chart(made, f"{key}_variance", 270)
    was = setting.recorded()
    st.caption(was.label if was else NOT_RECORDED_IN_A_SLIDE)


def _curve(setting: Setting) -> Curve:
    was = setting.recorded()
    measured = was.items if was else ()
    label = NETS[setting.net]
    return Curve(label, setting.net, setting.curve(), measured, setting.divided_by())


def _unit(key: str, compact: bool) -> None:
    """One unit's histogram, and a button for another."""
    place = f"{key}_unit"
    seed = st.session_state.get(place, 0)
    one = unit(seed)
    if not compact:
        st.markdown(UNIT.format(sum=signed(one.sum), expected=signed(one.expected)))
    places.show(place, places.looks(compact), partial(histogram, one))
    st.button(
        "Another unit",
        key=f"{place}_next",
        icon=":material/casino:",
        on_click=_another,
        args=(place,),
    )


def _another(place: str) -> None:
    st.session_state[place] = st.session_state.get(place, 0) + 1


def lab(params: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Settings of the page that show what the slide shows."""
    if params["part"] == "unit":
        return []
    parts = st.session_state.get(f"{params['key']}_parts", params["parts"])
    return [("prop_net", params["net"]), *(("prop_parts", part) for part in parts)]


def still(params: dict[str, Any]) -> tuple[Still, ...]:
    """The slide's figure on paper."""
    if params["part"] == "unit":
        drawn = histogram(unit(0), Look(size=20))
        return (Still(drawn.figure.to_plotly_json(), drawn.alt, ""),)
    setting = Setting(net=params["net"], parts=tuple(params["parts"]))
    made = chart([_curve(setting)], "variance", False, 20)
    was = setting.recorded()
    caption = was.label if was else NOT_RECORDED_IN_A_SLIDE
    return (Still(still_chart(made.option, 400), made.alt, caption),)
