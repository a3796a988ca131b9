"""Back to the settings that a lab has on arrival."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st


def button(
    key: str, defaults: Mapping[str, Any], then: Callable[[str], None] | None = None
) -> None:
    """A button that puts the widgets KEY_NAME back to their defaults; the address follows.

    Args:
        defaults: name -> value. To be removed from the address would not do: Streamlit refuses
            that where a widget is bound to it.
        then: called with the key afterwards, for what depends on the others.
    """
    st.button(
        "Reset",
        key=f"{key}_restore",
        icon=":material/restart_alt:",
        on_click=_put_back,
        args=(key, dict(defaults), then),
        help="Back to the settings that this page has on arrival.",
    )


def _put_back(key: str, defaults: dict[str, Any], then: Callable[[str], None] | None) -> None:
    for name, value in defaults.items():
        st.session_state[f"{key}_{name}"] = value
    if then:
        then(key)
