"""The clipping canvas in a browser: its numbers against Python's, pointer, keys, touch, slide."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.components.clip_canvas import RULE
from app.demos import recorded
from app.demos.clipping_words import takeaway
from app.demos.unit_figures import Units
from nfnet.run import CLIP_BY

LONG = 120_000  # ms; a busy machine draws slowly
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
OpenPage = Callable[..., Page]


def units(step: int = 20) -> Units:
    return Units.of(next(i for i in recorded.load("gradients").items if i["step"] == step))


def odd_units() -> Units:
    """Weights and gradients that are zero, tiny and huge, in layers of one unit and more."""
    generator = np.random.default_rng(3)
    norms = 10.0 ** generator.uniform(-9, 4, (2, 40))
    norms[:, ::7] = 0
    names = np.repeat([f"layer {n}" for n in range(8)], 5)
    names[-1] = "one alone"
    return Units(names, np.arange(40), *norms, np.zeros(40), frozenset())


@pytest.mark.parametrize("shown", [units(0), units(20), units(60), odd_units()])
def test_the_browser_clips_as_the_library_does(browser: Browser, shown: Units) -> None:
    thresholds = [None, 1e-4, 3e-4, 0.00123, 0.01, 0.0457, 0.3, 1.0]
    asked = [(clipping, by) for clipping in thresholds for by in CLIP_BY]
    exact = {
        **shown.columns(),
        "weight": shown.weight_norm.tolist(),
        "gradient": shown.gradient_norm.tolist(),
    }
    exact["layers"] = 1 + max(exact["layer"])
    script = """([units, asked]) => { %s
      return asked.map(([clipping, by]) => {
        const pieces = piecesOf(units, by);
        return [factorsOf(units, pieces, clipping), tell(units, pieces, clipping, by)];
      });
    }"""
    page = browser.new_page()
    answers = page.evaluate(script % RULE, [exact, asked])
    page.close()
    for (clipping, by), (factors, told) in zip(asked, answers, strict=True):
        assert factors == pytest.approx(shown.factor(clipping, by).tolist(), rel=1e-12)
        assert told == takeaway(shown, clipping, by)


# the page


def opened(open_page: OpenPage, url: str, **options: Any) -> Page:
    page = open_page(url, **options)
    expect(line(page)).to_be_visible(timeout=LONG)
    expect(canvas(page)).to_be_visible()
    return page


def canvas(page: Page) -> Locator:
    return page.locator("[class*=_canvas] .bars canvas")


def line(page: Page) -> Locator:
    return page.locator("[class*=_canvas] .line")


def value(page: Page) -> float:
    return float(line(page).get_attribute("aria-valuenow"))


def says(page: Page, clipping: float | None, by: str = "unit") -> None:
    """The sentence under the bars, and what a screen reader hears, is Python's."""
    words = takeaway(units(), clipping, by)
    expect(page.locator("[class*=_canvas] .told")).to_have_text(words, timeout=LONG)
    expect(line(page)).to_have_attribute("aria-valuetext", words)


def grip(handle: Locator) -> tuple[float, float]:
    box = handle.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_line_follows_the_pointer_and_then_the_page_follows_the_line(
    server: str, open_page: OpenPage
) -> None:
    page = opened(open_page, f"{server}/clipping", viewport={"width": 1400, "height": 1000})
    says(page, 0.01)
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.reload()
    expect(line(page)).to_be_visible(timeout=LONG)
    expect(page.get_by_text("Layer by layer")).to_be_visible(timeout=LONG)
    page.wait_for_timeout(500)
    before = len(sent)

    x, y = grip(line(page))
    page.mouse.move(x, y)
    page.mouse.down()
    seen = []
    for up in range(4, 61, 4):
        page.mouse.move(x, y - up)
        page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => done(1)))")
        seen.append(value(page))
        says(page, seen[-1])
    assert seen == sorted(set(seen)) and seen[0] > 0.01  # higher at every frame
    assert len(sent) == before  # the server hears nothing while the line moves
    page.mouse.up()
    dragged = seen[-1]
    expect(page).to_have_url(re.compile(f"clip_lambda={dragged:g}"), timeout=LONG)
    expect(page.get_by_text(f"λ = {dragged:g}, so this unit's gradient")).to_be_visible()
    assert value(page) == dragged

    # the circle in the picture of one unit is the same threshold
    circle = page.locator("[class*=_canvas] .circle")
    x, y = grip(circle)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 8, y - 8, steps=3)
    page.mouse.up()
    assert value(page) < dragged
    expect(page).to_have_url(re.compile(f"clip_lambda={value(page):g}"), timeout=LONG)
    says(page, value(page))

    # its handle shrinks no circle by being drawn outward, be it drawn smaller than it is
    line(page).press("End")
    line(page).press("PageDown")
    expect(line(page)).to_have_attribute("aria-valuenow", "0.316")
    x, y = grip(circle)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 8, y + 8, steps=3)
    page.mouse.up()
    page.wait_for_function("() => new Promise(done => requestAnimationFrame(() => done(1)))")
    assert value(page) > 0.316
    circle.press("ArrowDown")
    expect(circle).to_have_attribute("aria-valuenow", line(page).get_attribute("aria-valuenow"))
    expect(page).to_have_url(re.compile(f"clip_lambda={value(page):g}"), timeout=LONG)

    # a bar chooses its unit, on the page too
    box = canvas(page).bounding_box()
    page.mouse.click(box["x"] + box["width"] - 12, box["y"] + 60)
    smallest = np.array(units().names)[np.argsort(units().ratio)[:12]]
    one_of = re.compile("|".join(f"^{re.escape(name)}: ‖W‖" for name in smallest))
    expect(page.locator("figcaption")).to_have_text(one_of)
    name = page.locator("figcaption").inner_text().split(":")[0]
    expect(page.get_by_role("combobox", name="Unit")).to_have_value(name, timeout=LONG)


def test_the_keyboard_moves_the_line_and_chooses_what_is_clipped_as_one(
    server: str, open_page: OpenPage
) -> None:
    page = opened(open_page, f"{server}/clipping", viewport={"width": 1400, "height": 1000})
    says(page, 0.01)
    slider = page.get_by_role("slider", name="Threshold λ")
    slider.focus()
    assert slider.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    for key, factor in (("ArrowUp", 10**0.05), ("ArrowRight", 10**0.05), ("PageUp", 10**0.5)):
        before = value(page)
        slider.press(key)
        wanted = float(f"{before * factor:.3g}")
        expect(slider).to_have_attribute("aria-valuenow", f"{wanted:g}")
    for key, wanted in (("Home", "0.0001"), ("ArrowDown", "0.0001"), ("End", "1")):
        slider.press(key)
        expect(slider).to_have_attribute("aria-valuenow", wanted)
    slider.press("PageDown")
    expect(slider).to_have_attribute("aria-valuenow", "0.316")
    says(page, 0.316)
    expect(page).to_have_url(re.compile("clip_lambda=0.316"), timeout=LONG)

    page.get_by_role("radio", name="layer").check()
    says(page, 0.316, "layer")
    page.get_by_role("radio", name="layer").press("ArrowRight")
    says(page, 0.316, "global")
    expect(page).to_have_url(re.compile("clip_by=global"), timeout=LONG)
    page.get_by_role("radio", name="off").check()
    expect(line(page)).to_be_hidden()
    expect(page.locator("[class*=_canvas] .told")).to_have_text(takeaway(units(), None))
    expect(page).to_have_url(re.compile("clip_lambda=off"), timeout=LONG)
    page.get_by_role("radio", name="unit (AGC)").check()
    says(page, 0.316)
    page.get_by_role("button", name="Reset").click()
    expect(line(page)).to_have_attribute("aria-valuenow", "0.01", timeout=LONG)


def test_on_a_phone_fingers_move_the_line_and_scroll_beside_it(
    server: str, open_page: OpenPage
) -> None:
    page = opened(open_page, f"{server}/clipping", **PHONE, device_scale_factor=3)
    fine, wide = canvas(page).evaluate("c => [c.width / c.clientWidth, c.clientWidth]")
    assert fine == pytest.approx(3, abs=0.02) and 250 < wide <= 390
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    line(page).scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    touch = page.context.new_cdp_session(page)

    def finger(kind: str, *place: float) -> None:
        points = [{"x": place[0], "y": place[1]}] if place else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    x, y = grip(line(page))
    finger("touchStart", x, y)
    for up in range(6, 49, 6):
        finger("touchMove", x, y - up)
    expect(line(page)).not_to_have_attribute("aria-valuenow", "0.01")
    finger("touchEnd")
    assert value(page) > 0.02
    expect(page).to_have_url(re.compile(f"clip_lambda={value(page):g}"), timeout=LONG)
    assert canvas(page).evaluate("c => getComputedStyle(c).touchAction") == "auto"  # it scrolls


def test_in_a_slide_the_line_takes_the_arrows_and_leaves_the_clicker(
    server: str, open_page: OpenPage
) -> None:
    page = opened(open_page, f"{server}/?slide=real-gradients")
    number = page.locator(".st-key-deck_nav .position")
    here = number.inner_text()
    assert re.fullmatch(r"\d+ / \d+", here)
    line(page).focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"):
        page.keyboard.press(key)
    expect(line(page)).to_have_attribute("aria-valuenow", "0.00998", timeout=LONG)
    assert number.inner_text() == here
    page.wait_for_timeout(600)  # where the line rests is sent, and drawn again
    expect(line(page)).to_have_attribute("aria-valuenow", "0.00998")
    page.keyboard.press("PageDown")  # a clicker's key, though the line has the focus
    expect(number).not_to_have_text(here, timeout=LONG)
    page.keyboard.press("PageUp")
    expect(number).to_have_text(here, timeout=LONG)
    expect(line(page)).to_be_visible(timeout=LONG)
    page.keyboard.press("ArrowRight")  # nothing has the focus
    expect(number).not_to_have_text(here, timeout=LONG)


COUNT = """() => {
  window.clicks = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...when) {
    window.clicks.push(performance.now());
    return start.apply(this, when);
  };
}"""


def test_the_geiger_counter_is_silent_until_asked_and_never_a_rattle(
    server: str, open_page: OpenPage
) -> None:
    page = opened(open_page, f"{server}/clipping", viewport={"width": 1400, "height": 1000})
    page.evaluate(COUNT)
    button = page.get_by_role("button", name="Geiger counter")
    expect(button).to_have_attribute("aria-pressed", "false")

    def drag() -> None:
        x, y = grip(line(page))
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y + 20, steps=4)
        page.wait_for_timeout(2500)
        page.mouse.up()

    drag()
    assert page.evaluate("clicks") == []
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    drag()
    clicks = page.evaluate("clicks")
    assert 1 <= len(clicks) <= 50
    assert all(b - a >= 50 for a, b in zip(clicks, clicks[1:], strict=False))
    page.wait_for_timeout(1200)
    still = page.evaluate("clicks.length")
    page.wait_for_timeout(600)
    assert page.evaluate("clicks.length") == still  # only while λ moves
    button.click()
    drag()
    assert page.evaluate("clicks.length") == still
