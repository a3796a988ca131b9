"""Starting the app, for real: what it prints, loads, asks the network for, and leaves behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.__main__ import free_port, main, public_name, read_options, url_of
from app.theme import COLOURS, PAGE, TEXT
from nfnet.run import UserError

ROOT = Path(__file__).resolve().parents[2]
MAIN = str(ROOT / "app" / "main.py")

# Put into a process through sitecustomize: every name looked up and every address connected to.
SPY = """
import os, socket
LOG = os.environ["SPY_LOG"]
def note(*words):
    with open(LOG, "a") as file:
        print(*words, file=file)
lookup = socket.getaddrinfo
def getaddrinfo(host, *rest, **more):
    note("lookup", host)
    return lookup(host, *rest, **more)
socket.getaddrinfo = getaddrinfo
class Spy(socket.socket):
    def connect(self, address):
        note("connect", address)
        return super().connect(address)
    def connect_ex(self, address):
        note("connect", address)
        return super().connect_ex(address)
socket.socket = Spy
note("spying on")
"""


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[tuple[str, int]]:
    """A server process; yields its address and process id, and ends it the way Ctrl-C does."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 90
        while not (found := re.search(r"http://\S+", log.read_text(errors="replace"))):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.05)
        yield found[0], process.pid
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, log.read_text(errors="replace")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_until_healthy(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def children(pid: int) -> set[int]:
    """All descendants of a process."""
    command = ["ps", "-A", "-o", "pid=,ppid="]
    if Path("/proc/self/stat").exists():  # a slim Linux may have no ps
        stats = [_stat(int(path.name)) for path in Path("/proc").glob("[0-9]*")]
        pairs = [(int(stat[0]), int(stat[2])) for stat in stats if stat]
    else:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        pairs = [(int(one), int(other)) for one, other in map(str.split, listed.splitlines())]
    found: set[int] = {pid}
    while more := {child for child, parent in pairs if parent in found} - found:
        found |= more
    return found - {pid}


def _stat(pid: int) -> list[str]:
    """Number, state and parent's number of a process; nothing once it has gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return [str(pid), *text.rpartition(")")[2].split()]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return _stat(pid)[1:2] != ["Z"]


@pytest.mark.skipif(os.name == "nt", reason="signals and ps are POSIX")
def test_python_m_app_starts_quietly_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running([sys.executable, "-m", "app", "--port", "0"], log) as (url, pid):
        wait_until_healthy(url)
        first = log.read_text().splitlines()[0]
        assert re.fullmatch(r"The lecture is at http://localhost:\d+", first)
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "same-origin"
        family = children(pid)
        assert family  # its workers
    deadline = time.monotonic() + 20
    while left := [child for child in family if alive(child)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert "Traceback" not in log.read_text()


def test_python_m_app_asks_nobody_outside(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app", "--port", "0"]
    with running(command, tmp_path / "log", **spying(tmp_path)) as (url, _):
        wait_until_healthy(url)
        # Left to itself, Streamlit would now look for its own address on the web.
        assert handshake(url, origin="http://elsewhere.example") == 403
        assert handshake(url, origin=url) == 101
    assert asked_outside(tmp_path) == []


def test_streamlit_run_asks_nobody_outside(tmp_path: Path) -> None:
    port = str(free_port("127.0.0.1", 0))
    command = [sys.executable, "-m", "streamlit", "run", MAIN, "--server.port", port]
    with running(command, tmp_path / "log", **spying(tmp_path)) as (url, _):
        wait_until_healthy(url)
        assert url == f"http://localhost:{port}"
        assert handshake(url, origin=url) == 101
    assert asked_outside(tmp_path) == []


def spying(folder: Path) -> dict[str, str]:
    (folder / "sitecustomize.py").write_text(SPY)
    return {"PYTHONPATH": str(folder), "SPY_LOG": str(folder / "spied")}


def asked_outside(folder: Path) -> list[str]:
    lines = (folder / "spied").read_text().splitlines()
    assert "spying on" in lines
    return [line for line in lines if line != "spying on" and not is_local(line)]


def is_local(line: str) -> bool:
    return any(name in line for name in ("None", "127.0.0.1", "localhost", "::1")) or (
        line.startswith("connect /") or line.startswith("connect b'")
    )


def handshake(url: str, origin: str) -> int:
    """The status of the answer to a WebSocket's opening."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            f"GET /_stcore/stream HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Version: 13\r\nOrigin: {origin}\r\n\r\n".encode()
        )
        return int(connection.recv(100).split()[1])


def test_all_pages_from_any_folder_import_no_torch(tmp_path: Path) -> None:
    (tmp_path / "01-a.md").write_text('+++\nid = "a"\ntitle = "A"\n+++\nText.\n')
    script = f"""
import sys
from streamlit.testing.v1 import AppTest
for page in (None, "views/train.py", "views/clipping.py", "views/photos.py"):
    test = AppTest.from_file({MAIN!r}, default_timeout=60)
    if page:
        test.switch_page(page)
    assert not test.run().exception
import app.__main__  # found only because main.py has put the project on the path
loaded = [name for name in sys.modules if name.split(".")[0] in ("torch", "torchvision", "timm")]
print("LOADED", loaded, "plotly" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=os.environ | {"NFNET_SLIDES": str(tmp_path)},
    )
    assert "LOADED [] True" in done.stdout, done.stdout + done.stderr


def test_every_page_of_the_list_exists() -> None:
    pages = re.findall(r'st\.Page\("([^"]+)"', Path(MAIN).read_text())
    assert len(pages) >= 3
    assert [page for page in pages if not (ROOT / "app" / page).is_file()] == []


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        f"Port {port} is in use; choose another one with --port, or --port 0 for any.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "x"], "--port: must be a whole number from 0 to 65535"),
        (["--port", "70000"], "--port: must be a whole number from 0 to 65535"),
        (["--port"], "--port: expected one argument"),
        (["--workers", "0"], "--workers: must be a whole number from 1 to 64"),
        (["--pictures", "nowhere"], "There is no folder nowhere"),
        (["--fast"], "nrecognized arguments: --fast"),
        (["--host", "203.0.113.9"], "'203.0.113.9' is not an address of this machine"),
        (["--host", "no host"], "'no host' is not an address of this machine"),
    ],
)
def test_a_bad_option_is_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == "" and words in output.err
    assert output.err.count("\n") == 1


def test_options() -> None:
    options = read_options(["--port", "9000", "--host", "0.0.0.0", "--workers", "3"])
    assert (options.port, options.host, options.workers) == (9000, "0.0.0.0", 3)
    assert read_options([]).host == "127.0.0.1" and read_options([]).pictures is None
    assert read_options(["--pictures", str(ROOT)]).pictures == ROOT
    with pytest.raises(UserError):
        read_options(["--port", "-1"])


def test_addresses_for_people() -> None:
    assert url_of(public_name("127.0.0.1"), 80) == "http://localhost:80"
    assert url_of(public_name("192.168.1.7"), 80) == "http://192.168.1.7:80"
    assert url_of("fe80::1", 80) == "http://[fe80::1]:80"
    assert public_name("0.0.0.0") not in ("0.0.0.0", "")


def test_the_themes_colours_are_those_of_the_charts() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    for side, name in enumerate(("light", "dark")):
        theme = config[name]
        keys = ("blueColor", "orangeColor", "greenColor", "violetColor")
        recipes = [COLOURS[key][side] for key in ("batch", "nf", "agc", "none")]
        assert [theme[key] for key in keys] == recipes
        assert theme["chartCategoricalColors"] == [*recipes, TEXT[side]]
        assert (theme["textColor"], theme["backgroundColor"]) == (TEXT[side], PAGE[side])
        for colour in recipes:
            assert contrast(colour, PAGE[side]) >= 3
        for key in ("blueTextColor", "orangeTextColor", "greenTextColor", "violetTextColor"):
            assert contrast(theme[key], PAGE[side]) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
