"""What one training step costs with no normalizer, with BN, and normalizer-free, on one CPU thread.

    python -m benchmarks.step_cost [--rounds 30]

The lecture's small net three times, differing in the normalizer alone (the NF net with its scalars
folded into the weights, as it trains in the lecture). Steps of the three alternate in one process
and are timed in its CPU time, so that a busy machine disturbs all alike; the ratios are the
result, the milliseconds only this machine's. The learning rate is 0: the arithmetic is that of a
step, and the weights stay finite.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from nfnet.agc import adaptive_clip_grad_, parameter_groups
from nfnet.build import build_model
from nfnet.costs import saved_bytes
from nfnet.run import RunConfig

NORMS = ("none", "batch", "nf")
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
BATCHES = (16, 128)
STEPS_A_TURN = 4  # measured; one more before them fetches the net's memory back into the caches
CLASSES, CLIPPING = 10, 0.01


class Arm:
    """One net on one batch of noise, and the milliseconds that each part of its steps took."""

    def __init__(self, norm: str, batch_size: int, layout: torch.memory_format) -> None:
        config = RunConfig(norm=norm, batch_size=batch_size)
        self.model = build_model(config, CLASSES).to(memory_format=layout).train()
        self.parameters = list(self.model.parameters())
        self.groups = parameter_groups(self.model, config.weight_decay)
        self.optimizer = torch.optim.SGD(
            self.groups, lr=0.0, momentum=config.momentum, nesterov=True, foreach=True
        )
        generator = torch.Generator().manual_seed(0)
        side = config.resolution
        images = torch.randn(batch_size, 3, side, side, generator=generator)
        self.images = images.contiguous(memory_format=layout)
        self.labels = torch.randint(CLASSES, (batch_size,), generator=generator)
        self.parts: dict[str, Callable[[], object]] = {
            "gradients": self.gradients,
            "sgd": self.optimizer.step,
            "norm clip": lambda: clip_grad_norm_(self.parameters, 1.0),
            "agc": lambda: adaptive_clip_grad_(self.groups, CLIPPING),
            # what the lecture does at every step, to show the share: the norms are read as well
            "agc, read": lambda: adaptive_clip_grad_(self.groups, CLIPPING).share,
        }
        self.times: dict[str, list[float]] = {name: [] for name in self.parts}

    def loss(self) -> Tensor:
        return F.cross_entropy(self.model(self.images), self.labels)

    def gradients(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.loss().backward()

    def turn(self) -> None:
        """Some steps, each part timed on its own."""
        for n in range(STEPS_A_TURN + 1):
            for name, part in self.parts.items():
                began = time.process_time()
                part()
                if n:
                    self.times[name].append(1e3 * (time.process_time() - began))

    def best_and_median(self, *parts: str) -> tuple[float, float]:
        """ms of these parts together, over all measured steps."""
        sums = [sum(step) for step in zip(*(self.times[part] for part in parts), strict=True)]
        return min(sums), statistics.median(sums)


def row(label: str, cost: tuple[float, float], unit: tuple[float, float], more: str = "") -> None:
    ratios = f"{cost[0] / unit[0]:7.2f} {cost[1] / unit[1]:7.2f}"
    print(f"{label:30} {cost[0]:8.2f} {cost[1]:8.2f} {ratios}{more}", flush=True)


def compare(layout: str, batch_size: int, rounds: int) -> None:
    """Measures one setting and prints its table."""
    arms = {norm: Arm(norm, batch_size, LAYOUTS[layout]) for norm in NORMS}
    for _ in range(rounds):
        for arm in arms.values():
            arm.turn()
    saved = {norm: saved_bytes(arm.loss, arm.parameters) for norm, arm in arms.items()}

    print(f"\nbatch {batch_size}, {layout}, {rounds * STEPS_A_TURN} steps a net")
    print(f"{'':30} {'min ms':>8} {'med ms':>8} {'/ none':>7} {'/ none':>7}   saved MB  / none")
    unit = arms["none"].best_and_median("gradients")
    for norm, arm in arms.items():
        memory = f"   {saved[norm] / 1e6:8.2f} {saved[norm] / saved['none']:7.2f}"
        row(f"{norm}: forward, backward", arm.best_and_median("gradients"), unit, memory)
    unit = arms["none"].best_and_median("gradients", "sgd")
    for norm, arm in arms.items():
        row(f"{norm}: step", arm.best_and_median("gradients", "sgd"), unit)
    nf = arms["nf"]
    step = nf.best_and_median("gradients", "agc", "sgd")
    row("nf: step with AGC", step, unit)
    clips = {
        "norm clip": "clip_grad_norm_",
        "agc": "adaptive_clip_grad_",
        "agc, read": "adaptive_clip_grad_, share read",
    }
    print(f"{'':30} {'min ms':>8} {'med ms':>8} {'/ norm':>7} {'/ norm':>7}   share of NF step")
    for part, name in clips.items():
        cost = nf.best_and_median(part)
        whole = nf.best_and_median("gradients", part, "sgd")[1]
        row(name, cost, nf.best_and_median("norm clip"), f"   {cost[1] / whole:15.1%}")


def conditions() -> str:
    """Machine, versions and how busy the machine is: what every figure depends on."""
    load = ", ".join(f"{load:.2f}" for load in os.getloadavg()) if os.name != "nt" else "unknown"
    return (
        f"cpu, {platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} thread, "
        f"Python {platform.python_version()}, torch {torch.__version__}, load average {load}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=30, help=f"turns of {STEPS_A_TURN} steps")
    rounds = parser.parse_args(arguments).rounds
    torch.set_num_threads(1)
    print(conditions())
    count = sum(p.numel() for p in build_model(RunConfig(), CLASSES).parameters())
    print(f"the small NF net: {count:,} parameters, 16 px; CPU time of this process")
    for batch_size in BATCHES:
        for layout in LAYOUTS:
            compare(layout, batch_size, rounds)
    print(f"\nat the end: {conditions()}")


if __name__ == "__main__":
    main()
