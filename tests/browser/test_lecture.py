"""The lecture in a browser: keys, clicker, addresses, overlays, small screens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

LONG = "\n".join(f"Line {n} of a slide that is higher than the window.\n" for n in range(60))
SLIDES = {
    "01-opening.md": '+++\nid = "opening"\ntitle = "Opening"\nlayout = "title"\n+++\nHello.\n',
    "02-steps.md": '+++\nid = "steps"\ntitle = "Steps with $\\\\lambda$"\nlayout = "two-col"\n+++\n'
    "Shown.\n::: col\n::: step\nOne.\n:::\n:::\n::: col\n::: step\nTwo.\n:::\n:::\n",
    "03-demo.md": '+++\nid = "demo"\ntitle = "Demo"\nlayout = "demo"\nalt = "bars"\n+++\n'
    "::: demo race\n:::\n",
    "04-wide.md": '+++\nid = "wide"\ntitle = "A-title-without-a-single-place-to-break-it"\n+++\n'
    "$$a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q + r + s + t + u + v$$\n"
    "::: code file=nfnet/formulas.py symbol=clip_factor\n:::\n"
    "| a | b | c |\n|---|---|---|\n| long words here | and more there | and yet more |\n",
    "05-long.md": f'+++\nid = "long"\ntitle = "Long"\n+++\n{LONG}\n::: step\nAt last.\n:::\n',
    "06-end.md": '+++\nid = "end"\ntitle = "End <b>of it</b>"\n+++\n::: step\nBye.\n:::\n',
}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def url(serve: Callable, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("slides")
    for name, text in SLIDES.items():
        (folder / name).write_text(text, encoding="utf-8")
    with serve(NFNET_SLIDES=str(folder)) as url:
        yield url


@pytest.fixture
def lecture(url: str, open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Opens the lecture at a slide, and waits until its keys work."""

    def lecture(slide: str = "", **options: object) -> Page:
        page = open_page(f"{url}/?slide={slide}" if slide else url, **options)
        expect(number(page)).to_have_text(re.compile(r"\d+ / 6"))
        return page

    return lecture


def number(page: Page) -> Locator:
    return page.locator(".st-key-deck_nav .position")


def title(page: Page) -> Locator:
    return page.locator(".st-key-slide").locator("h1, h2")


def at(page: Page, name: str, position: int) -> None:
    expect(title(page)).to_contain_text(name)
    expect(number(page)).to_have_text(f"{position} / 6")


def hidden(page: Page, *flags: bool) -> None:
    steps = page.locator('[class*="st-key-frag_"]')
    expect(steps).to_have_count(len(flags))
    for step, flag in zip(steps.all(), flags, strict=True):
        expect(step).to_have_css("visibility", "hidden" if flag else "visible")
        if flag:
            expect(step).to_have_attribute("aria-hidden", "true")
        else:
            expect(step).not_to_have_attribute("aria-hidden", "true")


@pytest.mark.parametrize(
    ("forward", "back"), [("ArrowRight", "ArrowLeft"), ("PageDown", "PageUp"), (" ", "Shift+ ")]
)
def test_keys_reveal_steps_and_move_slides(
    lecture: Callable[..., Page], forward: str, back: str
) -> None:
    page = lecture()
    at(page, "Opening", 1)
    page.keyboard.press(forward)
    at(page, "Steps", 2)
    hidden(page, True, True)
    page.keyboard.press(forward)
    hidden(page, False, True)
    page.keyboard.press(forward)
    hidden(page, False, False)
    page.keyboard.press(forward)
    at(page, "Demo", 3)
    page.keyboard.press(back)
    at(page, "Steps", 2)
    hidden(page, False, False)  # who goes back sees the slide as it was left
    page.keyboard.press(back)
    hidden(page, False, True)


def test_a_step_needs_no_server(lecture: Callable[..., Page]) -> None:
    page = lecture("steps")
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.reload()
    at(page, "Steps", 2)
    hidden(page, True, True)
    before = len(sent)
    assert before
    page.keyboard.press("PageDown")
    hidden(page, False, True)
    page.keyboard.press("PageDown")
    hidden(page, False, False)
    assert len(sent) == before


def test_fast_presses_are_all_counted(lecture: Callable[..., Page]) -> None:
    page = lecture()
    for _ in range(6):
        page.keyboard.press("PageDown", delay=0)
    at(page, "Long", 5)
    for _ in range(6):
        page.keyboard.press("PageUp", delay=0)  # never a step more, never one less
    at(page, "Opening", 1)


def test_home_end_digits_and_the_jump_box(lecture: Callable[..., Page]) -> None:
    page = lecture()
    page.keyboard.press("End")
    at(page, "End", 6)
    page.keyboard.press("Home")
    at(page, "Opening", 1)
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    at(page, "A-title", 4)
    page.keyboard.press("g")
    page.keyboard.type("99")
    page.keyboard.press("Enter")
    at(page, "End", 6)
    page.keyboard.press("g")
    page.keyboard.press("Escape")
    at(page, "End", 6)
    for key in ("Control+Home", "Alt+Home", "Meta+Home"):
        page.keyboard.press(key)
    at(page, "End", 6)


def test_a_focused_slider_keeps_its_arrows_but_not_the_clicker(
    lecture: Callable[..., Page],
) -> None:
    page = lecture("demo")
    slider = page.get_by_role("slider").first
    slider.focus()
    before = slider.get_attribute("aria-valuetext") or slider.get_attribute("aria-valuenow")
    page.keyboard.press("ArrowRight")
    at(page, "Demo", 3)
    after = slider.get_attribute("aria-valuetext") or slider.get_attribute("aria-valuenow")
    assert after != before
    page.keyboard.press("PageDown")
    at(page, "A-title", 4)


def test_a_slider_just_moved_does_not_swallow_the_clicker(lecture: Callable[..., Page]) -> None:
    """What the slider and the slide's change ask of the server may fall into one message."""
    page = lecture("demo")
    for key in ("ArrowRight", "ArrowLeft") * 4:
        page.get_by_role("slider").first.focus()
        page.keyboard.press(key)
        page.keyboard.press("PageDown")
        at(page, "A-title", 4)
        page.keyboard.press("PageUp")
        at(page, "Demo", 3)


def test_a_focused_button_keeps_space(lecture: Callable[..., Page]) -> None:
    page = lecture("steps")
    page.locator(".st-key-deck_nav [data-do=overview]").focus()
    page.keyboard.press(" ")
    expect(page.locator("dialog.overview")).to_be_visible()
    page.keyboard.press("Escape")
    hidden(page, True, True)


def test_address_reload_back_and_forward(lecture: Callable[..., Page], url: str) -> None:
    page = lecture("demo")
    at(page, "Demo", 3)
    page.reload()
    at(page, "Demo", 3)
    page.keyboard.press("ArrowRight")
    at(page, "A-title", 4)
    expect(page).to_have_url(f"{url}/?slide=wide")
    page.keyboard.press("ArrowRight")
    at(page, "Long", 5)
    page.go_back()
    at(page, "A-title", 4)
    page.go_back()
    at(page, "Demo", 3)
    page.go_forward()
    at(page, "A-title", 4)
    expect(page).to_have_url(f"{url}/?slide=wide")
    page.keyboard.press("ArrowRight")  # the keys go on from where the address led
    at(page, "Long", 5)


def test_a_reload_keeps_the_steps(lecture: Callable[..., Page]) -> None:
    page = lecture("steps")
    page.keyboard.press("ArrowRight")
    hidden(page, False, True)
    page.reload()
    hidden(page, False, True)


def test_another_page_and_back_keeps_the_place(lecture: Callable[..., Page]) -> None:
    page = lecture("opening")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    hidden(page, False, True)
    page.get_by_role("link", name="Clipping").click()
    expect(page.locator("h1")).to_contain_text("clipping")
    expect(page.locator(".st-key-slide")).to_have_count(0)
    page.keyboard.press("End")  # no lecture, no keys
    page.get_by_role("link", name="Lecture").click()
    at(page, "Steps", 2)
    hidden(page, False, True)


def test_a_wrong_address_says_so(lecture: Callable[..., Page]) -> None:
    page = lecture("nowhere")
    at(page, "Opening", 1)
    expect(page.get_by_text("There is no such slide; here is the first one.")).to_be_visible()


@pytest.mark.parametrize("leave", ["b", ".", "Escape", "PageDown"])
def test_blank_screen(lecture: Callable[..., Page], leave: str) -> None:
    page = lecture("steps")
    page.keyboard.press("b")
    blank = page.locator("dialog.blank")
    expect(blank).to_be_visible()
    expect(blank).to_have_css("background-color", "rgb(0, 0, 0)")
    size = blank.bounding_box()
    window = page.viewport_size
    assert size and window
    assert (size["width"], size["height"]) == (window["width"], window["height"])
    page.keyboard.press(leave)
    expect(blank).to_be_hidden()
    at(page, "Steps", 2)
    hidden(page, True, True)


def test_overview_lists_all_titles_and_goes_there(lecture: Callable[..., Page]) -> None:
    page = lecture("opening")
    page.keyboard.press("o")
    tiles = page.locator("dialog.overview .grid button")
    expect(tiles).to_have_count(6)
    expect(tiles.nth(1)).to_contain_text("Steps with λ")
    expect(tiles.nth(5)).to_contain_text("End <b>of it</b>")  # as text, never as HTML
    expect(tiles.nth(0)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    expect(tiles.nth(2)).to_be_focused()
    page.keyboard.press("Enter")
    at(page, "Demo", 3)
    page.keyboard.press("o")
    tiles.nth(4).click()
    at(page, "Long", 5)


def test_help_lists_the_keys(lecture: Callable[..., Page]) -> None:
    page = lecture()
    page.keyboard.press("?")
    expect(page.locator("dialog.help")).to_contain_text("blank screen")
    page.keyboard.press("?")
    expect(page.locator("dialog.help")).to_be_hidden()


def test_full_screen(lecture: Callable[..., Page]) -> None:
    page = lecture()
    page.keyboard.press("f")
    page.wait_for_function("document.fullscreenElement !== null")
    page.keyboard.press("f")
    page.wait_for_function("document.fullscreenElement === null")


def test_the_bar_by_mouse(lecture: Callable[..., Page]) -> None:
    page = lecture("opening")
    bar = page.locator(".st-key-deck_nav")
    expect(bar.locator("[data-do=back]")).to_be_disabled()
    bar.locator("[data-do=forward]").click()
    at(page, "Steps", 2)
    bar.locator("[data-do=forward]").click()
    hidden(page, False, True)
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    expect(bar.locator("[data-do=forward]")).to_be_disabled()


def test_a_step_below_the_edge_comes_into_view_and_the_next_slide_begins_at_its_top(
    lecture: Callable[..., Page],
) -> None:
    page = lecture("long")
    main = page.get_by_test_id("stMain")
    expect(page.get_by_text("At last.")).not_to_be_in_viewport()
    page.keyboard.press("PageDown")
    expect(page.get_by_text("At last.")).to_be_in_viewport()
    assert main.evaluate("node => node.scrollTop") > 0
    page.keyboard.press("PageDown")
    at(page, "End", 6)
    assert main.evaluate("node => node.scrollTop") == 0


def test_print_shows_every_step(lecture: Callable[..., Page]) -> None:
    page = lecture("steps")
    hidden(page, True, True)
    page.emulate_media(media="print")
    for step in page.locator('[class*="st-key-frag_"]').all():
        expect(step).to_have_css("visibility", "visible")
    expect(page.locator(".st-key-deck_nav .bar")).to_be_hidden()


def test_large_type_is_large_and_stays(lecture: Callable[..., Page], url: str) -> None:
    page = lecture("steps", viewport={"width": 1920, "height": 1080})
    root = page.locator("html")
    text = page.locator(".st-key-slide p", has_text="Shown.")
    expect(root).to_have_css("font-size", "16px")
    expect(text).to_have_css("font-size", re.compile(r"2[4-9](\.\d+)?px"))  # once styles are there
    page.get_by_text("Large type").click()
    expect(root).to_have_css("font-size", re.compile(r"2[56]\.\d+px|26px"))
    page.keyboard.press("End")
    at(page, "End", 6)
    assert "projector=1" in page.url
    page.get_by_role("link", name="Clipping").click()
    expect(page.locator("h1")).to_contain_text("clipping")
    expect(root).to_have_css("font-size", re.compile(r"2[56]\.\d+px|26px"))


def test_a_phone_scrolls_down_only(lecture: Callable[..., Page]) -> None:
    page = lecture("opening", **PHONE)
    for position in range(1, 7):
        expect(number(page)).to_have_text(f"{position} / 6")
        expect(title(page)).to_be_visible()
        widths = page.evaluate(
            """() => [document.documentElement, document.querySelector('[data-testid=stMain]')]
                     .map((node) => node.scrollWidth - node.clientWidth)"""
        )
        assert widths == [0, 0], position
        page.locator(".st-key-deck_nav [data-do=jump]").click()
        page.keyboard.type(str(min(position + 1, 6)))
        page.keyboard.press("Enter")


def test_swipes_on_a_phone(lecture: Callable[..., Page]) -> None:
    page = lecture("opening", **PHONE)

    touch = page.context.new_cdp_session(page)

    def swipe(target: Locator, across: int, down: int = 0) -> None:
        box = target.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for part, kind in enumerate(("touchStart", "touchMove", "touchMove", "touchMove")):
            point = {"x": x + across * part / 3, "y": y + down * part / 3}
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    slide = page.locator(".st-key-slide")
    swipe(slide, -120)
    at(page, "Steps", 2)
    swipe(slide, 120)
    at(page, "Opening", 1)
    swipe(slide, -30)
    swipe(slide, -120, down=200)
    at(page, "Opening", 1)
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    at(page, "Demo", 3)
    swipe(page.get_by_role("slider").locator(".."), -120)
    at(page, "Demo", 3)


def test_plain_works_without_the_component(url: str, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{url}/?plain=1&slide=steps")
    expect(title(page)).to_contain_text("Steps")
    expect(page.locator(".st-key-deck_nav")).to_have_count(0)
    for step in page.locator('[class*="st-key-frag_"]').all():
        expect(step).to_have_css("visibility", "visible")
    # the button brings its shortcut, and it comes after the slide
    expect(page.get_by_role("button", name="Next")).to_be_enabled()
    page.keyboard.press("PageDown")
    expect(title(page)).to_contain_text("Demo")
    page.get_by_role("button", name="Back").click()
    expect(title(page)).to_contain_text("Steps")
