"""Which sizes of a figure are sent to a browser."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.demos import places


def _page(compact: bool, large_type: bool) -> None:
    import streamlit as st

    from app.demos import published
    from app.demos.published_names import DEFAULTS

    st.session_state["flag_projector"] = large_type
    published.render({**DEFAULTS, "figure": "waterfall", "key": "pub"}, compact)


def sent(compact: bool, large_type: bool) -> set[str]:
    page = AppTest.from_function(_page, args=(compact, large_type)).run()
    assert not page.exception
    charts = page.get("plotly_chart")
    return {chart.proto.id.removesuffix("_chart").rpartition("_")[2] for chart in charts}


@pytest.mark.parametrize(
    ("room", "compact", "large_type", "sizes"),
    [
        ("", True, False, {"wide", "large", "narrow"}),
        ("large", True, False, {"large"}),
        ("narrow", True, True, {"narrow"}),
        ("large", True, True, {"wide"}),  # large type has one layout for every screen
        ("large", False, False, {"wide", "narrow"}),  # the page does not know its room
    ],
)
def test_only_the_layout_that_fits_a_slide_is_sent(
    monkeypatch: pytest.MonkeyPatch, room: str, compact: bool, large_type: bool, sizes: set[str]
) -> None:
    monkeypatch.setattr(places, "room", lambda: room)
    assert sent(compact, large_type) == sizes
