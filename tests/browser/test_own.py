"""One's own pictures in a browser: a zip is brought, told and trained on; a link opens the same."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.nfnet import zip_files as zips

LONG = 120_000  # ms; a busy machine trains slowly
ADDRESS = "/train?train_batch=16&train_recipes=NF+%2B+AGC&train_data=Your+own"
TOLD = re.compile("2 classes, 40 pictures: cats .20., dogs .20.")


def bring(page: Page, data: bytes) -> None:
    file = {"name": "mine.zip", "mimeType": "application/zip", "buffer": data}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]


def test_a_zip_is_brought_and_a_net_learns_from_it(
    server: str, open_page: Callable[..., Page]
) -> None:
    page = open_page(server + ADDRESS, viewport={"width": 1400, "height": 1000})
    expect(page.get_by_text("A zip with a folder for each class")).to_be_visible(timeout=LONG)
    bring(page, zips.join([*zips.parts(), zips.Part(b"../x.png", b"x")]))
    expect(page.get_by_text("outside itself")).to_be_visible(timeout=LONG)
    bring(page, zips.join(zips.parts(count=20)))
    expect(page.get_by_text(TOLD)).to_be_visible(timeout=LONG)
    expect(page.get_by_text("outside itself")).to_have_count(0)
    assert re.search("train_own=[0-9a-f]{16}", page.url)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_test_id("stProgress")).to_contain_text(
        re.compile(r"Step [1-9]\d* of 400"), timeout=LONG
    )
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text(re.compile("of the test images right, stopped at step"))).to_be_visible(
        timeout=LONG
    )

    # whoever has the link can train on them; nobody else sees anything of them
    friend = open_page(page.url)
    expect(friend.get_by_text(TOLD)).to_be_visible(timeout=LONG)
    other = open_page(server + ADDRESS)
    expect(other.get_by_text("A zip with a folder for each class")).to_be_visible(timeout=LONG)
    expect(other.get_by_text(TOLD)).to_have_count(0)
    expect(other.get_by_role("button", name="Start", exact=True)).to_have_count(0)
