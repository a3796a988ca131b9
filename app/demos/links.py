"""Settings that come in by the page's address: what is not on the page is named and left out."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from app.demos import Validator


def check(key: str, settings: Mapping[str, tuple[str, Validator]]) -> None:
    """One warning if the address gives a setting of this demo a value that it does not have.

    To be called before the widgets are drawn: a bound widget drops such a value without a word.

    Args:
        key: the demo's key; a setting's name in the address is KEY_NAME.
        settings: name -> what a viewer calls it, and what it accepts.
    """
    odd = []
    for name, (called, read) in settings.items():
        try:
            for value in st.query_params.get_all(f"{key}_{name}"):
                read(value)
        except ValueError:
            odd.append(called)
    if odd:
        st.warning(
            f"The link asks for something that is not here ({', '.join(odd)}); "
            "the usual setting is used instead."
        )
