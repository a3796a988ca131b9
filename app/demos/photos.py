"""A picture, what a network sees of it, and what it calls it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import streamlit as st

from app.compute.items import ModelFacts
from app.compute.jobs import Classify
from app.demos import links, one_of, photo_answer, photo_asks, photo_nets, photo_source, runs
from nfnet.drawings import SAMPLES
from nfnet.photo import Occlusion, Perturbation, Question
from nfnet.run import UserError
from nfnet.variants import MODELS

# name -> (label, lowest, highest, what changes nothing, step, format)
LEVERS = {
    "brightness": ("Brightness", 0.2, 3.0, 1.0, 0.1, "× %.1f"),
    "rotation": ("Rotation", -180, 180, 0, 5, "%d°"),
    "noise": ("Noise", 0.0, 0.5, 0.0, 0.02, "%.2f"),
    "crop": ("Crop", 0.2, 1.0, 1.0, 0.05, "%.2f"),
}
SQUARE = {
    "x": ("From the left", 0.0, 1.0, 0.5, 0.05, "%.2f"),
    "y": ("From the top", 0.0, 1.0, 0.5, 0.05, "%.2f"),
    "side": ("Side", 0.05, 0.8, 0.3, 0.05, "%.2f"),
}
# what can be hidden from those who open a link
CALLED = {
    "gallery": "drawings",
    "own": "own pictures and the camera",
    "net": "network",
    "heat": "where the evidence is",
    "cover": "covering a square",
    **{name: lever[0].lower() for name, lever in LEVERS.items()},
    "reset": "reset",
    "nets": "list of all networks",
}
TOP = 5
WARN_SECONDS = 20.0
SHARES = [5, 6]  # of the page's width, for the picture and for the answer
HEAT = (
    "Bright: where the last convolution's activations speak for the first answer. It is a coarse "
    "hint at where, not a reason why, and says nothing about whether the answer is right."
)
SQUARE_SAYS = "Click into the picture to move the square: if the answer falls, that place counted."


def render(params: dict[str, Any], compact: bool) -> None:
    """A picture and its five best names; not compact: uploads, levers, networks.

    Parameters: sample (the drawing to begin with), key.
    """
    key = params["key"]
    if not compact:
        _check_address(key)
        if name := st.query_params.get(f"{key}_sample"):
            if name in SAMPLES:
                st.session_state.setdefault(f"{key}_sample", name)
    pace = st.session_state.get(f"{key}_pace", "")
    st.fragment(_page, run_every=runs.interval(pace))(params, compact, pace)


def _check_address(key: str) -> None:
    """One warning if the address asks for what is not here.

    As `links.check`, but it is said for a while: this page draws itself anew when an answer comes,
    and by then the widgets have dropped such values from the address.
    """
    odd, since = st.session_state.get(f"{key}_odd", ([], -WARN_SECONDS))
    if time.monotonic() - since > WARN_SECONDS:
        readers = {"sample": one_of(*SAMPLES), "net": one_of(*map(photo_nets.short, MODELS))}
        readers |= {name: _between(*lever[1:3]) for name, lever in (LEVERS | SQUARE).items()}
        odd = [name for name in readers if not _reads(readers[name], f"{key}_{name}")]
        st.session_state[f"{key}_odd"] = (odd, time.monotonic())
    if odd:
        st.warning(
            f"The link asks for something that is not here ({', '.join(odd)}); "
            "the usual setting is used instead."
        )


def _reads(read: Callable[[Any], Any], name: str) -> bool:
    """Whether the address gives this setting only values that it has."""
    try:
        for value in st.query_params.get_all(name):
            read(value)
    except ValueError:
        return False
    return True


def _between(low: float, high: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if not low <= float(value) <= high:
            raise ValueError(f"must be from {low:g} to {high:g}")
        return float(value)

    return read


def _page(params: dict[str, Any], compact: bool, pace: str) -> None:
    """Everything; while something is on its way it looks again by itself."""
    key = params["key"]
    models, problem = photo_asks.models(key)
    shown = photo_source.choose(key, params, compact)
    watch = "live" if models is None and not problem else ""
    if not compact:
        watch = photo_nets.progress(key) or watch
    if problem:
        st.warning(problem)
    elif models is None:
        st.caption("Looking which networks are here …")
    elif photo_nets.first(models) is None:
        st.info(photo_nets.NONE)
        if models and not compact:
            photo_nets.offer_download(key, models[0])
    else:
        watch = _ask_and_show(key, models, shown, compact) or watch
    if not compact:
        _limits()
        if models:
            photo_nets.table(key, models)
    if watch != pace:
        st.session_state[f"{key}_pace"] = watch
        st.rerun()  # the whole page, because only that can change how often this looks


def _ask_and_show(
    key: str, models: list[ModelFacts], shown: photo_source.Picture, compact: bool
) -> str:
    """The question as the levers stand, and its answer; how closely to watch."""
    left, right = st.columns(SHARES, gap="large")  # the picture, the answer; below, what asks
    facts = next(each for each in models if each["on_disk"])
    if compact:
        place, levers = left.container(), left
    else:
        place = left
        levers, nets = st.columns(SHARES, gap="large")
        with nets:
            facts = photo_nets.switch(key, models)
            if not facts["on_disk"]:
                photo_nets.missing(key, facts)
                return ""
    with levers:
        question = _question(key, facts["name"], compact)
    try:
        standing = photo_asks.ask(key, Classify(question, shown.data, shown.digest))
    except UserError as error:
        right.warning(f"{error}.")
        return ""
    with right:
        photo_answer.where(key, standing)
        if standing.answer:
            photo_answer.says(key, standing, shown, compact)
    if standing.answer:
        with place:
            photo_answer.seen(key, standing.answer, question, compact)
    return photo_asks.pace(standing)


def _question(key: str, model: str, compact: bool) -> Question:
    """What is asked, from where the levers stand."""
    bind = None if compact else "query-params"
    with st.container(horizontal=True):
        heat = st.toggle("Show where the evidence is", key=f"{key}_heat", bind=bind)
        if compact:
            return Question(model, heat_map=heat, top=TOP)
        covered = st.toggle("Cover a square", key=f"{key}_cover", bind=bind)
    if heat:
        st.caption(HEAT)
    occlusion = None
    if covered:
        st.caption(SQUARE_SAYS)
        occlusion = Occlusion(**_sliders(key, SQUARE, 3))
    values = _sliders(key, LEVERS, 2)
    with st.container(horizontal=True):
        st.button(
            "Reset", key=f"{key}_reset", icon=":material/restart_alt:", on_click=_reset, args=(key,)
        )
        links.hand_out(key, CALLED)
    return Question(model, Perturbation(**values), occlusion, heat, TOP)


def _sliders(key: str, levers: dict[str, tuple], columns: int) -> dict[str, float]:
    """Where the levers stand, each in the address; so many beside each other."""
    values = {}
    places = st.columns(columns) * len(levers)
    for place, (name, (label, low, high, rest, step, form)) in zip(
        places, levers.items(), strict=False
    ):
        values[name] = place.slider(
            label, low, high, rest, step, format=form, key=f"{key}_{name}", bind="query-params"
        )
    return values


def _reset(key: str) -> None:
    for name, (_, _, _, rest, *_) in (LEVERS | SQUARE).items():
        st.session_state[f"{key}_{name}"] = rest
    st.session_state[f"{key}_heat"] = st.session_state[f"{key}_cover"] = False


def _limits() -> None:
    st.subheader("What it cannot know")
    st.markdown(
        "- It has a fixed list of names, 1000 for F0 to F6 and "
        f"{MODELS['nfnet_mini'].num_classes} for mini, and **always** gives one of them. "
        "Shown a face, a giraffe or your desk, it names whatever looks nearest, and may be very "
        "sure of it: the list has some 120 breeds of dogs, but no giraffe and no “none of these”.\n"
        "- The bars are its belief, shared out among all these names. They are not the chance of "
        "being right.\n"
        "- It does not count, read, tell where things are, or know what a thing is for. One name a "
        "picture is all it was ever taught, from photographs people put on the web before 2012."
    )
