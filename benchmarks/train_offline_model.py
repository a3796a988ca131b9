"""Trains the small nets that the project ships: `nfnet_mini`, and its twin with BatchNorm.

    python -m benchmarks.train_offline_model --data tiny-imagenet-200 --work build/nfnet_mini
    python -m benchmarks.train_offline_model --data … --work build/bn --model bn_nfnet_mini

The recipe is the paper's, scaled down to an hour or two of one processor core: scaled WS and AGC,
SGD with Nesterov momentum, linear warm-up and half a cosine, weight decay, label smoothing, mixup
and CutMix, averaged weights, random crops. What differs, and why: the pictures grow while the net
trains (a step at 32 pixels costs less than half of one at 48, and early steps learn little from
detail); half of the batches are mixed and not all, and RandAugment is off, as 36 epochs are few (in
8 it cost 3 points, LOG.md); the twin has no AGC, as BatchNorm nets are trained.

Killed at any moment and started again with the same command, it goes on from its last checkpoint
and ends as if nothing had happened: what is drawn at a step depends on the seed and the step alone.
On one thread of a CPU the result is the same to the last bit.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nfnet.agc import adaptive_clip_grad_, parameter_groups
from nfnet.augment import mix, random_crops
from nfnet.devices import pick_device
from nfnet.ema import WeightAverage
from nfnet.folder import PictureSet, load_pictures
from nfnet.rand_augment import rand_augment
from nfnet.run import UserError
from nfnet.variants import MODELS, model_config
from nfnet.weights import build

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, pixels in 0..1


@dataclass(frozen=True)
class Recipe:
    """All that a trained net depends on, besides the data."""

    model: str = "nfnet_mini"
    seed: int = 0
    epochs: int = 36
    batch_size: int = 128
    sides: tuple[int, ...] = (32, 40, 48)  # px of the crops, each for an equal part of the epochs
    test_side: int = 64
    lr: float = 0.2  # at 0.6 the loss stood still while the rate was still warming up
    warmup_epochs: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 2e-5  # 5e-4 had shrunk the filters to a fifteenth in 15 epochs
    clipping: float | None = 0.16  # of three; at 0.01 eight epochs ended 3 points lower (LOG.md)
    first_clipping: tuple[int, float] | None = None  # another threshold before this update
    clipping_eps: float = 1e-2  # at the paper's 1e-3 a short training never moves the biases
    label_smoothing: float = 0.1
    ema: float = 0.999
    area: tuple[float, float] = (0.25, 1.0)  # share of the picture that a crop keeps
    held_out: int = 10  # training pictures a class, kept for choices and calibration
    mixing: float = 0.5  # share of the steps whose batch is mixed: half by mixup, half by CutMix
    rand_layers: int = 0  # of RandAugment: operations a picture
    rand_magnitude: float = 0.3

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Recipe:
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})

    def side(self, epoch: int) -> int:
        return self.sides[epoch * len(self.sides) // self.epochs]

    def clipping_at(self, step: int) -> float | None:
        if self.first_clipping is not None and step < self.first_clipping[0]:
            return self.first_clipping[1]
        return self.clipping

    def lr_at(self, step: int, per_epoch: int) -> float:
        """The rate of update `step` (from 0)."""
        warmup, total = round(per_epoch * self.warmup_epochs), per_epoch * self.epochs
        if step < warmup:
            return self.lr * min(1.0, (step + 1) / warmup)
        return self.lr * (0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))))


def to_pixels(images: Tensor) -> Tensor:
    """uint8 (N, H, W, 3) -> float32 (N, 3, H, W) in 0..1."""
    return images.permute(0, 3, 1, 2).float() / 255


def standardized(pixels: Tensor) -> Tensor:
    """Pixels in 0..1 as the net wants them: (N, 3, H, W), channels last in memory."""
    mean, std = (torch.tensor(v, device=pixels.device)[:, None, None] for v in (MEAN, STD))
    return ((pixels - mean) / std).contiguous(memory_format=torch.channels_last)


class Training:
    """A net on its way: `advance` makes one update; `state` and `restore` are its whole memory."""

    def __init__(self, recipe: Recipe, pictures: PictureSet, device: torch.device) -> None:
        self.recipe, self.device, self.step = recipe, device, 0
        self.images = _tensor(pictures.train_images).to(device)
        self.labels = _tensor(pictures.train_labels).to(device)
        self.train, self.held = (torch.from_numpy(i) for i in pictures.split(recipe.held_out))
        self.per_epoch = len(self.train) // recipe.batch_size
        if not self.per_epoch:
            raise UserError(f"{len(self.train)} pictures do not fill one batch")
        self.total = self.per_epoch * recipe.epochs
        torch.manual_seed(recipe.seed)
        model = build(model_config(recipe.model), len(pictures.classes))
        self.model = model.to(device, memory_format=torch.channels_last)
        self.average = WeightAverage(self.model, recipe.ema)
        self.groups = parameter_groups(self.model, recipe.weight_decay)
        self.optimizer = torch.optim.SGD(
            self.groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=True, foreach=True
        )

    def batch(self) -> tuple[Tensor, Tensor, torch.Generator]:
        """Indices of this step's pictures on the CPU, the crops, and the step's own generator."""
        recipe, (epoch, place) = self.recipe, divmod(self.step, self.per_epoch)
        shuffling = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
        order = self.train[torch.randperm(len(self.train), generator=shuffling)]
        index = order[place * recipe.batch_size : (place + 1) * recipe.batch_size]
        step_seed = (recipe.seed + 1) * 1_000_000_007 + self.step
        torch.manual_seed(step_seed)  # of dropout and stochastic depth
        generator = torch.Generator().manual_seed(step_seed)
        index = index.to(self.device)
        pixels = to_pixels(self.images[index])
        crops = random_crops(pixels, recipe.side(epoch), generator, recipe.area)
        crops = rand_augment(crops, generator, recipe.rand_layers, recipe.rand_magnitude)
        return index, standardized(crops), generator

    def advance(self) -> tuple[float, float]:
        """One update. Returns the batch's loss and accuracy before it.

        Raises:
            UserError: the loss is not finite any more.
        """
        recipe = self.recipe
        index, crops, generator = self.batch()
        labels = targets = self.labels[index]
        if torch.rand((), generator=generator) < recipe.mixing:
            targets = F.one_hot(labels, self.model.config.num_classes).float()
            crops, targets = mix(crops, targets, generator)
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.model(crops)
        logits = logits.float()
        loss = F.cross_entropy(logits, targets, label_smoothing=recipe.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr_at(self.step, self.per_epoch)
        clipping = recipe.clipping_at(self.step)
        if clipping is not None:
            adaptive_clip_grad_(self.groups, clipping, recipe.clipping_eps)
        self.optimizer.step()
        self.average.update(self.model, self.step)
        self.step += 1
        if not math.isfinite(loss.item()):
            raise UserError(f"the loss is {loss.item()} at step {self.step}; lower --lr")
        return loss.item(), (logits.argmax(1) == labels).float().mean().item()

    def evaluate(self) -> tuple[float, float]:
        """Accuracy and log loss of the averaged weights on the held-out pictures."""
        logits = logits_of(self.average.model, self.images, self.held.to(self.device), self.device)
        labels = self.labels[self.held.to(self.device)]
        accuracy = (logits.argmax(1) == labels).float().mean().item()
        return accuracy, F.cross_entropy(logits, labels).item()

    def state(self) -> dict[str, Any]:
        return {
            "recipe": asdict(self.recipe),
            "step": self.step,
            "model": self.model.state_dict(),
            "ema": self.average.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Raises UserError if the state is of another recipe."""
        stored = Recipe.from_json(state["recipe"])
        if stored != self.recipe:
            mine, theirs = asdict(self.recipe), asdict(stored)
            names = ", ".join(name for name in mine if mine[name] != theirs[name])
            raise UserError(f"the checkpoint was trained with another {names}; choose a new --work")
        self.model.load_state_dict(state["model"])
        self.average.model.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]


def _tensor(array: np.ndarray) -> Tensor:
    # a copy would cost each process 700 MB; the file is mapped, and nothing writes to the tensor
    return torch.from_numpy(np.load(array.filename, mmap_mode="c"))


@torch.no_grad()
def logits_of(
    model: torch.nn.Module, images: Tensor, index: Tensor, device: torch.device
) -> Tensor:
    """Logits (N, classes) of whole pictures, with mixed precision."""
    parts = []
    for part in index.split(250):
        with torch.autocast(device.type, torch.bfloat16):
            parts.append(model(standardized(to_pixels(images[part]))).float())
    return torch.cat(parts)


def save(state: dict[str, Any], path: Path) -> None:
    """Writes a checkpoint that is there whole or not at all, whatever happens meanwhile."""
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def run(training: Training, work: Path, every: float, log_every: int = 50) -> None:
    """Trains to the end, or on to it, with a checkpoint each epoch and each `every` seconds."""
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=training.device)
        training.restore(state)
    with (work / "progress.jsonl").open("a", encoding="utf-8") as log:

        def say(**row: Any) -> None:
            row = {"step": training.step, "epoch": training.step / training.per_epoch, **row}
            print(json.dumps(row | {"time": time.strftime("%F %T")}), file=log, flush=True)

        say(total=training.total, recipe=asdict(training.recipe), environment=environment())
        clocks, saved, rows = (time.time(), time.process_time()), time.time(), []
        while training.step < training.total:
            rows.append(training.advance())
            ended = training.step % training.per_epoch == 0
            if training.step % log_every == 0 or ended:
                now = (time.time(), time.process_time())
                wall, cpu = (
                    round(len(rows) * training.recipe.batch_size / (b - a), 1)
                    for a, b in zip(clocks, now, strict=True)
                )
                loss, accuracy = (sum(column) / len(rows) for column in zip(*rows, strict=True))
                say(loss=loss, accuracy=accuracy, rate=wall, cpu_rate=cpu)
                clocks, rows = now, []
            if ended:
                accuracy, loss = training.evaluate()
                say(held_out=accuracy, held_out_loss=loss)
                clocks = (time.time(), time.process_time())
            if ended or time.time() - saved >= every:
                save(training.state(), checkpoint)
                saved = time.time()


def environment() -> dict[str, Any]:
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "processor": torch.cuda.get_device_name() if torch.cuda.is_available() else _processor(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main(arguments: Sequence[str] | None = None) -> None:
    defaults = Recipe()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of Tiny ImageNet")
    parser.add_argument("--work", type=Path, required=True, help="checkpoint and progress go here")
    parser.add_argument("--cache", type=Path, help="decoded pictures go here (default: in --work)")
    parser.add_argument("--model", choices=MODELS, default=defaults.model, metavar="NAME")
    for name in ("seed", "epochs", "batch_size", "lr", "weight_decay", "mixing", "rand_layers"):
        default = getattr(defaults, name)
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=type(default), default=default)
    parser.add_argument("--sides", type=int, nargs="+", default=defaults.sides, metavar="PX")
    parser.add_argument("--clipping", type=float, default=defaults.clipping, metavar="THRESHOLD")
    parser.add_argument("--first-clipping", nargs=2, metavar=("UPDATES", "THRESHOLD"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="1 repeats to the bit")
    parser.add_argument("--checkpoint-seconds", type=float, default=240)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    first = options.first_clipping and (
        int(options.first_clipping[0]),
        float(options.first_clipping[1]),
    )
    recipe = Recipe(
        model=options.model,
        seed=options.seed,
        epochs=options.epochs,
        batch_size=options.batch_size,
        sides=tuple(options.sides),
        lr=options.lr,
        weight_decay=options.weight_decay,
        clipping=options.clipping if model_config(options.model).norm == "nf" else None,
        first_clipping=first,
        mixing=options.mixing,
        rand_layers=options.rand_layers,
    )
    try:
        options.work.mkdir(parents=True, exist_ok=True)
        pictures = load_pictures(options.data, options.cache or options.work / "cache")
        training = Training(recipe, pictures, pick_device(options.device))
        run(training, options.work, options.checkpoint_seconds)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
