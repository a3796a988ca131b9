"""Is a sweep faster if all its nets train in one batched run (torch.func), or one after another?

    python -m benchmarks.batched_sweep [--device cuda] [--nets 4 16] [--rounds 5]

The nets of a sweep have one shape and differ in their seed and in AGC's threshold, so their steps
can be one: parameters stacked, the gradient mapped over them by `torch.vmap`, AGC and SGD on the
stack. The other arm is the labs' own: `nfnet.training.Trainer`, one net after another. Both train
the same nets on the same batches and take turns in one process. After the first step their weights
must agree (later ones need not: training magnifies rounding). What is printed is the time of a
loop's step over that of the batched one: above 1 the batched run is faster.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from nfnet.agc import unitwise_norm
from nfnet.formulas import clip_factor
from nfnet.relay import returned
from nfnet.run import RunConfig
from nfnet.training import Trainer, prepare

STEPS, LR = 4, 0.1  # steps of a turn
THRESHOLDS = (0.003, 0.01, 0.03, 0.1)
TOLERANCE = 1e-4  # of a parameter's largest entry


class Batched:
    """All nets of the trainers as one stack of parameters that takes their steps at once."""

    def __init__(self, trainers: Sequence[Trainer], clippings: Tensor) -> None:
        self.model, self.clippings = trainers[0].model, clippings
        stacked, _ = stack_module_state([trainer.model for trainer in trainers])
        self.parameters = {name: value.detach().clone() for name, value in stacked.items()}
        self.momenta = {name: torch.zeros_like(v) for name, v in self.parameters.items()}
        names = {parameter: name for name, parameter in self.model.named_parameters()}
        groups = trainers[0].groups
        self.decay = {names[p]: g["weight_decay"] for g in groups for p in g["params"]}
        self.clip = {names[p]: g["clip"] for g in groups for p in g["params"]}
        self.momentum = trainers[0].config.momentum
        self.gradients = vmap(grad_and_value(self.loss), randomness="different")
        self.clipped = vmap(self.clipped_gradient)

    def loss(self, parameters: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(self.model, parameters, (images,)), labels)

    @staticmethod
    def clipped_gradient(weight: Tensor, gradient: Tensor, clipping: Tensor) -> Tensor:
        return gradient * clip_factor(unitwise_norm(weight), unitwise_norm(gradient), clipping)

    def step(self, images: Tensor, labels: Tensor) -> None:
        """images (K, B, 3, H, W), labels (K, B): a batch for each of the K nets."""
        gradients, _ = self.gradients(self.parameters, images, labels)
        with torch.no_grad():
            for name, weight in self.parameters.items():
                gradient = gradients[name]
                if self.clip[name]:
                    gradient = self.clipped(weight, gradient, self.clippings)
                gradient = gradient.add(weight, alpha=self.decay[name])
                momentum = self.momenta[name].mul_(self.momentum).add_(gradient)
                weight.sub_(gradient.add(momentum, alpha=self.momentum), alpha=LR)


def trainers_of(nets: int, device: str, batch_size: int) -> list[Trainer]:
    configs = [RunConfig(seed=n, device=device, batch_size=batch_size) for n in range(nets)]
    return [returned(prepare(config)) for config in configs]


def seconds(work: Callable[[], object], device: str) -> float:
    """Time of the processor, which others on the machine do not lengthen; of a GPU, by the wall."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    began = clock()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - began


def compare(nets: int, device: str, batch_size: int, rounds: int) -> None:
    """Prints a row: the loop's time over the batched run's, of `rounds` turns each."""
    trainers = trainers_of(nets, device, batch_size)
    clippings = torch.tensor([THRESHOLDS[n % len(THRESHOLDS)] for n in range(nets)], device=device)
    batched = Batched(trainers, clippings)
    # the same batches for both: what each trainer would draw next, drawn once for all turns
    drawn = [[next(trainer.order) for trainer in trainers] for _ in range(STEPS * rounds + 1)]

    def loop(steps: Sequence[int]) -> None:
        for net, trainer in enumerate(trainers):
            trainer.order = iter([drawn[step][net] for step in steps])
            for _ in steps:
                trainer.backward()
                trainer.update(LR, float(clippings[net]))

    def together(steps: Sequence[int]) -> None:
        for step in steps:
            pairs = list(zip(trainers, drawn[step], strict=True))
            images = torch.stack([t.dataset.train_images[index] for t, index in pairs])
            labels = torch.stack([t.dataset.train_labels[index] for t, index in pairs])
            batched.step(images, labels)

    loop([0])
    together([0])
    far = farthest(trainers, batched)
    if not far < TOLERANCE:
        raise SystemExit(f"the arms do not train the same nets: they differ by {far:.1e}")
    alone, stacked = [], []
    for turn in range(rounds):
        steps = range(1 + turn * STEPS, 1 + (turn + 1) * STEPS)
        alone.append(seconds(partial(loop, steps), device) / STEPS)
        stacked.append(seconds(partial(together, steps), device) / STEPS)
    ratios = [a / b for a, b in zip(alone, stacked, strict=True)]
    print(
        f"| {nets} | {batch_size} | {1e3 * statistics.median(alone):.1f} | "
        f"{1e3 * statistics.median(stacked):.1f} | {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}) | {far:.1e} |",
        flush=True,
    )


@torch.no_grad()
def farthest(trainers: Sequence[Trainer], batched: Batched) -> float:
    """The largest difference of a parameter between the arms, over its largest entry."""
    return max(
        float((parameter - batched.parameters[name][net]).abs().max() / parameter.abs().max())
        for net, trainer in enumerate(trainers)
        for name, parameter in trainer.model.named_parameters()
        if parameter.abs().max() > 0
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--nets", type=int, nargs="+", default=(4, 16))
    parser.add_argument("--batches", type=int, nargs="+", default=(16, 128))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    where = torch.cuda.get_device_name() if options.device == "cuda" else platform.machine()
    print(
        f"{where}, {options.threads} threads, torch {torch.__version__}, load {os.getloadavg()}\n"
    )
    print("| nets | batch | loop, ms a step of all | together | loop / together | difference |")
    print("|---|---|---|---|---|---|")
    for nets in options.nets:
        for batch_size in options.batches:
            compare(nets, options.device, batch_size, options.rounds)


if __name__ == "__main__":
    main()
