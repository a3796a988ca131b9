"""One residual net, three normalizers: "nf", "batch" and "none" differ in nothing else.

Pre-activation blocks (normalize, activate, convolve). "nf" is the NF-ResNet (Brock et al. 2021,
arXiv 2101.08692): the variance is predicted where "batch" measures it. Its scalars gamma, 1/sigma
and alpha ride in the weights of the convolutions, so its step costs what that of "none" does.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nfnet.conv import SameConv2d, WSConv2d, same_padding
from nfnet.formulas import predicted_variances
from nfnet.model import (
    SqueezeExcite,
    StochasticDepth,
    activation_of,
    make_classifier,
    pool_shortcut,
)
from nfnet.plan import BlockPlan, ConvPlan, block_plans, stem_plan
from nfnet.variants import ResNetConfig


def make_conv(
    norm: str,
    plan: ConvPlan,
    in_scale: float = 1.0,
    out_scale: float = 1.0,
    standardize: bool = True,
) -> SameConv2d:
    """The convolution that goes with a normalizer.

    "nf": scaled weight standardization, and the two scales in the weight. "batch": no bias, as the
    next normalization would remove it. "none": with a bias. The last two start as He et al. 2015.
    """
    if norm == "nf":
        return WSConv2d(*plan, in_scale=in_scale, out_scale=out_scale, standardize=standardize)
    conv = SameConv2d(*plan, bias=norm == "none")
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def make_norm(norm: str, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.Identity()


class ResidualBlock(nn.Module):
    """shortcut(h) + alpha * f(h / sigma), with alpha = sigma = 1 unless the normalizer is "nf".

    Args:
        plan: its convolutions.
        sigma: predicted standard deviation of the block's input, used by "nf".
        drop_path: rate of stochastic depth.
    """

    def __init__(
        self,
        config: ResNetConfig,
        plan: BlockPlan,
        sigma: float,
        drop_path: float,
    ) -> None:
        super().__init__()
        norm, nf = config.norm, config.norm == "nf"
        self.act, gamma = activation_of(config)
        sigma = 1.0 if "beta" in config.without else sigma
        standardize = "ws" not in config.without
        self.alpha = config.alpha if nf else 1.0
        # after squeeze-excite or dropped branches alpha has to be applied where the paper does
        early = config.se_ratio == 0 and drop_path == 0
        self.branch_scale = self.alpha if early else 1.0
        self.late_scale = 1.0 if early else self.alpha
        self.norms = nn.ModuleList(make_norm(norm, conv.in_channels) for conv in plan.branch)
        self.convs = nn.ModuleList(
            make_conv(
                norm,
                conv,
                in_scale=gamma / sigma if n == 0 else gamma,
                out_scale=self.branch_scale if n == len(plan.branch) - 1 else 1.0,
                standardize=standardize,
            )
            for n, conv in enumerate(plan.branch)
        )
        self.transition, self.pool = plan.shortcut is not None, plan.pool
        if plan.shortcut is not None:
            self.conv_shortcut = make_conv(
                norm, plan.shortcut, in_scale=gamma / sigma, standardize=standardize
            )
        self.squeeze_excite = (
            SqueezeExcite(plan.out_channels, config.se_ratio) if config.se_ratio else None
        )
        self.stochastic_depth = StochasticDepth(drop_path)
        self.skip_gain = None
        if config.skip_gain is not None:
            self.skip_gain = nn.Parameter(torch.tensor(float(config.skip_gain)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) -> (N, out, ceil(H / stride), ceil(W / stride))."""
        out = self.act(self.norms[0](x))
        shortcut = x
        if self.transition:
            shortcut = self.conv_shortcut(pool_shortcut(out) if self.pool else out)
        out = self.convs[0](out)
        for norm, conv in zip(self.norms[1:], self.convs[1:], strict=True):
            out = conv(self.act(norm(out)))
        if self.squeeze_excite is not None:
            out = self.squeeze_excite(out)
        out = self.stochastic_depth(out)
        if self.skip_gain is not None:
            out = out * (self.late_scale * self.skip_gain)
        elif self.late_scale != 1.0:
            out = out * self.late_scale
        return shortcut + out

    @property
    def branch_end(self) -> nn.Module:
        """The module whose output is the residual branch, `branch_scale` times."""
        return self.convs[-1] if self.squeeze_excite is None else self.squeeze_excite


class ResNet(nn.Module):
    """A residual net: (N, 3, H, W) float images -> (N, num_classes) logits.

    Args:
        depths, widths: blocks and output channels of each stage; stages after the first halve the
            resolution.
        norm: "nf", "batch" or "none".
        block: "basic" (two 3x3) or "bottleneck" (1x1, 3x3 at a quarter of the width, 1x1).
        stem: "small" (3x3, stride 1) or "imagenet" (7x7, stride 2, then a 3x3 max-pool, stride 2).
        shortcut: how a transition halves the resolution, "pool" (2x2 mean, then 1x1) or "strided".
        skip_gain: initial value of SkipInit's learned scalar, or None for no such scalar.
        alpha: scale of the residual branch, norm "nf" only.
        se_ratio: hidden width of squeeze-excite over the width; 0 for none.
        stochastic_depth: rate that the last block comes close to.
        drop_rate: dropout before the classifier.
        without: parts of "nf" to leave out: "ws" (the standardization), "gamma" (the activations'
            gain), "beta" (the division by the predicted standard deviation).

    Raises:
        UserError: settings that no net can be built from.
    """

    def __init__(
        self,
        depths: tuple[int, ...],
        widths: tuple[int, ...],
        norm: str = "nf",
        *,
        block: str = "basic",
        stem: str = "small",
        shortcut: str = "pool",
        skip_gain: float | None = None,
        activation: str = "relu",
        alpha: float = 0.2,
        se_ratio: float = 0.0,
        stochastic_depth: float = 0.0,
        drop_rate: float = 0.0,
        num_classes: int = 10,
        without: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.config = config = ResNetConfig(
            tuple(depths),
            tuple(widths),
            norm,
            block,
            stem,
            shortcut,
            skip_gain,
            activation,
            alpha,
            se_ratio,
            stochastic_depth,
            drop_rate,
            num_classes,
            tuple(without),
        )
        standardize = "ws" not in config.without
        self.act, gamma = activation_of(config)
        self.stem = make_conv(norm, *stem_plan(config), standardize=standardize)
        plans = block_plans(config)
        variances = predicted_variances([p.shortcut is not None for p in plans], alpha)
        self.blocks = nn.ModuleList(
            ResidualBlock(
                config,
                plan,
                sigma=variances[n] ** 0.5,
                drop_path=stochastic_depth * n / len(plans),
            )
            for n, plan in enumerate(plans)
        )
        self.final_norm = make_norm(norm, config.widths[-1])
        self.gamma = gamma if norm == "nf" else 1.0
        self.dropout = nn.Dropout(drop_rate)
        self.classifier = make_classifier(config.widths[-1], num_classes)

    def features(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C, h, w): what the head averages."""
        out = self.stem(images)
        if self.config.stem == "imagenet":
            out = same_max_pool(out)
        for block in self.blocks:
            out = block(out)
        return self.act(self.final_norm(out))

    def forward(self, images: Tensor) -> Tensor:
        pooled = self.features(images).mean((2, 3)) * self.gamma  # (N, C)
        return self.classifier(self.dropout(pooled))


def same_max_pool(x: Tensor) -> Tensor:
    """3x3 max-pool with stride 2 and TensorFlow's SAME padding."""
    (top, bottom), (left, right) = (same_padding(side, 3, 2) for side in x.shape[-2:])
    return F.max_pool2d(F.pad(x, (left, right, top, bottom), value=-torch.inf), 3, 2)
