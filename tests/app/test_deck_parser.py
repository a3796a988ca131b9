"""The slide format: what FORMAT.md allows is read, and everything else is told with its line."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.deck.model import Cite, Code, Column, DeckError, DemoCall, Picture, Poll, Slide, Step, Text
from app.deck.parser import parse_slide

PATH = "slides/03-agc.md"
HEAD = '+++\nid = "agc"\ntitle = "Clipping"\nalt = "bars"\n+++\n'  # 5 lines: a body begins on 6


def body(text: str, head: str = HEAD) -> Slide:
    return parse_slide(head + text, PATH)


def two_columns(text: str) -> Slide:
    return body(text, HEAD.replace("alt", 'layout = "two-col"\nalt'))


def test_front_matter_and_text() -> None:
    slide = parse_slide(
        '+++\nid = "a-1"\ntitle = "T"\nsection = "S"\nminutes = 2.5\noptional = true\n'
        'layout = "quote"\nalt = "x"\n+++\n\nOne.\n\nTwo.\n',
        PATH,
    )
    assert slide == Slide(
        id="a-1",
        title="T",
        path=PATH,
        blocks=(Text("One.\n\nTwo.", 11),),
        section="S",
        minutes=2.5,
        optional=True,
        layout="quote",
        alt="x",
    )


def test_defaults() -> None:
    slide = parse_slide('+++\nid = "a"\ntitle = "T"\n+++', PATH)
    assert (slide.layout, slide.minutes, slide.optional) == ("plain", 1.0, False)
    assert (slide.section, slide.alt, slide.notes, slide.blocks, slide.steps) == ("", "", "", (), 0)


def test_every_block() -> None:
    slide = body(
        "Before.\n"
        "::: step\nHidden.\n:::\n"
        "::: demo race preset=four seed=0\nA caption.\n:::\n"
        "::: step demo clipping clipping=0.01\n:::\n"
        '::: code file=nfnet/agc.py symbol=Clip.norm highlight="2-4,7" docstring=true\n:::\n'
        '::: poll id="p" options=["one, two", "a \\"b\\"", bare]\nWhat?\n:::\n'
        "::: cite\nBrock et al., 2021\n:::\n"
        "![a curve](assets/curve.svg)\n"
        "::: notes\nSay it.\n:::\n"
        "::: notes\nSlowly.\n:::\n"
    )
    assert slide.blocks == (
        Text("Before.", 6),
        Step(1, (Text("Hidden.", 8),), 7),
        DemoCall("race", {"preset": "four", "seed": "0"}, "A caption.", 10),
        Step(2, (DemoCall("clipping", {"clipping": "0.01"}, "", 13),), 13),
        Code("nfnet/agc.py", "Clip.norm", True, "2-4,7", "", 15),
        Poll("p", "What?", ("one, two", 'a "b"', "bare"), 17),
        Cite("Brock et al., 2021", 20),
        Picture("assets/curve.svg", "a curve", 23),
    )
    assert slide.notes == "Say it.\n\nSlowly."
    assert slide.steps == 2


def test_columns_hold_steps_that_count_through_the_slide() -> None:
    slide = two_columns(
        "Top\n::: col width=1.5\nL\n::: step\none\n:::\n:::\nBetween\n"
        "::: col\n::: step code file=a/b.py symbol=f highlight=[clip, return]\nSee.\n:::\n:::\n"
    )
    top, left, between, right = slide.blocks
    assert (top, between) == (Text("Top", 7), Text("Between", 14))
    assert left == Column(1.5, (Text("L", 9), Step(1, (Text("one", 11),), 10)), 8)
    code = Code("a/b.py", "f", False, ("clip", "return"), "See.", 16)
    assert right == Column(1.0, (Step(2, (code,), 16),), 15)
    assert slide.steps == 2


def test_directives_and_pictures_inside_fenced_code_are_just_text() -> None:
    text = "````md\n::: nonsense\n![x](http://example.org/x.png)\n```\n````"
    assert body(text).blocks == (Text(text, 6),)
    assert body("Write `![x](y)` for a picture.").blocks[0].markdown.endswith("picture.")


def test_windows_line_ends_and_byte_order_mark() -> None:
    text = "\ufeff" + (HEAD + "::: step\nOne\n:::\n").replace("\n", "\r\n")
    assert parse_slide(text, PATH).blocks == (Step(1, (Text("One", 7),), 6),)


FRONT = {
    "": (1, "the first line must be +++"),
    "# Slide\n": (1, "the first line must be +++"),
    '+++\nid = "a"\n': (1, "no closing line +++"),
    '+++\nid = "a"\ntitle = \n+++': (3, "not valid TOML: invalid value"),
    '+++\nid = "a"\nid = "b"\n+++': (3, "not valid TOML: cannot overwrite a value"),
    f"+++\nx = {'[' * 9000}\n+++": (2, "not valid TOML: nested too deeply"),
    '+++\ntitle = "T"\n+++': (1, "must have id"),
    '+++\nid = "a"\n+++': (1, "must have title"),
    '+++\nid = "a"\n\ntitle = " "\n+++': (4, "title must not be empty"),
    '+++\nid = "a"\ntitle = 3\n+++': (3, "title must be a text in quotes on one line, not 3"),
    '+++\nid = "7"\ntitle = "T"\n+++': (2, "id must be letters, digits and hyphens, not '7'"),
    '+++\nid = "a"\ntitle = "T"\ncolour = 1\n+++': (
        4,
        "unknown key 'colour'; choose from id, title",
    ),
    '+++\nid = "a"\ntitle = "T"\n[extra]\n+++': (4, "unknown key 'extra'"),
    '+++\nid = "a"\ntitle = "T"\nlayout = "three"\n+++': (4, "unknown layout 'three'; choose from"),
    '+++\nid = "a"\ntitle = "T"\nlayout = ["plain"]\n+++': (4, "layout must be a text"),
    '+++\nid = "a"\ntitle = "T"\nminutes = -1\n+++': (4, "minutes must be a number from 0"),
    '+++\nid = "a"\ntitle = "T"\nminutes = nan\n+++': (4, "minutes must be a number"),
    '+++\nid = "a"\ntitle = "T"\nminutes = true\n+++': (4, "minutes must be a number"),
    '+++\nid = "a"\ntitle = "T"\noptional = 1\n+++': (4, "optional must be true or false"),
    '+++\nid = "a"\ntitle = "T"\nlayout = "two-col"\n+++\nx': (1, "exactly two col blocks, not 0"),
    '+++\nid = "a"\ntitle = "T"\n+++\n::: demo race\n:::': (5, "must have alt"),
    '+++\nid = "a"\ntitle = "T"\n+++\n::: step\n![x](y.svg)\n:::': (6, "must have alt"),
}

BODY = {
    "::: stage\n:::": (6, "unknown block 'stage'; choose from step, col, demo"),
    "::: step\nx": (6, "the block 'step' has no closing line :::"),
    "x\n:::": (7, "::: closes a block, but none is open"),
    "::: step\n\n:::": (6, "the block 'step' is empty"),
    "::: cite\n:::": (6, "the block 'cite' is empty"),
    "::: step\nx\n::: step\ny\n:::\n:::": (
        8,
        "'step' may not stand in 'step', only in: slide, col",
    ),
    "::: notes\n::: step\nx\n:::\n:::": (7, "'step' may not stand in 'notes'"),
    "::: step notes\nx\n:::": (6, "'step' may be followed by demo, code, poll, not 'notes'"),
    "::: col\nx\n:::": (6, 'needs layout = "two-col"'),
    "::: notes loud=1\nx\n:::": (6, "unknown key 'loud'; 'notes' takes no keys"),
    "::: demo\n:::": (6, "'demo' needs the name of a demo, not ''"),
    "::: demo race preset four\n:::": (6, "expected key=value, found 'preset four'"),
    '::: demo race a="x"y\n:::': (6, "expected key=value"),
    "::: demo race a=1 a=2\n:::": (6, "the key 'a' is given twice"),
    "::: demo race a=[1, 2]\n:::": (6, "a of a demo must be one value, not a list"),
    "::: code symbol=f\n:::": (6, "'code' needs file=folder/name.py in the project, not ''"),
    "::: code file=../x.py symbol=f\n:::": (6, "'code' needs file=folder/name.py"),
    "::: code file=/etc/x.py symbol=f\n:::": (6, "'code' needs file=folder/name.py"),
    "::: code file=a.py symbol=1+1\n:::": (6, "'code' needs symbol=name or symbol=Class.method"),
    "::: code file=a.py symbol=f docstring=no\n:::": (6, "docstring must be true or false"),
    "::: code file=a.py symbol=f highlight=x\n:::": (6, 'highlight must be like 3, "2-4,7"'),
    "::: code file=a.py symbol=f lines=3\n:::": (6, "unknown key 'lines'; 'code' takes file"),
    '::: poll options=["a", "b"]\nQ\n:::': (6, "a poll needs id="),
    '::: poll id="p" options=["a"]\nQ\n:::': (6, "two to six"),
    '::: poll id="p" options=["a",,"b"]\nQ\n:::': (6, "a list is written [one, two]"),
    "\n::: poll id=p options=[a, b]\nQ\n:::\n::: poll id=p options=[a, b]\nQ\n:::": (10, "twice"),
    "```\nx": (6, "this fenced code is never closed"),
    "x ![a](b.svg)": (6, "a picture stands on a line of its own"),
    "![a](https://example.org/b.svg)": (6, "must be a file below the slides' folder"),
    "![a](../b.svg)": (6, "must be a file below the slides' folder"),
    "![a](/b.svg)": (6, "must be a file below the slides' folder"),
    "::: cite\n![a](b.svg)\n:::": (7, "a picture may not stand in 'cite'"),
}


@pytest.mark.parametrize("text", FRONT, ids=lambda text: repr(text[:60]))
def test_a_wrong_front_matter_is_told_with_its_line(text: str) -> None:
    check(text, *FRONT[text])


@pytest.mark.parametrize("text", BODY, ids=lambda text: repr(text[:60]))
def test_a_wrong_body_is_told_with_its_line(text: str) -> None:
    check(HEAD + text, *BODY[text])


@pytest.mark.parametrize("width", ["0", "9", "x", '""', "1e9", "[1]"])
def test_a_wrong_width_is_told_with_its_line(width: str) -> None:
    with pytest.raises(DeckError, match=r"^slides/03-agc.md:7: width must be"):
        two_columns(f"::: col width={width}\nx\n:::\n::: col\ny\n:::")


def check(text: str, line: int, message: str) -> None:
    with pytest.raises(DeckError) as caught:
        parse_slide(text, PATH)
    assert str(caught.value).startswith(f"{PATH}:{line}: "), caught.value
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# Pieces that matter to the parser, in any order, so that a run of them is nearly a slide.
PIECES = st.sampled_from(
    ["+++", 'id = "a"', 'title = "T"', 'layout = "two-col"', 'alt = "x"', ":::", "::: step", "```"]
    + ["::: col", "::: col width=2", "::: demo race a=1", "::: step demo race", "::: notes", "~~~~"]
    + ["::: code file=a.py symbol=f", '::: poll id="p" options=["a", "b"]', "::: cite", "", "text"]
    + ["![a](b.svg)", '::: code file="a', "::: poll options=[", "$$x$$", "\t:::", "::::", "::: \\"]
)


@given(st.text())
@example("+++\n+++")
def test_any_text_is_a_slide_or_an_error(text: str) -> None:
    parses_or_tells(text)


@given(st.lists(PIECES | st.text(max_size=20), max_size=25), st.booleans())
def test_any_mix_of_lines_is_a_slide_or_an_error(lines: list[str], headed: bool) -> None:
    parses_or_tells((HEAD if headed else "") + "\n".join(lines))


@given(st.text(max_size=60))
def test_any_options_are_a_slide_or_an_error(options: str) -> None:
    for block in ("demo race", "code", "poll", "col"):
        parses_or_tells(f"{HEAD}::: {block} {options}\nx\n:::\n")


def parses_or_tells(text: str) -> None:
    try:
        slide = parse_slide(text, PATH)
    except DeckError as error:
        found = re.match(r"slides/03-agc\.md:(\d+): \S", str(error))
        assert found and 1 <= int(found[1]) <= text.count("\n") + 1
    else:
        numbers = [block.number for block in slide.walk() if isinstance(block, Step)]
        assert numbers == list(range(1, slide.steps + 1))
