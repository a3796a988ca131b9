"""Accuracy against multiply-adds, everybody's nets in one chart; and the best of them as a table.

Nicknames come from strangers: the chart gets them through `app.board.plain`, the table escaped.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go

from app.board import Entry, Snapshot, front, plain
from app.demos.design_settings import BUDGET, described
from app.demos.models_drawing import short
from app.demos.published_paint import Look, figure, legend, note

LOWEST = 0.3  # of the axis at most: a net that died would press the others together
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10)  # millions
NOBODY = "somebody"
TABLE = """<style>
.design-front table { width: 100%; border-collapse: collapse; font-size: 1rem;
  font-variant-numeric: tabular-nums; }
.design-front caption { text-align: left; padding-bottom: 0.3em; }
.design-front :is(th, td) { text-align: left; font-weight: 400; padding: 0.22em 1.2em 0.22em 0;
  border-top: 1px solid rgba(128,138,150,0.3); }
.design-front tbody th { overflow-wrap: anywhere; min-width: 7em; }
.design-front thead th { border-top: 0; opacity: 0.8; }
.design-front tr.own { font-weight: 700; } .design-front tr.own > * { font-weight: 700; }
.design-front .net { opacity: 0.8; }
@media (max-width: 640px) { .design-front :is(td, th).net { display: none } }
</style>"""


@lru_cache(maxsize=256)  # viewers who have nothing on the board share one figure
def chart(
    recorded: tuple[Entry, ...],
    board: Snapshot,
    owner: str,
    look: Look,
    cost: int | None = None,
    called: str = "",
) -> tuple[go.Figure, str]:
    """Everybody's nets, `owner`'s set off, the front drawn; what it shows in words.

    Args:
        owner: "" for a viewer who has no net on the board.
        cost: multiply-adds of the net that is being designed, shown as a line.
        called: what the accuracy is of, where several sets of pictures are at hand.
    """
    entries = (*recorded, *board.entries)
    best = front(entries)
    mine = [each for each in board.entries if owner and each.owner == owner]
    others = [each for each in board.entries if not owner or each.owner != owner]
    agc = look.colour("agc")
    groups = (
        ("others here", others, {"symbol": "circle", "color": look.muted}),
        ("recorded", recorded, {"symbol": "square", "color": agc}),
        (
            "yours",
            mine,
            {"symbol": "star", "color": agc, "line": {"color": look.text, "width": 2}},
        ),
    )
    across = _across(entries, cost)
    traces = [_front(best, 10 ** across["range"][1], look)] if best else []
    traces += [_points(*group, best, look) for group in groups if group[1]]
    lowest, highest = _heights(entries)
    below = sum(each.mean < lowest for each in entries)
    notes = [
        _upright(f"budget {short(BUDGET)}", BUDGET, lowest, look, xanchor="right"),
    ]
    lines = [_rule(BUDGET, "solid", look)]
    if cost is not None:
        lines.append(_rule(cost, "dot", look))
        low, high = across["range"]
        right = math.log10(cost / 1e6) > (low + high) / 2  # there the words would leave the chart
        side = "right" if right else "left"
        notes.append(_upright("your design", cost, highest, look, yanchor="top", xanchor=side))
        notes[-1]["bgcolor"] = look.page  # the budget's line may run under it
    if below:
        words = f"{below} net{'s'[: below > 1]} further down"
        notes.append(note(words, look, x=0, xref="paper", y=lowest, yanchor="bottom"))
    drawn = figure(
        traces,
        look,
        30 if look.narrow else 27,
        {"title": "millions of multiply-adds, log scale", **across},
        {"title": _of("test accuracy", called), "range": [lowest, highest], "tickformat": ".2f"},
        shapes=lines,
        annotations=notes,
        **legend(look),
    )
    return drawn, _alt(recorded, others, mine, best, called)


def _of(accuracy: str, called: str) -> str:
    return f"{accuracy} on {called}" if called else accuracy


def _millions(entry: Entry) -> float:
    return entry.multiply_adds / 1e6


def _points(
    name: str, entries: Sequence[Entry], marker: dict[str, Any], best: list[Entry], look: Look
) -> dict[str, Any]:
    """One group's nets with bars from the lowest to the highest seed; the best ones named."""
    large = name != "others here"
    return {
        "type": "scatter",
        "mode": "markers" if look.narrow else "markers+text",
        "name": name,
        "x": [_millions(each) for each in entries],
        "y": [each.mean for each in entries],
        "text": [plain(_short_name(each)) if each in best else "" for each in entries],
        "textposition": "top left",
        "textfont": {"color": look.text, "size": round(0.85 * look.size)},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [each.high - each.mean for each in entries],
            "arrayminus": [each.mean - each.low for each in entries],
            "thickness": 1.5,
            "width": 4,
            "color": marker["color"],
        },
        "marker": {"size": (1.1 if name == "yours" else 0.7 if large else 0.55) * look.size}
        | marker,
        "customdata": [_said(each) for each in entries],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _front(best: Sequence[Entry], edge: float, look: Look) -> dict[str, Any]:
    """A stair from each of the best to the next, and on to the chart's edge."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "nobody did better with fewer",
        "x": [*map(_millions, best), edge],
        "y": [*(each.mean for each in best), best[-1].mean],
        "line": {"color": look.text, "width": 2, "dash": "dash", "shape": "hv"},
        "hoverinfo": "skip",
    }


def _short_name(entry: Entry) -> str:
    return entry.name if entry.owner else entry.name.split(",")[0]


def _said(entry: Entry) -> str:
    """A net's tooltip, as Plotly reads it."""
    who = plain(entry.name or NOBODY)
    return (
        f"<b>{who}</b>: {entry.mean:.3f}, {entry.low:.3f} to {entry.high:.3f} over "
        f"{len(entry.scores)} seeds<br>{short(entry.multiply_adds)} multiply-adds, "
        f"{short(entry.parameters)} parameters<br>"
        + described(entry.config).replace(", ", "<br>", 1)
    )


def _heights(entries: Sequence[Entry]) -> tuple[float, float]:
    if not entries:
        return 0.0, 1.0
    # where all are low, as on CIFAR-10 or with twenty classes, the axis begins lower
    floor = min(LOWEST, max(0.0, max(each.mean for each in entries) - 0.2))
    low = max(floor, min(each.low for each in entries) - 0.03)
    return min(low, 0.9), min(1.0, max(each.high for each in entries) + 0.07)


def _across(entries: Sequence[Entry], cost: int | None) -> dict[str, Any]:
    costs = [each.multiply_adds for each in entries] + [BUDGET] + [cost] * (cost is not None)
    ends = [math.log10(min(costs) / 1e6 / 1.5), math.log10(max(costs) / 1e6 * 1.3)]
    return {"type": "log", "tickvals": TICKS, "range": ends, "tickangle": 0}


def _rule(cost: int, dash: str, look: Look) -> dict[str, Any]:
    place = {"x0": cost / 1e6, "x1": cost / 1e6, "y0": 0, "y1": 1, "yref": "paper"}
    return {
        "type": "line",
        "layer": "below",
        "line": {"color": look.muted, "dash": dash, "width": 2},
        **place,
    }


def _upright(text: str, cost: int, y: float, look: Look, **place: Any) -> dict[str, Any]:
    """Words beside an upright line; on a logarithmic axis a note stands at the logarithm."""
    base = {"x": math.log10(cost / 1e6), "y": y, "xanchor": "left", "yanchor": "bottom"}
    place = {**base, **place}
    return note(text, look, **place, xshift=4 if place["xanchor"] == "left" else -4)


def _alt(
    recorded: Sequence[Entry],
    others: Sequence[Entry],
    mine: Sequence[Entry],
    best: Sequence[Entry],
    called: str,
) -> str:
    steps = ", ".join(f"{short(each.multiply_adds)} {each.mean:.2f}" for each in best)
    said = (
        f"{_of('Test accuracy', called)} against multiply-adds: {len(recorded)} recorded nets, "
        f"{len(mine)} of yours, {len(others)} of others here."
    )
    return said + (f" Best for their cost: {steps}." if best else "")


def table(entries: Sequence[Entry], owner: str) -> str:
    """The front as an HTML table, from many multiply-adds to few."""
    rows = []
    for each in reversed(front(entries)):
        own = bool(owner) and each.owner == owner
        who = f"{each.name or 'you'}{' (you)' if each.name else ''}" if own else each.name or NOBODY
        cells = (
            f"{each.mean:.3f}",
            f"{each.low:.3f} to {each.high:.3f}, {len(each.scores)} seeds",
            short(each.multiply_adds),
        )
        body = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        rows.append(
            f'<tr class="{"own" if own else ""}"><th scope="row"><bdi>{html.escape(who)}</bdi></th>'
            f'{body}<td class="net">{html.escape(described(each.config))}</td></tr>'
        )
    names = ("Who", "Accuracy", "Seeds", "Multiply-adds")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        TABLE
        + '<div class="design-front"><table><caption>Nobody has done better with fewer</caption>'
        + f'<thead><tr>{head}<th scope="col" class="net">Net</th></tr></thead>'
        + f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
