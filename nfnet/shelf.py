"""Sets of one's own pictures, kept where all workers find them. Imports no torch.

A zip is read once, by one worker; what is left of it lies as a file in the folder NFNET_SETS, under
a name that only its bytes give, and every later run opens that. The folder of pictures that the
server was started with, NFNET_PICTURES, is kept there too.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import secrets
from collections.abc import Generator, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from nfnet import own
from nfnet.events import Loading
from nfnet.own import OwnSet
from nfnet.relay import relayed
from nfnet.run import FOLDER, OWN, UserError, is_own

MOST = 50  # sets kept; the ones longest unused go
MAX_FILE = own.MAX_IN_FOLDER * own.SIDE**2 * 3 + 2**20  # bytes
GONE = "the server no longer has these pictures; upload the zip again"
NO_FOLDER = "no folder of pictures is named; name one with --pictures"


def digest(data: bytes) -> str:
    """16 hexadecimal digits that tell a zip from any other."""
    return hashlib.sha256(data).hexdigest()[:16]


def items(data: bytes, name: str) -> Iterator[dict[str, Any]]:
    """Reads a zip and keeps it, or looks a set up by its digest; then says what is in it.

    Args:
        data: a zip, or nothing to look up.
        name: the digest to look up; nothing: the server's own folder.

    Yields:
        {"loading": …} while pictures are read, then {"classes", "counts", "skipped", "dataset"}.

    Raises:
        UserError: the zip is refused, or there is no such set.
    """
    dataset = OWN + (digest(data) if data else name) if data or name else FOLDER
    steps = keep(data) if data else find(dataset)
    found: OwnSet = yield from relayed(steps, lambda event: {"loading": dataclasses.asdict(event)})
    yield {
        "classes": list(found.classes),
        "counts": found.counts,
        "skipped": found.skipped,
        "dataset": dataset,
    }


def keep(data: bytes) -> Generator[Loading, None, OwnSet]:
    """Returns a zip's pictures, which are then found under its digest. UserError: it is refused."""
    place = _folder()
    if place is None:
        raise UserError("this server keeps no pictures; whoever runs it can set NFNET_SETS")
    path = place / f"{digest(data)}.npz"
    if (known := _open(path)) is not None:
        return known
    found = yield from own.read_zip(data)
    _write(path, found)
    return found


def find(dataset: str) -> Generator[Loading, None, OwnSet]:
    """Returns the set that a run names: "own:…", or "folder" for the server's own pictures.

    Raises:
        UserError: it is not, or no longer, here.
    """
    if dataset == FOLDER:
        return (yield from _pictures())
    place = _folder()
    found = None
    if place is not None and is_own(dataset):
        found = _open(place / f"{dataset.removeprefix(OWN)}.npz")
    if found is None:
        raise UserError(GONE)
    return found


def _pictures() -> Generator[Loading, None, OwnSet]:
    """The folder NFNET_PICTURES, read anew only where a file in it has changed."""
    if not (given := os.environ.get("NFNET_PICTURES")):
        raise UserError(NO_FOLDER)
    folder = Path(given).expanduser()
    entries, _ = own.list_folder(folder)
    listing = [(e.folder, e.name, e.size, e.changed) for e in entries]
    place = _folder()
    path = place / f"folder-{digest(repr((str(folder), listing)).encode())}.npz" if place else None
    if path is not None and (known := _open(path)) is not None:
        return known
    found = yield from own.read_folder(folder)
    if path is not None:
        _write(path, found)
    return found


def _folder() -> Path | None:
    given = os.environ.get("NFNET_SETS")
    return Path(given) if given else None


def _write(path: Path, found: OwnSet) -> None:
    """Puts a set on the shelf, whole or not at all, and clears away what is too much."""
    unfinished = path.with_name(f"{secrets.token_hex(8)}.part")
    try:
        with unfinished.open("wb") as file:
            np.savez(
                file,
                classes=np.array(found.classes),
                images=found.images,
                labels=found.labels,
                skipped=np.array(found.skipped),
            )
        os.replace(unfinished, path)
        kept = sorted(path.parent.glob("*.npz"), key=lambda each: each.stat().st_mtime)
    except OSError as error:
        raise UserError(f"the server cannot keep these pictures ({error.strerror})") from None
    finally:
        unfinished.unlink(missing_ok=True)
    for old in kept[:-MOST]:
        old.unlink(missing_ok=True)


def _open(path: Path) -> OwnSet | None:
    """The set in a file, if it is there and sound; it counts as used."""
    try:
        os.utime(path)
        return _load(path)
    except Exception:  # not there, or damaged, which makes numpy fail in several ways
        return None


@lru_cache(maxsize=4)
def _load(path: Path) -> OwnSet:
    """Raises one of several errors where a file is not what `_write` writes."""
    if path.stat().st_size > MAX_FILE:
        raise ValueError("too large")
    names = ("classes", "images", "labels", "skipped")
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        classes, images, labels, skipped = (file[name] for name in names)
    count = len(images) if images.ndim == 4 else 0
    if (
        images.dtype != np.uint8
        or images.shape != (count, own.SIDE, own.SIDE, 3)
        or (labels.dtype, labels.shape) != (np.int64, (count,))
        or classes.dtype.kind != "U"
        or not own.MIN_CLASSES <= len(classes) <= own.MAX_CLASSES
        or not np.array_equal(np.unique(labels), np.arange(len(classes)))
        or (np.diff(labels) < 0).any()
        or np.bincount(labels).min() < own.MIN_PICTURES
        or (skipped.dtype.kind, skipped.shape) != ("i", ())
    ):
        raise ValueError("not a set of pictures")
    return OwnSet(tuple(classes.tolist()), images, labels, int(skipped))
