"""Which picture is looked at: a drawing of ours, a file, or the camera. Nobody reads it here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

import streamlit as st
from streamlit.errors import StreamlitAPIException

from app import shell
from app.components.photo_shrink import SIDE, photo_shrink
from app.demos import photo_asks
from nfnet.drawings import SAMPLES, sample
from nfnet.photo import MAX_BYTES

TYPES = ["jpg", "jpeg", "png", "webp"]
_HERE = ("localhost", "127.0.0.1", "::1")
SHRUNK = (
    f"Your browser shrinks it to {SIDE} pixels first; when and where it was taken stays with you."
)
WHAT = "A drawing of ours, not a photograph: networks trained on photographs may find it odd."


@dataclass(frozen=True)
class Picture:
    """A file's bytes, as they came."""

    data: bytes
    digest: str
    sample: str = ""  # its name, if it is one of ours


def choose(key: str, params: dict, compact: bool) -> Picture | None:
    """Draws what pictures can be chosen with, and gives the one chosen last."""
    if compact:
        _gallery(key, params, compact)
    else:
        with st.container(horizontal=True, gap="medium", vertical_alignment="top"):
            with st.container(width=720):
                _gallery(key, params, compact)
            with st.container(width="stretch", key=f"{key}_own"):
                _uploader(key)
                if is_secure(st.context.url):
                    _camera(key)
    return chosen(key, params)


def chosen(key: str, params: dict) -> Picture | None:
    source = st.session_state.get(f"{key}_source", "sample")
    file = st.session_state.get(f"{key}_{source}") if source != "sample" else None
    if file is None:
        name = st.session_state.get(f"{key}_sample", params["sample"])
        return _read(key, f"sample {name}", sample(name), name)
    return _read(key, file.file_id, file.getvalue())


def _read(key: str, id: str, data: bytes, name: str = "") -> Picture:
    """The picture, its digest computed once."""
    known = st.session_state.get(f"{key}_picture")
    if known and known[0] == id:
        return known[1]
    picture = Picture(data, hashlib.sha256(data).hexdigest(), name)
    st.session_state[f"{key}_picture"] = (id, picture)
    return picture


def _gallery(key: str, params: dict, compact: bool) -> None:
    own = st.session_state.get(f"{key}_source", "sample") != "sample"
    now = None if own else st.session_state.get(f"{key}_sample", params["sample"])
    with st.container(horizontal=True, gap="small", key=f"{key}_gallery"):
        for name in SAMPLES:
            with st.container(width="content" if compact else 104, gap="xxsmall"):
                if not compact:
                    st.image(sample(name), width="stretch", alt=f"A drawing of a {spoken(name)}")
                st.button(
                    spoken(name).capitalize(),
                    key=f"{key}_show_{name}",
                    type="primary" if name == now else "secondary",
                    width="content" if compact else "stretch",
                    on_click=_show,
                    args=(key, name, compact),
                )


def spoken(name: str) -> str:
    return name.replace("-", " ")


def _show(key: str, name: str, compact: bool) -> None:
    st.session_state[f"{key}_sample"] = name
    st.session_state[f"{key}_source"] = "sample"
    photo_asks.forget_answer(key)
    if not compact:
        st.query_params[f"{key}_sample"] = name


def _taken(key: str, source: str) -> None:
    """A file came, or went."""
    here = st.session_state.get(f"{key}_{source}") is not None
    st.session_state[f"{key}_source"] = source if here else "sample"
    photo_asks.forget_answer(key)


def _uploader(key: str) -> None:
    shrinks = not shell.flag("plain")
    way = SHRUNK if shrinks else "It travels as it is, with what the camera wrote into it."
    with st.container(key=f"{key}_drop", gap="xxsmall"):
        try:
            st.file_uploader(
                "Your own picture",
                TYPES,
                key=f"{key}_upload",
                max_upload_size=MAX_BYTES >> 20,
                on_change=_taken,
                args=(key, "upload"),
                help=f"{way} The server keeps it in memory only while you use this page.",
            )
        except StreamlitAPIException:  # a file under another name than the browser lets through
            st.error("Only files named .jpg, .jpeg, .png or .webp are taken.")
        st.caption("HEIC, the iPhone's own format, is not read: export it as JPEG.")
        if shrinks:
            photo_shrink(f"{key}_shrink", f"{key}_drop")


def _camera(key: str) -> None:
    # only when asked for: the browser then wants a permission
    if st.toggle("Use the camera", key=f"{key}_with_camera"):
        st.camera_input(
            "Take a picture",
            key=f"{key}_camera",
            on_change=_taken,
            args=(key, "camera"),
            label_visibility="collapsed",
            width=320,
        )


def is_secure(url: str | None) -> bool:
    """Whether a browser that shows this address lets a page use the camera."""
    if not url:
        return False
    address = urlsplit(url)
    return address.scheme == "https" or address.hostname in _HERE
