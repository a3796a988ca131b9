"""Every unit of a net as a bar, and the clipping threshold as a line that one drags over them.

The browser draws and counts at each frame and reports where the line was left; the fallback for
?plain=1 is a slider and a still chart, in app/demos/clipping.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app.theme import MUTED, PAGE, TEXT, colour
from nfnet.run import CLIP_BY

LEAST, MOST = 1e-4, 1.0  # of the threshold; the line can be dragged between them
_HERE = Path(__file__).parent


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


HTML, CSS = _read("clip_canvas.html"), _read("clip_canvas.css")
RULE = _read("clip_rule.js")  # what clipping does, by itself: a test runs it alone
# one module: a component's parts cannot import each other
JS = "\n".join([RULE, *(_read(f"clip_{part}.js") for part in ("draw", "geiger", "canvas"))])

_component = st.components.v2.component("clip_canvas", html=HTML, css=CSS, js=JS)


@dataclass(frozen=True)
class Choice:
    """What the viewer has chosen."""

    clipping: float | None  # the threshold; None: nothing is clipped
    by: str = "unit"  # one of CLIP_BY
    unit: int = 0  # the one whose vectors are drawn


@dataclass(frozen=True)
class Look:
    """How it is drawn."""

    dark: bool
    size: int  # px of a letter
    height: int  # px of the bars
    plane: bool  # whether one unit's weight and gradient are drawn too


def clip_canvas(
    key: str,
    units: Mapping[str, Sequence[Any]],
    choice: Choice,
    look: Look,
    on_choice: Callable[[Choice], None],
) -> None:
    """Draws the units and the line.

    Args:
        units: "names", "layer" (its index), "weight", "gradient" (norms) and "cosine" (of the angle
            between the two), one entry a unit.
        choice: where the line stands; what was reported last, unless the server knows better.
        on_choice: called before the run that follows the viewer's choice.
    """

    def chosen() -> None:
        made = _sent(key, len(units["weight"]))
        if made:
            on_choice(made[0])

    sent = _sent(key, len(units["weight"]))
    _component(
        key=key,
        data=data(units, choice, look, sent[1] if sent else 0),
        on_choice_change=chosen,
    )


def data(
    units: Mapping[str, Sequence[Any]], choice: Choice, look: Look, ack: float
) -> dict[str, Any]:
    """What the browser is given; `ack` is the number of the choice it reported last."""
    dark = look.dark
    return {
        "units": {**units, "layers": 1 + max(units["layer"], default=0)},
        "clipping": choice.clipping,
        "first": 0.01,  # where the line begins that was off so far
        "by": choice.by,
        "unit": choice.unit,
        "ack": ack,
        "size": look.size,
        "height": look.height,
        "plane": look.plane,
        "colours": {
            "text": TEXT[dark],
            "muted": MUTED[dark],
            "page": PAGE[dark],
            "nf": colour("nf", dark),
            "agc": colour("agc", dark),
            "cut": f"{colour('nf', dark)}33",
            "circle": f"{colour('agc', dark)}33",
            "grid": "rgba(163,173,186,0.25)",
        },
    }


def _sent(key: str, units: int) -> tuple[Choice, float] | None:
    """What the browser reported last, and its number; None if it did not, or sent nonsense."""
    state = st.session_state.get(key)
    sent = state.get("choice") if isinstance(state, dict) else None
    return read(sent, units)


def read(sent: Any, units: int) -> tuple[Choice, float] | None:
    """A choice out of what a browser sent, which is not to be trusted; None if it is none.

    Args:
        units: how many there are.
    """
    if not isinstance(sent, dict):
        return None
    clipping, by, unit, number = (sent.get(n) for n in ("clipping", "by", "unit", "number"))
    if clipping is not None and not (_is_number(clipping) and LEAST <= clipping <= MOST):
        return None
    whole = isinstance(unit, int) and not isinstance(unit, bool)
    if by not in CLIP_BY or not whole or not 0 <= unit < units or not _is_number(number):
        return None
    return Choice(None if clipping is None else float(clipping), by, unit), number


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
