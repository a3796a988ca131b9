"""How fast a key turns a slide and reveals a step, in a real browser.

    python -m benchmarks.slide_latency [--times 40]

Starts the real server, `python -m app --port 0`, with the lecture's own slides, and opens them in
the system's Chromium, 1920 x 1080. A script in the page notes the time of each key press, then
looks at every frame the browser draws: a slide has changed when its title and its last block are
there, a step is revealed when it is visible. So the times hold the component, the way to the
server, the script's run there, the way back and the drawing, to the frame in which a viewer sees
it; frames come every 17 ms. The targets are 150 ms for a slide and 50 ms for a step.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import sys
from collections.abc import Sequence
from importlib.metadata import version

from playwright.sync_api import Page, sync_playwright

from app.deck.model import Deck
from app.slides import read_deck, slides_folder
from benchmarks.rerun_latency import server

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Waits for a frame in which `seen` holds, after the key press that starts the clock.
WATCH = """
(seen) => new Promise((done) => {
  document.addEventListener("keydown", () => {
    const began = performance.now();
    const look = () => (seen() ? done(performance.now() - began) : requestAnimationFrame(look));
    requestAnimationFrame(look);
  }, { capture: true, once: true });
})
"""
SLIDE = """
() => {
  const slide = document.querySelector(".st-key-slide");
  const bar = document.querySelector(".st-key-deck_nav");
  return slide && bar && slide.querySelector("h1, h2")?.textContent !== window.titleBefore
    && slide.querySelector('[class*="st-key-layout_"]')?.lastElementChild?.offsetHeight > 0;
}
"""
STEP = """
() => [...document.querySelectorAll('[class*="st-key-frag_"]')]
  .filter((step) => getComputedStyle(step).visibility === "visible").length > window.stepsBefore
"""


def timed(page: Page, key: str, before: str, seen: str) -> float:
    """Milliseconds from pressing `key` to the frame in which `seen` holds."""
    page.evaluate(before)
    # The promise is kept in the page while the key is pressed from here.
    page.evaluate(f"() => {{ window.waiting = ({WATCH})({seen}); }}")
    page.keyboard.press(key)
    return page.evaluate("() => window.waiting")


def measure(page: Page, url: str, deck: Deck, times: int) -> tuple[dict[str, float], list[float]]:
    """Slide changes by the slide arrived at (the first few laps are warm-up), and steps."""
    title = (
        "() => { window.titleBefore = document.querySelector('.st-key-slide :is(h1, h2)')"
        ".textContent; }"
    )
    steps = (
        "() => { window.stepsBefore = [...document.querySelectorAll('[class*=\"st-key-frag_\"]')]"
        ".filter((step) => getComputedStyle(step).visibility === 'visible').length; }"
    )
    slides: dict[str, list[float]] = {}
    revealed: list[float] = []
    laps = 1 + -(-times // len(deck.slides))
    for lap in range(laps):
        page.goto(f"{url}/?slide={deck.slides[0].id}")
        page.wait_for_selector(".st-key-slide :is(h1, h2)")
        page.wait_for_selector("html[data-deck]", state="attached")
        for here, there in zip(deck.slides, deck.slides[1:], strict=False):
            for _ in range(here.steps):
                revealed.append(timed(page, "PageDown", steps, STEP))
            took = timed(page, "PageDown", title, SLIDE)
            page.wait_for_timeout(400)  # charts of a slide may still be drawn after its text
            if lap:
                slides.setdefault(there.id, []).append(took)
    return {name: statistics.median(values) for name, values in slides.items()}, revealed


def told(name: str, values: Sequence[float], target: float) -> str:
    values = sorted(values)
    at = values[min(len(values) - 1, int(0.95 * len(values)))]
    return (
        f"{name}: median {statistics.median(values):.0f} ms, 95 % within {at:.0f} ms, "
        f"longest {values[-1]:.0f} ms, n = {len(values)}; target {target:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=40, help="slide changes, at least")
    times = parser.parse_args().times
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        sys.exit(f"no Chromium found (looked for {', '.join(BROWSERS)})")
    deck, _ = read_deck(slides_folder())
    with server(workers=1) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        slides, steps = measure(page, f"http://{address}", deck, times)
        print(
            f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
            f"{os.getloadavg()[0]:.1f}; Chromium {browser.version}, "
            f"Streamlit {version('streamlit')}; {len(deck.slides)} slides"
        )
        browser.close()
    print(told("slide", list(slides.values()), 150))
    print(told("step", steps, 50))
    slowest = sorted(slides, key=slides.get, reverse=True)[:5]
    print("slowest:", ", ".join(f"{name} {slides[name]:.0f} ms" for name in slowest))


if __name__ == "__main__":
    main()
