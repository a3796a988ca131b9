"""Data sets as tensors on the training device: no loader processes, no files once it is there."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nfnet import cifar10, shelf
from nfnet.events import Loading
from nfnet.own import OwnSet
from nfnet.procedural import SHAPE_NAMES, check_size, shapes
from nfnet.run import DATASETS, RunConfig, UserError

SHAPES_TRAIN, SHAPES_TEST = 6000, 1000
CIFAR10_TRAIN, CIFAR10_TEST = 10_000, 1000  # the lecture's preset: the first images of each part


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images, float32 (N, 3, R, R), standardized, and labels, int64 (N,). Not to be changed."""

    name: str
    classes: tuple[str, ...]
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    @property
    def guessing(self) -> float:
        """The loss of guessing by the classes' shares: ln(classes) where these are equal."""
        count = torch.bincount(self.train_labels, minlength=len(self.classes)).double().cpu()
        share = count / count.sum()
        return -torch.xlogy(share, share).sum().item()


def load_dataset(
    config: RunConfig,
    device: torch.device | str,
    archive: cifar10.RemoteFile = cifar10.ARCHIVE,
) -> Generator[Loading, None, Dataset]:
    """Returns the data of a run, with events while it is fetched.

    The data is the same whatever the run's seed. CIFAR-10 is tested on its first 1000 test images,
    and on all 10,000 when it is trained on more than the preset's 10,000; one's own pictures on
    every fifth of a class.

    Raises:
        UserError: too many images, or the pictures cannot be had.
    """
    side, device = config.resolution, torch.device(device)
    if config.dataset not in DATASETS:
        own = yield from shelf.find(config.dataset)
        return _load_own(own, config.train_images, side, device)
    if config.dataset in ("shapes", "clutter"):
        count = config.train_images or SHAPES_TRAIN
        check_size(count, side)
        return _load_shapes(config.dataset, count, side, device)
    count = config.train_images or CIFAR10_TRAIN
    available = len(cifar10.TRAIN_BATCHES) * cifar10.BATCH_SIZE
    if count > available:
        raise UserError(f"CIFAR-10 has {available} training images, and {count} were asked for")
    check_size(count, side)
    folder = yield from cifar10.find_or_fetch(archive)
    return _load_cifar10(folder, count, side, device)


@lru_cache(maxsize=2)
def _load_shapes(name: str, count: int, side: int, device: torch.device) -> Dataset:
    clutter = name == "clutter"
    parts = [
        *shapes(count, side, seed=1, clutter=clutter),
        *shapes(SHAPES_TEST, side, seed=2, clutter=clutter),
    ]
    return Dataset(name, SHAPE_NAMES, *(part.to(device) for part in parts))


@lru_cache(maxsize=2)
def _load_cifar10(folder: Path, count: int, side: int, device: torch.device) -> Dataset:
    test_count = cifar10.BATCH_SIZE if count > CIFAR10_TRAIN else CIFAR10_TEST
    parts = []
    for names, many in (
        (cifar10.TRAIN_BATCHES, count),
        ((cifar10.TEST_BATCH,), test_count),
    ):
        pixels, labels = cifar10.read_images(folder, names, many)
        images = torch.tensor(pixels, device=device).float() / 255
        mean, std = (torch.tensor(v, device=device) for v in (cifar10.MEAN, cifar10.STD))
        images = (images - mean[:, None, None]) / std[:, None, None]
        if side != 32:
            images = F.interpolate(images, size=(side, side), mode="area")
        parts += [images, torch.tensor(labels, device=device)]
    return Dataset("CIFAR-10", cifar10.CLASSES, *parts)


@lru_cache(maxsize=2)
def _load_own(own: OwnSet, count: int | None, side: int, device: torch.device) -> Dataset:
    """Standardized by the mean and standard deviation of its own training pictures, by channel."""
    train, test = own.split()
    if count is not None and count > len(train):
        raise UserError(f"there are {len(train)} training pictures, and {count} were asked for")
    check_size(len(own.images), side)
    train = train[:count]
    mean = own.images[train].mean((0, 1, 2)) / 255
    std = (own.images[train].std((0, 1, 2)) / 255).clip(1e-3)
    parts = []
    for index in (train, test):
        pixels = (own.images[index] / np.float32(255) - mean) / std
        images = torch.tensor(pixels.transpose(0, 3, 1, 2), dtype=torch.float32, device=device)
        if side != images.shape[-1]:
            images = F.interpolate(images, size=(side, side), mode="area")
        parts += [images, torch.tensor(own.labels[index], device=device)]
    return Dataset("own pictures", own.classes, *parts)


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image mirrored or not, and shifted by up to an eighth of its side (edges reflected).

    Args:
        images: (N, C, R, R) on any device.
        generator: source of the choices; may live on the CPU.

    Returns:
        New images of the same shape, on the same device.
    """
    n, channels, side, _ = images.shape
    reach = side // 8
    options = {"generator": generator, "device": generator.device}
    mirrored = torch.rand(n, 1, **options) < 0.5
    shift = torch.randint(0, 2 * reach + 1, (2, n, 1), **options)
    line = torch.arange(side, device=generator.device)
    rows = (shift[0] + line).to(images.device)  # (N, R)
    columns = (shift[1] + torch.where(mirrored, side - 1 - line, line)).to(images.device)
    padded = F.pad(images, (reach,) * 4, mode="reflect")
    pixels = rows[:, :, None] * padded.shape[3] + columns[:, None]  # (N, R, R), in the padded image
    pixels = pixels.view(n, 1, -1).expand(-1, channels, -1)
    return padded.flatten(2).gather(2, pixels).view_as(images)


class Batches(Iterator[Tensor]):
    """Endless batches of indices below `count`: shuffled anew each epoch, its rest left out.

    Raises:
        UserError: a batch is larger than the set.
    """

    def __init__(
        self, count: int, batch_size: int, generator: torch.Generator, device: torch.device | str
    ) -> None:
        if batch_size > count:
            raise UserError(f"a batch of {batch_size} is larger than the training set of {count}")
        self.count, self.batch_size, self.generator = count, batch_size, generator
        # indices still to come in this epoch; who restores it goes on with the same pictures
        self.coming = torch.empty(0, dtype=torch.int64, device=device)

    def __next__(self) -> Tensor:
        if not len(self.coming):
            order = torch.randperm(
                self.count, generator=self.generator, device=self.generator.device
            )
            full = self.count // self.batch_size * self.batch_size
            self.coming = order[:full].to(self.coming.device)
        batch, self.coming = self.coming.tensor_split([self.batch_size])
        return batch
