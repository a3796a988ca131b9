"""The first minute: a net dies on screen, and one slider saves it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.demos import stage
from app.demos.presets import COLD_OPEN, Lane


def render(params: dict[str, Any], compact: bool) -> None:
    """One NF net with the threshold off. Parameters: seed, key."""
    config = COLD_OPEN.replace(seed=params["seed"])
    st.caption(
        f"A net without normalization, batch {config.batch_size}, learning rate {config.lr:g}. "
        "Press Start and watch the loss. Then pull λ to 0.01 and start the same net again."
    )
    stage.show(
        stage.Stage(
            params["key"],
            (Lane("NF", "nf", config),),
            "cold-open" if params["seed"] == 0 else "",
            ("clipping",),
            compact=compact,
            remember=True,
        )
    )
