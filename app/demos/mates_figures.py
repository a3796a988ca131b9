"""The figures of Batch mates: items in, Plotly figures and words out. No Streamlit here."""

from __future__ import annotations

import html
import statistics
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.demos.photo_figures import percent
from app.demos.published_paint import Look, figure, legend
from app.numbers import written
from nfnet.strangers import spoken

RECIPES = {"batch": "batch", "nf": "nf"}  # AGC trained the NF net, but takes no part here
DASHES = {"batch": "dash", "nf": "dot"}
NAMES = {"batch": "BN", "nf": "NF"}
Item = dict[str, Any]


def short(label: str, most: int = 30) -> str:
    first = label.split(",")[0]
    return first if len(first) <= most else f"{first[: most - 1]}…"


def answer_bars(item: Item, look: Look, most: float = 0.0, count: int = 5) -> go.Figure:
    """The first classes: their probability in this company (filled) and the first (outlined).

    The axis goes to `most` at least, so that two nets can be compared.
    """
    rows = list(range(min(count, len(item["labels"]))))
    colour = look.colour(RECIPES[item["norm"]])
    common = {"type": "bar", "orientation": "h", "hovertemplate": "%{x:.1%}"}
    traces = [
        {
            **common,
            "name": "first company",
            "x": [round(p, 4) for p in item["first"][:count]],
            "y": rows,
            "offset": 0.24,
            "width": 0.16,
            "marker": {"color": "rgba(0,0,0,0)", "line": {"color": look.muted, "width": 1.5}},
        },
        {
            **common,
            "name": "this company",
            "x": [round(p, 4) for p in item["here"][:count]],
            "y": rows,
            "offset": 0,
            "width": 0.22,
            "marker": {"color": colour},
        },
    ]
    words = [
        {
            "text": f"{html.escape(short(label))}  <b>{html.escape(percent(here))}</b>",
            "x": 0,
            "y": row - 0.03,
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"size": look.size, "color": look.text},
        }
        for row, label, here in zip(rows, item["labels"], item["here"], strict=False)
    ]
    most = max(most, largest_share([item]))
    hidden = {"visible": False}
    return figure(
        traces,
        look,
        3.3 * len(rows) + 2.2,
        {**hidden, "range": [0, min(1.0, 1.05 * most)]},
        {**hidden, "range": [len(rows) - 0.55, -0.6]},
        annotations=words,
        barmode="overlay",
        **legend(look, traceorder="reversed"),
    )


def largest_share(items: Sequence[Item]) -> float:
    """The largest probability that `answer_bars` draws for any of these nets, 0.2 at least."""
    return max([0.2, *(p for item in items for p in (*item["here"], *item["first"]))])


def answer_words(item: Item) -> str:
    """What the bars show, for those who cannot see them."""
    parts = [
        f"{short(label)} {percent(here)}, in the first company {percent(first)}"
        for label, here, first in zip(item["labels"], item["here"], item["first"], strict=True)
    ]
    return f"{NAMES[item['norm']]}: {'; '.join(parts)}."


def verdict(item: Item, at_first: bool = False) -> str:
    """The label here and in the first company (this one, if `at_first`), in Markdown."""
    name, here, first = NAMES[item["norm"]], *map(short, (item["here_label"], item["first_label"]))
    if at_first:
        return f"**{name}** says **{here}**, in the first company."
    if item["difference"] == 0:
        return f"**{name}** says **{here}**. No logit moves, not by one bit."
    if here == first:
        return f"**{name}** still says **{here}**, but its logits move."
    return f"**{name}** now says **{here}**; in the first company it said **{first}**."


def amount(value: float) -> str:
    """A difference of logits; zero only where it is."""
    return f"{value:.2f}" if value >= 0.01 else written(value, 1)


def reach_bars(item: Item, seats: Sequence[str], look: Look, most: float = 0.0) -> go.Figure:
    """For each seat at the table, the gradient of the own loss by its pixels over that by its own.

    Args:
        seats: the neighbours' names, in the order of `reach`.
        most: the axis has room for such a share at least, so that two nets can be compared.
    """
    shares = reach_shares(item)[: len(seats) + 1]
    colour = look.colour(RECIPES[item["norm"]])
    traces = [
        {
            "type": "bar",
            "x": [f"{n}" for n in range(1, len(shares) + 1)],
            "y": [round(share, 5) for share in shares],
            "customdata": ["your picture", *map(spoken, seats)][: len(shares)],
            "marker": {"color": [look.muted, *[colour] * (len(shares) - 1)]},
            "text": ["", *("0" if s == 0 else percent(s) for s in shares[1:])],
            "textposition": "outside",
            "textfont": {"size": look.size, "color": look.text},
            "cliponaxis": False,
            "hovertemplate": "%{customdata}: %{y:.3%}<extra></extra>",
        }
    ]
    top = 1.25 * max([0.2, most, *shares[1:]])
    return figure(
        traces,
        look,
        11,
        {"title": "seat", "type": "category"},
        # the own seat's bar is 1 and leaves the chart at the top: the others are what is asked
        {"tickformat": ".0%", "range": [0, top], "nticks": 4},
        bargap=0.25,
        annotations=[
            {
                "text": "own: 100%",
                "x": 0,
                "y": top,
                "yanchor": "bottom",
                "showarrow": False,
                "font": {"size": look.size, "color": look.text},
            }
        ],
        margin={"l": 8, "r": 8, "t": round(1.6 * look.size), "b": 8},
    )


def reach_shares(item: Item) -> list[float]:
    own = item["reach"][0] or 1.0
    return [value / own for value in item["reach"]]


def farthest_reach(items: Sequence[Item]) -> float:
    """The largest share of another seat, over these nets."""
    return max((share for item in items for share in reach_shares(item)[1:]), default=0.0)


def reach_words(item: Item) -> str:
    """How much of the gradient falls on others, in a sentence."""
    others = reach_shares(item)[1:]
    if not others:
        return "Nobody else is here."
    if not any(others):
        return f"All {len(others)} others: exactly 0. The gradient is this example's own."
    together = sum(share**2 for share in others) ** 0.5
    return (
        f"One other seat gets {percent(statistics.mean(others))} of the own seat's in the mean, at "
        f"most {percent(max(others))}. Taken together, as one gradient by the pixels of all "
        f"{len(others)}, it has {percent(together)} of the own one's length."
    )


def size_figure(rows: Sequence[Item], look: Look) -> go.Figure:
    """Share of pictures whose label differs between two companies, against the batch size."""
    traces = []
    for norm in ("batch", "nf"):
        mine = [row for row in rows if row["norm"] == norm]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": NAMES[norm],
                "x": [row["size"] for row in mine],
                "y": [round(row["flips"], 4) for row in mine],
                "error_y": {
                    "array": [round(row["flips_spread"], 4) for row in mine],
                    "thickness": 1.5,
                },
                "line": {
                    "color": look.colour(RECIPES[norm]),
                    "width": 2.5,
                    "dash": DASHES[norm],
                },
                "marker": {"size": 8},
                "cliponaxis": False,
                "hovertemplate": f"{NAMES[norm]}, batch %{{x}}: %{{y:.1%}}<extra></extra>",
            }
        )
    sizes = sorted({row["size"] for row in rows})
    return figure(
        traces,
        look,
        19,
        {
            "title": "batch size",
            "type": "log",
            "tickvals": sizes,
            "ticktext": list(map(str, sizes)),
        },
        {"title": "label differs between two companies", "tickformat": ".0%", "range": [-0.02, 1]},
        **legend(look),
    )


def size_words(rows: Sequence[Item]) -> str:
    told = [f"{r['size']}: {r['flips']:.0%}" for r in rows if r["norm"] == "batch"]
    nf = max((r["flips"] for r in rows if r["norm"] == "nf"), default=0)
    return (
        "Share of pictures whose label changes with the company. "
        f"BN at batch {'; '.join(told)}. NF: {nf:.0%}."
    )
