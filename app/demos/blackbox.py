"""A run that crashed, step by step and layer by layer; and the same run saved, if it is in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from app.compute.jobs import Fork, Item
from app.deck.model import Still
from app.demos import asking, data_choice, links, one_of, recorded, reset, screen, whole
from app.demos.blackbox_figures import Flight, flight_figure, flights
from app.demos.blackbox_runs import CLIPPING, ELSEWHERE, MEASURED, SEEDS, lanes, recording
from app.demos.curves import story
from app.demos.data_choice import SHAPES, Pictures
from app.demos.layer_chart import ratio_by_layer
from app.demos.presets import LAMBDAS, Lane
from app.numbers import written
from nfnet.run import UserError

STOPS = LAMBDAS[:-1]
MISSING = "There is no recorded crash; the button below trains the run live, and then it is here."
LONGEST = 100  # steps that can be scrubbed
HEIGHT = {True: 420, False: 620}  # px of the figure, compact or not
SAME = (
    "The fork goes on from a checkpoint of the run above, saved after step {}: its weights, its "
    "momentum and the pictures still to come are the same, and only AGC is added."
)


def render(params: dict[str, Any], compact: bool) -> None:
    """The run's loss and ratios with a step to scrub to, and a fork from there with AGC.

    Parameters: seed, step (to begin at), clipping (of the fork), key.
    """
    key = params["key"]
    if not compact:
        links.check(
            key,
            {
                "seed": ("run", one_of(*map(str, SEEDS))),
                "step": ("step", whole(1, LONGEST)),
                "lambda": ("threshold", one_of(*STOPS)),
                **data_choice.readers(),
            },
        )
    name = ""
    controls = st.container()  # drawn when it is known how long the run lived
    with controls.container(horizontal=True, vertical_alignment="bottom"):
        seed = int(_seed(params, compact))
        stop = st.select_slider(
            "Threshold λ of the fork",
            STOPS,
            value=params["clipping"],
            key=f"{key}_lambda",
            bind=None if compact else "query-params",
            width=260,
        )
        if not compact:
            name = data_choice.select(key)
            usual = {"seed": params["seed"], "lambda": params["clipping"], "step": params["step"]}
            reset.button(key, {**usual, "data": "Shapes"})
            called = {"seed": "run", "lambda": "threshold", "step": "step"}
            links.hand_out(key, called | data_choice.CALLED)
    with controls:
        pictures = SHAPES if compact else data_choice.bring(key, name)
    if pictures is None:
        return
    was = _recorded(seed) if pictures.drawn else None
    before = [item for item in was.items if item[0] == 0] if was else []
    before = before or _kept(key).get((pictures.dataset, seed), [])
    with controls:
        step = _step(params, compact, _last(before))
        if not before:
            st.info(MISSING if pictures.drawn else _unrecorded(pictures))
        elif not was:
            st.caption(f"Your own run of the NF net at rate {ELSEWHERE:g} on {pictures.called}.")
    both = lanes(seed, float(stop), step, pictures.dataset, pictures.counts)
    why = pictures.too_large(both[0].config.batch_size)
    configs = tuple(lane.config for lane in both)
    same = was is not None and was.configs == configs
    asking.show(
        f"{key}_fork",
        asking.Ask(
            None if why else Fork(configs[1]),
            f"AGC from step {step}",
            expected=2 * configs[0].steps,
            doing="Training",
            help="Goes on from the step that you have chosen, with AGC. The first fork of a run "
            "trains that run on this server and keeps its checkpoints; later ones begin at once.",
            why=why,
            recorded=was.items if same else before,
            about=was.label if was else "",
            progress=lambda items: _progress(both, items),
        ),
        lambda items, own: _draw(key, both, _remembered(key, both, items), step, compact),
    )


def _seed(params: dict[str, Any], compact: bool) -> str:
    return st.segmented_control(
        "Run, by its seed",
        list(map(str, SEEDS)),
        default=params["seed"],
        required=True,
        key=f"{params['key']}_seed",
        bind=None if compact else "query-params",
    )


def _step(params: dict[str, Any], compact: bool, last: int) -> int:
    """The slider over the steps of the run that died at `last`."""
    place = f"{params['key']}_step"
    bind = None if compact else "query-params"
    if st.session_state.get(place, 1) > last:  # that of a run that lived longer
        st.session_state[place] = last
    return st.slider(
        "Scrub to step",
        1,
        last,
        min(params["step"], last),
        key=place,
        bind=bind,
        help="Stop before the crash. AGC would act on this step's gradient and on all later ones.",
    )


def _recorded(seed: int) -> recorded.Recorded | None:
    try:
        return recorded.load(recording(seed))
    except UserError:
        return None


def _kept(key: str) -> dict[tuple[str, int], list[Item]]:
    """(data set, seed) -> the viewer's own crash, for what nothing is recorded."""
    return st.session_state.setdefault(f"{key}_crashes", {})


def _remembered(key: str, both: Sequence[Lane], items: Sequence[Item]) -> Sequence[Item]:
    """The items; a crash that is over is kept, so that one can scrub it and fork it elsewhere."""
    crash = [item for item in items if item[0] == 0]
    config = both[0].config
    if config.dataset != SHAPES.dataset and flights(both, crash)[0].curve.end:
        _kept(key)[config.dataset, config.seed] = crash
    return items


def _unrecorded(pictures: Pictures) -> str:
    """That no crash is recorded, and what one may expect of one's own."""
    return (
        f"{pictures.unrecorded} The button below trains the run live; then choose a step before "
        f"its end and fork it there. It is the NF net at rate {ELSEWHERE:g}, at which λ 0.01 is "
        "the threshold to try first. Nothing is promised: it may die at any step, or not at all."
    )


def _last(items: Sequence[Item]) -> int:
    """The step at which the recorded run ended; where there is none, as far as runs go."""
    return min(LONGEST, items[-1][1].step) if items else 40


def _progress(both: Sequence[Lane], items: Sequence[Item]) -> float:
    ends = [flight.curve for flight in flights(both, items)]
    done = [
        1.0 if curve.end else (curve.last.step if curve.last else 0) / curve.lane.config.steps
        for curve in ends
    ]
    return sum(done) / len(done)


def _draw(
    key: str, both: tuple[Lane, Lane], items: Sequence[Item], step: int, compact: bool
) -> None:
    """The figure, what became of the runs, and the layers at the chosen step."""
    crash, fork = flights(both, items)
    if not crash.steps:
        return
    dark, size = st.context.theme.type == "dark", screen.size(compact)
    shown = [crash, fork] if fork.steps else [crash]
    until = both[0].config.steps if fork.steps else max(len(crash.steps), step) + 4
    st.plotly_chart(
        flight_figure(shown, step, until, dark, size, HEIGHT[compact]),
        key=f"{key}_flight",
        height=HEIGHT[compact],
        config={"displayModeBar": False},
        alt=alternative(shown, step),
    )
    told = [story(flight.curve) for flight in shown]
    st.markdown("  \n".join(filter(None, told)))
    if compact:
        return
    if fork.steps:
        st.markdown(SAME.format(fork.steps[0].step - 1))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _instruments(key, crash, step, both[1].config.clipping, dark, size)
    if both[0].config.dataset == SHAPES.dataset:
        with right:
            st.subheader("How late is too late?")
            st.markdown(how_late())


def _instruments(
    key: str, crash: Flight, step: int, clipping: float, dark: bool, size: int
) -> None:
    """Every layer of the crashed run at one step."""
    if step > len(crash.steps):
        if crash.died:
            st.markdown(f"At step {step} the loss was no longer a number: nothing is left to read.")
        return
    at = crash.steps[step - 1]
    st.subheader(f"The instruments at step {step}")
    st.markdown(reading(crash, step, clipping))
    chart = ratio_by_layer(at.ratios, clipping, dark, size, "nf")
    st.echarts_chart(
        chart.option, key=f"{key}_ratios", height=90 + 18 * len(at.ratios), alt=chart.alt
    )


def how_late() -> str:
    """The table of when AGC still saves the run, with what it supports, as Markdown."""
    rows = "\n".join(
        f"| {f'{row.before} steps before' if row.before > 1 else 'the step before'} "
        f"| {row.saved} of {row.seeds} | {row.accuracy:.0%} |"
        if row.before
        else f"| the start | {row.saved} of {row.seeds} | {row.accuracy:.0%} |"
        for row in MEASURED
    )
    late = max(row.before for row in MEASURED if row.before and not row.saved)
    early = min(row.before for row in MEASURED if row.before and row.saved == row.seeds)
    return (
        f"| AGC on from | saved | test accuracy, mean |\n|---|---|---|\n{rows}\n\n"
        f"Measured with λ {CLIPPING:g} over the {MEASURED[0].seeds} seeds out of 0 to 6 that die "
        "so. *Before* counts from the step whose loss is no longer a number; *saved* is more than "
        f"30% of the test images right. {early} steps before the end is early enough for each of "
        f"them, though in some the loss is rising by then; {late} steps before is too late for "
        "each, and in between it depends on the run. Clipping bounds the steps to come; it undoes "
        "none that were made, nor the momentum that they left."
    )


def reading(crash: Flight, step: int, clipping: float) -> str:
    """What the instruments say at a step, in a sentence."""
    at = crash.steps[step - 1]
    above = sum(middle > clipping for _, middle, _ in at.ratios.values())
    ahead = (crash.died or 0) - step
    left = f", {ahead} step{'s' * (ahead > 1)} before the end" if crash.died else ""
    return (
        f"Loss {written(at.loss)}{left}. In {above} of {len(at.ratios)} layers the median unit is "
        f"above λ = {clipping:g}; the largest ratio of any unit, biases included, is "
        f"{written(at.largest_ratio)}."
    )


def alternative(shown: Sequence[Flight], step: int) -> str:
    """The figure in a sentence."""
    told = []
    for flight in shown:
        curve = flight.curve
        if flight.died:
            told.append(f"{curve.lane.label} is no longer a number at step {flight.died}")
        elif curve.tests:
            told.append(f"{curve.lane.label} ends at {curve.tests[-1][1]:.0%} of the test images")
        else:
            told.append(f"{curve.lane.label} is at step {len(curve.steps)}")
    return (
        f"Loss, and for each layer and step the ratio of gradient to weight; {'; '.join(told)}. "
        f"The line stands at step {step}."
    )


def still(params: dict[str, Any]) -> tuple[Still, ...]:
    """The recorded run and its fork, to print."""
    both = lanes(int(params["seed"]), float(params["clipping"]), params["step"])
    was = _recorded(int(params["seed"]))
    if was is None or was.configs != tuple(lane.config for lane in both):
        return ()
    shown = flights(both, was.items)
    figure = flight_figure(shown, params["step"], both[0].config.steps, False, 18, HEIGHT[True])
    figure["layout"]["height"] = HEIGHT[True]
    words = alternative(shown, params["step"])
    return (Still(figure, words, f"{words} {was.label}"),)


def lab(params: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """The page's settings that show what the slide shows."""
    key = params["key"]
    places = {"seed": params["seed"], "lambda": params["clipping"], "step": params["step"]}
    return [
        (f"blackbox_{name}", str(st.session_state.get(f"{key}_{name}", usual)))
        for name, usual in places.items()
    ]
