"""The first minute: a net dies on screen, and one slider saves it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.demos.presets import COLD_OPEN, Lane
from app.demos.stage import Stage
from app.demos.watch import show

RECORDED = {"off": "cold-open", "0.01": "cold-open-saved"}  # threshold's stop: recorded run


def lane(seed: int, clipping: float | None = None) -> Lane:
    """The net that dies, or with a threshold the same net saved."""
    recipe, label = ("agc", "NF + AGC") if clipping else ("nf", "NF")
    return Lane(label, recipe, COLD_OPEN.replace(seed=seed, clipping=clipping))


def render(params: dict[str, Any], compact: bool) -> None:
    """One NF net with the threshold off. Parameters: seed, key."""
    net = lane(params["seed"])
    st.caption(
        f"A normalizer-free net (NF) without clipping, batch {net.config.batch_size}, learning "
        f"rate {net.config.lr:g}. Press Start and watch the loss. Then pull λ to 0.01 and start "
        "the same net again, with the same seed."
    )
    show(
        Stage(
            params["key"],
            (net,),
            RECORDED if params["seed"] == 0 else {},
            controls=("clipping",),
            compact=compact,
            suspense=True,
            remember=True,
        )
    )
