"""What every page shares: the window's title, warm caches, and type that can be made large."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.demos import links
from app.warmup import warm_up

# A file of our own: an icon by name would be fetched from the web by every browser.
LOOK = Path(__file__).with_name("look.css")
ICON = str(Path(__file__).with_name("icon.svg"))
TITLE = "Normalizer-Free Networks: a lecture you can run"
# Scales with the projector's picture: 26 px at 1920 x 1080. Everything measured in rem follows.
_LARGE = "<style>html { font-size: max(16px, min(1.355vw, 2.41vh)) }</style>"
_YES = ("1", "true", "yes")


def prepare() -> None:
    """To be called first in every run, before a page draws anything."""
    st.set_page_config(page_title=TITLE, page_icon=ICON, layout="wide")
    _warm_up_once()
    st.html(LOOK)
    links.hide()
    if flag("projector"):
        st.html(_LARGE)


def flag(name: str, *also: str) -> bool:
    """An on/off choice made in the address (`?name=1`), remembered while the session lasts.

    `also` are further words for "on": `?cut=45`.
    """
    key = f"flag_{name}"
    if name in st.query_params:
        st.session_state[key] = st.query_params[name].lower() in (*_YES, *also)
    return bool(st.session_state.get(key, False))


def large_type_toggle() -> None:
    """The switch for `?projector=1`, drawn here."""
    st.session_state["large_type"] = flag("projector")
    st.toggle("Large type", key="large_type", on_change=_switch_large_type)


def _switch_large_type() -> None:
    on = bool(st.session_state["large_type"])
    st.session_state["flag_projector"] = on
    if on:
        st.query_params["projector"] = "1"
    else:
        st.query_params.pop("projector", None)


@st.cache_resource(show_spinner=False)
def _warm_up_once() -> None:
    # A test that runs this script without a server has no address, and needs no workers.
    warm_up(compute=st.context.url is not None)
