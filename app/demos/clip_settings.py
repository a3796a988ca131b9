"""The Clipping page's threshold and way of clipping: in the session, and in the page's address."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.components.clip_canvas import LEAST, MOST
from app.demos import one_of
from app.demos.presets import LAMBDAS
from app.demos.published import tell
from nfnet.run import CLIP_BY

STOPS = [float(stop) for stop in LAMBDAS if stop != "off"]
BY = "unit"


def threshold(value: Any) -> str:
    """A validator for a threshold: "off", or a number that the line can be dragged to."""
    if value == "off":
        return value
    number = float(value)  # a ValueError for what is no number
    if not LEAST <= number <= MOST:
        raise ValueError(f"must be from {LEAST:g} to {MOST:g} or off, not {value!r}")
    return f"{number:.3g}"


def arrive(key: str, default: str, compact: bool, plain: bool) -> None:
    """Puts both settings into the session, as KEY_lambda and KEY_by, before widgets are drawn.

    On arrival the address says where they stand, else the session's last visit, else the default.
    In the plain page the threshold is one of LAMBDAS.
    """
    here = f"{key}_lambda" if plain else f"{key}_canvas"
    fresh = here not in st.session_state
    for name, usual, read in (("lambda", default, threshold), ("by", BY, one_of(*CLIP_BY))):
        place = f"{key}_{name}"
        value = st.session_state.get(place, usual)
        if fresh and not compact:
            try:
                value = read(st.query_params.get(place, value))
            except ValueError:
                value = usual
        if name == "lambda" and plain and value not in LAMBDAS:
            value = f"{min(STOPS, key=lambda stop: abs(stop - float(value))):g}"
        st.session_state[place] = value


def show_in_address(key: str, default: str) -> None:
    """The page's address follows the session."""
    tell(f"{key}_lambda", st.session_state[f"{key}_lambda"], default)
    tell(f"{key}_by", st.session_state[f"{key}_by"], BY)


def clipping_now(key: str) -> float | None:
    """The threshold; None: off."""
    text = st.session_state[f"{key}_lambda"]
    return None if text == "off" else float(text)
