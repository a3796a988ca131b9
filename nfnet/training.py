"""Training as a generator of measurements: `for event in train(config)`.

Nothing is called back: who wants to stop stops iterating, who wants to steer moves `Controls`.
"""

from __future__ import annotations

import dataclasses
import io
import math
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from nfnet.agc import ClipSummary, clip_grad_, parameter_groups
from nfnet.build import build_model
from nfnet.checkpoint import read_metadata
from nfnet.controls import Controls
from nfnet.data import Batches, Dataset, augment, load_dataset
from nfnet.devices import pick_device
from nfnet.events import (
    RATIO_QUANTILES,
    Diverged,
    Evaluation,
    Event,
    Finished,
    Loading,
    Step,
    event_from_json,
    event_to_json,
)
from nfnet.published import SHIPPED
from nfnet.relay import relayed
from nfnet.run import RunConfig
from nfnet.weights import load_weights

NON_FINITE, STUCK = "non-finite", "stuck at chance"


def train(config: RunConfig, controls: Controls | None = None) -> Iterator[Event]:
    """Trains one net and tells what happens, a `Step` an update; the last event ends the run.

    The same seed on the same device with the same number of threads gives equal events. A paused
    run waits inside `next()`.

    Args:
        config: what to train; see `nfnet.RunConfig`.
        controls: levers that may be moved between steps, also from another thread.

    Yields:
        `Loading` while data is fetched, `Step`, `Evaluation`, and last `Finished` or `Diverged`.

    Raises:
        UserError: the data or the device cannot be had.
    """
    trainer = yield from prepare(config)
    yield from follow(trainer, controls)


def prepare(config: RunConfig) -> Generator[Loading, None, Trainer]:
    """Returns what `follow` trains, with events while its data is fetched. Raises as `train`."""
    device = pick_device(config.device)
    dataset = yield from load_dataset(config, device)
    return Trainer(config, dataset, device)


def prepare_telling(config: RunConfig) -> Generator[dict[str, Any], None, Trainer]:
    """`prepare` with {"loading": {"what", "done", "total"}} in the place of its events."""
    return relayed(prepare(config), lambda event: {"loading": dataclasses.asdict(event)})


def follow(trainer: Trainer, controls: Controls | None = None) -> Iterator[Event]:
    """Trains from the trainer's next step to the last; `trainer.model` is then the trained net.

    Yields:
        What `train` does, but for `Loading`.
    """
    config, controls = trainer.config, controls or Controls()
    start = time.perf_counter()
    for step in range(len(trainer.losses) + 1, config.steps + 1):
        while controls.paused and not controls.stopped:
            time.sleep(0.02)
        if controls.stopped:
            break
        began = time.perf_counter()
        loss, accuracy = trainer.backward()
        if not math.isfinite(loss):
            yield _diverged(step, NON_FINITE, trainer.last)
            return
        lr = controls.value("lr", config.lr) * lr_factor(
            step - 1, config.steps, config.warmup_steps
        )
        planned = config.clipping if step >= config.clipping_from else None
        clipping = controls.value("clipping", planned)
        summary = trainer.update(lr, clipping)
        trainer.losses.append(loss)
        trainer.last = Step(
            step,
            loss,
            accuracy,
            lr,
            clipping,
            summary.share,
            summary.largest_ratio,
            trainer.layer_quantiles(summary),
            config.batch_size / (time.perf_counter() - began),
        )
        yield trainer.last
        if config.evaluate_every and step % config.evaluate_every == 0 and step < config.steps:
            accuracy, loss = trainer.evaluate()
            if math.isfinite(loss):  # else the next step's loss is not finite either
                yield Evaluation(step, accuracy, loss)
    steps = len(trainer.losses)
    accuracy, loss = trainer.evaluate()
    if not math.isfinite(loss):
        yield _diverged(steps, NON_FINITE, trainer.last)
        return
    yield Evaluation(steps, accuracy, loss)
    if not controls.stopped and is_stuck(trainer.losses, trainer.dataset.guessing):
        yield _diverged(steps, STUCK, trainer.last, accuracy)
    else:
        yield Finished(steps, accuracy, loss, controls.stopped, time.perf_counter() - start)


def _diverged(step: int, reason: str, last: Step | None, accuracy: float | None = None) -> Diverged:
    if last is None:
        return Diverged(step, reason, 0, None, None, accuracy)
    return Diverged(step, reason, last.step, last.loss, last.accuracy, accuracy)


def lr_factor(step: int, steps: int, warmup_steps: int = 0) -> float:
    """Share of the peak learning rate at `step` (from 0): linear warm-up times a half cosine."""
    warmup = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    return warmup * 0.5 * (1 + math.cos(math.pi * step / steps))


def is_stuck(losses: Sequence[float], guessing: float) -> bool:
    """Whether the mean loss of the last fifth lies within 1 % of that of guessing."""
    tail = losses[-max(1, len(losses) // 5) :]
    return bool(tail) and abs(sum(tail) / len(tail) - guessing) <= 0.01 * guessing


def begin(config: RunConfig, classes: Sequence[str]) -> nn.Module:
    """The net that a run begins with: fresh, or a shipped one's weights.

    The classifier comes along only if the classes are the same, in the same order.

    Raises:
        UserError: the shipped file is missing, or is of another net than the run's.
    """
    model = build_model(config, len(classes))
    if config.start == "random":
        return model
    path = SHIPPED / f"{config.start}.safetensors"
    known = tuple(label for _, label in read_metadata(path).classes)
    trained = build_model(config, len(known))
    load_weights(trained, path)
    if known == tuple(classes):
        return trained
    head = "classifier."
    body = {name: t for name, t in trained.state_dict().items() if not name.startswith(head)}
    model.load_state_dict(body, strict=False)
    return model


class Trainer:
    """A net, its data and its optimizer: one batch's gradients at a time, then one update."""

    def __init__(self, config: RunConfig, dataset: Dataset, device: torch.device) -> None:
        self.config, self.dataset, self.device = config, dataset, device
        self.model: nn.Module = begin(config, dataset.classes).to(device)
        # grouped convolutions are slower in this layout on some devices, plain ones faster
        plain = config.architecture == "resnet"
        self.layout = torch.channels_last if plain else torch.contiguous_format
        self.model.to(memory_format=self.layout)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.order = Batches(len(dataset.train_labels), config.batch_size, self.generator, device)
        self.losses: list[float] = []  # of all steps so far
        self.last: Step | None = None
        self.groups = parameter_groups(self.model, config.weight_decay)
        self.optimizer = torch.optim.SGD(
            self.groups,
            lr=config.lr,
            momentum=config.momentum,
            nesterov=config.momentum > 0,
            foreach=True,
        )
        mixed = config.precision == "mixed" or (
            config.precision == "auto" and device.type == "cuda"
        )
        half = torch.bfloat16
        if device.type == "cuda" and not torch.cuda.is_bf16_supported():
            half = torch.float16
        self.autocast = {"device_type": device.type, "dtype": half, "enabled": mixed}
        # float16 gradients vanish unless the loss is scaled up; bfloat16 has float32's range
        self.scaler = torch.amp.GradScaler(device.type, enabled=mixed and half is torch.float16)
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        clipped = [p for group in self.groups if group["clip"] for p in group["params"]]
        self.weight_layers = [
            (index, names[parameter].removesuffix(".weight"))
            for index, parameter in enumerate(clipped)
            if parameter.ndim == 4
        ]

    def save(self) -> bytes:
        """All that later steps depend on, as it stands between two steps.

        Net, momentum, the scale of the loss, the generator, the pictures still to come in this
        epoch, and the steps so far. The configuration is not in it.
        """
        file = io.BytesIO()
        state = {
            "model": self.model.state_dict(),
            "momentum": self.optimizer.state_dict()["state"],
            "scaler": self.scaler.state_dict(),
            "generator": self.generator.get_state(),
            "coming": self.order.coming.clone(),  # a view would bring its whole epoch along
            "losses": self.losses,
            "last": event_to_json(self.last) if self.last else None,
        }
        torch.save(state, file)
        return file.getvalue()

    def restore(self, saved: bytes) -> None:
        """Goes back, or on, to what `save` gave; the run's settings may be others since.

        On a CPU the steps to come are then those of the trainer that was saved, to the bit, if the
        number of threads is the same.

        Raises:
            RuntimeError: it is of another net.
        """
        state = torch.load(io.BytesIO(saved), map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        groups = self.optimizer.state_dict()["param_groups"]  # rate and decay are the run's own
        self.optimizer.load_state_dict({"state": state["momentum"], "param_groups": groups})
        self.scaler.load_state_dict(state["scaler"])
        self.generator.set_state(state["generator"].cpu())
        self.order.coming = state["coming"]
        self.losses = state["losses"]
        self.last = event_from_json(state["last"]) if state["last"] else None

    def backward(self) -> tuple[float, float]:
        """Gradients of the next batch. Returns its loss and accuracy, before any update."""
        self.model.train()
        index = next(self.order)
        images, labels = self.dataset.train_images[index], self.dataset.train_labels[index]
        if self.config.augment:
            images = augment(images, self.generator)
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(**self.autocast):
            logits = self.model(images.contiguous(memory_format=self.layout))
        loss = F.cross_entropy(logits.float(), labels)
        self.scaler.scale(loss).backward()
        correct = (logits.argmax(1) == labels).float().mean()
        loss_and_accuracy = torch.stack([loss.detach(), correct]).tolist()  # one wait for both
        return loss_and_accuracy[0], loss_and_accuracy[1]

    def update(self, lr: float, clipping: float | None) -> ClipSummary:
        """Unscale, clip, step: in this order, since the threshold is about true gradients."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.scaler.unscale_(self.optimizer)
        summary = clip_grad_(self.groups, clipping, self.config.clip_by)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return summary

    def layer_quantiles(self, summary: ClipSummary) -> dict[str, tuple[float, ...]]:
        """Convolution -> RATIO_QUANTILES (nearest rank) of its units' ||G|| / ||W||*."""
        quantiles = {}
        for index, name in self.weight_layers:
            ratios = np.sort(summary.ratios[index])
            ranks = [round(q * (len(ratios) - 1)) for q in RATIO_QUANTILES]
            quantiles[name] = tuple(ratios[ranks].tolist())
        return quantiles

    @torch.no_grad()
    def evaluate(self, batch_size: int = 500) -> tuple[float, float]:
        """Accuracy and mean loss on the test set, in evaluation mode."""
        self.model.eval()
        correct = loss = 0.0
        pairs = zip(
            self.dataset.test_images.split(batch_size),
            self.dataset.test_labels.split(batch_size),
            strict=True,
        )
        for images, labels in pairs:
            with torch.autocast(**self.autocast):
                logits = self.model(images.contiguous(memory_format=self.layout)).float()
            correct += (logits.argmax(1) == labels).sum().item()
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
        count = len(self.dataset.test_labels)
        return correct / count, loss / count
