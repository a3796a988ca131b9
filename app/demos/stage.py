"""Where a run is watched: buttons, levers, curves and words, for one race under one key.

Everything sits in one fragment that looks twice a second while the viewer's own run goes on and
not at all when it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.demos import recorded, runs, screen
from app.demos.curves import gather
from app.demos.presets import LAMBDAS, Lane
from app.theme import LABELS, recipe_key
from nfnet.run import Control, UserError

RATES = ("× 0.1", "× 0.3", "× 1", "× 3", "× 10")
WAITING_WORDS = "Your run waits for a free worker: number {place} in the queue{eta}."


@dataclass(frozen=True)
class Stage:
    """What is raced, and how it is shown."""

    key: str  # starts every widget's key
    lanes: tuple[Lane, ...]
    recorded: str = ""  # the recorded run shown until the viewer starts one
    controls: tuple[str, ...] = ("clipping", "lr")
    compact: bool = False
    bind: bool = False  # the levers' places stand in the URL
    remember: bool = False  # the curves of the attempt before stay beside the new one

    @property
    def steered(self) -> list[int]:
        """The lanes whose threshold the slider moves: all AGC lanes if they agree on it, or NF."""
        for recipe in ("agc", "nf"):
            lanes = [i for i, lane in enumerate(self.lanes) if lane.recipe == recipe]
            if lanes:
                same = len({self.lanes[i].config.clipping for i in lanes}) == 1
                return lanes if same else []
        return []

    @property
    def clipping(self) -> str:
        """The stop of the threshold slider that this set-up begins at."""
        value = self.lanes[self.steered[0]].config.clipping if self.steered else None
        return stop_of(value)


def stop_of(clipping: float | None) -> str:
    """The slider's stop for a threshold; "off" for None."""
    return "off" if clipping is None else f"{clipping:g}"


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
    _levers(stage, run, pace)
    refused = runs.refusal(stage.key)
    if refused:
        st.warning(refused)
    if run is None:
        _rest(stage)
        return
    _where(stage, run, state)
    before = st.session_state.get(f"{stage.key}_before", [])
    screen.draw(stage.key, run.curves, stage.compact, before)


def _rest(stage: Stage) -> None:
    """What is there before anybody presses: the recorded run, or a kind word."""
    try:
        was = recorded.load(stage.recorded) if stage.recorded else None
        if was and was.configs != tuple(lane.config for lane in stage.lanes):
            raise UserError("The recorded run is of an older set-up; press Start for a live one.")
    except UserError as error:
        st.info(str(error))
        return
    if was is None:
        st.info("This set-up has no recorded run. Press Start to run it.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(was.label, width="content")
        st.button(
            "Show the recorded run",
            key=f"{stage.key}_replay",
            type="tertiary",
            icon=":material/replay:",
            on_click=runs.replay,
            args=(stage.key, stage.lanes, was.items),
            width="content",
        )
    screen.draw(stage.key, gather(stage.lanes, was.items), stage.compact)


def _levers(stage: Stage, run: runs.Run | None, pace: str) -> None:
    key = stage.key
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(horizontal=True, width="content"):
            _buttons(stage, run, pace)
        bind = "query-params" if stage.bind else None
        if "clipping" in stage.controls and stage.steered:
            whose = " and ".join(stage.lanes[i].label for i in stage.steered)
            st.select_slider(
                f"Threshold λ of {whose}",
                LAMBDAS,
                value=stage.clipping,
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
                "Reset",
                key=f"{key}_reset",
                icon=":material/restart_alt:",
                on_click=runs.forget,
                args=(key,),
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
    before = runs.current(stage.key, stage.lanes)
    st.session_state[f"{stage.key}_before"] = before.curves if before and stage.remember else []
    runs.start(stage.key, stage.lanes, set_lanes(stage))


def set_lanes(stage: Stage) -> tuple[Lane, ...]:
    """The stage's lanes with the levers' present places put into their configurations."""
    clipping, factor = _clipping(stage), _factor(stage)
    lanes = []
    for i, lane in enumerate(stage.lanes):
        config = lane.config.replace(lr=min(lane.config.lr * factor, 1e4))
        label, recipe = lane.label, lane.recipe
        if i in stage.steered:
            config = config.replace(clipping=clipping)
            recipe = recipe_key(config.norm, clipping is not None)
            label = label if recipe == lane.recipe else LABELS[recipe]
        lanes.append(Lane(label, recipe, config))
    return tuple(lanes)


def _clipping(stage: Stage) -> float | None:
    stop = st.session_state.get(f"{stage.key}_clipping", stage.clipping)
    return None if stop == "off" else float(stop)


def _factor(stage: Stage) -> float:
    return float(st.session_state.get(f"{stage.key}_lr", "× 1").removeprefix("× "))


def _moved(stage: Stage, lever: str) -> None:
    """A lever was moved: tell the running nets, or say that it waits for the next start."""
    run = runs.current(stage.key, stage.lanes)
    if run is None:
        return
    if lever == "clipping":
        reached = runs.steer(run, Control("clipping", _clipping(stage)), stage.steered)
    else:
        reached = all(
            [
                runs.steer(run, Control("lr", min(lane.config.lr * _factor(stage), 1e4)), [i])
                for i, lane in enumerate(stage.lanes)
            ]
        )
    if not reached:
        st.session_state[f"{stage.key}_note"] = (
            "That run is over: press Start again to run with the new setting."
        )


def _where(stage: Stage, run: runs.Run, state) -> None:
    """Where the run stands, in words and as a bar."""
    if state.name == "queued":
        eta = f", about {state.eta:.0f} s" if state.eta is not None else ""
        st.info(WAITING_WORDS.format(place=state.place, eta=eta))
    elif state.name == "failed":
        st.error(state.message or "The run failed; press Start again.")
    elif state.name == "cancelled":
        st.info("The run was stopped before it ended. Press Start for a new one.")
    loading = next((curve.loading for curve in run.curves if curve.loading), None)
    if loading and not state.ended:
        st.progress(
            loading.done / loading.total if loading.total else 0.0,
            f"{loading.what}: {loading.done / 1e6:.0f} of {loading.total / 1e6:.0f} MB"
            if loading.total
            else f"{loading.what}: {loading.done / 1e6:.0f} MB",
        )
    elif state.name == "running":
        st.progress(_progress(run), _status(run))
    if run.shared:
        st.caption(
            "Exactly this run (same settings, same seed) was made here before; you see it replayed."
            " Another seed or λ makes a fresh one."
        )


def _progress(run: runs.Run) -> float:
    done = [
        1.0 if curve.end else (curve.last.step if curve.last else 0) / curve.lane.config.steps
        for curve in run.curves
    ]
    return min(1.0, sum(done) / len(done))


def _status(run: runs.Run) -> str:
    training = [curve.last for curve in run.curves if curve.last and not curve.end]
    if not training:
        return "Starting: drawing the pictures and the first weights."
    speed = sum(step.images_per_second for step in training) / len(training)
    steps = max(curve.lane.config.steps for curve in run.curves)
    words = f"Step {max(step.step for step in training)} of {steps}"
    if speed:
        words += f", {speed:,.0f} images a second"
    return f"{words}, paused." if run.paused else f"{words}."
