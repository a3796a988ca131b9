"""Pictures of one's own in a browser: shrunk there, answered here, refused in a sentence."""

from __future__ import annotations

import base64
import io
import random
import re
import time
from collections.abc import Callable, Iterator

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app.photo_tools import jpeg, phone_picture, tiny_weights

LONG = 120_000  # ms; a busy machine answers slowly
SIZE = {"width": 1400, "height": 1000}


@pytest.fixture(scope="module")
def photos(serve: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page's address at a server that has a small network."""
    folder = tmp_path_factory.mktemp("weights")
    tiny_weights(folder)
    with serve(NFNET_WEIGHTS=str(folder)) as url:  # type: ignore[attr-defined]
        yield f"{url}/photos"


# Playwright does not show the body of an upload, so the page notes what it puts into one.
NOTE_UPLOADS = """
window.uploads = [];
const append = FormData.prototype.append;
FormData.prototype.append = function (name, value, ...rest) {
  if (value instanceof Blob) window.uploads.push(value);
  return append.call(this, name, value, ...rest);
};
"""
UPLOADED = """async () => {
  const bytes = new Uint8Array(await window.uploads.at(-1).arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}"""


def note_uploads(page: Page) -> None:
    page.evaluate(f"() => {{ {NOTE_UPLOADS} }}")


def uploaded(page: Page) -> bytes:
    """What was uploaded last."""
    page.wait_for_function("window.uploads.length > 0", timeout=LONG)
    return base64.b64decode(page.evaluate(UPLOADED))


def choose(page: Page, name: str, data: bytes, mime: str = "image/jpeg") -> None:
    page.locator(".st-key-photos_drop input[type=file]").set_input_files(
        {"name": name, "mimeType": mime, "buffer": data}, timeout=LONG
    )


def answered(page: Page) -> None:
    expect(page.get_by_text("It says", exact=True)).to_be_visible(timeout=LONG)


def shrinking(page: Page) -> None:
    """Waits for what shrinks pictures, which comes after the page and might miss an early one."""
    expect(page.locator("html[data-shrinks]")).to_have_count(1, timeout=LONG)


def seen(page: Page) -> Image.Image:
    """The square that the network saw, out of the figure."""
    source = page.locator(".st-key-photos_seen image").first.get_attribute("href") or ""
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def another_is_seen(page: Page) -> None:
    expect(page.get_by_text(re.compile("A drawing of ours"))).to_have_count(0, timeout=LONG)
    answered(page)


def is_red_above_blue(image: Image.Image) -> bool:
    (top, *_), (bottom, *_) = ([image.getpixel((32, y))] for y in (8, 56))
    return top[0] > 150 > top[2] and bottom[2] > 150 > bottom[0]


def test_a_phones_picture_is_shrunk_turned_and_answered(photos: str, open_page) -> None:
    page = open_page(photos, viewport=SIZE)
    answered(page)  # the first drawing
    shrinking(page)
    note_uploads(page)
    picture = phone_picture()
    assert len(picture) > 2_000_000 and b"Exif" in picture
    choose(page, "IMG_0001.JPG", picture)
    expect(page.get_by_text("IMG_0001.jpg")).to_be_visible(timeout=LONG)
    another_is_seen(page)
    assert is_red_above_blue(seen(page))
    sent = uploaded(page)
    assert max(Image.open(io.BytesIO(sent)).size) == 1024 and len(sent) < len(picture) / 5
    assert b"Exif" not in sent  # where it was taken has stayed in the browser


def test_plain_pages_send_the_picture_as_it_is(photos: str, open_page) -> None:
    page = open_page(f"{photos}?plain=1", viewport=SIZE)
    answered(page)
    note_uploads(page)
    picture = phone_picture(800, 600)
    choose(page, "IMG_0002.JPG", picture)
    another_is_seen(page)
    assert is_red_above_blue(seen(page))
    assert uploaded(page) == picture


def test_a_picture_of_another_format_is_taken_too(photos: str, open_page) -> None:
    page = open_page(photos, viewport=SIZE)
    answered(page)
    file = io.BytesIO()
    Image.new("RGB", (300, 200), "green").save(file, "WEBP")
    choose(page, "green.webp", file.getvalue(), "image/webp")
    expect(page.get_by_text("green.jpg")).to_be_visible(timeout=LONG)
    expect(page.get_by_text(re.compile("A drawing of ours"))).to_have_count(0, timeout=LONG)
    answered(page)


def test_what_is_no_picture_is_refused_in_a_sentence(photos: str, open_page) -> None:
    page = open_page(photos, viewport=SIZE)
    answered(page)
    choose(page, "<img src=x onerror=alert(1)>.jpg", b"<!doctype html><script>alert(1)</script>")
    alert = page.get_by_role("alert").filter(has_text="web page")
    expect(alert).to_contain_text("This is a web page; save or export it as JPEG", timeout=LONG)
    assert page.locator("img[src=x]").count() == 0


def test_what_is_too_large_or_of_another_kind_does_not_leave_the_browser(
    photos: str, open_page
) -> None:
    page = open_page(photos, viewport=SIZE)
    answered(page)
    note_uploads(page)
    choose(page, "large.jpg", random.Random(0).randbytes(9 << 20))
    expect(page.get_by_text(re.compile("must be 8.0MB or smaller"))).to_be_visible(timeout=LONG)
    choose(page, "photo.heic", b"\0\0\0\x18ftypheic" + bytes(100), "image/heic")
    expect(page.get_by_text(re.compile("heic files are not allowed"))).to_be_visible(timeout=LONG)
    assert page.evaluate("window.uploads.length") == 0


def test_a_large_photograph_fits_once_it_is_shrunk(photos: str, open_page) -> None:
    noise = random.Random(1).randbytes(3 * 2800 * 2800)
    picture = jpeg(Image.frombytes("RGB", (2800, 2800), noise), quality=95)
    assert len(picture) > 8 << 20
    page = open_page(photos, viewport=SIZE)
    answered(page)
    shrinking(page)
    choose(page, "noise.jpg", picture)
    expect(page.get_by_text(re.compile("A drawing of ours"))).to_have_count(0, timeout=LONG)
    answered(page)


def test_the_answer_follows_the_levers_and_a_click_moves_the_square(photos: str, open_page) -> None:
    page = open_page(f"{photos}?photos_sample=umbrella&photos_cover=true", viewport=SIZE)
    answered(page)
    grey = seen(page).getpixel((32, 32))
    box = page.locator(".st-key-photos_seen .nsewdrag").bounding_box()
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.8 * box["height"])
    expect(page.locator(".st-key-photos_y").get_by_role("slider")).to_have_attribute(
        "aria-valuetext", "0.80", timeout=LONG
    )
    assert "photos_y=0.8" in page.url

    def is_grey() -> bool:
        there = seen(page).getpixel((13, 51))
        return all(abs(a - b) < 12 for a, b in zip(there, grey, strict=True))

    until(is_grey)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG / 1000
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_phone_shows_it_all_within_its_width(photos: str, open_page) -> None:
    page = open_page(photos, viewport={"width": 390, "height": 844})
    answered(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


# In place of a camera: a red picture that the browser draws.
RED_CAMERA = """() => {
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 480];
    const context = canvas.getContext("2d");
    setInterval(() => {
      context.fillStyle = "#d02020";
      context.fillRect(0, 0, 640, 480);
    }, 50);
    return canvas.captureStream(20);
  };
}"""


def test_a_picture_is_taken_with_the_camera(photos: str, open_page) -> None:
    page = open_page(photos, viewport=SIZE)
    answered(page)
    page.evaluate(RED_CAMERA)
    page.get_by_text("Use the camera").click()
    page.wait_for_function("() => document.querySelector('video')?.readyState === 4", timeout=LONG)
    page.get_by_role("button", name="Take Photo").click(timeout=LONG)
    another_is_seen(page)
    red, green, _ = seen(page).getpixel((32, 32))
    assert red > 150 > green
