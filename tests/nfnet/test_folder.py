"""Both layouts of Tiny ImageNet give the same pictures; a damaged one gives a sentence."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nfnet.folder import load_pictures, read_sheet
from nfnet.run import UserError

SIDE, TRAIN, VAL = 8, 30, 4
CLASSES = [("n01", "red fish"), ("n02", "blue bird")]


def pictures() -> np.ndarray:
    """(classes, TRAIN + VAL, SIDE, SIDE, 3)"""
    shape = (len(CLASSES), TRAIN + VAL, SIDE, SIDE, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def write_sheets(folder: Path, images: np.ndarray, columns: int = 25) -> None:
    folder.mkdir()
    rows = []
    for index, (wnid, label) in enumerate(CLASSES):
        tiles = images[index]
        side = tiles.shape[1]
        full = np.zeros((-(-len(tiles) // columns) * columns, *tiles.shape[1:]), np.uint8)
        full[: len(tiles)] = tiles
        sheet = full.reshape(-1, columns, side, side, 3).swapaxes(1, 2)
        sheet = sheet.reshape(-1, columns * side, 3)
        Image.fromarray(sheet).save(folder / f"{index:03d}_{wnid}.webp", lossless=True)
        rows.append({"index": index, "wnid": wnid, "label": label, "train": TRAIN, "val": VAL})
    (folder / "classes.json").write_text(json.dumps(rows))


def write_public(folder: Path, images: np.ndarray) -> None:
    """As unpacked from tiny-imagenet-200.zip; PNG within .JPEG, so that nothing is lost."""
    (folder / "val" / "images").mkdir(parents=True)
    lines = []
    for index, (wnid, _) in enumerate(CLASSES):
        (folder / "train" / wnid / "images").mkdir(parents=True)
        for n, tile in enumerate(images[index]):
            name = f"{wnid}_{n:02d}.JPEG" if n < TRAIN else f"val_{index}_{n:02d}.JPEG"
            home = folder / "train" / wnid / "images" if n < TRAIN else folder / "val" / "images"
            Image.fromarray(tile).save(home / name, format="PNG")
            if n >= TRAIN:
                lines.append(f"{name}\t{wnid}\t0\t0\t62\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    (folder / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid, _ in CLASSES))
    words = "".join(f"{wnid}\t{label}, another name\n" for wnid, label in CLASSES)
    (folder / "words.txt").write_text(f"n99\tsomething else\n{words}")


@pytest.mark.parametrize("write", [write_sheets, write_public])
def test_pictures_arrive_unchanged_and_in_order(write, tmp_path: Path) -> None:
    images = pictures()
    write(tmp_path / "set", images)
    for _ in range(2):  # decoded, then from the cache
        found = load_pictures(tmp_path / "set", tmp_path / "cache")
        assert found.classes == tuple(CLASSES)
        assert np.array_equal(found.train_images, images[:, :TRAIN].reshape(-1, SIDE, SIDE, 3))
        assert np.array_equal(found.val_images, images[:, TRAIN:].reshape(-1, SIDE, SIDE, 3))
        assert np.array_equal(found.train_labels, np.repeat([0, 1], TRAIN))
        assert np.array_equal(found.val_labels, np.repeat([0, 1], VAL))


def test_held_out_pictures_are_each_class_s_last_and_never_trained_on(tmp_path: Path) -> None:
    write_sheets(tmp_path / "set", pictures())
    found = load_pictures(tmp_path / "set", tmp_path / "cache")
    train, held = found.split(3)
    assert sorted([*train, *held]) == list(range(2 * TRAIN))
    assert list(held) == [27, 28, 29, 57, 58, 59]
    with pytest.raises(UserError, match="30 pictures, too few to hold out 30"):
        found.split(TRAIN)


def test_decoding_killed_midway_leaves_no_half_cache(tmp_path: Path) -> None:
    write_sheets(tmp_path / "set", pictures())
    code = (
        "import os, sys; from pathlib import Path; from nfnet import folder\n"
        "save = folder.np.save\n"
        "def half(path, array): save(path, array[: len(array) // 2]); os._exit(9)\n"
        "folder.np.save = half\n"
        f"folder.load_pictures(Path({str(tmp_path / 'set')!r}), Path({str(tmp_path / 'c')!r}))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    found = load_pictures(tmp_path / "set", tmp_path / "c")
    assert len(found.train_images) == 2 * TRAIN


def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(UserError, match="neither classes.json nor wnids.txt"):
        load_pictures(tmp_path, cache)
    write_sheets(tmp_path / "set", pictures())
    sheet = tmp_path / "set" / "001_n02.webp"
    whole = sheet.read_bytes()
    with pytest.raises(UserError, match="holds 50 tiles, and 51 are expected"):
        read_sheet(sheet, 51)
    sheet.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        load_pictures(tmp_path / "set", cache)
    sheet.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        load_pictures(tmp_path / "set", cache)
    assert not list(cache.iterdir())
