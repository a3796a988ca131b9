"""The buttons and sliders of a race: start, pause, stop, reset; threshold and learning rate."""

from __future__ import annotations

import streamlit as st

from app.demos import recorded, runs
from app.demos.curves import Curve
from app.demos.presets import LAMBDAS, Lane
from app.demos.stage import RATES, Stage
from nfnet.controls import Control
from nfnet.run import UserError


def recording(stage: Stage) -> tuple[recorded.Recorded | None, tuple[Lane, ...], str]:
    """The recorded run that fits where the levers stand, its lanes, and why there is none."""
    lanes = stage.lanes_now() if stage.stop in stage.recorded else stage.lanes
    name = stage.recorded.get(stage.stop) or stage.recorded.get("")
    if not name:
        return None, lanes, recorded.MISSING
    try:
        was = recorded.load(name)
    except UserError as error:
        return None, lanes, str(error)
    if was.configs != tuple(lane.config for lane in lanes):
        return None, lanes, recorded.MISSING
    return was, lanes, ""


def levers(stage: Stage, run: runs.Run | None, pace: str) -> None:
    """Draws the buttons that fit the moment and the sliders; their moves reach running nets."""
    key = stage.key
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(horizontal=True, width="content"):
            _buttons(stage, run, pace)
        bind = "query-params" if stage.bind else None
        if "clipping" in stage.controls and stage.steered:
            if not stage.bind and stage.last_stop != stage.first_stop:
                st.session_state.setdefault(f"{key}_clipping", stage.last_stop)
            whose = " and ".join(stage.lanes[i].label for i in stage.steered)
            st.select_slider(
                f"Threshold λ of {whose}",
                LAMBDAS,
                value=stage.first_stop,
                key=f"{key}_clipping",
                on_change=_moved,
                args=(stage, "clipping"),
                bind=bind,
                help="Acts on the net while it trains. Further left clips more; off does not clip.",
                width=360,
            )
        if "lr" in stage.controls:
            st.select_slider(
                "Learning rate of all",
                RATES,
                value="× 1",
                key=f"{key}_lr",
                on_change=_moved,
                args=(stage, "lr"),
                bind=bind,
                help="Multiplies every net's rate, also while it trains.",
                width=220,
            )
    if stage.bind and stage.moved:  # elsewhere the text asks to move them
        st.caption(f"The sliders now say otherwise than the text above: {stage.moved}.")
    note = st.session_state.pop(f"{key}_note", "")
    if note:
        st.caption(note)


def _buttons(stage: Stage, run: runs.Run | None, pace: str) -> None:
    key = stage.key
    if not pace:
        st.button(
            "Start" if run is None else "Start again",
            key=f"{key}_start",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_start,
            args=(stage,),
        )
        if run is not None:
            st.button(
                "Clear",
                key=f"{key}_reset",
                icon=":material/ink_eraser:",
                help="Takes this run off the screen; the settings stay.",
                on_click=runs.forget,
                args=(key,),
            )
        was, lanes, _ = recording(stage)
        if was:
            st.button(
                "Show the recorded run",
                key=f"{key}_replay",
                type="tertiary",
                icon=":material/replay:",
                on_click=_replay,
                args=(stage, lanes, was),
            )
        return
    if pace == "live" and run.items is None:
        st.button(
            "Go on" if run.paused else "Pause",
            key=f"{key}_pause",
            icon=":material/play_arrow:" if run.paused else ":material/pause:",
            on_click=runs.steer,
            args=(run, Control("resume" if run.paused else "pause")),
        )
    st.button(
        "Cancel" if pace == "queued" else "Stop",
        key=f"{key}_stop",
        icon=":material/stop:",
        on_click=runs.stop,
        args=(run,),
    )


def _start(stage: Stage) -> None:
    before = _before(stage)
    runs.start(stage.key, stage.lanes, stage.lanes_now())
    st.session_state[f"{stage.key}_before"] = before


def _replay(stage: Stage, lanes: tuple[Lane, ...], was: recorded.Recorded) -> None:
    before = _before(stage)
    runs.replay(stage.key, stage.lanes, lanes, was)
    st.session_state[f"{stage.key}_before"] = before


def _before(stage: Stage) -> list[Curve]:
    """The curves that a new attempt is to be compared with."""
    run = runs.current(stage.key, stage.lanes)
    return run.curves if run and stage.remember else []


def _moved(stage: Stage, lever: str) -> None:
    """A lever was moved: tell the running nets, or say that it waits for the next start."""
    if lever == "clipping" and not stage.bind:
        st.session_state[f"{stage.key}_clipping_was"] = stage.stop
    run = runs.current(stage.key, stage.lanes)
    if run is None:
        return
    if lever == "clipping":
        reached = runs.steer(run, Control("clipping", stage.clipping), stage.steered)
    else:
        reached = all(
            [runs.steer(run, Control("lr", stage.rate(i)), [i]) for i in range(len(stage.lanes))]
        )
    if not reached:
        st.session_state[f"{stage.key}_note"] = (
            "That run is over: press Start again to run with the new setting."
        )
