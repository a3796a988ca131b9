"""The speed limit in degrees: the sign at once, the turns of the filters measured on a button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from app.compute.jobs import Turns
from app.demos import asking, recorded
from app.demos.data_choice import SHAPES, Pictures
from app.demos.published_paint import Drawn, Look
from app.demos.turn_figures import clock_hands, gathered, right_angles, turned
from app.demos.turn_settings import RECORDED
from app.numbers import written
from nfnet.formulas import turn_limit
from nfnet.run import UserError

WORDS = """
Standardized, a filter's length and mean do not matter, so the loss cannot ask for more of either:
the **gradient stands at right angles to its filter**. A step then only turns it, like the hand of
a clock, by $\\arctan(\\eta\\,\\lVert G \\rVert / \\lVert W \\rVert)$ at rate $\\eta$. AGC caps that
ratio at λ: a **speed limit**.
"""
OFF = """
Without standardization a filter's length and mean do matter: the gradient need not stand at right
angles to its filter, and a step also lengthens or shortens it. The limit below is still that of a
step at right angles.
"""
EXACT = (
    "Without momentum the limit is exact (but for weight decay, which shortens the filter by 0.05% "
    "a step at most). Momentum sums past gradients, each within its own limit, with weights that "
    "add up to ten, and old gradients no longer stand at right angles: the limit with momentum "
    "holds only as far as the filter has not grown shorter. At λ 0.01, rate 1 and momentum 0.9, "
    "over five seeds on the shapes, no filter turned further than 4.8 times one gradient's limit: "
    "about half of what momentum allows."
)
MISSING = "There is no recorded training with these settings; press **Watch the filters turn**."
Show = Callable[[str, bool, Callable[[Look], Drawn]], None]


def speed_limit(
    key: str, job: Turns, compact: bool, show: Show, pictures: Pictures = SHAPES
) -> None:
    """The sign, and how far the filters of this training turn.

    Args:
        show: draws a figure at a place, for wide and narrow screens.
        pictures: what the job trains on.
    """
    config = job.config
    was = find(job)
    if compact:
        st.markdown(_limits(job))
        show(f"{key}_degrees", True, partial(_degrees, job, was.items if was else ()))
        st.caption(was.label if was else "The limit is computed; this setting was not recorded.")
        return
    if "ws" in config.without:
        st.markdown(OFF)
    else:
        st.markdown(WORDS)
    _sign(job)
    st.markdown(EXACT)
    if not pictures.drawn:
        st.markdown(f"{pictures.unrecorded} {pictures.conditions}")
    why = pictures.too_large(config.batch_size)
    asking.show(
        key,
        asking.Ask(
            None if why else job,
            "Watch the filters turn",
            expected=len(job.at_steps),
            doing=f"Training seed {config.seed}",
            help="Trains the lecture's small NF net for 80 steps on this server: ten seconds or "
            "more.",
            why=why,
            recorded=was.items if was else (),
            about=was.label if was else "",
        ),
        partial(_draw, key, job, show),
    )


def find(job: Turns) -> recorded.Recorded | None:
    """The recording of exactly this job."""
    for name, known in RECORDED.items():
        if known == job:
            try:
                return recorded.load(f"turns/{name}")
            except UserError:
                return None
    return None


def figure_of(job: Turns, look: Look) -> Drawn | None:
    """Degrees a step of a recorded training, for paper."""
    was = find(job)
    return _degrees(job, was.items, look) if was else None


def _limits(job: Turns) -> str:
    """The speed sign as a sentence, for a slide."""
    config = job.config
    if config.clipping is None:
        return "λ is off: **no speed limit**."
    words = f"Speed limit: **{written(turn_limit(config.lr, config.clipping))}°** for one gradient"
    most = turn_limit(config.lr, config.clipping, config.momentum)
    reach = f"at most **{written(most)}°**" if most < 180 else "**none**"
    return f"{words}; with momentum {config.momentum:g} {reach}."


def _sign(job: Turns) -> None:
    """The speed sign: closed forms of λ, rate and momentum."""
    config = job.config
    if config.clipping is None:
        st.markdown("λ is off: **no speed limit**.")
        return
    single = turn_limit(config.lr, config.clipping)
    with st.container(horizontal=True):
        st.metric(
            "Speed limit of one gradient",
            f"{written(single)}°",
            f"arctan({config.lr:g} × {config.clipping:g})",
            delta_color="off",
            delta_arrow="off",
            border=True,
            width=290,
        )
        if config.momentum:
            most = turn_limit(config.lr, config.clipping, config.momentum)
            reach = config.lr * config.clipping / (1 - config.momentum)
            st.metric(
                f"With momentum {config.momentum:g}, at most",
                f"{written(most)}°" if most < 180 else "none",
                f"arcsin({written(reach)})"
                if most < 180
                else "a step may be as long as the filter",
                delta_color="off",
                delta_arrow="off",
                border=True,
                width=290,
            )


def _recipe(job: Turns) -> tuple[str, str]:
    """The run's label and its colour's key."""
    if job.config.clipping is None:
        return "no clipping", "nf"
    return f"AGC, λ {job.config.clipping:g}", "agc"


def _degrees(job: Turns, items: Sequence[dict[str, Any]], look: Look) -> Drawn:
    config = job.config
    runs = [(*_recipe(job), items)]
    return turned(runs, config.clipping, config.lr, config.momentum, config.steps, look)


def _draw(key: str, job: Turns, show: Show, items: Sequence[dict[str, Any]], own: bool) -> None:
    """Degrees a step, the clock hands of one layer, and the angles of the gradients."""
    if not items:
        st.caption(MISSING)
        show(f"{key}_degrees", False, partial(_degrees, job, ()))
        return
    last = items[-1]
    recipe = _recipe(job)[1]
    st.markdown(told(job, items))
    show(f"{key}_degrees", False, partial(_degrees, job, items))
    left, right = st.columns(2, gap="large")
    with left:
        layers = [layer["name"] for layer in last["layers"]]
        layer = st.selectbox("Filters as clock hands: layer", layers, key=f"{key}_layer", width=320)
        show(f"{key}_hands", False, lambda look: clock_hands(last, layer, recipe, look))
        st.caption(
            f"Each hand began at twelve; after step {last['step']} it points as far as the filter "
            "has turned away from its beginning."
        )
    with right:
        show(f"{key}_right", False, lambda look: right_angles(last, look))
        st.markdown(f"Step {last['step']}: {right_angles(last, Look()).alt}")
        if job.config.without:
            st.markdown(
                "Not standardized, they are not at right angles; but in a space of 27 to 576 "
                "dimensions any two directions nearly are, so the histogram is narrow all the same."
            )


def told(job: Turns, items: Sequence[dict[str, Any]]) -> str:
    """What the turns show, from their numbers."""
    config = job.config
    farthest = max(items, key=lambda item: gathered(item, "turned").max())
    most = float(gathered(farthest, "turned").max())
    words = "The farthest turn of any filter in a step that was watched: "
    words += f"**{written(most, 2)}°**, at step {farthest['step']}."
    if config.clipping is not None:
        single = turn_limit(farthest["lr"], config.clipping)
        words += f" One gradient's limit there is {written(single, 2)}°."
    if len(items) < len(job.at_steps):
        words += f" The run was watched up to step {items[-1]['step']}."
    return words
