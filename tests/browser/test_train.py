"""Live training in a browser: start, watch the curves move, move λ and see the net answer."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

LONG = 120_000  # ms; a busy machine trains slowly
# A seed of its own: a result that some other test left there would only be replayed.
ADDRESS = "/train?train_seed=4242"
CHART = ".st-key-train_loss canvas"


def tile(page: Page, net: str) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text=re.compile(rf"●\s*{re.escape(net)}"))


def step_reached(page: Page) -> int:
    text = page.get_by_test_id("stProgress").first.inner_text()
    found = re.search(r"Step (\d+) of", text)
    return int(found[1]) if found else 0


def picture(page: Page) -> str:
    return page.locator(CHART).first.evaluate("canvas => canvas.toDataURL()")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_race_moves_and_lambda_reaches_the_running_net(
    server: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{server}{ADDRESS}", viewport={"width": 1400, "height": 1000})
    sent: list[object] = []  # what the page asks of the server
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.reload()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled(timeout=LONG)
    press(page, "Start")
    expect(page.get_by_test_id("stProgress")).to_contain_text(
        re.compile(r"Step [1-9]\d* of 100"), timeout=LONG
    )
    expect(page.locator(CHART).first).to_be_visible()
    page.locator(CHART).first.evaluate("canvas => { canvas.dataset.mine = 'yes' }")
    before = picture(page)
    page.wait_for_function(
        f"old => document.querySelector('{CHART}').toDataURL() !== old", arg=before, timeout=LONG
    )

    press(page, "Pause")
    expect(page.get_by_role("button", name="Go on", exact=True)).to_be_visible(timeout=LONG)
    thumb = page.locator(".st-key-train_clipping").get_by_role("slider")
    expect(thumb).to_have_attribute("aria-valuetext", "0.01")
    thumb.focus()
    for _ in range(4):  # 0.003, 0.001, 0.0003, 0.0001: every unit is above that
        thumb.press("ArrowLeft")
    expect(thumb).to_have_attribute("aria-valuetext", "0.0001")
    press(page, "Go on")
    expect(tile(page, "NF + AGC")).to_contain_text(re.compile(r"(100|9\d)% clipped"), timeout=LONG)
    # the chart was updated in place all the while, not built anew
    assert page.locator(CHART).first.evaluate("canvas => canvas.dataset.mine") == "yes"

    press(page, "Stop")
    expect(page.get_by_role("button", name="Start again", exact=True)).to_be_visible(timeout=LONG)
    # the other three may have died before
    end = page.get_by_text(re.compile(r"NF \+ AGC: .* of the test images right, stopped at step"))
    expect(end).to_be_visible(timeout=LONG)

    # an idle page asks for nothing: four looks would fall into this time if it still looked
    asked = len(sent)
    assert asked > 4
    page.wait_for_timeout(2000)
    assert len(sent) == asked
