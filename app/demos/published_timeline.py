"""What became of it: what was built on normalizer-free nets, or instead of them, since 2021."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.demos import tables
from app.demos.published_paint import Drawn, Look, figure, legend, note

# kind in the table -> what it is called, its recipe's colour, its marker. Lanes that are busy in
# the same years are not neighbours, so that their names do not meet.
LANES: dict[str, tuple[str, str, str]] = {
    "nfnet": ("NFNets at work", "agc", "circle"),
    "transformer": ("no-norm transformers", "none", "diamond"),
    "norm": ("another way", "batch", "square"),
    "clipping": ("adaptive clipping", "agc", "triangle-up-open"),
    "against": ("no norm, no gain", "none", "x"),
}

NEAR_DAYS = 200


def after_2021(look: Look) -> Drawn:
    """A timeline, a lane a kind; on a phone a list, the oldest on top."""
    rows = tables.load("after-2021")
    told = "; ".join(f"{row['date']} {row['label']}: {row['what']}" for row in rows)
    alt = f"Since 2021, in {len(rows)} steps. {told}."
    return Drawn((_list if look.narrow else _lanes)(rows, look), alt, rows)


def _lanes(rows: tuple[tables.Row, ...], look: Look) -> Any:
    names = [f"{called}" for called, _, _ in LANES.values()]
    traces, labels, before = [], [], {}
    last: dict[tuple[str, int], dict[str, Any]] = {}  # the label before, in its lane on its side
    for place, kind in enumerate(LANES):
        here = [row for row in rows if row["kind"] == kind]
        _, recipe, symbol = LANES[kind]
        traces.append(_points(here, [_day(row) for row in here], [place] * len(here), look, kind))
        for row in here:
            # names alternate above and below the lane, so that neighbours do not meet
            side = before[kind] = -before.get(kind, -1)
            edge, shift = ("bottom", 0.55) if side > 0 else ("top", -0.55)
            label = note(
                _linked(row, look),
                look,
                x=_day(row),
                y=place,
                yanchor=edge,
                yshift=shift * look.size,
            )
            if _near(last.get((kind, side)), label):  # then they give way to either side
                last[kind, side] |= {"xanchor": "right", "xshift": 0.6 * look.size}
                label |= {"xanchor": "left", "xshift": -0.6 * look.size}
            last[kind, side] = label
            labels.append(label)
    across = {"type": "date", "dtick": "M12", "tickformat": "%Y", "range": ["2020-10", "2026-12"]}
    across |= {"showgrid": True}
    down = {
        "tickvals": list(range(len(names))),
        "ticktext": names,
        "range": [len(names) - 0.4, -0.6],
    }
    return figure(traces, look, 22.5, across, down, annotations=labels)


def _list(rows: tuple[tables.Row, ...], look: Look) -> Any:
    places = {id(row): place for place, row in enumerate(rows)}
    traces = []
    for kind, (called, _, _) in LANES.items():
        here = [row for row in rows if row["kind"] == kind]
        points = _points(here, [0] * len(here), [places[id(row)] for row in here], look, kind)
        traces.append(points | {"name": called})
    labels = [
        note(_linked(row, look), look, x=0.06, y=place, xanchor="left")
        for place, row in enumerate(rows)
    ]
    down = {
        "tickvals": list(range(len(rows))),
        "ticktext": [row["date"] for row in rows],
        "range": [len(rows) - 0.4, -0.6],
        "showgrid": False,
    }
    across = {"visible": False, "range": [-0.04, 1]}
    height = 2 * len(rows) + 2 * len(LANES)
    return figure(traces, look, height, across, down, annotations=labels, **legend(look))


def _points(
    rows: list[tables.Row], x: list[Any], y: list[int], look: Look, kind: str
) -> dict[str, Any]:
    _, recipe, symbol = LANES[kind]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": x,
        "y": y,
        "marker": {
            "color": look.colour(recipe),
            "symbol": symbol,
            "size": 0.9 * look.size,
            "line": {"color": look.colour(recipe), "width": 3 if "open" in symbol else 0},
        },
        "cliponaxis": False,
        "customdata": [row["what"] for row in rows],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _day(row: tables.Row) -> str:
    return f"{row['date']}-15"


def _near(before: dict[str, Any] | None, label: dict[str, Any]) -> bool:
    """Whether two names, at their dates, would meet."""
    if before is None:
        return False
    days = (date.fromisoformat(label["x"]) - date.fromisoformat(before["x"])).days
    return days < NEAR_DAYS


def _linked(row: tables.Row, look: Look) -> str:
    words = f'<span style="color:{look.text}"><u>{row["label"]}</u></span>'
    return f'<a href="{row["link"]}">{words}</a>'
