"""A folder of slides: their order, and what they refer to is really there."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.deck.load import code_of, load_deck
from app.deck.model import Code, DeckError
from app.deck.source import excerpt, highlighted
from app.demos import DEMOS

SOURCE = '''"""Module."""
LIMIT: int = 3
import os

@decorate
@decorate(2)
def norm(x):
    """Doc.

    More.
    """

    # why
    return x


class Clip:
    """About."""

    rate = 1

    def norm(self):
        """Only a docstring."""

    def both(self):
        "Doc"
        return (
            1
        )
'''


def write(folder: Path, name: str, id: str, text: str = "Text.") -> None:
    folder.mkdir(exist_ok=True)
    head = f'+++\nid = "{id}"\ntitle = "T"\nalt = "x"\n+++\n'
    (folder / name).write_text(head + text, encoding="utf-8")


def error_of(folder: Path, **more: object) -> str:
    with pytest.raises(DeckError) as caught:
        load_deck(folder, DEMOS, **more)  # type: ignore[arg-type]
    return str(caught.value)


def test_slides_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, id in (("10-z.md", "z"), ("02-b.md", "b"), ("01-c-d.md", "c")):
        write(tmp_path / "slides", name, id)
    (tmp_path / "slides" / "README.md").write_text("not a slide")
    deck = load_deck(tmp_path / "slides", DEMOS)
    assert [slide.id for slide in deck.slides] == ["c", "b", "z"]
    assert deck.slides[0].path == "slides/01-c-d.md"
    assert [deck.find(name) for name in ("b", "2", "3", "0", "4", "", "-1", "B")] == [
        *(1, 1, 2),
        *[None] * 5,
    ]


def test_no_folder_is_an_empty_deck(tmp_path: Path) -> None:
    assert load_deck(tmp_path / "slides", DEMOS).slides == ()


def test_two_slides_with_one_id(tmp_path: Path) -> None:
    write(tmp_path / "slides", "01-a.md", "same")
    write(tmp_path / "slides", "02-b.md", "same")
    expected = "slides/02-b.md:2: the id 'same' is taken by slides/01-a.md"
    assert error_of(tmp_path / "slides") == expected


def test_a_misnamed_slide_is_not_dropped_in_silence(tmp_path: Path) -> None:
    write(tmp_path / "slides", "1-a.md", "a")
    assert error_of(tmp_path / "slides").startswith("slides/1-a.md:1: a slide's file is named")


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "01-a.md").write_bytes(b"+++\nid = 'a'\ntitle = '\xff'\n+++\n")
    assert error_of(tmp_path).startswith(f"{tmp_path.name}/01-a.md:3: not UTF-8 text")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("::: demo nothing\n:::", "unknown demo 'nothing'; choose from blackbox, clipping"),
        ("::: demo race preset=nothing\n:::", "demo 'race': preset must be one of"),
        ("::: demo race colour=red\n:::", "demo 'race' has no parameter 'colour'; it has preset"),
        ("![x](assets/none.svg)", "there is no picture assets/none.svg in slides/"),
        ("![x](notes.txt)", "a picture must end in .svg, .png"),
        ("::: code file=no.py symbol=f\n:::", "there is no file no.py"),
        ("::: code file=m.py symbol=nothing\n:::", "the file does not define 'nothing'"),
        ("::: code file=m.py symbol=Clip.nothing\n:::", "does not define 'Clip.nothing'"),
        ("::: code file=bad.py symbol=f\n:::", "the file is not valid Python"),
        ("::: code file=m.py symbol=norm highlight=9\n:::", "highlight 9 is outside the 5 lines"),
        ("::: code file=m.py symbol=norm highlight=3-2\n:::", "highlight 3-2 is outside"),
        ('::: code file=m.py symbol=norm highlight=["other"]\n:::', "no line of the excerpt"),
    ],
)
def test_what_a_slide_refers_to_must_be_there(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.py").write_text(SOURCE)
    (tmp_path / "bad.py").write_text("def f(:")
    write(tmp_path / "slides", "01-a.md", "a", text)
    error = error_of(tmp_path / "slides", root=tmp_path)
    assert error.startswith("slides/01-a.md:6: ") and message in error


def test_an_excerpt_is_the_code_without_its_docstrings() -> None:
    assert excerpt(SOURCE, "norm") == (
        "@decorate\n@decorate(2)\ndef norm(x):\n    # why\n    return x"
    )
    assert excerpt(SOURCE, "Clip.norm") == 'def norm(self):\n    """Only a docstring."""'
    assert excerpt(SOURCE, "Clip.both") == "def both(self):\n    return (\n        1\n    )"
    assert excerpt(SOURCE, "LIMIT") == "LIMIT: int = 3"
    assert excerpt(SOURCE, "Clip").startswith("class Clip:\n    rate = 1\n")
    assert "Doc." in excerpt(SOURCE, "norm", docstring=True)
    assert excerpt(SOURCE, "Clip.both", start="return") == "return (\n    1\n)"
    with pytest.raises(ValueError, match="no line of LIMIT contains 'x = 1'"):
        excerpt(SOURCE, "LIMIT", start="x = 1")
    assert excerpt(SOURCE.replace("\n", "\r\n"), "LIMIT") == "LIMIT: int = 3"


def test_showing_code_does_not_run_it(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("raise SystemExit\ndef f():\n    return 1\n")
    code = Code("m.py", "f", False, ("return",), "", 1)
    assert code_of(code, tmp_path) == ("def f():\n    return 1", [2])


def test_lines_to_mark() -> None:
    assert highlighted("a\nb\nc\nab", "1,3-4") == [1, 3, 4]
    assert highlighted("a\nb\nc\nab", ("a", "c")) == [1, 3, 4]
    assert highlighted("a", ()) == []
