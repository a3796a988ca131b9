"""A choice whose name, not its label, stands in the page's address."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.demos.published import asked, tell


def segmented(place: str, label: str, options: Mapping[str, str], usual: str) -> str:
    """The name chosen. A widget bound to the address would put its label there.

    It stands where it stood when the viewer comes back from another page, as bound widgets do: a
    job that runs meanwhile is still that of the settings on screen.

    Args:
        place: its key, and its name in the address.
        options: name -> label.
    """
    kept = f"{place}_kept"
    before = st.session_state.get(kept, usual)
    st.session_state.setdefault(place, asked(place, tuple(options), before))
    value = st.segmented_control(
        label, list(options), format_func=options.__getitem__, required=True, key=place
    )
    st.session_state[kept] = value
    tell(place, value, usual)
    return value
