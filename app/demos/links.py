"""Settings in a page's address: what comes in is checked, and a teacher can hand a page out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode

import streamlit as st

from app.demos import Validator

MOST_HIDDEN = 40


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


def hidden() -> list[str]:
    """Keys of the controls that the address asks to hide: `?hide=KEY`, also several times."""
    wanted = st.query_params.get_all("hide")[:MOST_HIDDEN]
    return [name for name in wanted if re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,59}", name)]


def hide() -> None:
    """Takes the controls that the address names out of sight; they keep their values."""
    if names := hidden():
        places = ", ".join(f".st-key-{name}" for name in names)
        st.html(f"<style>{places} {{ display: none }}</style>")


def hand_out(key: str, settings: Mapping[str, str]) -> None:
    """A button that shows the address of this page as it is now, with controls hidden at will.

    To be opened runs the page, so that all controls have told the address where they stand, those
    below the button and in fragments too. Whoever came by such a link does not get the button.

    Args:
        key: the demo's key.
        settings: name -> what a viewer calls it; the control's key is KEY_NAME.
    """
    if hidden():
        return
    place = st.popover(
        "Hand out", icon=":material/share:", key=f"{key}_hand_out", on_change="rerun"
    )
    if not place.open:
        return
    with place:
        st.markdown("A link to this page with the settings it has now.")
        names = st.multiselect(
            "Hide from those who open it",
            list(settings),
            format_func=settings.__getitem__,
            key=f"{key}_hide",
            placeholder="nothing",
        )
        query = [(n, value) for n in st.query_params for value in st.query_params.get_all(n)]
        query += [("hide", f"{key}_{name}") for name in names]
        address = (st.context.url or "").split("?")[0]
        st.code(address + ("?" + urlencode(query) if query else ""), language=None, wrap_lines=True)
