"""Starts the lecture: `python -m app [--port 8501] [--host 127.0.0.1] [--pictures FOLDER]`.

`python -m app export deck.html [--notes]` writes the slides into one file instead.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import ipaddress
import logging
import os
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from nfnet.run import UserError

ROOT = Path(__file__).resolve().parents[1]
LOOPBACK = ("localhost", "127.0.0.1", "::1")
EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Options:
    port: int = 8501
    host: str = "127.0.0.1"
    workers: int | None = None
    pictures: Path | None = None  # a folder of folders of pictures, one a class


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}; see python -m app --help")


def read_options(arguments: Sequence[str]) -> Options:
    """The options of the command line.

    Raises:
        UserError: one is unknown or out of range.
    """
    parser = _Parser(prog="python -m app", description="Starts the lecture's server.")
    parser.add_argument("--port", type=_whole(0, 65535), default=8501, help="0: any that is free")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: for a class on the network")
    parser.add_argument(
        "--workers", type=_whole(1, 64), help="processes that train (default: auto)"
    )
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="to train on: a folder a class in it"
    )
    values = parser.parse_args(arguments)
    if values.pictures is not None and not values.pictures.is_dir():
        raise UserError(f"There is no folder {values.pictures}; name one with --pictures.")
    return Options(values.port, values.host, values.workers, values.pictures)


def _whole(low: int, high: int):  # noqa: ANN202 - what argparse calls a type
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def export(arguments: Sequence[str]) -> None:
    """Writes the deck into one HTML file that is read without a network, and says so.

    Raises:
        UserError: an option is off, a slide needs mending, or the file cannot be written.
    """
    parser = _Parser(prog="python -m app export", description="Writes the slides into one file.")
    parser.add_argument("file", type=Path, help="the HTML file to write, deck.html for instance")
    parser.add_argument("--notes", action="store_true", help="with the lecturer's notes")
    values = parser.parse_args(arguments)

    from app.deck.export import export_html
    from app.demos import DEMOS
    from app.shell import TITLE
    from app.slides import read_deck, slides_folder

    folder = slides_folder()
    deck, _ = read_deck(folder)
    if not deck.slides:
        raise UserError(f"There are no slides in {folder}.")
    text = export_html(deck, DEMOS, folder, TITLE, values.notes)
    try:
        values.file.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or "it is not possible"
        raise UserError(f"{values.file} cannot be written: {reason}.") from None
    size = values.file.stat().st_size / 1e6
    print(f"{len(deck.slides)} slides are in {values.file} ({size:.1f} MB).")


def free_port(host: str, port: int) -> int:
    """`port`, or one that is free for 0, after making sure that it can be listened on.

    Raises:
        UserError: it is taken, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            if os.name != "nt":  # there it would let two servers share a port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return probe.getsockname()[1]
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} is in use; choose another one with --port, or --port 0 for any."
        elif error.errno in (errno.EACCES, errno.EPERM):
            message = f"Port {port} may not be used here; choose one above 1023 with --port."
        else:
            message = f"'{host}' is not an address of this machine; try --host 0.0.0.0."
        raise UserError(message) from None


def public_name(host: str) -> str:
    """The name by which a browser finds the server that listens on `host`."""
    if host in LOOPBACK:
        return "localhost"
    if host not in EVERYWHERE:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: this only asks which of our addresses leads outside.
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "localhost"


def url_of(name: str, port: int) -> str:
    try:
        bracketed = ipaddress.ip_address(name).version == 6
    except ValueError:
        bracketed = False
    return f"http://{f'[{name}]' if bracketed else name}:{port}"


def serve(options: Options) -> None:
    """Runs the server until it is told to stop.

    Raises:
        UserError: the address cannot be listened on.
    """
    port = free_port(options.host, options.port)
    name = public_name(options.host)
    if options.pictures:
        os.environ["NFNET_PICTURES"] = str(options.pictures.resolve())
    os.chdir(ROOT)  # where Streamlit looks for .streamlit/config.toml

    import streamlit as st
    from starlette.middleware import Middleware

    from app import handout
    from app.safety import SafeHeaders, SameOrigin, UploadBudget

    # uvicorn would tell of every stage of its life; warnings and errors still pass.
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.levelno >= logging.WARNING)

    @asynccontextmanager
    async def lifespan(_: st.App) -> AsyncIterator[None]:
        from app.warmup import cool_down, warm_up

        await asyncio.to_thread(warm_up, workers=options.workers)
        announce(url_of(name, port))
        try:
            yield
        finally:
            await asyncio.to_thread(cool_down)

    app = st.App(
        ROOT / "app" / "main.py",
        lifespan=lifespan,
        routes=handout.routes(),
        middleware=[
            Middleware(SafeHeaders),
            Middleware(SameOrigin, hosts=(*LOOPBACK, name)),
            Middleware(UploadBudget),
        ],
    )
    app.run(
        config={
            "server.address": options.host,
            "server.port": port,
            "server.headless": True,
            "browser.serverAddress": name,
            "browser.serverPort": port,
            # A page elsewhere must not reach this one by pretending that its name leads here.
            "server.allowedHosts": list(LOOPBACK) if options.host in LOOPBACK else [],
            "logger.hideWelcomeMessage": True,
        }
    )


def announce(url: str) -> None:
    """Prints the address; opens it where somebody sits before a screen."""
    print(f"The lecture is at {url}", flush=True)
    screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if screen and sys.stdout.isatty():
        webbrowser.open(url)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when stopped, 2 for what a person can mend."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments[:1] == ["export"]:
            export(arguments[1:])
        else:
            serve(read_options(arguments))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass  # Ctrl-C is how it is meant to end
    return 0


if __name__ == "__main__":
    sys.exit(main())
