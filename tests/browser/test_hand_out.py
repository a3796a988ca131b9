"""The link that a teacher hands out, taken from a page and followed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]
LONG = 120_000  # ms; a busy machine draws slowly


def link(page: Page) -> str:
    page.get_by_role("button", name="Hand out").click(timeout=LONG)
    shown = page.get_by_test_id("stCode").first
    expect(shown).to_be_visible(timeout=LONG)
    return shown.inner_text().strip()


def hide(page: Page, control: str) -> None:
    # By keys: a page that is still being drawn moves what a pointer aims at, and one that comes
    # down beside the list closes it.
    controls = page.get_by_role("combobox", name="Hide")
    controls.press_sequentially(control)
    expect(page.get_by_role("option", name=control, exact=True)).to_be_visible()
    controls.press("Enter")


def test_a_link_has_the_settings_of_controls_below_its_button_and_in_fragments(
    server: str, open_page: OpenPage
) -> None:
    page = open_page(f"{server}/standardization")
    page.get_by_role("radio", name="tanh").click(timeout=LONG)
    expect(page).to_have_url(re.compile("weights_activation=tanh"), timeout=LONG)
    handed = link(page)
    assert handed == f"{server}/standardization?weights_activation=tanh"
    page = open_page(handed)
    expect(page.get_by_role("radio", name="tanh")).to_be_checked(timeout=LONG)


def test_what_is_hidden_in_the_link_is_not_seen(server: str, open_page: OpenPage) -> None:
    page = open_page(f"{server}/sweeps")
    link(page)
    hide(page, "part to run")
    shown = page.get_by_test_id("stCode").first
    expect(shown).to_contain_text("hide=sweeps_part", timeout=LONG)
    page = open_page(shown.inner_text().strip())
    expect(page.get_by_role("button", name=re.compile("^Run these"))).to_be_visible(timeout=LONG)
    expect(page.get_by_text("Run live: batch size")).to_be_hidden()
    expect(page.get_by_role("button", name="Hand out")).to_have_count(0)


@pytest.mark.parametrize(
    ("address", "label", "key"),
    [
        ("models?models_net=efficientnet_b4&models_px=512", "depth", "models_depth"),
        ("published?pub_figure=cost&pub_axis=flops", "price", "pub_axis"),
        ("photos?photos_rotation=30", "rotation", "photos_rotation"),
    ],
)
def test_models_photos_and_published_are_handed_out(
    server: str, open_page: OpenPage, address: str, label: str, key: str
) -> None:
    page = open_page(f"{server}/{address}")
    expect(page.locator(f".st-key-{key}")).to_be_visible(timeout=LONG)
    if key == "photos_rotation":  # the answer moves the button
        expect(page.get_by_text("multiply-adds in")).to_be_visible(timeout=LONG)
    assert link(page) == f"{server}/{address}"
    hide(page, label)
    shown = page.get_by_test_id("stCode").first
    expect(shown).to_contain_text(f"hide={key}", timeout=LONG)
    page = open_page(shown.inner_text().strip())
    expect(page.locator(f".st-key-{key}")).to_be_attached(timeout=LONG)
    expect(page.locator(f".st-key-{key}")).to_be_hidden(timeout=LONG)
    expect(page.get_by_role("button", name="Reset")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("button", name="Hand out")).to_have_count(0)
