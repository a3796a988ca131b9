"""The curves of a race on the screen: tiles, charts, and what became of each net."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import streamlit as st

from app import charts
from app.demos.curves import Curve, standing, story
from app.demos.layer_chart import ratio_by_layer
from app.numbers import written
from nfnet.events import Diverged

# The recipes' colours by the names that .streamlit/config.toml gives them.
_DOTS = {
    "batch": ":blue[●]",
    "nf": ":orange[●]",
    "agc": ":green[●]",
    "none": ":violet[●]",
    "none_agc": ":gray[●]",
}


def size(compact: bool) -> int:
    """Pixels of a chart's letters: larger in a slide, largest with large type switched on."""
    small = 17 if compact else 13
    return round(1.5 * small) if st.session_state.get("flag_projector") else small


def draw(key: str, curves: list[Curve], compact: bool, before: Sequence[Curve] = ()) -> None:
    """Tiles, curves and what became of each net; `before` is an earlier attempt, loss only."""
    dark = st.context.theme.type == "dark"
    steps = max(curve.lane.config.steps for curve in curves)
    # batches of 16 jump about: there a mean of ten steps shows the way
    mean = 10 if curves[0].lane.config.batch_size < 64 else 1
    lines = [c.line(c.losses) for c in curves]
    lines += [dataclasses.replace(c.line(c.losses), label="before") for c in before]
    lane = curves[0].lane
    losses = charts.loss_curves(lines, steps, dark, size(compact), mean, lane.guess_loss)
    if compact:
        _chart(losses, f"{key}_loss")
        _lines(key, map(standing, curves))
        return
    _tiles(curves)
    left, right = st.columns(2)
    with left:
        _chart(losses, f"{key}_loss")
    with right:
        lines = [c.line(c.accuracies) for c in curves]
        guess = lane.guess_accuracy
        _chart(charts.accuracy_curves(lines, steps, dark, size(compact), guess), f"{key}_accuracy")
    _lines(key, map(story, curves))
    _clipping_charts(key, curves, steps, dark, mean)


def _clipping_charts(key: str, curves: list[Curve], steps: int, dark: bool, mean: int) -> None:
    """How much AGC clips, and the ratios it looks at, layer by layer."""
    clipping = [curve for curve in curves if curve.clips]
    free = {c.lane.label: c for c in curves if c.lane.config.norm == "nf" and c.ratios}
    left, right = st.columns(2)
    if clipping:
        with left:
            lines = [c.line(c.shares) for c in clipping]
            _chart(
                charts.clipped_share_curves(lines, steps, dark, size(False), mean), f"{key}_share"
            )
    if free:
        with right:
            st.markdown(
                "**Gradient over weight, layer by layer.** "
                "Dot: the layer's median unit; bar: 10 to 90 % of its units."
            )
            shown = free[_choice(key, free)]
            clips, recipe = shown.last.clipping, shown.lane.recipe
            chart = ratio_by_layer(shown.ratios, clips, dark, size(False), recipe)
            _chart(chart, f"{key}_ratios", 90 + 18 * len(shown.ratios))


def _choice(key: str, free: dict[str, Curve]) -> str:
    """Which net's layers are shown: the viewer's choice, at first one that clips."""
    labels = list(free)
    if len(labels) == 1:
        return labels[0]
    steered = [label for label in labels if free[label].clips]
    return st.segmented_control(
        "Layers of",
        labels,
        default=steered[len(steered) // 2] if steered else labels[0],
        required=True,
        key=f"{key}_layers_{'_'.join(labels)}",
        label_visibility="collapsed",
    )


def _chart(chart: charts.Chart, key: str, height: int = charts.HEIGHT) -> None:
    st.echarts_chart(chart.option, key=key, height=height, alt=chart.alt)


def _lines(key: str, texts: Iterable[str]) -> None:
    text = "\n\n".join(filter(None, texts))
    with st.container(key=f"{key}_outcomes"):
        if text:
            st.markdown(text)


def _tiles(curves: list[Curve]) -> None:
    with st.container(horizontal=True):
        for curve in curves:
            value, about = _tile(curve)
            st.metric(
                f"{_DOTS[curve.lane.recipe]} {curve.lane.label}",
                value,
                about,
                delta_color="off",
                delta_arrow="off",
                border=True,
                width=170,
            )
    st.caption(
        "Large: right answers, on the last ten training batches while a net trains, on the test "
        "images when it is done."
    )


def _tile(curve: Curve) -> tuple[str, str]:
    """The big word of a net's tile and the small one under it."""
    last, end = curve.last, curve.end
    if isinstance(end, Diverged):
        return ("dead" if end.reason == "non-finite" else "stuck"), f"at step {end.step}"
    if end is not None:
        return f"{end.accuracy:.1%}", "of test images right"
    if last is None:
        return "–", "not started"
    about = f"loss {written(last.loss)}"
    if curve.clips:
        about = f"{last.clipped_share:.0%} clipped"
    recent = curve.accuracies[-10:]
    return f"{sum(recent) / len(recent):.0%}", about
