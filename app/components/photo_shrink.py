"""Shrinks a picture in the browser before st.file_uploader sends it.

Nothing is drawn and nothing comes back: the uploader stays Streamlit's own. Where this does not
work (no JavaScript of ours, a format the browser cannot read) the file travels as it is.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

SIDE = 1024  # px, of the longer side
QUALITY = 0.9  # of the JPEG

_component = st.components.v2.component(
    "photo_shrink",
    js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"),
)


def photo_shrink(key: str, within: str) -> None:
    """Shrinks what is chosen or dropped in the uploader of the container with the key `within`."""
    _component(key=key, data={"within": within, "side": SIDE, "quality": QUALITY}, height=1)
