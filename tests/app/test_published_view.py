"""The page Published: a link says what it shows, and a link to nothing is told."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.demos import DEMOS
from app.demos.published import lab
from app.demos.published_figures import FIGURES
from app.demos.published_names import DEFAULTS

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


@pytest.mark.parametrize("figure", FIGURES)
def test_every_choice_of_every_figure_is_shown(figure: str) -> None:
    at = page(pub_figure=figure)
    assert shown(at) and not at.warning and len(at.table) == 1
    for option, about in FIGURES[figure].options.items():
        for choice in (*about.choices, *reversed(about.choices)):
            at.segmented_control(key=f"pub_{option}").set_value(choice).run()
            assert shown(at) and at.session_state[f"pub_{option}"] == choice
            usual = choice == DEFAULTS[option]
            assert (f"pub_{option}" in at.query_params) != usual


def test_one_goes_from_the_last_figure_to_the_first() -> None:
    at = page()
    for figure in (*FIGURES, *reversed(FIGURES)):
        at.selectbox(key="pub_figure").set_value(figure).run()
        assert shown(at) and not at.warning


def test_reset_puts_back_figure_and_switches() -> None:
    at = page(pub_figure="cost", pub_axis="flops")
    assert at.session_state["pub_axis"] == "flops"
    at.button(key="pub_restore").click().run()
    assert shown(at) and at.selectbox[0].value == "waterfall" and not at.query_params
    at.selectbox[0].set_value("cost").run()
    assert at.session_state["pub_axis"] == DEFAULTS["axis"] and not at.warning


def test_the_page_is_handed_out_with_its_settings_and_what_to_hide() -> None:
    at = page(pub_figure="cost", pub_axis="flops")
    at.session_state["pub_hand_out"] = True  # opened
    at.run()
    assert "pub_figure=cost&pub_axis=flops" in at.code[0].value
    assert at.multiselect(key="pub_hide").options == ["figure", "price"]
    at.multiselect(key="pub_hide").set_value(["figure"]).run()
    assert at.code[0].value.endswith("hide=pub_figure")
    at = page(pub_figure="cost", hide="pub_figure")
    assert not any(button.label == "Hand out" for button in at.button)
    assert at.selectbox[0].value == "cost"
