"""The deck as a file without a network, and on paper: a sheet a slide."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.deck.load import ROOT, load_deck
from app.demos import DEMOS

LONG = "\n\n".join(f"Paragraph {n} of far too many notes. " + "Say it. " * 40 for n in range(14))
SLIDES = {
    "01-opening.md": '+++\nid = "opening"\ntitle = "Opening"\nlayout = "title"\n+++\nHello.\n'
    "::: notes\nSmile.\n:::\n",
    "02-steps.md": '+++\nid = "steps"\ntitle = "Steps"\n+++\n$a_1$\n\n::: step\nOpen.\n:::\n',
    "03-high.md": '+++\nid = "high"\ntitle = "High"\n+++\n' + "A line.\n\n" * 24,
    "04-demo.md": '+++\nid = "demo"\ntitle = "Demo"\nlayout = "demo"\nalt = "lines"\n+++\n'
    f"::: demo race preset=four\n:::\n::: notes\n{LONG}\n:::\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    for name, text in SLIDES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def url(serve: Callable, folder: Path) -> Iterator[str]:
    with serve(NFNET_SLIDES=str(folder)) as url:
        yield url


def export(file: Path, *options: str) -> str:
    """The address of a file as a person makes it, with the real slides."""
    command = [sys.executable, "-m", "app", "export", str(file), *options]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return file.as_uri()


def ready(page: Page) -> Page:
    page.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
    return page


def pages(page: Page) -> int:
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


@pytest.fixture(scope="module")
def exported(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The real deck with notes, opened where there is no network; requests are kept."""
    address = export(tmp_path_factory.mktemp("export") / "deck.html", "--notes")
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    page = context.new_page()
    page.asked, page.complaints = [], []  # type: ignore[attr-defined]
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
    page.goto(address)
    yield ready(page)
    context.close()


def test_the_file_asks_for_nothing(exported: Page) -> None:
    deck = load_deck(ROOT / "slides", DEMOS)
    expect(exported.locator("section")).to_have_count(len(deck.slides))
    fetched = [url for url in exported.asked if not url.startswith("data:")]
    assert fetched == [exported.url.split("#")[0]]
    assert exported.complaints == []


def test_every_formula_of_the_deck_is_set(exported: Page) -> None:
    """By KaTeX itself, which refuses what it does not know."""
    broken = exported.locator(".katex-error").evaluate_all("all => all.map((e) => e.title)")
    assert broken == []
    assert exported.locator(".katex").count() == exported.locator(".math").count() > 30
    small = exported.evaluate("""() => {
        const size = (element) => parseFloat(getComputedStyle(element).fontSize);
        return [...document.querySelectorAll(".katex .mtight .mord")]
            .every((e) => size(e) < size(e.closest(".katex")));
    }""")
    assert small, "indices as large as their letters: style and script do not fit"


def test_figures_are_drawn_and_described(exported: Page) -> None:
    plots = exported.locator(".plot")
    assert plots.count() >= 7
    for plot in plots.all():
        assert plot.locator("svg.main-svg").count() >= 1
        assert len(plot.get_attribute("aria-label").split()) >= 5
        assert plot.locator(".trace, .points, .bars, .hm").count() >= 1


def test_no_slide_is_larger_than_its_stage(exported: Page) -> None:
    sizes = exported.locator("section").evaluate_all("""all => all.map((section) => {
        const box = (selector) => section.querySelector(selector).getBoundingClientRect();
        const zoom = Number(section.querySelector(".content").style.zoom);
        return [section.id, box(".content").height - box("article").height, zoom];
    })""")
    assert [id for id, over, _ in sizes if over > 1] == []
    assert [id for id, _, zoom in sizes if zoom < 0.7] == [], "shrunk beyond reading"


def test_keys_turn_the_file_s_slides(exported: Page) -> None:
    place = exported.locator("#place")
    last = exported.locator("section").count()
    exported.keyboard.press("Home")
    for key, number in (("PageDown", 2), (" ", 3), ("ArrowLeft", 2), ("End", last)):
        exported.keyboard.press(key)
        expect(place).to_have_text(f"{number} / {last}")
        expect(exported.locator("section.current")).to_have_count(1)
        expect(exported.locator("section").nth(number - 1)).to_be_visible()
    exported.keyboard.type("4")
    exported.keyboard.press("Enter")
    expect(place).to_have_text(f"4 / {last}")
    exported.keyboard.press("o")
    exported.locator("#all a").nth(6).click()
    expect(place).to_have_text(f"7 / {last}")
    exported.keyboard.press("n")
    expect(exported.locator("section.current .notes")).to_be_visible()
    exported.keyboard.press("n")
    expect(exported.locator("section.current .notes")).to_be_hidden()
    exported.keyboard.press("b")
    expect(exported.locator("#blank")).to_be_visible()
    exported.keyboard.press("PageDown")
    expect(exported.locator("#blank")).to_be_hidden()


def test_the_file_prints_a_sheet_a_slide(exported: Page) -> None:
    assert pages(exported) == exported.locator("section").count()


@pytest.mark.parametrize("query", ["", "?notes=1"])
def test_the_handout_is_a_sheet_a_slide(
    query: str, url: str, open_page: Callable[..., Page]
) -> None:
    page = ready(open_page(f"{url}/handout{query}"))
    for section in page.locator("section").all():
        expect(section).to_be_visible()
    expect(page.get_by_text("Open.")).to_be_visible()
    expect(page.get_by_text("Smile.")).to_have_count(1 if query else 0)
    assert page.locator("#demo svg.main-svg").count() >= 1
    assert pages(page) == len(SLIDES)
    page.get_by_role("link", name="Without notes" if query else "With notes").click()
    ready(page)
    assert page.url.endswith("/handout?" if query else "/handout?notes=1")
    assert pages(page) == len(SLIDES)


def test_on_a_phone_nothing_of_the_handout_is_wider_than_the_screen(
    server: str, open_page: Callable[..., Page]
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True}
    page = ready(open_page(f"{server}/handout", **phone))
    assert page.evaluate("innerWidth") == 390, "zoomed out to show all of something wide"
    assert (
        page.locator(".plot, #sheets > *").evaluate_all("""all => all.filter((element) =>
        element.scrollWidth > element.clientWidth + 1).map((element) => element.textContent)""")
        == []
    )


def test_the_overview_leads_to_the_handout(url: str, open_page: Callable[..., Page]) -> None:
    page = open_page(url)
    expect(page.locator(".st-key-deck_nav .position")).to_have_text(f"1 / {len(SLIDES)}")
    page.keyboard.press("o")
    with page.context.expect_page() as opening:
        page.get_by_role("link", name="To print").click()
    handout = ready(opening.value)
    expect(handout.locator("section")).to_have_count(len(SLIDES))


def test_long_notes_and_a_high_slide_shrink_to_their_sheet(
    url: str, open_page: Callable[..., Page]
) -> None:
    page = ready(open_page(f"{url}/handout?notes=1"))
    page.emulate_media(media="print")
    left = page.locator("section").evaluate_all("""all => all.map((section) => {
        const bottom = (part) => part?.getBoundingClientRect().bottom ?? 0;
        const end = bottom(section);
        return [end - bottom(section.querySelector(".content")),
                end - bottom(section.querySelector(".notes"))];
    })""")
    assert all(slide >= 0 and notes >= 0 for slide, notes in left), left


def test_the_handout_can_be_saved_as_a_file(
    url: str, open_page: Callable[..., Page], browser: Browser, tmp_path: Path
) -> None:
    page = ready(open_page(f"{url}/handout"))
    with page.expect_download() as saving:
        page.get_by_role("link", name="Save as one file").click()
    saving.value.save_as(tmp_path / "lecture.html")
    context = browser.new_context(offline=True)
    try:
        saved = context.new_page()
        saved.goto((tmp_path / "lecture.html").as_uri())
        expect(ready(saved).locator("#place")).to_have_text(f"1 / {len(SLIDES)}")
    finally:
        context.close()


def test_a_mistake_in_a_slide_is_told_to_who_prints(
    serve: Callable, folder: Path, tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    (tmp_path / "01-bad.md").write_text('+++\nid = "bad"\ntitle = "B"\n+++\n::: stage\n:::\n')
    with serve(NFNET_SLIDES=str(tmp_path)) as url:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/handout")
        with caught.value as answer:
            assert answer.code == 500
            assert (
                answer.read()
                .decode()
                .endswith(
                    "01-bad.md:5: unknown block 'stage'; choose "
                    "from step, col, demo, code, poll, cite, notes"
                )
            )
