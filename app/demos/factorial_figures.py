"""A factorial as two figures: every net with what is in it, and what each ingredient changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go

from app.demos.effects import effects
from app.demos.published_paint import Look, figure
from app.demos.sweep_data import Outcome
from app.demos.sweep_plans import FACTORS

ROW, ROW_FRAME = 1.4, 5  # letters' heights: of one row, and of what is around them
SHORT = {"ws": "WS", "scaling": "α β", "agc": "AGC", "se": "SE", "bn": "BN", "nothing": "nothing"}


def name_of(column: str) -> str:
    """A combination in short words: "WS + α β + AGC"."""
    return " + ".join(SHORT[part] for part in column.split("+"))


def recipe_of(column: str) -> str:
    """The colour of a combination, by the recipe that it is or comes closest to."""
    parts = set(column.split("+"))
    if "bn" in parts:
        return "batch"
    whole = {"ws", "scaling"} <= parts
    if whole:
        return "agc" if "agc" in parts else "nf"
    return "none_agc" if "agc" in parts else "none"


def _every(names: list[str]) -> dict[str, Any]:
    """An axis that names every row, however close they are, and whether anything stands there."""
    return {
        "type": "category",
        "categoryarray": names,
        "categoryorder": "array",
        "dtick": 1,
        "range": [-0.5, len(names) - 0.5],
    }


def cells_figure(
    outcomes: Sequence[Outcome],
    own: Mapping[tuple[str, str], float],
    look: Look,
    columns: Iterable[str] = (),
) -> tuple[go.Figure, str]:
    """Each net's accuracy, the best at the top; a bar from the lowest to the highest seed.

    Args:
        columns: the nets that there could be; those that were not run are at the foot, empty.
    """
    ranked = sorted(outcomes, key=lambda each: each.mean)
    names = [name_of(each.column) for each in ranked]
    missing = [name for name in map(name_of, columns) if name not in names]
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [each.mean for each in ranked],
            "y": names,
            "text": [each.label for each in ranked],
            "marker": {
                "size": 0.7 * look.size,
                "color": [look.colour(recipe_of(each.column)) for each in ranked],
                "symbol": [
                    "square" if each.column.startswith("bn") else "circle" for each in ranked
                ],
            },
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": [max(each.scores) - each.mean for each in ranked],
                "arrayminus": [each.mean - min(each.scores) for each in ranked],
                "color": look.muted,
                "thickness": 2,
            },
            "hovertemplate": "%{y}: %{text}<extra></extra>",
        }
    ]
    mine = [(name_of(e.column), own[e.row, e.column]) for e in ranked if (e.row, e.column) in own]
    traces += _stars(mine, "your run, %{y}: %{x:.3f}", look)
    drawn = figure(
        traces,
        look,
        ROW_FRAME + ROW * (len(ranked) + len(missing)),
        {"title": "test accuracy", "range": [0, 1.02], "dtick": 0.2},
        _every(missing + names),
    )
    told = "; ".join(f"{name_of(each.column)} {each.mean:.2f}" for each in reversed(ranked))
    return drawn, f"Mean test accuracy of each net, best first: {told or 'no runs yet'}."


def _stars(own: Sequence[tuple[str, float]], told: str, look: Look) -> list[dict[str, Any]]:
    """The viewer's own results, (row, value), as stars; no trace where there are none."""
    if not own:
        return []
    edge = {"color": look.text, "width": 2}
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [value for _, value in own],
            "y": [name for name, _ in own],
            "marker": {
                "symbol": "star",
                "size": 0.9 * look.size,
                "color": look.page,
                "line": edge,
            },
            "hovertemplate": f"{told}<extra></extra>",
        }
    ]


def effects_figure(
    outcomes: Sequence[Outcome],
    look: Look,
    own: Mapping[tuple[str, str], float] | None = None,
    rows: int = 0,
) -> tuple[go.Figure, str]:
    """Main effects and interactions: a bar for the mean, a dot for each seed.

    A star for the viewer's own seed, once every combination was run with it; the bar is the
    recorded seeds' all the same.

    Args:
        own: the viewer's own accuracies by (rate, net).
        rows: as many as the figure beside it has.
    """
    own = own or {}
    every = effects(FACTORS, seeds_of(outcomes))[::-1]
    found = [each for each in every if each.by_seed]  # of a full factorial all, else none
    names = [" × ".join(SHORT[part] for part in each.factors) for each in every]
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "x": [each.mean for each in found],
            "y": names[: len(found)],
            # no recipe's colour: an ingredient is none; what is two together is hatched
            "marker": {
                "color": look.muted,
                "opacity": 0.55,
                "pattern": {"shape": ["/" if len(each.factors) > 1 else "" for each in found]},
            },
            "hovertemplate": "%{y}: %{x:+.3f}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": [value for each in found for value in each.by_seed],
            "y": [name for each, name in zip(every, names, strict=True) for _ in each.by_seed],
            "marker": {"color": look.text, "size": 0.45 * look.size, "symbol": "circle-open"},
            "hovertemplate": "%{y}, one seed: %{x:+.3f}<extra></extra>",
        },
    ]
    across = {} if found else {"range": [-1, 1]}
    mine = [
        replace(each, scores=(own[each.row, each.column],))
        for each in outcomes
        if (each.row, each.column) in own
    ]
    stars = {each.factors: each.by_seed for each in effects(FACTORS, seeds_of(mine))}
    pairs = [
        (name, value)
        for each, name in zip(every, names, strict=True)
        for value in stars.get(each.factors, ())
    ]
    traces += _stars(pairs, "your seed, %{y}: %{x:+.3f}", look)
    drawn = figure(
        traces,
        look,
        ROW_FRAME + ROW * max(rows, len(outcomes), len(every)),
        {"title": "change of accuracy", "zeroline": True, "zerolinecolor": look.muted, **across},
        _every(names),
    )
    if not found:
        return drawn, "No effects yet: they need every net, run with the same seed."
    told = "; ".join(
        f"{name} {each.mean:+.2f}" for name, each in zip(names[::-1], found[::-1], strict=True)
    )
    return drawn, f"Mean change of accuracy, main effects and interactions of two: {told}."


def seeds_of(outcomes: Sequence[Outcome]) -> list[dict[frozenset[str], float]]:
    """One full factorial a seed, for seeds that every combination was run with; BN left out."""
    cells = {
        frozenset(each.column.split("+")) - {"nothing"}: each.scores
        for each in outcomes
        if not each.column.startswith("bn")
    }
    if len(cells) < 2 ** len(FACTORS):
        return []
    count = min(map(len, cells.values()))
    return [{cell: scores[i] for cell, scores in cells.items()} for i in range(count)]
