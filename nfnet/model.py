"""The NF block and the NFNet (Brock et al. 2021, arXiv 2102.06171), as the released code has them.

Where paper and code differ the code counts, since the published weights are its: the scale 1/sigma
comes after the activation, and squeeze-excite uses a plain ReLU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nfnet.activations import activation
from nfnet.conv import BNConv2d, WSConv2d
from nfnet.formulas import predicted_variances
from nfnet.plan import BlockPlan, block_plans, squeeze_hidden, stem_plan
from nfnet.variants import NFNetConfig, ResNetConfig


class SqueezeExcite(nn.Module):
    """x * 2 * sigmoid(linear(relu(linear(mean(x))))), over the channels of x (N, C, H, W).

    The factor 2 keeps the scale: a sigmoid is 1/2 on average.
    """

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        hidden = squeeze_hidden(channels, ratio)
        self.linear0 = nn.Linear(channels, hidden)
        self.linear1 = nn.Linear(hidden, channels)
        for linear in (self.linear0, self.linear1):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3))  # (N, C)
        scale = torch.sigmoid(self.linear1(F.relu(self.linear0(squeezed))))
        return x * (2.0 * scale)[:, :, None, None]


class StochasticDepth(nn.Module):
    """Drops the whole branch of an example with probability `rate` while training.

    Unlike the common form it does not divide by the keep rate, as in the official code.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return x
        keep = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.rate
        return x * keep


def pool_shortcut(x: Tensor) -> Tensor:
    """2x2 average pooling with stride 2; a mean at an odd edge counts only real pixels."""
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)


def activation_of(
    config: NFNetConfig | ResNetConfig,
) -> tuple[Callable[[Tensor], Tensor], float]:
    """A net's activation, and its gain gamma (1 in a net without)."""
    act, gamma = activation(config.activation)
    return act, 1.0 if "gamma" in config.without else gamma


def convolution_of(config: NFNetConfig) -> Callable[..., WSConv2d | BNConv2d]:
    """What makes an NFNet's convolutions."""
    if config.norm == "batch":
        return BNConv2d
    return partial(WSConv2d, standardize=False) if "ws" in config.without else WSConv2d


class NFBlock(nn.Module):
    """h + alpha * skip_gain * SE(f(gamma * g(h) / sigma)): the bottleneck block of an NFNet.

    The scalars gamma and 1/sigma ride in the convolutions' weights (`WSConv2d.in_scale`).

    Args:
        plan: its convolutions.
        sigma: predicted standard deviation of the block's input.
    """

    def __init__(
        self,
        config: NFNetConfig,
        plan: BlockPlan,
        sigma: float,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.act, gamma = activation_of(config)
        sigma = 1.0 if "beta" in config.without else sigma
        self.alpha, self.pool = config.alpha, plan.pool
        conv = convolution_of(config)
        reduce, spatial, spatial_too, expand = plan.branch
        self.conv0 = conv(*reduce, in_scale=gamma / sigma)
        self.conv1 = conv(*spatial, in_scale=gamma)
        self.conv1b = conv(*spatial_too, in_scale=gamma)
        self.conv2 = conv(*expand, in_scale=gamma)
        self.transition = plan.shortcut is not None
        if plan.shortcut is not None:
            self.conv_shortcut = conv(*plan.shortcut, in_scale=gamma / sigma)
        self.squeeze_excite = (
            SqueezeExcite(plan.out_channels, config.se_ratio) if config.se_ratio else None
        )
        self.stochastic_depth = StochasticDepth(drop_path)
        self.skip_gain = None
        if config.skip_gain is not None:
            self.skip_gain = nn.Parameter(torch.tensor(float(config.skip_gain)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, ceil(H / stride), ceil(W / stride))."""
        out = self.act(x)
        shortcut = x
        if self.transition:
            shortcut = self.conv_shortcut(pool_shortcut(out) if self.pool else out)
        out = self.act(self.conv0(out))
        out = self.act(self.conv1(out))
        out = self.act(self.conv1b(out))
        out = self.conv2(out)
        if self.squeeze_excite is not None:
            out = self.squeeze_excite(out)
        out = self.stochastic_depth(out)
        scale = self.alpha if self.skip_gain is None else self.alpha * self.skip_gain
        return shortcut + scale * out

    @property
    def branch_end(self) -> nn.Module:
        """The module whose output is the residual branch, before skip gain and alpha."""
        return self.conv2 if self.squeeze_excite is None else self.squeeze_excite

    branch_scale = 1.0  # how much of alpha `branch_end`'s output already carries: none


class NFNet(nn.Module):
    """An NFNet: (N, 3, H, W) float images -> (N, num_classes) logits."""

    def __init__(self, config: NFNetConfig) -> None:
        super().__init__()
        self.config = config
        self.act, gamma = activation_of(config)
        conv = convolution_of(config)
        self.stem = nn.ModuleList(
            conv(*plan, in_scale=gamma if n else 1.0) for n, plan in enumerate(stem_plan(config))
        )
        plans = block_plans(config)
        variances = predicted_variances([p.shortcut is not None for p in plans], config.alpha)
        self.blocks = nn.ModuleList(
            NFBlock(
                config,
                plan,
                sigma=variances[n] ** 0.5,
                drop_path=config.stochastic_depth * n / len(plans),
            )
            for n, plan in enumerate(plans)
        )
        channels = config.widths[-1]
        self.final_conv = conv(channels, 2 * channels, 1)
        self.gamma = gamma if config.norm == "nf" else 1.0
        self.dropout = nn.Dropout(config.drop_rate)
        self.classifier = make_classifier(2 * channels, config.num_classes)

    def features(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C, h, w): what the head averages."""
        out = self.stem[0](images)
        for conv in self.stem[1:]:
            out = conv(self.act(out))
        for block in self.blocks:
            out = block(out)
        return self.act(self.final_conv(out))

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.features(images).mean((2, 3)) * self.gamma  # (N, C)
        return self.classifier(self.dropout(pooled))


def make_classifier(in_features: int, num_classes: int) -> nn.Linear:
    """The last linear layer, with the official initialisation."""
    classifier = nn.Linear(in_features, num_classes)
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
    return classifier
