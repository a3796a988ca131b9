"""Downloads a file whole and checked, or not at all, however often the network fails."""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from nfnet.events import Loading
from nfnet.run import UserError

CHUNK = 2**20  # bytes between two events,
SPELL = 0.2  # or seconds, on a slow line
_DAMAGED = "what arrived is damaged"


@dataclass(frozen=True)
class RemoteFile:
    """A file on the network, known to the byte."""

    what: str  # what a person calls it
    url: str
    size: int  # bytes
    checksum: str  # "md5:…" or "sha256:…", in hexadecimal
    otherwise: str  # what a person without a network can do, as the end of a sentence


def cache_folder() -> Path:
    """Where downloads are kept: NFNET_CACHE, or nfnet in the user's cache folder."""
    if folder := os.environ.get("NFNET_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nfnet"


def acquire(lock: FileLock, what: str) -> Iterator[Loading]:
    """Waits for a lock, with events, so that whoever iterates can stop waiting."""
    while True:
        try:
            lock.acquire(timeout=0.05)
            return
        except Timeout:
            yield Loading(f"{what}: another program is downloading it", 0, 0)


def part_of(path: Path) -> Path:
    """Where a download keeps what has come, until all of it is there and right."""
    return path.with_name(path.name + ".part")


def download(
    remote: RemoteFile,
    path: Path,
    *,
    attempts: int = 4,
    timeout: float = 20.0,
    pause: float = 1.0,
) -> Iterator[Loading]:
    """Brings `remote` to `path`; where the iteration ends by itself, the file is there and right.

    What came before an interruption stays beside it as `.part`, and the next call goes on from
    there. The caller sees to it that only one download of a path runs at a time (`acquire`).

    Args:
        timeout: seconds without an answer after which the connection counts as lost.
        pause: seconds before another attempt.

    Raises:
        UserError: no network, not the right file, or no room for it.
    """
    part = part_of(path)
    problem = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause)
        try:
            # a silent line is noticed only after `timeout`: here whoever iterates can stop before
            yield Loading(remote.what, part.stat().st_size if part.exists() else 0, remote.size)
            yield from _continue(remote, part, timeout)
            if (yield from check(part, remote.checksum, remote.what)):
                os.replace(part, path)
                return
            part.unlink()
            if problem == _DAMAGED:  # twice: it is not the way here that damages it
                break
            problem = _DAMAGED
        except _Lost as lost:
            problem = str(lost)
        except _WrongFile as wrong:
            part.unlink(missing_ok=True)
            problem = str(wrong)
            break
        except OSError as error:
            raise UserError(
                f"{remote.what} cannot be written to {path.parent} ({error.strerror}); make room "
                "or set NFNET_CACHE to another folder"
            ) from None
    raise UserError(f"{remote.what} cannot be downloaded: {problem}; {remote.otherwise}")


class _Lost(Exception):
    """The connection failed; another attempt may succeed."""


class _WrongFile(Exception):
    """The server has no such file, or another one."""


def _continue(remote: RemoteFile, part: Path, timeout: float) -> Iterator[Loading]:
    """One request, from where `part` ends."""
    done = part.stat().st_size if part.exists() else 0
    if done >= remote.size:  # complete but not yet checked, or nonsense: start over
        part.unlink()
        done = 0
    request = urllib.request.Request(remote.url, headers={"User-Agent": "nfnet"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    with _open(request, timeout) as response:
        resumed = response.status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            raise _WrongFile("the server sent another part than it was asked for")
        done = done if resumed else 0
        if response.length is not None and done + response.length != remote.size:
            raise _WrongFile(
                f"the server offers {done + response.length} bytes and not {remote.size}"
            )
        with part.open("ab" if resumed else "wb") as file:
            told, when = done, time.monotonic()
            while done < remote.size:
                chunk = _read(response, min(CHUNK, remote.size - done))
                file.write(chunk)
                done += len(chunk)
                due = done - told >= CHUNK or time.monotonic() - when >= SPELL
                if due or done == remote.size:
                    file.flush()  # whoever stops here finds all of it again
                    told, when = done, time.monotonic()
                    yield Loading(remote.what, done, remote.size)


def _open(request: urllib.request.Request, timeout: float) -> http.client.HTTPResponse:
    try:
        return urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        kind = _Lost if error.code >= 500 or error.code == 429 else _WrongFile
        raise kind(f"the server answered {error.code}") from None
    except urllib.error.URLError as error:
        raise _Lost(f"no connection ({error.reason})") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Lost(f"no connection ({error or type(error).__name__})") from None


def _read(response: http.client.HTTPResponse, count: int) -> bytes:
    try:
        chunk = response.read1(count)  # what has come, without waiting for the rest
    except (OSError, http.client.HTTPException):
        chunk = b""
    if not chunk:
        raise _Lost("the connection broke off")
    return chunk


def check(path: Path, checksum: str, what: str) -> Generator[Loading, None, bool]:
    """Whether a file has a checksum ("sha256:…"), with events, as a large one takes seconds."""
    algorithm, _, expected = checksum.partition(":")
    digest, done, size = hashlib.new(algorithm, usedforsecurity=False), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(16 * CHUNK):
            digest.update(chunk)
            done += len(chunk)
            yield Loading(f"{what}: checking", done, size)
    return digest.hexdigest() == expected
