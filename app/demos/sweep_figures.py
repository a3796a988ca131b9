"""The sweeps as figures: a map of means, and lines with their spread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from app.demos.published_paint import Look, figure, legend, note
from app.demos.sweep_data import CHANCE, Outcome, best
from app.demos.sweep_plans import AGC, GLOBAL, Cell, Plan

Own = Mapping[tuple[str, str], float]
SCALE = "Cividis"
# nets of the transfer: dash and marker by what follows in their rows
STROKES = (
    ("solid", "circle"),
    ("dash", "square"),
    ("dot", "diamond"),
    ("dashdot", "cross"),
    ("longdash", "triangle-up"),
)


LEAST_ERROR = 0.001  # one picture of a thousand
ERRORS = (1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
# accuracies by the logarithm of the error: near 1 a hundredth is to be seen
FINE = {
    "title": {"text": "test accuracy, finer towards 1"},
    "type": "log",
    "range": [0.0, math.log10(0.004)],
    "tickmode": "array",
    "tickvals": ERRORS,
    "ticktext": [f"{1 - error:g}" for error in ERRORS],
    "dtick": None,
}


class Panel(NamedTuple):
    """A figure with its heading, and what it shows in a sentence."""

    title: str
    figure: go.Figure
    alt: str


class Stroke(NamedTuple):
    """How a line is drawn."""

    colour: str
    dash: str
    symbol: str
    width: float = 3.0


def draw(
    plan: Plan, outcomes: Sequence[Outcome], own: Own, look: Look, chance: float = CHANCE
) -> list[Panel]:
    """The panels of a plan, with what there is of its outcomes; those missing keep their place.

    Args:
        chance: the accuracy of a guess, where the colours begin.
    """
    if plan.id == "map":
        return _map(plan, outcomes, own, look, chance)
    return {"u": _u, "small": _small, "transfer": _transfer}[plan.id](plan, outcomes, own, look)


def _order(cells: Iterable[Cell], name: str) -> list[str]:
    return list(dict.fromkeys(getattr(each, name) for each in cells))


def _map(
    plan: Plan, outcomes: Sequence[Outcome], own: Own, look: Look, chance: float
) -> list[Panel]:
    rows, columns = _order(plan.cells, "row"), _order(plan.cells, "column")
    at = {(each.row, each.column): each for each in outcomes}
    means = [[at[r, c].mean if (r, c) in at else None for c in columns] for r in rows]
    texts = [[at[r, c].label if (r, c) in at else "" for c in columns] for r in rows]
    trace = {
        "type": "heatmap",
        "x": columns,
        "y": rows,
        "z": means,
        "text": texts,
        "zmin": chance,
        "zmax": 1.0,
        "colorscale": SCALE,
        "xgap": 3,
        "ygap": 3,
        "hovertemplate": "batch %{y}, λ %{x}: %{text}<extra></extra>",
        "showscale": False,
    }
    words, frames, tops = [], [], []
    for row in rows:
        some = [each for each in outcomes if each.row == row]
        if not some:
            continue
        top = best(some)
        tops.append(f"batch {row}: {', '.join(each.column for each in top)}")
        for each in some:
            # by number: Plotly would take a label such as "16" for one
            x, y = columns.index(each.column), rows.index(row)
            text = f"{each.mean:.2f}".removeprefix("0")
            if each in top:
                text = f"<b>{text}</b>"
                frames.append({"x0": x - 0.47, "x1": x + 0.47, "y0": y - 0.46, "y1": y + 0.46})
            mine = own.get((each.row, each.column))
            if mine is not None:
                text += f"<br>({mine:.2f})".replace("(0", "(")
            paint = "#000000" if each.mean > (1 + chance) / 2 else "#FFFFFF"
            font = {"size": round(look.size * (0.85 if look.narrow else 1)), "color": paint}
            words.append(note(text, look, x=x, y=y, font=font))
    shapes = [
        {"type": "rect", "line": {"color": look.text, "width": 3}, **frame} for frame in frames
    ]
    drawn = figure(
        [trace],
        look,
        4 + 3.4 * len(rows),
        {"title": "threshold λ", **_category(columns)},
        {"title": "batch size", **_category(rows, downward=True)},
        annotations=words,
        shapes=shapes,
    )
    alt = "Test accuracy of the NF net over threshold and batch size. "
    alt += f"Within 0.01 of the best: {'; '.join(tops)}." if tops else "No runs yet."
    return [Panel("", drawn, alt)]


def _line(
    name: str, outcomes: Sequence[Outcome], stroke: Stroke, look: Look, **more: Any
) -> dict[str, Any]:
    """Means with bars from the lowest to the highest seed."""
    means = [each.mean for each in outcomes]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [each.column for each in outcomes],
        "y": means,
        "text": [each.label for each in outcomes],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [max(each.scores) - each.mean for each in outcomes],
            "arrayminus": [each.mean - min(each.scores) for each in outcomes],
            "thickness": 1.5,
            "width": 4,
            "color": stroke.colour,
        },
        "line": {"color": stroke.colour, "dash": stroke.dash, "width": stroke.width},
        "marker": {"color": stroke.colour, "symbol": stroke.symbol, "size": 0.6 * look.size},
        "hovertemplate": f"{name}, %{{x}}: %{{text}}<extra></extra>",
        **more,
    }


def _own_points(outcomes: Sequence[Outcome], own: Own, look: Look) -> list[dict[str, Any]]:
    points = [(e.column, own[e.row, e.column]) for e in outcomes if (e.row, e.column) in own]
    if not points:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "your runs",
            "x": [x for x, _ in points],
            "y": [y for _, y in points],
            "marker": {
                "symbol": "star",
                "size": look.size,
                "color": look.page,
                "line": {"color": look.text, "width": 2},
            },
            "text": [f"{y:.3f}" for _, y in points],
            "hovertemplate": "your run, %{x}: %{text}<extra></extra>",
        }
    ]


def _category(names: list[str], downward: bool = False) -> dict[str, Any]:
    """An axis that has all these places, whether something stands there or not."""
    ends = [-0.5, len(names) - 0.5]
    return {
        "type": "category",
        "categoryarray": names,
        "categoryorder": "array",
        "range": ends[::-1] if downward else ends,
    }


def _frame(traces: list[dict[str, Any]], title: str, columns: list[str], look: Look) -> go.Figure:
    return figure(
        traces,
        look,
        23,
        {"title": title, **_category(columns)},
        {"title": "test accuracy", "range": [0, 1.04], "dtick": 0.2},
        **legend(look),
    )


def _said(name: str, outcomes: Sequence[Outcome]) -> str:
    said = ", ".join(f"{each.column} {each.mean:.2f}" for each in outcomes)
    return f"{name}: {said or 'no runs yet'}"


def _u(plan: Plan, outcomes: Sequence[Outcome], own: Own, look: Look) -> list[Panel]:
    panels = []
    for row, title in ((AGC, "threshold λ of AGC"), (GLOBAL, "threshold c of the global norm")):
        some = [each for each in outcomes if each.row == row]
        columns = _order((cell for cell in plan.cells if cell.row == row), "column")
        shares = {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "share clipped",
            "x": [each.column for each in some],
            "y": [each.share for each in some],
            "line": {"color": look.muted, "dash": "dot", "width": 2},
            "marker": {"color": look.muted, "symbol": "x", "size": 0.5 * look.size},
            "hovertemplate": "share clipped at %{x}: %{y:.0%}<extra></extra>",
        }
        stroke = Stroke(look.colour("agc" if row == AGC else "nf"), "solid", "circle")
        traces = [_line("accuracy", some, stroke, look), shares, *_own_points(some, own, look)]
        drawn = _frame(traces, title, columns, look)
        clipped = ", ".join(f"{each.column} {each.share:.0%}" for each in some)
        alt = f"{_said('Test accuracy by ' + title, some)}."
        alt += f" Share clipped: {clipped}." if clipped else ""
        panels.append(Panel(row.split(",")[0], drawn, alt))
    return panels


def _small(plan: Plan, outcomes: Sequence[Outcome], own: Own, look: Look) -> list[Panel]:
    recipes = {"BN": "batch", "NF": "nf", "NF + AGC": "agc"}
    dashes = {"batch": "dash", "nf": "dot", "agc": "solid"}
    symbols = {"batch": "square", "nf": "diamond", "agc": "circle"}
    traces, said = [], []
    for name, recipe in recipes.items():
        some = [each for each in outcomes if each.row == name]
        stroke = Stroke(look.colour(recipe), dashes[recipe], symbols[recipe])
        traces.append(_line(name, some, stroke, look))
        said.append(_said(name, some))
    traces += _own_points(outcomes, own, look)
    drawn = _frame(traces, "batch size", _order(plan.cells, "column"), look)
    return [Panel("", drawn, f"Test accuracy by batch size. {'; '.join(said)}.")]


def _as_error(trace: dict[str, Any]) -> dict[str, Any]:
    """A trace of accuracies as one of errors, for an axis that is FINE."""
    errors = [max(LEAST_ERROR, 1 - y) for y in trace["y"]]
    bars = trace.get("error_y")
    if bars is None:
        return {**trace, "y": errors}
    lowest = [max(LEAST_ERROR, e - up) for e, up in zip(errors, bars["array"], strict=True)]
    bars = {
        **bars,
        "array": bars["arrayminus"],
        "arrayminus": [e - low for e, low in zip(errors, lowest, strict=True)],
    }
    return {**trace, "y": errors, "error_y": bars}


def _transfer(plan: Plan, outcomes: Sequence[Outcome], own: Own, look: Look) -> list[Panel]:
    panels = []
    for kind, title in ((AGC, "threshold λ of AGC"), (GLOBAL, "threshold c of the global norm")):
        rows = [row for row in _order(plan.cells, "row") if row.endswith(kind)]
        traces, said = [], []
        for row, (dash, symbol) in zip(rows, STROKES, strict=False):
            net = row.removesuffix(f": {kind}")
            some = [each for each in outcomes if each.row == row]
            usual = net == "usual net"
            paint = look.colour("agc" if kind == AGC else "nf") if usual else look.text
            traces.append(
                _line(net, some, Stroke(paint, dash, symbol, 4.0 if usual else 2.0), look)
            )
            said.append(_said(net, some))
        some = [each for each in outcomes if each.row in rows]
        traces = [_as_error(trace) for trace in traces + _own_points(some, own, look)]
        columns = _order((cell for cell in plan.cells if cell.row in rows), "column")
        drawn = _frame(traces, title, columns, look)
        drawn.update_yaxes(FINE)
        panels.append(Panel(kind.split(",")[0], drawn, f"Test accuracy. {'; '.join(said)}."))
    return panels
