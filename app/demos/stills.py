"""The demos where nothing moves, printed or in a file: figures of their recorded runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from app import charts
from app.deck.model import Still
from app.demos import cold_open as opening
from app.demos import recorded
from app.demos.curves import Curve, gather
from app.demos.presets import PRESETS
from app.still_chart import still_chart
from nfnet.run import UserError

SIZE = 20  # px of a letter on a slide of 1280 px
HEIGHT = 400


def race(params: dict[str, Any]) -> tuple[Still, ...]:
    """The recorded race of the preset; nothing where it was not recorded."""
    preset = PRESETS[params["preset"]]
    was = _recorded(preset.id)
    if was is None:
        return ()
    curves = gather(preset.lanes, was.items)
    return (_curves(curves, f"{preset.caption} {was.label}"),)


def cold_open(params: dict[str, Any]) -> tuple[Still, ...]:
    """Both recorded attempts in one figure: the net that dies, and the same net saved."""
    curves, label = [], ""
    for stop, name in opening.RECORDED.items():
        was = _recorded(name)
        if was is not None:
            net = opening.lane(params["seed"], None if stop == "off" else float(stop))
            curves += gather((net,), was.items)
            label = was.label
    return (_curves(curves, label),) if curves else ()


def clipping(params: dict[str, Any]) -> tuple[Still, ...]:
    """The units of the recorded gradients at the slide's step and threshold."""
    # Here and not above: numpy and Plotly take a second that only this figure needs.
    from app.demos.clipping import gradients_at, takeaway
    from app.demos.unit_figures import Units, sorted_units

    try:
        item, label = gradients_at(params["step"])
    except UserError:
        return ()
    units = Units.of(item)
    clips = None if params["clipping"] == "off" else float(params["clipping"])
    figure = sorted_units(units, clips, dark=False, size=SIZE).to_plotly_json()
    figure["layout"]["height"] = HEIGHT
    for axis in ("xaxis", "yaxis"):  # on a page of Streamlit's this is a matter of course
        figure["layout"][axis]["automargin"] = True
    words = takeaway(units, clips)
    return (Still(figure, words, f"{words} {label}"),)


def _recorded(name: str) -> recorded.Recorded | None:
    try:
        return recorded.load(name)
    except UserError:
        return None


def _curves(curves: Sequence[Curve], caption: str) -> Still:
    steps = max(curve.lane.config.steps for curve in curves)
    lines = [_own_name(curve, curves) for curve in curves]
    mean = 10 if curves[0].lane.config.batch_size < 64 else 1
    chart = charts.loss_curves(lines, steps, False, SIZE, mean)
    return Still(still_chart(chart.option, HEIGHT), chart.alt, caption)


def _own_name(curve: Curve, curves: Sequence[Curve]) -> charts.Line:
    line = curve.line(curve.losses)
    clips = curve.lane.config.clipping
    same = sum(other.lane.label == curve.lane.label for other in curves) > 1
    return dataclasses.replace(line, label=f"{line.label}, λ {clips:g}") if same and clips else line
