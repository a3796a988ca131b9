"""Weight standardization: filters before and after, the gain γ, and the speed limit in degrees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from app.deck.model import Still
from app.demos import data_choice, links, named, one_of, places, recorded, reset, whole
from app.demos.filters_figures import arrays, bars, number, sheet
from app.demos.gamma_figures import ACTIVATIONS, CLOSED, SIZES, estimate, exact, running
from app.demos.presets import LAMBDAS
from app.demos.published_paint import Drawn, Look
from app.demos.turn_settings import LRS, MOMENTA, job
from app.demos.turns import figure_of, speed_limit
from nfnet.formulas import GAMMA
from nfnet.run import UserError

NETS = {
    "nfnet_mini": "NFNet-mini, trained",
    "nf_cifar10": "NF-ResNet on CIFAR-10, trained",
    "fresh": "fresh, random",
}
GAINS = ("0.25", "0.5", "1", "1.5", "2", "learned")
DEFAULTS = {
    **{"net": "nfnet_mini", "filter": 1, "gain": "1"},
    **{"activation": "relu", "samples": "10,000", "draw": 0},
    **{"lambda": "0.01", "lr": "1", "momentum": "0.9", "ws": "on", "data": "Shapes"},
}
CALLED = {
    **{"net": "net", "filter": "filter", "gain": "gain"},
    **{"activation": "activation", "samples": "samples", "draw": "draw"},
    **{"lambda": "threshold λ", "lr": "rate", "momentum": "momentum", "ws": "standardization"},
    **data_choice.CALLED,
}
MISSING = "There are no recorded filters of this net; choose another one."
FORMULA = r"\hat W = g\,\frac{W - \mu}{\sqrt N\,\sigma} = g\,\frac{W - \mu}{\lVert W - \mu \rVert}"
BEFORE_AFTER = """
A **filter** is the weights of one output channel. Standardizing takes its mean away and brings it
to a length of its own, the learned **gain** $g$. Only its shape is left: brightness of the whole
picture no longer counts, nor how large the weights have grown.
"""
GAMMA_WORDS = (
    "An activation changes the variance: multiplied by "
    r"$\gamma = 1 / \sqrt{\operatorname{Var} f(z)}$, "
    r"for $z \sim \mathcal N(0, 1)$, it gives back 1. The official digits behave like an estimate "
    "from samples. Draw some yourself."
)


def render(params: dict[str, Any], compact: bool) -> None:
    """One of the parts in a slide; not compact: all three, with everything to change.

    Parameters: part ("filters", "gamma" or "limit"), key.
    """
    key = params["key"]
    if compact:
        parts = {"filters": _filters, "gamma": _gamma, "limit": _limit}
        parts[params["part"]](key, True)
        return
    links.check(
        key,
        {
            name: (CALLED[name], read)
            for name, read in {
                **{"net": one_of(*NETS), "filter": whole(1, 16), "gain": one_of(*GAINS)},
                **{"activation": one_of(*ACTIVATIONS), "samples": one_of(*SIZES)},
                **{"draw": whole(0, 9999), "lambda": one_of(*LAMBDAS), "lr": one_of(*LRS)},
                **{"momentum": one_of(*MOMENTA), "ws": one_of("on", "off")},
            }.items()
        }
        | data_choice.readers(),
    )
    with st.container(horizontal=True):
        reset.button(key, DEFAULTS)
        links.hand_out(key, CALLED)
    st.subheader("A filter before and after")
    st.fragment(_filters)(key, False)  # whoever moves one part waits for no other's figures
    st.subheader("γ: what an activation takes, given back")
    st.fragment(_gamma)(key, False)
    st.subheader("The speed limit, in degrees")
    _limit(key, False)


# filters


def _filters(key: str, compact: bool) -> None:
    dark = st.context.theme.type == "dark"
    if not compact:
        st.markdown(BEFORE_AFTER)
        st.latex(FORMULA)
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_filters"):
            net = segmented(key, "net", "First layer of", NETS)
            index = st.slider(
                "Filter", 1, 16, 1, key=f"{key}_filter", bind="query-params", width=260
            )
            gain = st.select_slider(
                "Gain g",
                GAINS,
                value="1",
                key=f"{key}_gain",
                bind="query-params",
                width=260,
                help="The length of the standardized filter; the net learns one for each.",
            )
    else:
        net, index, gain = DEFAULTS["net"], 1, "1"
    try:
        was = recorded.load(f"filters/{net}")
    except UserError:
        st.info(MISSING)
        return
    weight, standardized, gains = arrays(was.items)
    chosen = min(index, len(weight)) - 1
    g = float(gains[chosen]) if gain == "learned" else float(gain)
    left, right = st.columns(2, gap="large")
    for column, name, values, one, recipe in (
        (left, "As they are", weight, weight[chosen], None),
        (right, "Standardized, gain 1", standardized, g * standardized[chosen], "nf"),
    ):
        with column:
            lengths = np.linalg.norm(values.reshape(len(values), -1), axis=1)
            means = number(float(np.abs(values.mean((1, 2, 3))).max()))
            spread = f"{number(lengths.min())} to {number(lengths.max())}"
            if lengths.max() - lengths.min() < 1e-3:
                spread = number(lengths.max())
            caption = f"{name}: mean at most {means} in size, length {spread}"
            largest = float(np.abs(values).max())
            st.image(sheet(values, largest, dark), caption=caption, width="stretch")
            place = f"{key}_bars_{recipe or 'raw'}"
            draw = partial(bars, one, recipe)
            if compact:  # a quarter of the slide, or a phone: always narrow
                letters = 26 if st.session_state.get("flag_projector") else 18
                places.chart(place, draw(Look(dark, letters, narrow=True)))
            else:
                _figure(place, False, draw)
    if compact:
        return
    st.markdown(
        f"Below the pictures, filter {chosen + 1}: mean {number(weight[chosen].mean())} and length "
        f"{number(np.linalg.norm(weight[chosen]))} before; mean 0 and length "
        f"{number(g * np.linalg.norm(standardized[chosen]))} after. "
        "Grey is a weight of zero; red, green and blue are the weights for the three colours of a "
        "picture. Each half has a scale of its own."
    )
    st.caption(f"Weights of {NETS[net]}, taken from the net on {was.made}.")


# gamma


def _gamma(key: str, compact: bool) -> None:
    names = {name: label for name, (label, _) in ACTIVATIONS.items()}
    if compact:
        activation, size, draw = "relu", SIZES[2], 0
    else:
        place = st.container()
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_sampling"):
            activation = segmented(key, "activation", "Activation", names)
            size = st.select_slider(
                "Samples",
                SIZES,
                value="10,000",
                key=f"{key}_samples",
                bind="query-params",
                width=260,
            )
            draw = st.number_input(
                "Draw", 0, 9999, 0, key=f"{key}_draw", bind="query-params", width=130
            )
        true = exact(activation)
        above = f"{GAMMA[activation] / true - 1:.2%}"
        place.markdown(GAMMA_WORDS)
    count = int(size.replace(",", ""))
    _figure(f"{key}_running", compact, lambda look: running(activation, count, int(draw), look))
    if compact:
        return
    last, error = estimate(activation, count, int(draw)).last
    with st.container(horizontal=True):
        for label, value, about in (
            ("Estimate", f"{last:.4f}", f"± {error:.4f}, one standard error"),
            ("Exact", f"{true:.6f}", "by quadrature"),
            ("Official code", f"{GAMMA[activation]:.6f}", f"{above} above"),
        ):
            st.metric(
                label, value, about, delta_color="off", delta_arrow="off", border=True, width=230
            )
    if activation in CLOSED:
        st.latex(rf"\gamma = {CLOSED[activation]} = {true:.4f}")
    st.caption(
        "NFNet-F multiplies each activation's output by its γ; published weights need the official "
        "digits."
    )


# the limit


def _limit(key: str, compact: bool) -> None:
    if compact:
        clips = st.select_slider(
            "Threshold λ", LAMBDAS, value="0.01", key=f"{key}_lambda", width=420
        )
        speed_limit(f"{key}_turns", job(clips, "1", "0.9"), True, _figure)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}_driving"):
        clips = st.select_slider(
            "Threshold λ",
            LAMBDAS,
            value="0.01",
            key=f"{key}_lambda",
            bind="query-params",
            width=420,
        )
        lr = segmented(key, "lr", "Rate", {lr: lr for lr in LRS})
        momentum = segmented(key, "momentum", "Momentum", {m: m for m in MOMENTA})
        ws = segmented(key, "ws", "Weight standardization", {"on": "on", "off": "off"})
        name = data_choice.select(key)
    pictures = data_choice.bring(key, name)
    if pictures is not None:
        asked = job(clips, lr, momentum, ws == "on")
        asked = replace(asked, config=pictures.on(asked.config))
        speed_limit(f"{key}_turns", asked, False, _figure, pictures)


# shared


def segmented(key: str, name: str, label: str, options: dict[str, str]) -> str:
    return named.segmented(f"{key}_{name}", label, options, DEFAULTS[name])


def _figure(place: str, compact: bool, draw: Callable[[Look], Drawn]) -> None:
    places.show(place, places.looks(compact), draw, compact)


def lab(params: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Settings of the page that show what the slide shows."""
    if params["part"] != "limit":
        return []
    return [("weights_lambda", st.session_state.get(f"{params['key']}_lambda", "0.01"))]


def still(params: dict[str, Any]) -> tuple[Still, ...]:
    """The slide's figure on paper."""
    look = Look(size=20)
    if params["part"] == "gamma":
        drawn = running("relu", 10_000, 0, look)
    elif params["part"] == "filters":
        try:
            was = recorded.load(f"filters/{DEFAULTS['net']}")
        except UserError:
            return ()
        drawn = bars(arrays(was.items)[1][0], "nf", look)
    else:
        drawn = figure_of(job("0.01", "1", "0.9"), look)
        if drawn is None:
            return ()
    return (Still(drawn.figure.to_plotly_json(), drawn.alt, drawn.alt),)
