"""Tiny ImageNet on disk as arrays, in its public layout or as sheets of tiles. Imports no torch.

The public layout (tiny-imagenet-200) has a file a picture; the other has one sheet a class, 25
tiles a row, its training pictures first, and a classes.json that counts them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from nfnet.run import UserError

TILES_A_ROW = 25
PARTS = ("train", "val")


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Square pictures, uint8 (N, S, S, 3), in order of their classes, and labels, int64 (N,)."""

    classes: tuple[tuple[str, str], ...]  # (WordNet's name, label) by index
    train_images: np.ndarray
    train_labels: np.ndarray
    val_images: np.ndarray
    val_labels: np.ndarray

    def split(self, held_out: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the training pictures: all but each class's last `held_out`, and those.

        Raises:
            UserError: a class would have nothing left.
        """
        counts = np.bincount(self.train_labels, minlength=len(self.classes))
        if counts.min() <= held_out:
            raise UserError(f"a class has {counts.min()} pictures, too few to hold out {held_out}")
        position = np.concatenate([np.arange(count) for count in counts])
        held = position >= counts[self.train_labels] - held_out
        return np.flatnonzero(~held), np.flatnonzero(held)


def load_pictures(folder: Path, cache: Path) -> PictureSet:
    """The pictures of a folder, decoded once into `cache` and mapped to memory from there.

    Several processes may share the cache; each file appears in it only when it is complete.

    Raises:
        UserError: the folder has neither layout, or a file is missing or damaged.
    """
    tag = folder.resolve().name
    classes, read = _layout(folder)
    arrays = []
    cache.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        paths = [cache / f"{tag}-{part}-{what}.npy" for what in ("images", "labels")]
        if not all(path.exists() for path in paths):
            for path, array in zip(paths, _stack(read(part)), strict=True):
                unfinished = path.with_name(f"{os.getpid()}-{path.name}")
                np.save(unfinished, array)
                os.replace(unfinished, path)
        arrays += [np.load(path, mmap_mode="r") for path in paths]
    return PictureSet(classes, *arrays)


def _stack(parts: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of classes that come one after another."""
    found = list(parts)
    labels = np.repeat(np.arange(len(found), dtype=np.int64), [len(part) for part in found])
    return np.concatenate(found), labels


def _layout(folder: Path):
    """The classes, and a function that reads a part of the set class by class."""
    if (folder / "classes.json").is_file():
        rows = json.loads((folder / "classes.json").read_text(encoding="utf-8"))
        classes = tuple((row["wnid"], row["label"]) for row in rows)
        return classes, lambda part: (_sheet_part(folder, row, part) for row in rows)
    if (folder / "wnids.txt").is_file():
        names = (folder / "wnids.txt").read_text().split()
        words = dict(
            line.split("\t", 1) for line in (folder / "words.txt").read_text().splitlines() if line
        )
        classes = tuple((name, words.get(name, name).split(",")[0].strip()) for name in names)
        return classes, lambda part: _files_part(folder, names, part)
    raise UserError(
        f"{folder} has neither classes.json nor wnids.txt; give the folder tiny-imagenet-200"
    )


def _sheet_part(folder: Path, row: dict, part: str) -> np.ndarray:
    train, val = row["train"], row["val"]
    tiles = read_sheet(folder / f"{row['index']:03d}_{row['wnid']}.webp", train + val)
    return tiles[:train] if part == "train" else tiles[train:]


def read_sheet(path: Path, count: int, columns: int = TILES_A_ROW) -> np.ndarray:
    """The first `count` square tiles of a sheet, row by row: uint8 (count, S, S, 3).

    Raises:
        UserError: the file is missing or damaged, or holds fewer tiles.
    """
    pixels = _pixels(path)
    side = pixels.shape[1] // columns
    rows = pixels.shape[0] // max(side, 1)
    if rows * columns < count:
        raise UserError(f"{path} holds {rows * columns} tiles, and {count} are expected")
    tiles = pixels[: rows * side, : columns * side].reshape(rows, side, columns, side, 3)
    return tiles.swapaxes(1, 2).reshape(-1, side, side, 3)[:count]


def _files_part(folder: Path, names: list[str], part: str) -> Iterator[np.ndarray]:
    files: dict[str, list[Path]] = {name: [] for name in names}
    if part == "train":
        for name in names:
            files[name] = sorted((folder / "train" / name / "images").glob("*.JPEG"))
    else:
        for line in (folder / "val" / "val_annotations.txt").read_text().splitlines():
            file, name = line.split("\t")[:2]
            files[name].append(folder / "val" / "images" / file)
    for name in names:
        if not files[name]:
            raise UserError(f"{folder} has no pictures of {name} in {part}; unpack it again")
        yield np.stack([_pixels(path) for path in files[name]])


def _pixels(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error}); get the data again") from None
