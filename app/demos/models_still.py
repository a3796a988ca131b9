"""The models explorer for paper: the bars of a slide's net, and its family in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.deck.model import Still
from app.demos.models_drawing import rows, short, takeaway
from app.demos.models_settings import CONFIGS, FAMILY, NETS
from app.demos.published_paint import Look, figure, legend
from nfnet.counts import Counts, count


def still(params: Mapping[str, Any]) -> tuple[Still, ...]:
    """Shares of multiply-adds and parameters part by part; `params` as the demo reads them."""
    net = params["net"]
    counts, look = count(CONFIGS[net]), Look(size=20)
    lines = rows(counts)
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": what,
            "y": [f"{row.name}: {row.shape}" for row in lines],
            "x": [100 * value / sum(values) for value in values],
            "marker": {"color": paint},
        }
        for what, values, paint in (
            ("multiply-adds", [row.multiply_adds for row in lines], look.colour("nf")),
            ("parameters", [row.parameters for row in lines], look.muted),
        )
    ]
    across = {"title": f"share of {NETS[net]}'s, %"}
    upward = {"autorange": "reversed", "type": "category"}
    drawn = figure(traces, look, 26, across, upward, **legend(look, traceorder="normal"))
    parts = "; ".join(f"{row.name} {row.shape}" for row in lines)
    family = FAMILY if net in FAMILY else (net,)
    counted = "; ".join(_in_words(name, count(CONFIGS[name])) for name in family)
    depths = ", ".join(map(str, CONFIGS[net].depths))
    alt = f"{_in_words(net, counts)}; {depths} blocks. {takeaway(counts)} {parts}."
    return (Still(drawn.to_plotly_json(), alt, f"Parameters and multiply-adds: {counted}."),)


def _in_words(net: str, counts: Counts) -> str:
    sums = f"{short(counts.parameters)}, {short(counts.multiply_adds)}"
    return f"{NETS[net]} {sums} at {counts.resolution} px"
