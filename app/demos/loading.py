"""How far data has come that is being fetched: heard among a job's items, told as a bar."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.compute.jobs import Item
from nfnet.events import Loading


def apart(items: Sequence[Item]) -> tuple[list[Item], Loading | None]:
    """A job's items without those that tell of data on its way; and where that stands, if it is."""
    kept = [item for item in items if _of(item) is None]
    return kept, _of(items[-1]) if items else None


def bar(loading: Loading) -> None:
    """How many megabytes are here, out of how many where that is known."""
    words = f"{loading.what}: {loading.done / 1e6:.0f}"
    share = 0.0
    if loading.total:
        words += f" of {loading.total / 1e6:.0f}"
        share = min(1.0, loading.done / loading.total)
    st.progress(share, f"{words} MB")


def _of(item: Item) -> Loading | None:
    """What an item tells of data on its way; None: it tells of something else."""
    if isinstance(item, tuple):
        return item[1] if isinstance(item[1], Loading) else None
    return Loading(**item["loading"]) if isinstance(item, dict) and "loading" in item else None
