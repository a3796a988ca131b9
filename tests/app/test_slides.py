"""The slides that ship keep the promises of a good slide; new ones are found by themselves."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from app.deck.load import ROOT, code_of, load_deck
from app.deck.model import Cite, Code, DemoCall, Picture, Poll, Slide, Text
from app.demos import DEMOS
from app.demos.presets import PRESETS

FOLDER = ROOT / "slides"
TABLES = sorted((FOLDER / "tables").glob("*.csv"))
DECK = load_deck(FOLDER, DEMOS)  # unique ids, demos, parameters, pictures and code are checked here
MOST_WORDS = 45

each_slide = pytest.mark.parametrize("slide", DECK.slides, ids=lambda slide: slide.id)
each_table = pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)


def body(slide: Slide) -> str:
    """All that a slide says in words, without its small print and code."""
    parts = []
    for block in slide.walk():
        if isinstance(block, Text):
            parts.append(block.markdown)
        elif isinstance(block, DemoCall | Code):
            parts.append(block.caption)
        elif isinstance(block, Poll):
            parts += [block.question, *block.options]
    return "\n".join(parts)


def small_print(slide: Slide) -> str:
    return "\n".join(block.markdown for block in slide.walk() if isinstance(block, Cite))


def words(markdown: str) -> list[str]:
    """Words as a viewer reads them: no mathematics, no bare numbers, links by their text."""
    markdown = "\n".join(line for line in markdown.split("\n") if not line.startswith("|"))
    markdown = re.sub(r"```.*?```", " ", markdown, flags=re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", " ", markdown, flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return [word for word in text.split() if re.search(r"[A-Za-z]", word)]


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_deck_is_a_lecture() -> None:
    assert len(DECK.slides) >= 12
    assert DECK.slides[0].layout == "title"
    sections = [slide.section for slide in DECK.slides]
    starts = [name for n, name in enumerate(sections) if n == 0 or sections[n - 1] != name]
    assert len(starts) == len(set(starts)), "a section is interrupted by another"
    demos = {b.id for slide in DECK.slides for b in slide.walk() if isinstance(b, DemoCall)}
    assert demos == set(DEMOS), "a demo that no slide shows"
    assert sum(slide.minutes for slide in DECK.slides) <= 60


@each_slide
def test_a_slide_can_be_given(slide: Slide) -> None:
    assert slide.section or slide.layout == "title"
    if slide.minutes == 0:  # only looked up
        assert slide.optional
        return
    assert len(words(slide.notes)) >= 30, "too little for the lecturer"
    assert re.search(r"\b(Ask|Say|Let)\b", slide.notes), "the notes do not say what to do"
    assert re.search(r"(?i)\bminutes?\b", slide.notes.strip().split("\n\n")[-1]), "no timing"


@each_slide
def test_a_slide_is_short(slide: Slide) -> None:
    said = words(body(slide)) if slide.minutes else []  # not so what is only looked up
    assert len(said) <= MOST_WORDS, f"{len(said)} words: {' '.join(said)}"
    assert len(words(slide.title)) <= 10


@each_slide
def test_pictures_and_demos_are_described(slide: Slide) -> None:
    blocks = list(slide.walk())
    if any(isinstance(block, Picture | DemoCall) for block in blocks):
        assert len(words(slide.alt)) >= 5
    for block in blocks:
        if isinstance(block, Picture):
            assert len(words(block.alt)) >= 2


@each_slide
def test_code_is_short_enough_to_read(slide: Slide) -> None:
    for block in slide.walk():
        if isinstance(block, Code):
            code, _ = code_of(block)
            assert len(code.split("\n")) <= 24


@each_slide
def test_mathematics_is_well_formed(slide: Slide) -> None:
    for text in (slide.title, body(slide), small_print(slide), slide.notes):
        text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
        assert text.count("$$") % 2 == 0
        display = re.findall(r"\$\$(.*?)\$\$", text, flags=re.DOTALL)
        rest = re.sub(r"\$\$.*?\$\$", "", text, flags=re.DOTALL)
        assert rest.count("$") % 2 == 0, "a $ without its partner"
        for formula in [*display, *re.findall(r"\$([^$]*)\$", rest)]:
            assert formula.strip()
            bare = re.sub(r"\\[{}]", "", formula)
            assert bare.count("{") == bare.count("}"), formula
            for opening, closing in (("left", "right"), ("begin", "end")):
                count = [len(re.findall(rf"\\{w}(?![a-z])", formula)) for w in (opening, closing)]
                assert count[0] == count[1], formula


@each_slide
def test_quotations_name_known_papers(slide: Slide) -> None:
    known = {row["arxiv"]: row for row in rows(FOLDER / "tables" / "papers.csv")}
    for text in (body(slide), small_print(slide), slide.notes):
        for shown, link in re.findall(r"\[([^\]]*)\]\(https://arxiv\.org/abs/([^)]*)\)", text):
            assert shown == link
        for number in re.findall(r"\b\d{4}\.\d{5}\b|\b\d{4}\.\d{4}\b", text):
            assert number in known
        for name, year, number in re.findall(
            r"(\w+)(?:, \w+)*(?: and \w+| et al\.) (\d{4})[^\[]{0,60}arXiv\s\[([\d.]+)\]", text
        ):
            paper = known[number]
            assert name in paper["authors"] and year == paper["year"], number


@each_slide
def test_published_numbers_come_from_a_table_and_name_their_source(slide: Slide) -> None:
    table_lines = [line for line in body(slide).split("\n") if line.startswith("|")]
    shown = {float(n) for line in table_lines for n in re.findall(r"\d+(?:\.\d+)?", _cells(line))}
    stored = {
        float(number)
        for table in TABLES
        for row in rows(table)
        for number in re.findall(r"-?\d+(?:\.\d+)?", " ".join(filter(None, row.values())))
    }
    assert shown <= stored, f"in no table: {sorted(shown - stored)}"
    if table_lines or re.search(r"\d\s*%", body(slide)):
        assert "arXiv" in small_print(slide), "numbers without a source"


def _cells(line: str) -> str:
    return re.sub(r"\b[A-Z]\w*[-\d]\w*", "", line)  # F0, ResNet-50


@each_slide
def test_the_conditions_of_a_live_run_are_those_of_its_preset(slide: Slide) -> None:
    """The small print of a race ("shapes, 16 px, …") says what the demo really runs."""
    races = [b for b in slide.walk() if isinstance(b, DemoCall) and b.id == "race"]
    if not races:
        return
    configs = [lane.config for race in races for lane in PRESETS[race.params["preset"]].lanes]
    told = re.findall(r"[Ss]hapes,[^:]*", small_print(slide))
    for pattern, values in (
        (r"(\d+) px", {c.resolution for c in configs}),
        (r"(\d+) blocks", {sum(c.depths) for c in configs}),
        (r"batch (\d+)", {c.batch_size for c in configs}),
        (r"(\d+) steps", {c.steps for c in configs}),
        (r"rate (\d+(?:\.\d+)?)", {c.lr for c in configs}),
    ):
        for number in re.findall(pattern, " ".join(told)):
            assert float(number) in values, f"{pattern}: {number} is not in {values}"


@each_table
def test_a_table_names_its_source_and_conditions(table: Path) -> None:
    known = {row["arxiv"] for row in rows(FOLDER / "tables" / "papers.csv")}
    assert rows(table)
    for row in rows(table):
        assert None not in row and None not in row.values(), "a row of another length"
        assert row["arxiv"] in known
        if table.stem != "papers":
            for column in ("paper", "table", "conditions", "read_from"):
                assert row[column].strip(), column


def test_batch_norm_s_extra_time_is_computed_from_the_times() -> None:
    for row in rows(FOLDER / "tables" / "step-time.csv"):
        extra = float(row["bn_ms"]) / float(row["nf_ms"]) - 1
        assert round(100 * extra) == int(row["bn_longer_percent"])
