"""Was it AGC or the architecture? The paper's own ablation of an NFNet, as a waterfall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from app.demos import tables
from app.demos.published_paint import Drawn, Look, figure, note, signed

SHORT = {
    "baseline": "start: SE-<br>ResNeXt-D",
    "width": "wider<br>stages",
    "second-conv": "second<br>3×3 conv",
    "mixup": "MixUp",
    "randaugment": "Rand-<br>Augment",
    "cutmix": "CutMix",
}
LETTERS = 23  # height of the upright figure in letters; six of them are below the bars
LABEL = 1.7  # letters that a bar's label takes, with the bracket above it


@dataclass(frozen=True)
class Piece:
    """A bar: where it stands, from where to where it reaches, and how it looks."""

    place: float
    name: str
    label: str
    low: float
    high: float
    paint: str
    hatch: str = ""
    opacity: float = 1.0


def waterfall(look: Look, net: str = "F0") -> Drawn:
    """Top-1 from the baseline to the NFNet, a change a step, with the same net with BN beside it.

    Args:
        net: one of published_names.NETS.
    """
    rows, column = tables.load("ablation"), f"{net.lower()}_top1"
    steps = [row for row in rows if row["kind"] != "beside"]
    other = tables.find(rows, "step", "batch-norm")
    totals, bn = [tables.number(row, column) for row in steps], tables.number(other, column)
    times = [tables.number(row, f"{net.lower()}_ms") for row in (steps[-1], other)]
    floor = math.floor(totals[0] - 0.25)
    green, blue = look.colour("agc"), look.colour("batch")
    pieces = [Piece(0, SHORT["baseline"], f"{totals[0]:.1f}", floor, totals[0], look.muted)]
    for place, row in enumerate(steps[1:], 1):
        low, high = totals[place - 1 : place + 1]
        hatch = "/" if row["kind"] == "augmentation" else ""
        change = signed(high - low)
        pieces.append(Piece(place, SHORT[row["step"]], change, low, high, green, hatch, 0.65))
    for place, name, top, ms, paint, hatch in (
        (len(steps) + 0.4, f"NFNet-{net}", totals[-1], times[0], green, ""),
        (len(steps) + 1.4, "with BN", bn, times[1], blue, "x"),
    ):
        name = f"<b>{name}</b><br>{ms:.1f} ms" + ("" if look.narrow else "<br>a step")
        pieces.append(Piece(place, name, f"{top:.1f}", floor, top, paint, hatch))
    changes = [
        f"{row['label'].split(':')[0]} {signed(high - low)}"
        for row, low, high in zip(steps[1:], totals, totals[1:], strict=False)
    ]
    alt = (
        f"Waterfall of ImageNet top-1 for NFNet-{net}: normalizer-free baseline {totals[0]:.1f} %; "
        f"{', '.join(changes)}; in the end {totals[-1]:.1f} %. The same net with BN: {bn:.1f} %; "
        f"its training step takes {times[1]:.1f} ms instead of {times[0]:.1f} ms."
    )
    groups = {
        kind: [place for place, row in enumerate(steps) if row["kind"] == kind]
        for kind in ("architecture", "augmentation")
    }
    return Drawn(_draw(look, pieces, totals, groups, floor), alt, [*steps, other])


def _draw(
    look: Look, pieces: list[Piece], totals: list[float], groups: dict[str, list[int]], floor: float
) -> Any:
    """The bars upright, or lying with the first on top where the page is narrow."""
    value, place = ("x", "y") if look.narrow else ("y", "x")
    bars = {
        "type": "bar",
        "orientation": "h" if look.narrow else "v",
        place: [piece.place for piece in pieces],
        value: [round(piece.high - piece.low, 2) for piece in pieces],
        "base": [piece.low for piece in pieces],
        "width": 0.74,
        "marker": {
            "color": [piece.paint for piece in pieces],
            "opacity": [piece.opacity for piece in pieces],
            "line": {"color": [piece.paint for piece in pieces], "width": 2},
            "pattern": {
                "shape": [piece.hatch for piece in pieces],
                "fgcolor": look.page,
                "fgopacity": 0.55,
                "fillmode": "overlay",
                "size": 9,
                "solidity": 0.22,
            },
        },
        "text": [f"<b>{piece.label}</b>" for piece in pieces],
        "textposition": "none",
        "customdata": [round(piece.high, 2) for piece in pieces],
        "hovertemplate": "%{text}, up to %{customdata}<extra></extra>",
    }
    labels = [_label(piece, look) for piece in pieces]
    names = {
        "tickvals": [piece.place for piece in pieces],
        "ticktext": [piece.name for piece in pieces],
        "tickangle": 0,
        "showgrid": False,
    }
    top = max(piece.high for piece in pieces)
    scale = {
        "title": f"ImageNet top-1, %<br>(axis from {floor:g})",
        "range": [floor, top + (0.85 if look.narrow else 2.1 * _room(pieces, floor, look))],
        "dtick": 1,
    }
    shapes = _steps(pieces, totals, value, place, look)
    if look.narrow:
        names |= {"autorange": "reversed"}
        labels += _beside(groups, totals, floor, look)
        return figure([bars], look, 40, scale, names, annotations=labels, shapes=shapes)
    marks, brackets = _above(groups, pieces, totals, _room(pieces, floor, look), look)
    notes = [*labels, *marks]
    return figure([bars], look, LETTERS, names, scale, annotations=notes, shapes=shapes + brackets)


def _room(pieces: list[Piece], floor: float, look: Look) -> float:
    """Percentage points between the top of an upright bar and the bracket over its label."""
    span = max(piece.high for piece in pieces) - floor
    return LABEL * span / (LETTERS * look.height - 6 - 2.1 * LABEL)


def _label(piece: Piece, look: Look) -> dict[str, Any]:
    text = f"<b>{piece.label}</b>"
    if look.narrow:
        return note(text, look, y=piece.place, x=piece.high, xanchor="left", xshift=2)
    return note(text, look, x=piece.place, y=piece.high, yanchor="bottom")


def _steps(
    pieces: list[Piece], totals: list[float], value: str, place: str, look: Look
) -> list[dict[str, Any]]:
    """Thin lines from each total to where the next bar begins."""
    line = {"color": look.muted, "width": 1.5, "dash": "dot"}
    return [
        {
            "type": "line",
            "layer": "below",
            "line": line,
            f"{value}0": total,
            f"{value}1": total,
            f"{place}0": here.place,
            f"{place}1": after.place,
        }
        for total, here, after in zip(totals, pieces, pieces[1:], strict=False)
    ]


def _sums(groups: dict[str, list[int]], totals: list[float]) -> dict[str, str]:
    return {
        kind: signed(totals[places[-1]] - totals[places[0] - 1]) for kind, places in groups.items()
    }


def _above(
    groups: dict[str, list[int]],
    pieces: list[Piece],
    totals: list[float],
    room: float,
    look: Look,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A bracket over each group of changes with their sum, and one over the two nets compared."""
    ours, other = pieces[-2:]
    sums = _sums(groups, totals)
    spans = [
        (places[0] - 0.4, places[-1] + 0.4, totals[places[-1]], f"{kind} <b>{sums[kind]}</b>")
        for kind, places in groups.items()
    ]
    apart = f"against BN <b>{signed(ours.high - other.high)}</b>"
    spans.append((ours.place - 0.4, other.place + 0.4, max(ours.high, other.high), apart))
    marks, brackets = [], []
    for left, right, level, text in spans:
        y = level + room
        line = {"type": "line", "line": {"color": look.text, "width": 2}}
        brackets.append({**line, "x0": left, "x1": right, "y0": y, "y1": y})
        marks.append(
            note(text, look, x=right, y=y, xanchor="right", yanchor="bottom", align="right")
        )
    return marks, brackets


def _beside(
    groups: dict[str, list[int]], totals: list[float], floor: float, look: Look
) -> list[dict[str, Any]]:
    """The sum of each group where lying bars leave room: right of one, left of the other."""
    sums, (first, second) = _sums(groups, totals), groups.values()
    right = max(totals[first[-1]] + 0.75, totals[0])
    return [
        note(
            f"architecture<br><b>{sums['architecture']}</b>",
            look,
            x=right,
            y=sum(first) / len(first),
            xanchor="left",
            align="left",
        ),
        note(
            f"augmentation<br><b>{sums['augmentation']}</b>",
            look,
            x=floor,
            y=second[-1] - 0.3,
            xanchor="left",
            align="left",
            xshift=4,
        ),
    ]
