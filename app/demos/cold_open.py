"""The first minute: a net dies on screen, and one slider saves it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.demos import stage
from app.demos.presets import COLD_OPEN, Lane


def lane(seed: int) -> Lane:
    """The net that dies: normalizer-free, not clipped."""
    return Lane("NF", "nf", COLD_OPEN.replace(seed=seed))


def render(params: dict[str, Any], compact: bool) -> None:
    """One NF net with the threshold off. Parameters: seed, key."""
    net = lane(params["seed"])
    st.caption(
        f"A net without normalization, batch {net.config.batch_size}, learning rate "
        f"{net.config.lr:g}. Press Start and watch the loss. Then pull λ to 0.01 and start the "
        "same net again, with the same seed."
    )
    recorded = "cold-open" if params["seed"] == 0 else ""
    controls = ("clipping",)
    stage.show(stage.Stage(params["key"], (net,), recorded, controls, compact, remember=True))
