"""The lecture's own slides where people look at them: on a projector and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as Late

from app.slides import read_deck, slides_folder

OpenPage = Callable[..., Page]
LONG = 60_000  # ms; a busy machine draws slowly
PROJECTOR = {"viewport": {"width": 1920, "height": 1080}}
PHONE = {"viewport": {"width": 390, "height": 844}}
# What is wrong with the slide that is seen; null: nothing.
ON_A_PROJECTOR = """(title) => {
  const slide = document.querySelector(".st-key-slide");
  const main = document.querySelector("[data-testid=stMain]");
  if (!slide?.querySelector("h1, h2")?.textContent.includes(title)) return "another slide";
  if (document.querySelector("[data-testid=stSkeleton]")) return "not yet drawn";
  if ([...slide.querySelectorAll("img")].some((image) => !image.complete)) return "not yet drawn";
  if (main.scrollHeight > main.clientHeight) return "has to be scrolled";
  if (main.scrollWidth > main.clientWidth) return "has to be scrolled sideways";
  for (const place of slide.querySelectorAll("[data-testid=stElementContainer]")) {
    const box = place.getBoundingClientRect();
    const chart = place.querySelector("[data-testid=stPlotlyChart]");
    if (!chart || !box.width) continue; // no figure, or its layout for another window
    const drawn = chart.querySelector(".main-svg")?.getBoundingClientRect();
    if (!drawn) return "not yet drawn";
    if (Math.abs(drawn.width / box.width - 1) > 0.02) return "a figure does not fill its place";
    if (drawn.bottom > box.bottom + 2) return "a figure is cut off";
  }
  return null;
}"""
ON_A_PHONE = """(title) => {
  const main = document.querySelector("[data-testid=stMain]");
  const shown = document.querySelector(".st-key-slide")?.querySelector("h1, h2")?.textContent ?? "";
  if (!shown.includes(title)) return "another slide";
  if ([...document.images].some((image) => !image.complete)) return "not yet drawn";
  return main.scrollWidth > main.clientWidth ? "has to be scrolled sideways" : null;
}"""


def wrongs(page: Page, wrong: str) -> dict[str, str]:
    """Slide -> what is wrong with it, all steps open; the page shows the first slide."""
    deck, _ = read_deck(slides_folder())
    found = {}
    for slide in deck.slides:
        expect(page.locator(".st-key-slide").locator("h1, h2").first).to_be_visible(timeout=LONG)
        title = re.sub(r"\$.*", "", slide.title).strip()  # a formula is drawn twice
        try:
            for _ in range(2):  # a slide comes to rest
                page.wait_for_timeout(200)
                right = f"title => ({wrong})(title) === null"
                page.wait_for_function(right, arg=title, timeout=15_000)
        except Late:
            found[slide.id] = page.evaluate(wrong, title)
        for _ in range(slide.steps + 1):
            page.keyboard.press("PageDown")
    return found


@pytest.mark.parametrize("query", ["", "?projector=1"])
def test_on_a_projector_no_slide_is_scrolled_and_figures_fill_their_places(
    query: str, server: str, open_page: OpenPage
) -> None:
    page = open_page(f"{server}/{query}", **PROJECTOR)
    assert wrongs(page, ON_A_PROJECTOR) == {}


def test_on_a_phone_no_slide_is_scrolled_sideways(server: str, open_page: OpenPage) -> None:
    page = open_page(server, **PHONE)
    assert wrongs(page, ON_A_PHONE) == {}
