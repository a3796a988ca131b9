"""Signal propagation at initialisation (NF-ResNets, section 2): what depth does to the signal.

Three numbers after every residual block, each averaged over channels: the squared mean, the
variance, and the variance at the end of the residual branch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nfnet.build import build_model
from nfnet.formulas import predicted_variances
from nfnet.model import NFNet
from nfnet.procedural import shapes
from nfnet.resnet import ResNet
from nfnet.run import RunConfig, UserError


@dataclass(frozen=True)
class BlockSignal:
    """The signal after one block; block -1 is the stem, which has no branch."""

    block: int
    squared_mean: float  # mean over channels of (mean over N, H, W) squared
    variance: float  # mean over channels of the population variance over N, H, W
    branch_variance: float | None  # likewise at the branch's end, before skip gain and alpha


def channel_statistics(x: Tensor) -> tuple[float, float]:
    """Average squared channel mean and average channel variance of x (N, C, H, W)."""
    variance, mean = torch.var_mean(x.float(), (0, 2, 3), correction=0)
    return mean.square().mean().item(), variance.mean().item()


@torch.no_grad()
def measure(model: NFNet | ResNet, images: Tensor) -> list[BlockSignal]:
    """Sends images (N, 3, H, W) through the net, in the mode it is in, and measures.

    At a skip gain of zero every block is an identity; `ones_for_skip_gains` shows the signal.
    """
    branches: dict[nn.Module, float] = {}
    signals: list[BlockSignal] = []

    def see_branch(module: nn.Module, _: object, output: Tensor) -> None:
        branches[module] = channel_statistics(output)[1]

    def see_block(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if not signals:
            signals.append(BlockSignal(-1, *channel_statistics(inputs[0]), None))
        branch = branches[module.branch_end] / module.branch_scale**2
        signals.append(BlockSignal(len(signals) - 1, *channel_statistics(output), branch))

    handles = [block.branch_end.register_forward_hook(see_branch) for block in model.blocks]
    handles += [block.register_forward_hook(see_block) for block in model.blocks]
    try:
        model(images)
    finally:
        for handle in handles:
            handle.remove()
    return signals


def predict(model: NFNet | ResNet) -> list[float] | None:
    """Analytic variance after every block, or None for a net without a prediction ("none").

    "nf": 1 + k alpha^2 after the k-th block of a stage. "batch": the branch carries the variance of
    a convolution of a ReLU of a unit Gaussian, 1 - 1/pi with He's initialisation, a block; the
    convolution of a transition carries the same again.
    """
    transitions = [block.transition for block in model.blocks]
    norm = getattr(model.config, "norm", "nf")
    if norm == "nf":
        return predicted_variances(transitions, model.config.alpha)[1:]
    if norm == "none":
        return None
    step = 1 - 1 / torch.pi
    variances, variance = [], 2.0  # a He-initialised stem doubles a unit variance
    for transition in transitions:
        variance = (step if transition else variance) + step
        variances.append(variance)
    return variances


@torch.no_grad()
def ones_for_skip_gains(model: nn.Module) -> None:
    """Sets every skip gain to 1, as the papers' propagation plots do."""
    for name, parameter in model.named_parameters():
        if name.endswith("skip_gain"):
            parameter.fill_(1.0)


def propagate(
    config: RunConfig, images: str = "noise", count: int = 128
) -> Iterator[dict[str, Any]]:
    """Measured and predicted signal after every block of a run's net as it starts.

    Transitions are strided here: an average-pooled shortcut loses variance (white noise: three
    quarters of it), which the recursion does not describe.

    Args:
        images: "noise" (independent Gaussian pixels, the papers' choice) or "shapes".
        count: images in the batch.

    Yields:
        {"stage", "block", "squared_mean", "variance", "branch_variance", "predicted_variance"};
        stage and block count from 0, in the whole net.
    """
    if images not in ("noise", "shapes"):
        raise UserError(f"images must be noise or shapes, not {images!r}")
    model = build_model(config, num_classes=10, shortcut="strided").train()
    ones_for_skip_gains(model)
    if images == "shapes":
        batch, _ = shapes(count, config.resolution)
    else:
        generator = torch.Generator().manual_seed(config.seed)
        batch = torch.randn(count, 3, config.resolution, config.resolution, generator=generator)
    stages = [stage for stage, depth in enumerate(config.depths) for _ in range(depth)]
    predictions = predict(model) or [None] * len(stages)
    for stage, signal, predicted in zip(
        stages, measure(model, batch)[1:], predictions, strict=True
    ):
        yield {"stage": stage, **asdict(signal), "predicted_variance": predicted}
