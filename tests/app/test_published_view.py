"""The page Published: a link says what it shows, and a link to nothing is told."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from app.demos import DEMOS
from app.demos.published import lab

PAGE = "../../app/views/published.py"


def page(**address: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in address.items():
        at.query_params[name] = value
    return at.run()


def shown(at: AppTest) -> str:
    """The small print and the numbers' table, which are those of the figure."""
    assert not at.exception
    return " ".join(caption.value for caption in at.caption)


def test_a_slides_figure_opens_on_the_page_as_it_was() -> None:
    params = DEMOS["published"].read({"figure": "cost", "axis": "resolution"})
    at = page(**dict(lab(params)))
    assert at.selectbox[0].value == "cost"
    assert at.session_state["pub_axis"] == "resolution"
    assert "1905.11946" in shown(at) and "table 1" in shown(at)
    assert not at.warning


def test_what_is_chosen_goes_into_the_address_by_its_name_and_the_usual_leaves_it() -> None:
    at = page(pub_net="F2")
    assert at.session_state["pub_net"] == "F2"
    at.selectbox[0].set_value("batch-scaling").run()
    assert "figure 2a" in shown(at)
    assert list(at.query_params) == ["pub_figure"]
    assert at.query_params["pub_figure"] in ("batch-scaling", ["batch-scaling"])
    at.selectbox[0].set_value("waterfall").run()
    assert "pub_figure" not in at.query_params


def test_a_link_to_nothing_is_told_and_shows_the_usual() -> None:
    at = page(pub_figure="pie", pub_net="F9")
    assert [w.value.split("(")[1].split(")")[0] for w in at.warning] == ["figure", "net"]
    assert at.selectbox[0].value == "waterfall" and at.session_state["pub_net"] == "F0"
