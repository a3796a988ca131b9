"""What a viewer has set outlives a visit to another page."""

import pytest

from app.board import BOARDS, Board
from tests.app.pages import opened


def revisited(at, view: str):
    """The page again, after another one was shown in between."""
    at.query_params.clear()  # as the browser does, whose menu links to bare addresses
    at.switch_page("views/published.py").run()
    at.query_params.clear()
    at.switch_page(f"views/{view}.py").run()
    assert not at.exception
    return at


@pytest.mark.parametrize(
    ("view", "key", "chosen"),
    [("propagation", "prop_net", "batch"), ("standardization", "weights_net", "fresh")],
)
def test_a_named_choice_stands_where_it_stood(compute, view, key, chosen) -> None:
    at = opened(view)
    assert at.button_group(key=key).value != chosen
    at.button_group(key=key).set_value(chosen).run()
    assert at.query_params[key] == chosen
    at = revisited(at, view)
    assert at.button_group(key=key).value == chosen
    assert at.query_params[key] == chosen  # a copied address shows the same


def test_a_nickname_is_kept(compute, monkeypatch) -> None:
    monkeypatch.setattr("app.demos.design.BOARDS", {name: Board() for name in BOARDS})
    at = opened("design")
    at.text_input(key="design_name").input("Ada").run()
    at = revisited(at, "design")
    assert at.text_input(key="design_name").value == "Ada"
