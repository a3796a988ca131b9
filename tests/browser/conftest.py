"""A real server and a real Chromium, for tests that need JavaScript."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
Serve = Callable[..., str]
OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium; a missing one skips, or fails where REQUIRE_BROWSER=1."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        message = f"no Chromium found (looked for {', '.join(NAMES)}): browser tests did not run"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@contextmanager
def _running(log: Path, environment: dict[str, str]) -> Iterator[str]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "--port", "0"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
        )
    try:
        deadline = time.monotonic() + 90
        while not (found := re.search(r"http://\S+", log.read_text(errors="replace"))):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.05)
        yield found[0]
    finally:
        process.send_signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., object]]:
    """`with serve(NFNET_SLIDES=…) as url:` runs `python -m app` on a free port."""

    def serve(**environment: str) -> object:
        return _running(tmp_path_factory.mktemp("server") / "log", environment)

    yield serve


@pytest.fixture(scope="session")
def server(serve: Callable[..., object]) -> Iterator[str]:
    """The address of a server as a person starts it, with the real slides."""
    with serve() as url:  # type: ignore[attr-defined]
        yield url


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """`open_page(url, **context)` opens a page; at the end, none of them may have complained.

    A complaint is an error on the console, an exception in the page, or a request to anywhere
    but the server.
    """
    pages: list[Page] = []
    complaints: list[str] = []

    def open_page(url: str, **options: object) -> Page:
        home = re.match(r"\w+://[^/]+", url)[0]  # type: ignore[index]

        def on_console(message: ConsoleMessage) -> None:
            # On a page's own address the browser first looks for the server below that address.
            probe = "/_stcore/" in message.location.get("url", "") and "404" in message.text
            if message.type == "error" and not probe:
                complaints.append(f"console: {message.text}")

        def on_request(request: Request) -> None:
            local = (home, home.replace("http", "ws", 1), "data:", "blob:")
            if not request.url.startswith(local):
                complaints.append(f"outside: {request.url}")

        page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        page.set_default_timeout(30_000)
        page.on("console", on_console)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        page.on("request", on_request)
        pages.append(page)
        page.goto(url)
        return page

    yield open_page
    for page in pages:
        page.context.close()
    assert complaints == []
