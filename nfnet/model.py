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
from nfnet.variants import NFNetConfig, ResNetConfig


class SqueezeExcite(nn.Module):
    """x * 2 * sigmoid(linear(relu(linear(mean(x))))), over the channels of x (N, C, H, W).

    The factor 2 keeps the scale: a sigmoid is 1/2 on average.
    """

    def __init__(self, channels: int, ratio: float) -> None:
        super().__init__()
        hidden = max(1, int(channels * ratio))
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
        sigma: predicted standard deviation of the block's input.
    """

    def __init__(
        self,
        config: NFNetConfig,
        in_channels: int,
        out_channels: int,
        bottleneck: int,
        stride: int,
        sigma: float,
        drop_path: float,
    ) -> None:
        super().__init__()
        self.act, gamma = activation_of(config)
        sigma = 1.0 if "beta" in config.without else sigma
        groups = bottleneck // config.group_size
        self.alpha, self.stride = config.alpha, stride
        conv = convolution_of(config)
        self.conv0 = conv(in_channels, bottleneck, 1, in_scale=gamma / sigma)
        self.conv1 = conv(bottleneck, bottleneck, 3, stride, groups, in_scale=gamma)
        self.conv1b = conv(bottleneck, bottleneck, 3, 1, groups, in_scale=gamma)
        self.conv2 = conv(bottleneck, out_channels, 1, in_scale=gamma)
        self.transition = stride > 1 or in_channels != out_channels
        if self.transition:
            self.conv_shortcut = conv(in_channels, out_channels, 1, in_scale=gamma / sigma)
        self.squeeze_excite = (
            SqueezeExcite(out_channels, config.se_ratio) if config.se_ratio else None
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
            shortcut = self.conv_shortcut(pool_shortcut(out) if self.stride > 1 else out)
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
        self.stem = nn.ModuleList(self._stem(config, gamma))
        strides = [1 if stage == 0 else 2 for stage in range(len(config.widths))]
        transitions = [index == 0 for depth in config.depths for index in range(depth)]
        variances = predicted_variances(transitions, config.alpha)
        blocks: list[NFBlock] = []
        channels = self.stem[-1].out_channels
        for stage, depth in enumerate(config.depths):
            for index in range(depth):
                n = len(blocks)
                blocks.append(
                    NFBlock(
                        config,
                        channels,
                        config.widths[stage],
                        config.bottlenecks[stage],
                        strides[stage] if index == 0 else 1,
                        sigma=variances[n] ** 0.5,
                        drop_path=config.stochastic_depth * n / len(transitions),
                    )
                )
                channels = config.widths[stage]
        self.blocks = nn.ModuleList(blocks)
        self.final_conv = convolution_of(config)(channels, 2 * channels, 1)
        self.gamma = gamma if config.norm == "nf" else 1.0
        self.dropout = nn.Dropout(config.drop_rate)
        self.classifier = make_classifier(2 * channels, config.num_classes)

    @staticmethod
    def _stem(config: NFNetConfig, gamma: float) -> list[WSConv2d | BNConv2d]:
        conv, width = convolution_of(config), config.widths[0] // 2
        if config.stem == "small":
            return [conv(3, width, 3)]
        return [
            conv(3, 16, 3, 2),
            conv(16, 32, 3, in_scale=gamma),
            conv(32, 64, 3, in_scale=gamma),
            conv(64, width, 3, 2, in_scale=gamma),
        ]

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
