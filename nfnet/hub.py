"""Fetches published weights from the Hugging Face hub, whole and verified. Imports no torch.

huggingface_hub's own download (2.4) writes to a file of a random name and deletes it on any error:
one that is cancelled or killed starts again from nothing, and 1.75 GB over a hall's network may
never arrive. So the library is asked what the hub states, and the bytes come by our own `download`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

from filelock import FileLock

from nfnet.download import RemoteFile, acquire, check, download, part_of
from nfnet.events import Loading
from nfnet.mapped import looks_like_safetensors, open_safetensors
from nfnet.published import PUBLISHED, Published, find_weights, weights_folder
from nfnet.run import UserError


def fetch_weights(name: str) -> Generator[Loading, None, Path]:
    """Returns a file with a model's weights, with events while it downloads.

    What is on this disk is used as it is (see `find_weights`). Otherwise the published file goes to
    the weights folder: one download however many ask, resumed where an earlier one ended, checked
    against the checksum that the hub states. That is remembered beside the file, so it is hashed
    again only if it changes. To cancel is to stop iterating and close the generator.

    Raises:
        UserError: no such weights are published, or they cannot be had now; says what to do.
    """
    target = weights_folder() / f"{name}.safetensors"
    found = find_weights(name)
    if found is not None and (found != target or _is_as_verified(target)):
        _check_whole(found)
        return found
    published = PUBLISHED.get(name)
    if published is None:
        raise UserError(
            f"no weights of {name} are published; save your own as {target}, or choose from "
            f"{', '.join(PUBLISHED)}"
        )
    what = f"{name}'s weights"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # a generator may be closed by another thread than the one that started it
        lock = FileLock(target.with_suffix(".lock"), thread_local=False)
        yield from acquire(lock, what)
    except OSError as error:
        raise UserError(
            f"{target.parent} cannot be written ({error.strerror}); set NFNET_CACHE to a folder "
            "that can, or NFNET_WEIGHTS to the weights"
        ) from None
    try:
        if not (yield from _is_right(target, what)):
            remote = _ask_hub(published, what, target)
            _check_room(remote, target)
            yield from download(remote, target, attempts=10, timeout=10.0)
            _remember(target, remote.checksum, remote.url)
        return target
    finally:
        lock.release()


def _check_whole(path: Path) -> None:
    """Whoever put a file here by hand learns of a copy that broke off before it is used."""
    try:
        if looks_like_safetensors(path):
            with open_safetensors(path):
                pass
    except UserError:
        raise UserError(f"{path} is damaged or incomplete; delete it or get it again") from None


def _check_room(remote: RemoteFile, target: Path) -> None:
    part = part_of(target)
    missing = remote.size - (part.stat().st_size if part.exists() else 0)
    room = shutil.disk_usage(target.parent).free
    if room < missing:
        raise UserError(
            f"{remote.what} need {missing / 1e6:.0f} MB, and {target.parent} has room for "
            f"{room / 1e6:.0f}; make room, or set NFNET_CACHE to another folder"
        )


def _ask_hub(published: Published, what: str, target: Path) -> RemoteFile:
    """The address, size and checksum of a published file, as the hub states them."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"

    def address(revision: str | None) -> str:
        return hf_hub_url(
            published.repository, published.file, revision=revision, endpoint=endpoint
        )

    url = address(published.revision)
    otherwise = (
        f"try again, or get {url} on another computer and save it as {target}, or set "
        "NFNET_WEIGHTS to where it is"
    )
    try:
        stated = get_hf_file_metadata(url, token=False, endpoint=endpoint)
    except Exception as error:  # the library's errors have no base of their own
        answer = getattr(error, "response", None)
        offline = type(error).__name__ == "OfflineModeIsEnabled"
        problem = f"no connection to {endpoint} ({type(error).__name__})"
        problem = f"the hub answered {answer.status_code}" if answer is not None else problem
        problem = "HF_HUB_OFFLINE is set" if offline else problem
        raise UserError(f"{what} cannot be downloaded: {problem}; {otherwise}") from None
    sha256 = stated.etag if re.fullmatch("[0-9a-f]{64}", stated.etag or "") else published.sha256
    if sha256 is None or stated.size is None:
        raise UserError(f"{what} cannot be verified: {endpoint} states no checksum; {otherwise}")
    if published.sha256 not in (None, sha256):
        raise UserError(
            f"{what} are not downloaded: {endpoint} offers another file than the published one; "
            f"{otherwise}"
        )
    return RemoteFile(
        what=what,
        url=address(stated.commit_hash or published.revision),
        size=stated.size,
        checksum=f"sha256:{sha256}",
        otherwise=otherwise,
    )


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".verified")


def _remember(path: Path, checksum: str, url: str) -> None:
    state = path.stat()
    record = {"checksum": checksum, "url": url, "size": state.st_size, "time": state.st_mtime_ns}
    with contextlib.suppress(OSError):  # it only saves time
        _record(path).write_text(json.dumps(record))


def _recall(path: Path) -> dict[str, Any] | None:
    """What is remembered of a downloaded file; None for one put there by hand."""
    try:
        record = json.loads(_record(path).read_text())
        return record if isinstance(record["checksum"], str) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _is_as_verified(path: Path) -> bool:
    record = _recall(path)
    if record is None:
        return True
    state = path.stat()
    return (record.get("size"), record.get("time")) == (state.st_size, state.st_mtime_ns)


def _is_right(path: Path, what: str) -> Generator[Loading, None, bool]:
    """Whether the file is there and is what was downloaded, hashed again if it has changed."""
    if not path.is_file():
        return False
    if _is_as_verified(path):
        return True
    record = _recall(path)
    if not (yield from check(path, record["checksum"], what)):
        return False
    _remember(path, record["checksum"], record.get("url", ""))
    return True
