"""Takes the README's picture of the deck: some slides as they look on the screen, on one sheet.

python -m benchmarks.readme_deck [SLIDE ...]      # writes slides/readme-deck.png
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys

from PIL import Image
from playwright.sync_api import sync_playwright

from app.slides import slides_folder
from benchmarks.rerun_latency import server
from benchmarks.slide_latency import BROWSERS

SLIDES = (
    *("mean-shift", "agc-picture", "agc-or-architecture"),
    *("where-it-went", "threshold", "photos"),
)
COLUMNS, WIDTH, HEIGHT = 3, 1440, 810  # px of a screen
SHRINK, GAP = 3, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("slides", nargs="*", default=SLIDES, metavar="SLIDE", help="its id")
    names = parser.parse_args().slides
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        sys.exit(f"no Chromium found (looked for {', '.join(BROWSERS)})")
    tile = (WIDTH // SHRINK, HEIGHT // SHRINK)
    rows = -(-len(names) // COLUMNS)
    size = (COLUMNS * (tile[0] + GAP) + GAP, rows * (tile[1] + GAP) + GAP)
    sheet = Image.new("RGB", size, "#d0d4d9")
    with server(workers=1) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for n, name in enumerate(names):
            page.goto(f"http://{address}/?slide={name}&plain=1")
            page.locator(".st-key-slide :is(h1, h2)").first.wait_for()
            page.wait_for_timeout(8000 if name == "photos" else 3000)  # charts and pictures
            shot = Image.open(io.BytesIO(page.screenshot()))
            place = (GAP + n % COLUMNS * (tile[0] + GAP), GAP + n // COLUMNS * (tile[1] + GAP))
            sheet.paste(shot.convert("RGB").resize(tile, Image.Resampling.LANCZOS), place)
        browser.close()
    sheet.save(slides_folder() / "readme-deck.png", optimize=True)


if __name__ == "__main__":
    main()
