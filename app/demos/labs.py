"""From a demo in a slide to its laboratory: the address's settings that show the same thing there.

Levers that the viewer has moved in the slide go along.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.demos.presets import PRESETS, find


def race(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the race on the page Train."""
    preset = PRESETS[params["preset"]]
    size = st.session_state.get(f"{params['key']}_{preset.id}_batch")
    preset = (size and find(preset.story, size)) or preset
    settings = [("train_preset", preset.id)]
    if params["seed"]:
        settings.append(("train_seed", str(params["seed"])))
    stage = f"{params['key']}_{preset.id}"
    for lever, kept in (("clipping", "clipping_was"), ("lr", "lr")):
        place = st.session_state.get(f"{stage}_{kept}")
        if place:
            settings.append((f"train_{lever}", place))
    return settings


def cold_open(params: dict[str, Any]) -> list[tuple[str, str]]:
    """The page Train, on its second leaf."""
    return [("train_part", "The first minute")]


def clipping(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Settings of the page Clipping."""
    key = params["key"]
    return [
        ("clip_step", st.session_state.get(f"{key}_step", params["step"])),
        ("clip_lambda", st.session_state.get(f"{key}_lambda", params["clipping"])),
    ]
