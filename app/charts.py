"""Numbers in, chart specifications out. No Streamlit here, and no state.

Live curves are ECharts option dicts: small (a tick is at most 15 kB), without animation, and cheap
to update in place. Each comes with a sentence that says what it shows, for those who cannot see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.theme import DASHES, MUTED, PAGE, TEXT, colour

POINTS = 240  # of all lines of a chart together, at most; 120 of one
HEIGHT = 320  # px of a chart of curves
LOSS_CAP = 1e4  # larger losses are drawn at the top edge
EXPLODES = 20.0  # from this loss on the axis is logarithmic
CHANCE_LOSS = math.log(10)


class Chart(NamedTuple):
    """An ECharts option, and what it shows in a sentence."""

    option: dict[str, Any]
    alt: str


@dataclass(frozen=True)
class Line:
    """One net's curve. `marks` are extra points on it; `fate` is its end in words."""

    label: str
    recipe: str  # a key of app.theme.COLOURS
    steps: Sequence[int]
    values: Sequence[float]
    marks: Sequence[tuple[int, float]] = field(default=())
    fate: str = ""


def significant(value: float, digits: int = 4) -> float:
    """`value` rounded to so many significant digits, to save bytes on the wire."""
    return float(f"{value:.{digits}g}")


def thin(points: Sequence[tuple[int, float]], most: int = POINTS // 2) -> list[list[float]]:
    """At most `most` points: of each stretch its lowest and highest, so that no spike is lost.

    Stretches are a power of two long, so that points already drawn stay where they are.
    """
    points = [(x, y) for x, y in points if math.isfinite(y)]
    if len(points) <= most:
        return [[x, significant(y, 3)] for x, y in points]
    length = 4
    while 2 * math.ceil(len(points) / length) + 1 > most:
        length *= 2
    kept = []
    for i in range(0, len(points), length):
        stretch = points[i : i + length]
        low, high = (pick(stretch, key=lambda point: point[1]) for pick in (min, max))
        kept += sorted({low, high})
    if kept[-1] != points[-1]:
        kept.append(points[-1])
    return [[x, significant(y, 3)] for x, y in kept]


def running_mean(values: Sequence[float], length: int = 10) -> list[float]:
    """The mean of each value with those before it, at most `length` of them."""
    means = []
    for i in range(len(values)):
        recent = values[max(0, i + 1 - length) : i + 1]
        means.append(sum(recent) / len(recent))
    return means


def loss_curves(
    lines: Sequence[Line],
    steps: int,
    dark: bool = False,
    size: int = 13,
    mean: int = 1,
    guessing: float = CHANCE_LOSS,
) -> Chart:
    """The training loss of each net against the step, up to `steps`; the mean of so many steps.

    `guessing` is the loss of a guess.
    """
    lines = [_replace(line, running_mean(line.values, mean)) for line in lines]
    largest = max((v for line in lines for v in line.values if math.isfinite(v)), default=0.0)
    explodes = largest > EXPLODES
    lines = [_map(line, lambda v: min(v, LOSS_CAP)) for line in lines]
    if explodes:
        lines = [_map(line, lambda v: max(v, 1e-3)) for line in lines]
        axis = {"type": "log", "min": 0.01, "max": min(LOSS_CAP, 10 ** math.ceil(log10(largest)))}
        axis["min"] = min(0.01, 10.0 ** math.floor(log10(_lowest(lines))))
    else:
        axis = {"type": "value", "min": 0, "max": max(3, math.ceil(largest))}
    name = "training loss" + (f", mean of {mean} steps" if mean > 1 else "")
    if explodes:
        name += ", logarithmic scale"
    if largest > LOSS_CAP:
        name += f" (above {LOSS_CAP:,.0f}: top edge)"
    option = _curves(lines, steps, name, axis, dark, size)
    option["series"].append(_level(guessing, "guessing", dark, size))
    told = [f"{ln.label} {ln.fate or 'at ' + _last(ln, '.3g')}" for ln in lines if ln.values]
    return Chart(option, _sentence("Training loss", told, steps))


def accuracy_curves(
    lines: Sequence[Line],
    steps: int,
    dark: bool = False,
    size: int = 13,
    guessing: float = 0.1,
) -> Chart:
    """Accuracy against the step: the line on training batches, `marks` on the test images.

    `guessing` is the accuracy of a guess.
    """
    axis = {"type": "value", "min": 0, "max": 1}
    smooth = [_replace(line, running_mean(line.values)) for line in lines]
    name = "accuracy (lines: training, dots: test)"
    option = _curves(smooth, steps, name, axis, dark, size)
    for line in lines:
        if line.marks:
            option["series"].append(
                {
                    "type": "scatter",
                    "name": f"{line.label}, test",
                    "data": [[x, round(y, 3)] for x, y in line.marks],
                    "symbolSize": 9,
                    "color": colour(line.recipe, dark),
                }
            )
    option["series"].append(_level(guessing, "guessing", dark, size))
    told = []
    for line in smooth:
        if line.marks:
            told.append(f"{line.label} {line.marks[-1][1]:.0%} of the test images")
        elif line.values:
            told.append(f"{line.label} {line.values[-1]:.0%} of the training images")
    return Chart(option, _sentence("Accuracy", told, steps))


def clipped_share_curves(
    lines: Sequence[Line], steps: int, dark: bool = False, size: int = 13, mean: int = 1
) -> Chart:
    """The share of units whose gradient AGC scaled down, against the step."""
    lines = [_replace(line, running_mean(line.values, mean)) for line in lines]
    axis = {"type": "value", "min": 0, "max": 1}
    option = _curves(lines, steps, "share of units clipped", axis, dark, size)
    told = [f"{ln.label} {ln.values[-1]:.0%}" for ln in lines if ln.values]
    return Chart(option, _sentence("Share of units clipped", told, steps))


def _curves(
    lines: Sequence[Line], steps: int, name: str, axis: dict, dark: bool, size: int
) -> dict[str, Any]:
    option = base(dark, size)
    top, bottom = _room_for_axes(size)
    option["grid"] |= {"top": top, "bottom": bottom, "right": _room_for_labels(lines, size)}
    most = POINTS // max(2, len(lines))
    option["dataset"] = [
        {"source": thin(list(zip(ln.steps, ln.values, strict=True)), most)} for ln in lines
    ]
    style = {"color": TEXT[dark], "fontSize": size}
    split = {"lineStyle": {"color": MUTED[dark], "opacity": 0.25}}
    option["xAxis"] = {
        "type": "value",
        "min": 0,
        "max": max(1, steps),
        "name": "step",
        "nameLocation": "middle",
        "nameGap": bottom - 4,
        "nameTextStyle": style,
        "axisLabel": style,
        "splitLine": {"show": False},
    }
    option["yAxis"] = {
        **axis,
        "name": name,
        "nameTextStyle": {**style, "align": "left"},
        "axisLabel": style,
        "splitLine": split,
    }
    shifts = label_shifts(lines, steps, axis, size)
    option["series"] = [
        {
            "type": "line",
            "name": line.label,
            "datasetIndex": i,
            "showSymbol": False,
            "color": colour(line.recipe, dark),
            "lineStyle": {"width": 2.5, "type": dash},
            "endLabel": {
                "show": True,
                "formatter": f"{{dot|●}} {line.label}",
                "rich": {"dot": {"color": colour(line.recipe, dark)}},
                "offset": [0, shift],
                # the others run on under the name of one that died
                **({"backgroundColor": f"{PAGE[dark]}CC"} if line.fate else {}),
                **style,
            },
        }
        for i, (line, dash, shift) in enumerate(zip(lines, dashes(lines), shifts, strict=True))
    ]
    return option


def _room_for_labels(lines: Sequence[Line], size: int) -> int:
    """Pixels right of the curves: what the longest label there needs; phones are narrow."""
    longest = max((len(line.label) for line in lines), default=0)
    return round(size * (1.7 + 0.64 * longest))


def _room_for_axes(size: int) -> tuple[int, int]:
    """Pixels above the plot and below its numbers, for the axes' names; more for large letters."""
    return max(36, round(1.8 * size)), max(30, round(1.6 * size))


def plot_height(size: int) -> int:
    """Pixels of a chart of curves without its axes."""
    return HEIGHT - sum(_room_for_axes(size)) - 20


def label_shifts(lines: Sequence[Line], steps: int, axis: dict[str, Any], size: int) -> list[int]:
    """Pixels by which each line's end label moves down, so that no two of them overlap.

    Lines that end at different steps have their labels side by side and need no room.
    """
    height = plot_height(size)
    scale = log10 if axis["type"] == "log" else float
    low, high = scale(axis["min"]), scale(axis["max"])
    places = []
    for i, line in enumerate(lines):
        if line.values and math.isfinite(line.values[-1]):
            share = (scale(line.values[-1]) - low) / (high - low)
            places.append((height * (1 - min(1.0, max(0.0, share))), line.steps[-1], i))
    gap, shifts, placed = 1.25 * size, [0] * len(lines), []
    for wanted, step, i in sorted(places):
        near = [p for p, other, _ in placed if abs(step - other) < steps / 5]
        placed.append((max([wanted, *(p + gap for p in near)]), step, i))
    below: list[tuple[float, int]] = []  # then up again, where the last ones left the chart
    for place, step, i in reversed(placed):
        near = [p - gap for p, other in below if abs(step - other) < steps / 5]
        below.append((min([place, height, *near]), step))
        wanted = next(w for w, _, j in places if j == i)
        shifts[i] = round(below[-1][0] - wanted)
    return shifts


def dashes(lines: Sequence[Line]) -> list[Any]:
    """A dash pattern for each line, its recipe's own unless another line already has it."""
    chosen: list[tuple[int, ...]] = []
    for line in lines:
        own = DASHES[line.recipe]
        free = [own, *(dash for dash in DASHES.values() if dash != own)]
        chosen.append(next((dash for dash in free if dash not in chosen), own))
    return [list(dash) or "solid" for dash in chosen]


def base(dark: bool, size: int) -> dict[str, Any]:
    """What every chart has: no animation, readable type, a quiet tooltip."""
    return {
        "animation": False,
        "textStyle": {"fontSize": size, "color": TEXT[dark]},
        "grid": {"left": 8, "right": 8 * size, "top": 36, "bottom": 30, "containLabel": True},
        "tooltip": {"trigger": "axis", "confine": True},
    }


def _level(value: float, name: str, dark: bool, size: int) -> dict[str, Any]:
    """A thin horizontal line with its name, as a series of its own."""
    return {
        "type": "line",
        "name": name,
        "data": [],
        "markLine": {
            "silent": True,
            "symbol": "none",
            "lineStyle": {"color": MUTED[dark], "type": "dotted"},
            "label": {
                "formatter": name,
                "position": "insideEndTop",
                "color": MUTED[dark],
                "fontSize": size - 1,
            },
            "data": [{"yAxis": value}],
        },
    }


def _map(line: Line, change) -> Line:
    return _replace(line, [change(v) if math.isfinite(v) else v for v in line.values])


def _replace(line: Line, values: Sequence[float]) -> Line:
    return Line(line.label, line.recipe, line.steps, values, line.marks, line.fate)


def _last(line: Line, form: str) -> str:
    return f"{line.values[-1]:{form}}"


def _lowest(lines: Sequence[Line]) -> float:
    return min((v for line in lines for v in line.values if math.isfinite(v)), default=0.01)


def log10(value: float) -> float:
    """The logarithm, with a floor instead of an error for zero."""
    return math.log10(max(value, 1e-12))


def _sentence(what: str, told: Sequence[str], steps: int) -> str:
    if not told:
        return f"{what} against the step; nothing has been measured yet."
    return f"{what} against the step, up to step {steps}: {'; '.join(told)}."
