"""Where a run is watched: levers, where it stands, curves and words, for one race under one key.

Everything sits in one fragment that looks twice a second while the viewer's own run goes on and
not at all when it does not.
"""

from __future__ import annotations

import streamlit as st

from app.compute.tickets import State
from app.demos import runs, screen
from app.demos.curves import gather
from app.demos.levers import levers, recording
from app.demos.loading import bar
from app.demos.presets import Lane
from app.demos.recorded import Recorded
from app.demos.stage import Stage

REPLAYED = (
    "Exactly this run (same settings, same seed) was made here before; you see it replayed. "
    "Another seed or λ makes a fresh one."
)


def show(stage: Stage) -> None:
    """Draws the stage; while the run under its key goes on, it keeps itself up to date."""
    run = runs.current(stage.key, stage.lanes)
    pace = runs.pace(runs.refresh(run)) if run else ""
    st.fragment(_look, run_every=runs.interval(pace))(stage, pace)


def _look(stage: Stage, pace: str) -> None:
    run = runs.current(stage.key, stage.lanes)
    state = runs.refresh(run) if run else None
    if runs.pace(state) != pace:
        st.rerun()  # the whole page, because only that can change how often this looks
    # As many blocks at every look, so that the charts keep their place and are not built anew.
    above, below = st.container(), st.container()
    with above:
        levers(stage, run, pace)
        refused = runs.refusal(stage.key)
        if refused:
            st.warning(refused)
        if run:
            _where(run, state)
        else:
            was, lanes, about = _resting(stage)
            if about:
                st.caption(about)
        if stage.finding and (_ran_as_planned(stage, run, state) if run else was):
            st.markdown(f":material/lightbulb: {stage.finding}")
    with below:
        if run:
            before = st.session_state.get(f"{stage.key}_before", [])
            screen.draw(stage.key, run.curves, stage.compact, before)
        else:
            screen.draw(stage.key, gather(lanes, was.items if was else ()), stage.compact)


def _ran_as_planned(stage: Stage, run: runs.Run, state: State) -> bool:
    """Whether the set-up ran to its end with nobody moving a lever: what is known applies."""
    return state.name == "done" and run.lanes == stage.lanes and not run.steered


def _resting(stage: Stage) -> tuple[Recorded | None, tuple[Lane, ...], str]:
    """What is there before anybody presses: a recorded run or none, its lanes, and a word on it."""
    was, lanes, why = recording(stage)
    if stage.suspense and (was or stage.compact):
        return None, lanes, "" if stage.compact else "Nothing has run yet. What will the loss do?"
    return was, lanes, was.label if was else why


def _where(run: runs.Run, state: State) -> None:
    """Where the run stands, in words and as a bar."""
    if state.name == "queued":
        eta = f", about {state.eta:.0f} s" if state.eta is not None else ""
        st.info(f"Your run waits for a free worker: number {state.place} in the queue{eta}.")
    elif state.name == "failed":
        st.error(state.message or "The run failed; press Start again.")
    elif state.name == "cancelled":
        st.info("The run was stopped before it ended. Press Start for a new one.")
    loading = next((curve.loading for curve in run.curves if curve.loading), None)
    if loading and not state.ended:
        bar(loading)
    elif state.name == "running":
        st.progress(_progress(run), _status(run))
    if run.shared:
        st.caption(REPLAYED)
    elif run.recorded:
        st.caption(run.recorded)


def _progress(run: runs.Run) -> float:
    """As the words beside it: of the nets that still train, the one that is farthest."""
    if all(curve.end for curve in run.curves):
        return 1.0
    training = [curve for curve in run.curves if curve.last and not curve.end]
    return max((c.last.step / c.lane.config.steps for c in training), default=0.0)


def _status(run: runs.Run) -> str:
    if all(curve.end for curve in run.curves):
        return "Every net has ended; the worker closes the run."
    training = [curve.last for curve in run.curves if curve.last and not curve.end]
    if not training:
        return "Starting: drawing the pictures and the first weights."
    speed = sum(step.images_per_second for step in training) / len(training)
    steps = max(curve.lane.config.steps for curve in run.curves)
    words = f"Step {max(step.step for step in training)} of {steps}"
    if speed:
        words += f", {speed:,.0f} images a second"
    return f"{words}, paused." if run.paused else f"{words}."
