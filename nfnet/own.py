"""One's own pictures as a data set: a folder a class, in a zip or on disk. Imports no torch.

A picture becomes 32 x 32 pixels; every fifth of a class is kept for the test. What is not a picture
is left out and counted.
"""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from nfnet.events import Loading
from nfnet.images import read_file, read_image
from nfnet.run import UserError
from nfnet.unzip import MAX_SHOWN, members, shown, unpack

SIDE = 32  # px
TEST_EVERY = 5
MIN_CLASSES, MAX_CLASSES = 2, 20
MIN_PICTURES = 10  # of a class
MAX_PICTURES = 2_000  # in a zip
MAX_IN_FOLDER = 10_000
MAX_SECONDS = 60.0  # of the CPU, for all pictures of a zip
TELL_SECONDS = 0.2  # between two words on how far it is
LAYOUT = "make one folder a class and put its pictures into it"
_PICTURES = (".jpg", ".jpeg", ".png", ".webp")
_LITTER = ("__macosx", "thumbs.db", "desktop.ini")  # of the system: not counted


@dataclass(frozen=True, eq=False)
class OwnSet:
    """Pictures, uint8 (N, 32, 32, 3), in order of their classes, and labels, int64 (N,)."""

    classes: tuple[str, ...]
    images: np.ndarray
    labels: np.ndarray
    skipped: int = 0  # files that were no pictures, or could not be read

    @property
    def counts(self) -> list[int]:
        """How many pictures each class has."""
        return np.bincount(self.labels, minlength=len(self.classes)).tolist()

    def split(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the training pictures, well mixed, and of the test pictures."""
        place = np.concatenate([np.arange(count) for count in self.counts])
        held = place % TEST_EVERY == TEST_EVERY - 1
        train = np.random.default_rng(0).permutation(np.flatnonzero(~held))
        return train, np.flatnonzero(held)


@dataclass(frozen=True)
class Entry:
    """A picture to be read: its class's folder, its name, its bytes."""

    folder: str
    name: str
    size: int
    read: Callable[[], bytes]
    changed: int = 0  # when, in nanoseconds


def read_zip(data: bytes) -> Generator[Loading, None, OwnSet]:
    """Returns the pictures in a zip, with events while they are read. Writes nothing to disk.

    A folder that holds all the others is looked through; pictures elsewhere count as skipped.

    Raises:
        UserError: a zip that is refused (see `nfnet.unzip`), too many pictures, or no classes.
    """
    found = [m for m in members(data) if not _is_litter(m.path)]
    pictures = [m for m in found if m.path[-1].lower().endswith(_PICTURES)]
    _check_count(len(pictures), MAX_PICTURES, "zip")
    top = len(os.path.commonprefix([m.path[:-1] for m in pictures]))
    placed = [m for m in pictures if len(m.path) == top + 2]
    entries = [Entry(m.path[-2], m.path[-1], m.size, partial(unpack, data, m)) for m in placed]
    return (yield from _read(entries, len(found) - len(placed), MAX_SECONDS))


def list_folder(folder: Path) -> tuple[list[Entry], int]:
    """The pictures in a folder of folders, one a class, and how many other files are there.

    Raises:
        UserError: there is no such folder, or there are too many pictures in it.
    """
    entries, others = [], 0
    try:
        for place in sorted(p for p in folder.iterdir() if p.is_dir()):
            for path in sorted(place.iterdir()):
                if _is_litter((place.name, path.name)) or path.is_dir():
                    continue
                if path.suffix.lower() in _PICTURES:
                    about, read = path.stat(), partial(_bytes, path)
                    entries.append(
                        Entry(place.name, path.name, about.st_size, read, about.st_mtime_ns)
                    )
                else:
                    others += 1
    except OSError as error:
        raise UserError(
            f"the folder of pictures cannot be read ({error.strerror}); name one with --pictures"
        ) from None
    _check_count(len(entries), MAX_IN_FOLDER, "folder")
    return entries, others


def read_folder(folder: Path) -> Generator[Loading, None, OwnSet]:
    """Returns the pictures in a folder of folders, one a class, with events while they are read.

    Raises:
        UserError: there is no such folder, too many pictures, or no classes.
    """
    entries, others = list_folder(folder)
    return (yield from _read(entries, others))


def _bytes(path: Path) -> bytes:
    try:
        return read_file(path)
    except UserError:
        return b""  # which is no picture


def _is_litter(path: Sequence[str]) -> bool:
    """Whether a file was put there by the system and not by a person."""
    return any(part.startswith(".") or part.lower() in _LITTER for part in path)


def _check_count(pictures: int, most: int, where: str) -> None:
    if pictures > most:
        raise UserError(f"the {where} has {pictures} pictures, and at most {most} are allowed")


def _read(
    entries: Sequence[Entry], skipped: int, patience: float = float("inf")
) -> Generator[Loading, None, OwnSet]:
    """The set of these pictures; UserError if reading takes more than `patience` CPU seconds."""
    if not entries:
        raise UserError(f"there is no JPEG, PNG or WebP picture in a class's folder; {LAYOUT}")
    folders: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda each: each.name):
        folders.setdefault(entry.folder, []).append(entry)
    names = _names(list(folders))
    _check_pictures(names, [len(folders[folder]) for folder in names])
    images, labels, spent, done, told = [], [], 0.0, 0, float("-inf")
    total = sum(entry.size for entry in entries)
    for label, folder in enumerate(names):
        for entry in folders[folder]:
            if time.monotonic() - told >= TELL_SECONDS:
                told = time.monotonic()
                yield Loading("Your pictures", done, total)
            began = time.thread_time()
            content = entry.read()  # a zip that lies is refused, not skipped
            try:
                images.append(_small(read_image(content)))
                labels.append(label)
            except UserError:
                skipped += 1
            done += entry.size
            spent += time.thread_time() - began
            if spent > patience:
                raise UserError("these pictures take too long to read; make them smaller")
    yield Loading("Your pictures", total, total)
    _check_pictures(names, np.bincount(labels, minlength=len(names)).tolist(), " that can be read")
    return OwnSet(tuple(names.values()), np.stack(images), np.array(labels, np.int64), skipped)


def _names(folders: Sequence[str]) -> dict[str, str]:
    """Folder -> the name of its class, in the order of these names; no two are equal."""
    if not MIN_CLASSES <= len(folders) <= MAX_CLASSES:
        raise UserError(
            f"{MIN_CLASSES} to {MAX_CLASSES} classes are needed, and there "
            f"{'is' if len(folders) == 1 else 'are'} {len(folders)}; {LAYOUT}"
        )
    words = {folder: shown(unicodedata.normalize("NFC", folder)) for folder in folders}
    names: dict[str, str] = {}
    for folder, first in sorted(words.items(), key=lambda each: (each[1].casefold(), each)):
        name = first
        if not name:
            raise UserError("a folder's name has no printable character; give it another")
        number = 1
        while name in names.values():
            number += 1
            name = f"{first[: MAX_SHOWN - 5]} ({number})"
        names[folder] = name
    return names


def _check_pictures(names: dict[str, str], counts: Sequence[int], which: str = "") -> None:
    for name, count in zip(names.values(), counts, strict=True):
        if count < MIN_PICTURES:
            raise UserError(
                f"the class {name} has {count} picture{'s' * (count != 1)}{which}, and at least "
                f"{MIN_PICTURES} are needed; add some, or leave the class out"
            )


def _small(image: Image.Image) -> np.ndarray:
    """The square in the middle, resized to uint8 (32, 32, 3)."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
