"""The drawn pictures in a real browser: nothing overlaps or is cut, and both pages suit them."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image
from playwright.sync_api import Browser

from app.pictures import PICTURES
from app.theme import PAGE

# the box of every text, in the picture's px; and the boxes of rectangles that hold one
TEXTS = """() => [...document.querySelectorAll('svg text')].map(e => {
  const b = e.getBBox(); return [e.textContent, b.x, b.y, b.x + b.width, b.y + b.height]; })"""
BOXES = """() => [...document.querySelectorAll('svg rect')].map(e => {
  const b = e.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; })"""


# A line set in the pictures' font; DejaVu Sans, a wide one that systems fall back on, takes so many
# em a letter for it, by weight. Narrower ones are spaced out to that.
SAMPLE = "Large weight: unchanged 256, 512 channels"
WIDEST = {400: 0.545, 700: 0.61}
SPACING = """([sample, weight, widest]) => {
  const text = document.querySelector("svg").appendChild(
    document.createElementNS("http://www.w3.org/2000/svg", "text"));
  text.textContent = sample;
  text.style.fontSize = "100px";
  text.style.fontWeight = weight;
  const spacing = widest - text.getComputedTextLength() / 100 / sample.length;
  text.remove();
  return Math.max(0, spacing);
}"""


@pytest.mark.parametrize("name", PICTURES)
def test_no_text_is_cut_or_overlaps_another_even_in_the_widest_font(
    browser: Browser, name: str
) -> None:
    page = browser.new_page()
    page.set_content(PICTURES[name]())
    plain, bold = (page.evaluate(SPACING, [SAMPLE, *each]) for each in WIDEST.items())
    rules = f"text {{ letter-spacing: {plain}em }} [font-weight] {{ letter-spacing: {bold}em }}"
    page.add_style_tag(content=rules)
    height = page.evaluate("document.querySelector('svg').viewBox.baseVal.height")
    boxes, texts = page.evaluate(BOXES), page.evaluate(TEXTS)
    page.close()
    for k, (content, *a) in enumerate(texts):
        assert a[0] >= 0 and a[1] >= 0 and a[2] <= 900 and a[3] <= height + 2, content
        for other, *b in texts[:k]:
            # the boxes of two lines of one block touch: a fifth of a line belongs to no letter
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] - 6 <= b[1] or b[3] - 6 <= a[1]
            assert apart, (content, other)
        for box in boxes:
            x, y = (a[0] + a[2]) / 2, (a[1] + a[3]) / 2
            if box[0] < x < box[2] and box[1] < y < box[3]:
                assert box[0] < a[0] and a[2] < box[2], f"{content} leaves its box"


@pytest.mark.parametrize("dark", [False, True])
def test_an_image_takes_the_colours_of_the_page_it_is_on(browser: Browser, dark: bool) -> None:
    """Streamlit sets the page's color-scheme to the app's theme, whatever the system has."""
    picture = base64.b64encode(PICTURES["residual-block"]().encode()).decode()
    page = browser.new_page(color_scheme="light" if dark else "dark")
    scheme = "dark" if dark else "light"
    page.set_content(
        f"<html style='color-scheme: {scheme}'><body style='margin: 0; background: {PAGE[dark]}'>"
        f"<img width=900 src='data:image/svg+xml;base64,{picture}'>"
    )
    page.wait_for_function("document.images[0].complete")
    shot = Image.open(io.BytesIO(page.locator("img").screenshot())).convert("L")
    page.close()
    stream = shot.getpixel((50, 400))  # a point of the thick line
    ground = shot.getpixel((100, 700))
    assert abs(stream - ground) > 150
    assert (ground < 60) == dark
