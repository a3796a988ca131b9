"""Giving the talk in a browser: fast presses, the 45-minute cut, the overview, from demo to lab."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

OPTIONAL = (3, 4, 12)  # in the second section one, in the middle, and the last slide
PLAIN = (
    '+++\nid = "s{n}"\ntitle = "Slide {n}"\nsection = "{part}"\nminutes = {m}\n{more}+++\nText.\n'
)
DEMO = "::: demo race preset=batch-128 controls=clipping\n:::\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("slides")
    for n in range(1, 13):
        more = "optional = true\n" if n in OPTIONAL else ""
        if n == 11:
            more = 'layout = "demo"\nalt = "two curves"\n'
        text = PLAIN.format(n=n, part=f"Part {1 + n // 4}", m=1.5 if n == 1 else 2, more=more)
        (folder / f"{n:02}-s.md").write_text(text + DEMO * (n == 11), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def url(serve: Callable, folder: Path) -> Iterator[str]:
    with serve(NFNET_SLIDES=str(folder)) as url:
        yield url


@pytest.fixture
def talk(url: str, open_page: Callable[..., Page]) -> Callable[..., Page]:
    def talk(query: str = "", **options: object) -> Page:
        page = open_page(f"{url}/?{query}", **options)
        expect(page.locator(".st-key-deck_nav .position")).to_have_text(re.compile(r"\d+ / 1[23]"))
        return page

    return talk


def at(page: Page, number: int) -> None:
    expect(page.locator(".st-key-slide h2")).to_have_text(f"Slide {number}")
    expect(page.locator(".st-key-deck_nav .position")).to_have_text(f"{number} / 12")


def test_ten_fast_presses_move_ten(talk: Callable[..., Page]) -> None:
    page = talk()
    at(page, 1)
    for _ in range(10):
        page.keyboard.press("PageDown", delay=0)
    at(page, 11)
    for _ in range(10):
        page.keyboard.press("PageUp", delay=0)
    at(page, 1)


def test_the_clicker_turns_pages_from_a_line_of_text_too(talk: Callable[..., Page]) -> None:
    page = talk("slide=s5")
    at(page, 5)
    page.evaluate("document.body.append(document.createElement('input'))")
    page.evaluate("document.body.append(document.createElement('textarea'))")
    page.locator("body > input").focus()
    page.keyboard.type("g 7 o")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("body > input")).to_have_value("g 7 o")
    at(page, 5)
    page.keyboard.press("PageDown")
    at(page, 6)
    page.locator("body > textarea").focus()
    page.keyboard.press("PageDown")  # there it has a meaning of its own
    at(page, 6)


def test_the_cut_passes_optional_slides_by(talk: Callable[..., Page]) -> None:
    page = talk("cut=45")
    badge = page.locator(".st-key-deck_nav .cut")
    expect(badge).to_have_text("17.5-minute cut")
    for number in (2, 5, 6):
        page.keyboard.press("PageDown")
        at(page, number)
    for number in (5, 2):
        page.keyboard.press("PageUp")
        at(page, number)
    page.keyboard.press("End")
    at(page, 11)
    expect(page.locator(".st-key-deck_nav [data-do=forward]")).to_be_disabled()
    page.keyboard.press("PageDown")
    at(page, 11)
    page.keyboard.type("3")  # who asks for it by number gets it
    page.keyboard.press("Enter")
    at(page, 3)
    page.keyboard.press("PageDown")
    at(page, 5)


def test_without_the_cut_nothing_is_passed_by(talk: Callable[..., Page]) -> None:
    page = talk("slide=s2")
    at(page, 2)
    expect(page.locator(".st-key-deck_nav .cut")).to_be_hidden()
    page.keyboard.press("PageDown")
    at(page, 3)
    page.keyboard.press("End")
    at(page, 12)


def test_the_overview_tells_sections_minutes_and_what_is_left_out(
    talk: Callable[..., Page],
) -> None:
    page = talk("cut=45&slide=s5")
    at(page, 5)
    page.keyboard.press("o")
    overview = page.locator("dialog.overview")
    expect(overview.locator("h2")).to_have_text(["Part 1", "Part 2", "Part 3", "Part 4"])
    expect(overview.locator(".sum")).to_have_text("9 slides, 17.5 minutes; 3 left out")
    tiles = overview.locator("button[data-index]")
    expect(tiles).to_have_count(12)
    expect(tiles.nth(0)).to_contain_text("1.5 min")
    out = [index for index in range(12) if "left out" in tiles.nth(index).inner_text()]
    assert out == [number - 1 for number in OPTIONAL]
    expect(overview.locator("[aria-current=page]")).to_have_text(re.compile("Slide 5"))
    expect(tiles.nth(4)).to_be_focused()
    page.keyboard.press("ArrowDown")  # into the next section, to the tile below
    expect(tiles.nth(8)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(tiles.nth(4)).to_be_focused()
    page.keyboard.press("End")
    expect(tiles.nth(11)).to_be_focused()
    page.keyboard.press("Escape")
    expect(overview).to_be_hidden()
    at(page, 5)
    page.keyboard.press("o")
    overview.get_by_role("button", name="Close").click()
    expect(overview).to_be_hidden()


def test_a_demo_opens_as_its_lab_with_the_levers_where_they_stand(
    talk: Callable[..., Page], url: str
) -> None:
    page = talk("slide=s11")
    at(page, 11)
    slider = page.get_by_role("slider").first
    slider.focus()
    slider.press("ArrowLeft")  # λ 0.1 becomes 0.03
    expect(page.get_by_text("0.03").first).to_be_visible()
    page.get_by_role("button", name="Open as a lab").click()
    expect(page).to_have_url(re.compile(re.escape(f"{url}/train?")))
    expect(page.locator("h1")).to_contain_text("Train small nets")
    expect(page.get_by_role("radio", name="128")).to_be_checked()
    expect(page.get_by_test_id("stSliderThumbValue").first).to_have_text("0.03")
    page.get_by_role("link", name="Lecture").click()
    at(page, 11)


@pytest.mark.parametrize(
    ("lines", "window", "fits"),
    [
        (8, {"width": 1280, "height": 720}, "as it is"),
        (15, {"width": 1280, "height": 720}, "smaller"),
        (60, {"width": 1280, "height": 720}, "not"),
        (15, {"width": 390, "height": 600}, "not"),
    ],
)
def test_a_slide_a_little_too_high_is_drawn_smaller(
    lines: int,
    window: dict[str, int],
    fits: str,
    folder: Path,
    talk: Callable[..., Page],
) -> None:
    text = '+++\nid = "s13"\ntitle = "Slide 13"\n+++\n' + "A line.\n\n" * lines
    (folder / "13-s.md").write_text(text + "::: step\nLast.\n:::\n", encoding="utf-8")
    try:
        page = talk("slide=s13", viewport=window)
        slide, main = page.locator(".st-key-slide"), page.get_by_test_id("stMain")
        expect(slide.get_by_text("Last.")).to_be_attached()
        zoom = {"as it is": "1", "smaller": re.compile(r"0\.[6-9]\d*"), "not": "1"}[fits]
        expect(slide).to_have_css("zoom", zoom)
        over = main.evaluate("node => node.scrollHeight - node.clientHeight")
        assert over > 0 if fits == "not" else over <= 0
    finally:
        (folder / "13-s.md").unlink()


def test_whether_a_slide_is_far_too_high_is_tried_as_a_smaller_one_has_shorter_texts(
    folder: Path, talk: Callable[..., Page]
) -> None:
    # As it is, each text takes two lines and all of them twice the screen; smaller, one line each.
    column = "::: col\n" + f"{'word ' * 10}\n\n" * 14 + ":::\n"
    text = f'+++\nid = "s13"\ntitle = "Slide 13"\nlayout = "two-col"\n+++\n{2 * column}'
    (folder / "13-s.md").write_text(text, encoding="utf-8")
    try:
        page = talk("slide=s13&projector=1", viewport={"width": 1280, "height": 720})
        expect(page.locator(".st-key-slide")).to_have_css("zoom", re.compile(r"0\.[6-9]\d*"))
    finally:
        (folder / "13-s.md").unlink()


def test_drawing_slides_starts_no_computation(talk: Callable[..., Page]) -> None:
    page = talk("slide=s10")
    at(page, 10)
    page.keyboard.press("PageDown")
    at(page, 11)
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_the_plain_bar_knows_the_cut_too(url: str, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{url}/?plain=1&cut=45&slide=s2")
    expect(page.get_by_text("2 / 12, 17.5-minute cut")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".st-key-slide h2")).to_have_text("Slide 5")
