"""What a training step costs, operation by operation, and what it keeps in memory.

Forward and backward pass are all there is to a step here: the update of the weights is left out.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from nfnet.build import build_model
from nfnet.devices import pick_device
from nfnet.run import RunConfig
from nfnet.stopwatch import OPERATIONS, OTHER, CpuClock, CudaClock, Stopwatch

CLASSES = 10
ROUNDS, MORE = 5, 32  # steps timed of each net, and so many more over the batch size
LARGE = 64  # images: a step of so many fits in no cache anyhow


@dataclass(frozen=True)
class StepCost:
    """What a step of one net took; every time is a median over its repeats.

    The operations of `forward_ms` and `backward_ms` together take `step_ms`, the time of a step
    that nobody looked into. `watched_ms` is that of a step with the clock being read all along.
    """

    norm: str
    batch_size: int
    step_ms: float
    watched_ms: float
    forward_ms: dict[str, float]  # ms of each of OPERATIONS
    backward_ms: dict[str, float]
    saved_bytes: int  # kept from the forward for the backward pass, parameters not counted
    threads: int
    device: str


def measure(config: RunConfig, rounds: int | None = None) -> StepCost:
    """The cost of a step of one net at one batch size; see `compare`."""
    return compare([config], rounds)[0]


def compare(configs: Sequence[RunConfig], rounds: int | None = None) -> list[StepCost]:
    """The costs of some nets, whose steps alternate so that a busy machine disturbs all alike.

    With one thread on a CPU the times are CPU time of this process, which others cannot lengthen
    by waiting in the queue before it. A device other than CUDA is measured as the CPU.

    Args:
        rounds: steps of each net that are timed; None: at least ROUNDS, more for small batches.

    Raises:
        UserError: this machine lacks the device.
    """
    arms = [_Arm(config) for config in configs]
    if rounds is None:
        rounds = ROUNDS + MORE // max(config.batch_size for config in configs)
    for _ in range(rounds):
        for arm in arms:
            arm.turn()
    return [arm.cost() for arm in arms]


def costs(configs: Sequence[RunConfig], rounds: int | None = None) -> Iterator[dict[str, Any]]:
    """Each net's `StepCost` as a dict; neighbours of one batch size are measured side by side."""
    for _, group in groupby(configs, key=lambda config: config.batch_size):
        for cost in compare(list(group), rounds):
            yield asdict(cost)


def saved_bytes(forward: Callable[[], Tensor], parameters: Sequence[Tensor]) -> int:
    """Bytes that a forward pass keeps for its backward pass, each storage counted once.

    Args:
        forward: runs it and returns the loss.
        parameters: not counted, they are there anyhow.
    """
    own = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = forward()  # held until the end: a freed storage's address would be used again
    total = sum(size for address, size in saved.items() if address not in own)
    del loss
    return total


class _Arm:
    """One net on one batch of noise, and what its steps took so far."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        device = pick_device(config.device)
        cuda = device.type == "cuda"
        self.device = device if cuda else torch.device("cpu")
        self.clock = CudaClock() if cuda else CpuClock()
        # grouped convolutions are slower in this layout on some devices, plain ones faster
        plain = config.architecture == "resnet"
        layout = torch.channels_last if plain else torch.contiguous_format
        model = build_model(config, CLASSES).to(self.device)
        self.model = model.to(memory_format=layout).train()
        generator = torch.Generator().manual_seed(config.seed)
        side = config.resolution
        images = torch.randn(config.batch_size, 3, side, side, generator=generator)
        self.images = images.to(self.device).contiguous(memory_format=layout)
        labels = torch.randint(CLASSES, (config.batch_size,), generator=generator)
        self.labels = labels.to(self.device)
        mixed = config.precision == "mixed" or (config.precision == "auto" and cuda)
        self.autocast = {
            "device_type": self.device.type,
            "dtype": torch.bfloat16,
            "enabled": mixed,
        }
        self.plain: list[tuple[float, float]] = []  # seconds of forward, backward
        self.watched: list[tuple[dict[str, float], dict[str, float]]] = []

    def loss(self) -> Tensor:
        with torch.autocast(**self.autocast):
            logits = self.model(self.images)
        return F.cross_entropy(logits.float(), self.labels)

    def turn(self) -> None:
        """A step that is timed and one that is watched."""
        if self.config.batch_size < LARGE:
            self._step()  # fetches back into the caches what the other nets have put out
        self.plain.append(self._step())
        self.model.zero_grad(set_to_none=True)
        stopwatch = Stopwatch(self.clock)
        with stopwatch.forward(self.model):
            loss = self.loss()
        stopwatch.backward(loss)
        self.watched.append((stopwatch.forward_seconds, stopwatch.backward_seconds))

    def _step(self) -> tuple[float, float]:
        self.model.zero_grad(set_to_none=True)
        began = self.clock.read()
        loss = self.loss()
        turned = self.clock.read()
        loss.backward()
        ended = self.clock.read()
        return self.clock.seconds(began, turned), self.clock.seconds(turned, ended)

    def cost(self) -> StepCost:
        step = statistics.median(map(sum, self.plain))
        forward, backward = (statistics.median(each) for each in zip(*self.plain, strict=True))
        shares = [part / (forward + backward) for part in (forward, backward)]
        watched = [sum(f.values()) + sum(b.values()) for f, b in self.watched]
        return StepCost(
            self.config.norm,
            self.config.batch_size,
            1e3 * step,
            1e3 * statistics.median(watched),
            *(
                parts(each, step * share)
                for each, share in zip(zip(*self.watched, strict=True), shares, strict=True)
            ),
            saved_bytes(self.loss, list(self.model.parameters())),
            torch.get_num_threads(),
            self.device.type,
        )


def parts(watched: Sequence[dict[str, float]], whole: float) -> dict[str, float]:
    """ms of each operation, together `whole` seconds; "other" is what the operations leave of it.

    Reading the clock takes time too, mostly between two operations, so that what lies between them
    is not taken from the steps that were watched. Operations that take more than `whole` together
    are all scaled down to it.
    """
    named = [operation for operation in OPERATIONS if operation != OTHER]
    took = {name: statistics.median(step[name] for step in watched) for name in named}
    took[OTHER] = max(0.0, whole - sum(took.values()))
    scale = whole / sum(took.values())
    return {name: 1e3 * scale * seconds for name, seconds in took.items()}
