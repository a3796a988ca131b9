"""What the slides refer to is there, says the same, and takes the time that the lecture has.

More promises of a good slide are in test_slides.py; that every formula can be set is checked where
KaTeX runs, in tests/browser/test_handout.py. New slides are found by themselves.
"""

from __future__ import annotations

import ast
import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.deck.load import ROOT, load_deck
from app.deck.model import CUT, FULL, Deck, DemoCall, Poll, Slide, Step
from app.deck.page import slide_html
from app.demos import DEMOS
from app.demos.presets import LAMBDAS, PRESETS
from tests.app.scripted_compute import ScriptedCompute

FOLDER = ROOT / "slides"
DECK = load_deck(FOLDER, DEMOS)

each_slide = pytest.mark.parametrize("slide", DECK.slides, ids=lambda slide: slide.id)


def off_time(deck: Deck) -> list[str]:
    """How the deck misses its two lengths; nothing if it keeps both."""
    lengths = {"the whole lecture": (deck.minutes(), FULL), "the cut": (deck.minutes(True), CUT)}
    return [
        f"{name} takes {takes:g} minutes, not {meant}"
        for name, (takes, meant) in lengths.items()
        if takes != meant
    ]


def test_the_minutes_add_up() -> None:
    assert off_time(DECK) == []


def test_how_minutes_are_added() -> None:
    def slide(minutes: float, optional: bool) -> Slide:
        return Slide("s", "S", "s.md", (), minutes=minutes, optional=optional)

    assert off_time(Deck((slide(45, False), slide(15, True)))) == []
    assert off_time(Deck((slide(45, False), slide(14.5, True)))) == [
        "the whole lecture takes 59.5 minutes, not 60"
    ]
    assert off_time(Deck((slide(60, False),))) == ["the cut takes 60 minutes, not 45"]


# references


def all_text(slide: Slide) -> str:
    return (FOLDER / Path(slide.path).name).read_text(encoding="utf-8")


@each_slide
def test_files_and_tests_that_a_slide_names_are_there(slide: Slide) -> None:
    text = all_text(slide)
    for path in re.findall(r"\b(?:nfnet|app|slides|tests|benchmarks)/[\w./-]*\w", text):
        assert (ROOT / path).exists(), path
    named = set(re.findall(r"\btest_\w+\b", text)) - {path.stem for path in files_of_tests()}
    assert named <= names_of_tests(), "no such test"


def files_of_tests() -> list[Path]:
    return sorted((ROOT / "tests").rglob("test_*.py"))


@cache
def names_of_tests() -> set[str]:
    """The names of all tests."""
    return {
        node.name
        for path in files_of_tests()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_poll_of_the_deck_has_a_name_of_its_own() -> None:
    names = Counter(b.id for slide in DECK.slides for b in slide.walk() if isinstance(b, Poll))
    assert [name for name, times in names.items() if times > 1] == []


def test_every_demo_of_the_deck_has_its_page_in_the_menu() -> None:
    main = (ROOT / "app" / "main.py").read_text(encoding="utf-8")
    pages = {DEMOS[call.id].page for slide in DECK.slides for call in calls(slide)}
    assert [page for page in pages if f'"{page}"' not in main] == []


@pytest.mark.parametrize(
    ("demo", "name", "values"),
    [
        ("sweeps", "sweep", {"map", "u", "small"}),
        ("standardization", "part", {"filters", "gamma", "limit"}),
    ],
)
def test_every_part_of_a_demo_stands_in_a_slide(demo: str, name: str, values: set[str]) -> None:
    found = [call for slide in DECK.slides for call in calls(slide) if call.id == demo]
    assert {DEMOS[demo].read(call.params)[name] for call in found} == values


# numbers


def calls(slide: Slide) -> list[DemoCall]:
    return [block for block in slide.walk() if isinstance(block, DemoCall)]


def numbers(text: object) -> set[float]:
    """Every number in a text: `4,096` is one, `F0` and `ResNet-50` hold none."""
    plain = re.sub(r"\b[A-Za-z]+-?\d[\w+]*", " ", str(text))
    return {float(n.replace(",", "")) for n in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", plain)}


def known(call: DemoCall) -> Iterator[object]:
    """All that a demo can say of itself: settings, what is drawn, what is run, what is quoted."""
    demo = DEMOS[call.id]
    params = demo.read(call.params)
    yield from params.values()
    for still in demo.still(params):
        yield f"{still.alt} {still.caption}"
    if call.id == "race":
        for lane in PRESETS[params["preset"]].lanes:
            yield from vars(lane.config).values()
    if call.id == "cold_open":
        yield from LAMBDAS
    if call.id == "published":
        for table in (FOLDER / "tables").glob("*.csv"):
            with table.open(encoding="utf-8", newline="") as file:
                yield from (cell for row in csv.DictReader(file) for cell in row.values())


def strangers(told: str, sources: Iterable[object]) -> set[float]:
    """The numbers of `told` that none of the sources has."""
    return numbers(told) - {number for source in sources for number in numbers(source)}


@each_slide
def test_numbers_in_alternatives_and_captions_are_those_of_the_demo(slide: Slide) -> None:
    """What is said of a figure is what the figure starts with."""
    found = calls(slide)
    if found:
        told = " ".join([slide.alt, *(call.caption for call in found)])
        assert strangers(told, (s for call in found for s in known(call))) == set()


def test_a_number_that_a_demo_does_not_have_is_noticed() -> None:
    call = DemoCall("race", {"preset": "batch-512"}, "", 1)
    assert strangers("At batch 512 and λ 0.01, ResNet-50", known(call)) == set()
    assert strangers("At batch 511, 4,096 of them", known(call)) == {511.0, 4096.0}


# what a slide does by itself

DEMO_SLIDES = [slide for slide in DECK.slides if calls(slide)]


def draw(name: str) -> None:
    from app.deck.render import render_slide
    from app.demos import DEMOS
    from app.slides import read_deck, slides_folder

    deck, _ = read_deck(slides_folder())
    render_slide(deck.slides[deck.find(name)], DEMOS, slides_folder())


@pytest.mark.parametrize("slide", DEMO_SLIDES, ids=lambda slide: slide.id)
def test_no_experiment_starts_by_itself(slide: Slide, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps of a slide are drawn at once: a demo that is still hidden must not compute."""
    fake = ScriptedCompute()
    monkeypatch.setattr("app.compute.get_compute", lambda workers=None: fake)
    app = AppTest.from_function(draw, args=(slide.id,), default_timeout=30).run()
    assert not app.exception
    steps = [block for block in slide.walk() if isinstance(block, Step)]
    if any(isinstance(block, DemoCall) for step in steps for block in step.blocks):
        assert fake.tickets == []
    labs = [button for button in app.button if button.label == "Open as a lab"]
    assert len(labs) == len(calls(slide))


# what is printed and exported


@each_slide
def test_a_slide_can_be_written_as_html(slide: Slide) -> None:
    made = slide_html(slide, DEMOS, FOLDER, notes=True)
    assert made.count('<section id="') == 1 and made.endswith("</section>")
    for mark in (":::", "\ue000", "\ue002", ":material/", "$$"):
        assert mark not in re.sub(r"<pre.*?</pre>|<script.*?</script>", "", made, flags=re.DOTALL)
    for tag in ("div", "span", "figure", "section", "article", "ul", "table"):
        assert made.count(f"<{tag}") == made.count(f"</{tag}>"), tag
