"""The lecture page without a browser: plain buttons, addresses, and what a viewer is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.deck.words import plain_text

MAIN = str(Path(__file__).resolve().parents[2] / "app" / "main.py")
SLIDES = {
    "01-opening.md": '+++\nid = "opening"\ntitle = "Opening"\nlayout = "title"\n+++\nHello.\n'
    "::: notes\nSmile.\n:::\n",
    "02-rule.md": '+++\nid = "rule"\ntitle = "The rule"\nsection = "AGC"\nlayout = "two-col"\n+++\n'
    "::: col\n::: step\nFirst $x^2$\n:::\n:::\n::: col\n"
    "::: step code file=nfnet/formulas.py symbol=clip_factor highlight=1\n:::\n:::\n"
    "::: cite\nBrock et al. 2021\n:::\n",
    "03-ask.md": '+++\nid = "ask"\ntitle = "Ask"\nlayout = "quote"\nminutes = 17\n+++\n'
    '::: poll id="p" options=["yes", "no"]\nWill it?\n:::\n',
}
Open = Callable[..., AppTest]


@pytest.fixture
def slides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "slides"
    folder.mkdir()
    for name, text in SLIDES.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("NFNET_SLIDES", str(folder))
    return folder


@pytest.fixture
def visit(slides: Path) -> Open:
    def visit(**query: str) -> AppTest:
        app = AppTest.from_file(MAIN, default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    return visit


def title(app: AppTest) -> str:
    (element,) = [*app.title, *app.header]
    return element.value


def test_plain_buttons_go_through_all_slides(visit: Open) -> None:
    app = visit(plain="1")
    seen = [title(app)]
    while not app.button(key="deck_next").disabled:
        app.button(key="deck_next").click().run()
        seen.append(title(app))
    assert seen == ["Opening", "The rule", "Ask"]
    assert app.query_params["slide"] in ("ask", ["ask"])
    app.button(key="deck_back").click().run()
    assert title(app) == "The rule"
    assert any("2 / 3" in text.value for text in app.markdown)


def test_plain_shows_every_block_of_a_slide(visit: Open) -> None:
    app = visit(plain="1", slide="rule")
    assert "First $x^2$" in [text.value for text in app.markdown]
    assert [text.value for text in app.caption] == [
        "AGC",
        "`nfnet/formulas.py`",
        "Brock et al. 2021",
    ]
    (code,) = [html.proto.body for html in app.get("html") if "<pre" in html.proto.body]
    assert 'class="line marked"><span class="k">def</span>' in code
    poll = visit(plain="1", slide="ask")
    assert "Will it?\n\n- yes\n- no" in [text.value for text in poll.markdown]
    assert not any("17" in element.value for element in [*poll.markdown, *poll.caption])


@pytest.mark.parametrize("name", ["rule", "2"])
def test_an_address_by_name_or_number_opens_its_slide(visit: Open, name: str) -> None:
    app = visit(slide=name)
    assert title(app) == "The rule"
    assert app.query_params["slide"] in ("rule", ["rule"])
    assert not app.info


@pytest.mark.parametrize("name", ["nowhere", "0", "4", "-1", "1e9", "<script>", "../rule", " "])
def test_a_wrong_address_shows_the_first_slide_and_says_so(visit: Open, name: str) -> None:
    app = visit(slide=name)
    assert title(app) == "Opening"
    (notice,) = app.info
    assert notice.value == "There is no such slide; here is the first one."
    app.run()
    assert not app.info  # the address has been put right


def test_notes_are_for_those_who_ask(visit: Open) -> None:
    assert "Smile." not in [text.value for text in visit().markdown]
    assert "Smile." in [text.value for text in visit(notes="1").markdown]


def test_large_type_by_switch_and_by_address(visit: Open) -> None:
    def large(app: AppTest) -> bool:
        return any("html { font-size" in html.proto.body for html in app.get("html"))

    app = visit()
    assert not large(app)
    app.toggle(key="large_type").set_value(True).run()
    assert large(app) and app.query_params["projector"] in ("1", ["1"])
    del app.query_params["projector"]  # as a change of page does
    app.run()
    assert large(app) and app.toggle(key="large_type").value
    app.toggle(key="large_type").set_value(False).run()
    assert not large(app)
    assert large(visit(projector="1"))


def test_no_slides_is_said_kindly(slides: Path, visit: Open) -> None:
    for file in slides.iterdir():
        file.unlink()
    (notice,) = visit().info
    assert notice.value.startswith("There are no slides here yet.")


def test_a_mistake_in_a_slide_is_told_in_one_sentence(slides: Path, visit: Open) -> None:
    with (slides / "03-ask.md").open("a", encoding="utf-8") as file:
        file.write("::: stage\n:::\n")
    (error,) = visit().error
    assert error.value.startswith("A slide needs mending. slides/03-ask.md:10: unknown block")


def test_an_edited_slide_is_read_anew(slides: Path, visit: Open) -> None:
    app = visit(plain="1")
    text = SLIDES["01-opening.md"].replace("Hello.", "Good morning.")
    (slides / "01-opening.md").write_text(text, encoding="utf-8")
    app.run()
    assert "Good morning." in [text.value for text in app.markdown]


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("The **AGC** rule, $\\lambda$ *small*", "The AGC rule, λ small"),
        ("`clip_factor` and [a link](x)", "clip_factor and a link"),
        (":blue[BN] :material/bolt: costs", "BN costs"),
        ("$\\|W\\|$", "|W|"),
    ],
)
def test_titles_as_plain_text(markdown: str, text: str) -> None:
    assert plain_text(markdown) == text


def test_the_same_demo_on_two_slides_begins_as_each_slide_says(slides: Path, visit: Open) -> None:
    for number, stop in ((4, "0.01"), (5, "0.1")):
        text = f'+++\nid = "Units-{number}"\ntitle = "U"\nalt = "bars"\n+++\n'
        text += f"::: demo clipping clipping={stop}\n:::\n"
        (slides / f"0{number}-units.md").write_text(text, encoding="utf-8")
    app = visit(plain="1", slide="Units-4")
    assert app.select_slider[0].value == "0.01"
    app.button(key="deck_next").click().run()
    assert app.select_slider[0].value == "0.1"
    assert not app.exception


def test_the_same_demo_twice_on_a_slide(slides: Path, visit: Open) -> None:
    text = '+++\nid = "twice"\ntitle = "T"\nalt = "bars"\n+++\n'
    text += "::: demo clipping clipping=0.01\n:::\n::: demo clipping clipping=0.1\n:::\n"
    (slides / "04-twice.md").write_text(text, encoding="utf-8")
    app = visit(plain="1", slide="twice")
    assert [slider.value for slider in app.select_slider] == ["0.01", "0.1"]
