"""CIFAR-10 (Krizhevsky 2009): 60,000 photos of 32 x 32 pixels, found on disk or downloaded.

The official files are pickles; `read_pickle` reads them without running anything.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock

from nfnet.download import RemoteFile, acquire, cache_folder, download
from nfnet.events import Loading
from nfnet.pickles import read_pickle
from nfnet.run import UserError

CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of the training images, by channel
FOLDER = "cifar-10-batches-py"
TRAIN_BATCHES = tuple(f"data_batch_{n}" for n in range(1, 6))
TEST_BATCH = "test_batch"
BATCHES = (*TRAIN_BATCHES, TEST_BATCH)
BATCH_SIZE = 10_000
MAX_BATCH_BYTES = 40_000_000  # the official ones have 31 million

ARCHIVE = RemoteFile(
    what="CIFAR-10",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    size=170_498_071,
    checksum="md5:c58f30108f718f92721af3b95e74349a",
    otherwise=f"try again, or set NFNET_DATA to a folder that contains {FOLDER}",
)


def find_or_fetch(archive: RemoteFile = ARCHIVE) -> Generator[Loading, None, Path]:
    """Returns the folder of the six batches, with events while it downloads.

    It is NFNET_DATA, which may hold the folder or be it, or else the cache, filled where needed.

    Raises:
        UserError: NFNET_DATA holds no CIFAR-10, or the download fails.
    """
    if given := os.environ.get("NFNET_DATA"):
        for folder in (Path(given).expanduser() / FOLDER, Path(given).expanduser()):
            if any((folder / name).exists() for name in BATCHES):
                return folder
        raise UserError(
            f"there is no CIFAR-10 in {given}; set NFNET_DATA to a folder that contains {FOLDER}, "
            "or unset it to download"
        )
    folder = cache_folder() / FOLDER
    if not folder.exists():
        yield from _fetch(archive, folder)
    return folder


def _fetch(archive: RemoteFile, folder: Path) -> Generator[Loading, None, None]:
    """Downloads and unpacks to `folder`, which appears only when it is complete."""
    packed = folder.with_name("cifar-10-python.tar.gz")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # a generator may be closed by another thread than the one that started it
        lock = FileLock(folder.with_name(FOLDER + ".lock"), thread_local=False)
        yield from acquire(lock, archive.what)
    except OSError as error:
        raise UserError(
            f"{folder.parent} cannot be written ({error.strerror}); set NFNET_CACHE to a folder "
            "that can"
        ) from None
    try:
        if not folder.exists():  # nobody else was quicker
            yield from download(archive, packed)
            yield from _unpack(packed, folder)
    finally:
        packed.unlink(missing_ok=True)
        lock.release()


def _unpack(packed: Path, folder: Path) -> Generator[Loading, None, None]:
    """The six batches of the archive, checked, written by names of our own."""
    wanted = {f"{FOLDER}/{name}": name for name in BATCHES}
    unfinished = folder.with_name(FOLDER + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        with tarfile.open(packed, "r:gz") as archive:
            for member in archive:
                name = wanted.get(member.name)
                if name is None or not member.isfile() or member.size > MAX_BATCH_BYTES:
                    continue
                content = archive.extractfile(member).read()
                read_batch(content, name)
                (unfinished / name).write_bytes(content)
                del wanted[member.name]
                done = len(BATCHES) - len(wanted)
                yield Loading("CIFAR-10: unpacking", done * member.size, 6 * member.size)
        if wanted:
            raise UserError(f"the archive of CIFAR-10 lacks {next(iter(wanted))}; try again later")
        os.replace(unfinished, folder)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserError(f"the archive of CIFAR-10 is damaged ({error}); try again later") from None
    except OSError as error:
        raise UserError(
            f"CIFAR-10 cannot be unpacked into {folder.parent} ({error.strerror}); make room or "
            "set NFNET_CACHE to another folder"
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read_images(folder: Path, names: Sequence[str], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` images of some batches: uint8 (count, 3, 32, 32), and labels (count,).

    Raises:
        UserError: a batch that is needed is missing or damaged.
    """
    needed = names[: -(-count // BATCH_SIZE)]
    missing = next((name for name in needed if not (folder / name).is_file()), None)
    if missing:
        raise UserError(f"{folder} lacks {missing}; delete the folder, or fill it again")
    parts = [read_batch(folder / name, name) for name in needed]
    images, labels = (np.concatenate(part)[:count] for part in zip(*parts, strict=True))
    return images.reshape(count, 3, 32, 32), labels


def read_batch(source: bytes | Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """One batch: uint8 pixels (10000, 3072), channels first, and labels (10000,)."""
    batch = read_pickle(source, max_bytes=MAX_BATCH_BYTES, name=name)
    pixels, labels = (batch.get(key) if isinstance(batch, dict) else None for key in _KEYS)
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or pixels.shape != (BATCH_SIZE, 3072)
        or not isinstance(labels, list)
        or len(labels) != BATCH_SIZE
        or not all(type(label) is int and 0 <= label < len(CLASSES) for label in labels)
    ):
        raise UserError(f"{name} is no batch of CIFAR-10; get the official cifar-10-python.tar.gz")
    return pixels, np.array(labels, dtype=np.int64)


_KEYS = (b"data", b"labels")
