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
from nfnet.meanfield import Signal, propagated
from nfnet.model import NFNet
from nfnet.plan import block_plans
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


def predict(model: NFNet | ResNet, side: int | None = None, skip_gain: float = 1.0) -> list[Signal]:
    """What a wide net like this one would do to white noise of so many pixels a side.

    Squeeze-excite is taken for the identity, and a stem for one convolution.
    """
    config = model.config
    plans = block_plans(config)
    return propagated(
        [plan.shortcut is not None for plan in plans],
        config.norm,
        activation=config.activation,
        alpha=config.alpha,
        skip_gain=skip_gain,
        without=config.without,
        pool=any(plan.pool for plan in plans),
        kernels=[conv.kernel_size for conv in plans[0].branch],
        side=side,
    )


@torch.no_grad()
def ones_for_skip_gains(model: nn.Module) -> None:
    """Sets every skip gain to 1, as the papers' propagation plots do."""
    for name, parameter in model.named_parameters():
        if name.endswith("skip_gain"):
            parameter.fill_(1.0)


def propagate(
    config: RunConfig, images: str = "noise", shortcut: str = "strided", count: int = 32
) -> Iterator[dict[str, Any]]:
    """Measured and predicted signal after every block of a run's net as it starts.

    Args:
        images: "noise" (independent Gaussian pixels, the papers' choice) or "shapes".
        shortcut: how a transition of a ResNet halves the picture, "strided" or "pool". A mean of
            2x2 pixels takes three quarters of white noise's variance, which the variances that a
            net divides by do not know of.
        count: images in the batch.

    Yields:
        {"stage", "block", "squared_mean", "variance", "branch_variance", "predicted_variance"};
        stage and block count from 0, in the whole net. The prediction is for noise, else None.

    Raises:
        UserError: no such images or shortcut.
    """
    if images not in ("noise", "shapes"):
        raise UserError(f"images must be noise or shapes, not {images!r}")
    if shortcut not in ("strided", "pool"):
        raise UserError(f"shortcut must be strided or pool, not {shortcut!r}")
    model = build_model(config, num_classes=10, shortcut=shortcut).train()
    predictions = [None] * sum(config.depths)
    if images == "shapes":
        batch, _ = shapes(count, config.resolution)
    else:
        generator = torch.Generator().manual_seed(config.seed)
        batch = torch.randn(count, 3, config.resolution, config.resolution, generator=generator)
        skip_gain = 1.0 if config.skip_gain is None else config.skip_gain
        signals = predict(model, config.resolution, skip_gain)
        predictions = [signal.variance for signal in signals]
    stages = [stage for stage, depth in enumerate(config.depths) for _ in range(depth)]
    for stage, signal, predicted in zip(
        stages, measure(model, batch)[1:], predictions, strict=True
    ):
        yield {"stage": stage, **asdict(signal), "predicted_variance": predicted}
