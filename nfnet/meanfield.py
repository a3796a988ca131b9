"""What a net of random weights does to a signal, computed, whatever is left out of the net.

In a wide net at initialisation each channel's values are normal, and two numbers tell what becomes
of them: q, their mean square, and c, the mean product of a channel's values for two pictures. So c
is the squared channel mean and q - c the channel variance. As zero padding takes more at a
picture's border, q is a map, one number a pixel. Here is what activations, convolutions and blocks
do to q and c. Imports no torch: the app draws its curves from these lines while a slider moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from nfnet.formulas import GAMMA, predicted_variances

Map = np.ndarray  # (side, side), float64; (1, 1) stands for a picture without a border


class Signal(NamedTuple):
    """Expected statistics after one block; the names are those of `propagation.BlockSignal`."""

    squared_mean: float
    variance: float
    branch_variance: float


class Wide(NamedTuple):
    """The values of a wide layer."""

    square: Map  # q
    product: float  # c, over all pairs of places

    @property
    def variance(self) -> float:
        return float(self.square.mean()) - self.product


class Activated(NamedTuple):
    """The same after an activation."""

    square: Map
    mean: Map  # over channels and pictures
    ratio: float  # mean product of a channel's values for two pictures, to that of their means


@dataclass(frozen=True)
class Conv:
    """A convolution with random weights of mean zero and mean square `gain` / fan-in.

    Standardized, a filter's sum is exactly zero, so what all its inputs have in common is lost.
    """

    gain: float
    kernel: int = 1
    stride: int = 1
    standardized: bool = False

    def __call__(self, x: Activated) -> Wide:
        (square, mean), taps = self._over_taps(np.stack([x.square, x.mean]))
        product = x.ratio * float((taps**2).mean())
        if self.standardized:
            square, product = square - mean**2, product - float(mean.mean()) ** 2
        return Wide(self.gain * square, self.gain * product)

    def _over_taps(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean over each place's taps, and of the second map what each tap sees on average.

        Padded as SAME (`nfnet.conv.same_padding`); padding counts as zero.
        """
        side, kernel, stride = maps.shape[-1], self.kernel, self.stride
        if side == 1 or kernel == 1:
            seen = maps[:, ::stride, ::stride]
            return seen, seen[1].mean()
        span = (-(-side // stride) - 1) * stride + 1
        total = max(span - 1 + kernel - side, 0)
        padded = np.zeros((2, side + total, side + total))
        padded[:, total // 2 : total // 2 + side, total // 2 : total // 2 + side] = maps
        rows = [padded[:, tap : tap + span : stride] for tap in range(kernel)]
        heights = np.stack([row[1].mean(0) for row in rows])
        taps = [heights[:, tap : tap + span : stride].mean(1) for tap in range(kernel)]
        rows = sum(rows)
        seen = sum(rows[:, :, tap : tap + span : stride] for tap in range(kernel))
        return seen / kernel**2, np.stack(taps)


def propagated(
    transitions: Iterable[bool],
    norm: str = "nf",
    *,
    activation: str = "relu",
    alpha: float = 0.2,
    skip_gain: float = 1.0,
    without: Sequence[str] = (),
    pool: bool = False,
    kernels: Sequence[int] = (3, 3),
    side: int | None = None,
) -> list[Signal]:
    """Expected signal after every block of a wide residual net, for white noise of variance 1.

    Without a border and with a ReLU these are closed forms. "nf" gives 1 + k alpha^2 in the k-th
    block of a stage. Without beta the branch carries its input's variance, so the stream grows by
    (1 + alpha^2) a block and no transition resets it. Without gamma a convolution's output has
    1 / gamma^2 of the variance. Without standardized weights it has gamma^2 / 2 of the mean square,
    a part of it as a mean that all pictures share. "batch" adds 1 - 1/pi a block and "none"
    doubles the mean square, both with He's weights.

    Args:
        transitions: for each block whether its shortcut has a convolution; such a block halves the
            picture unless it is the first.
        skip_gain: multiplies the branch of every block.
        without: as in `RunConfig`, norm "nf" only.
        pool: transitions average 2x2 pixels on the shortcut, which leaves a quarter of white
            noise's variance; else they take every second pixel.
        kernels: sides of the branch's convolutions; the first of 3 carries the stride.
        side: of the picture in pixels, whose zero padding takes a share; None: no border.
    """
    transitions = tuple(transitions)
    nf = norm == "nf"
    gain = (1.0 if "gamma" in without else GAMMA[activation] ** 2) if nf else 2.0  # 2: He's weights
    sigmas = predicted_variances(transitions, alpha) if nf and "beta" not in without else None
    scale = ((alpha if nf else 1.0) * skip_gain) ** 2
    standardized = nf and "ws" not in without
    noise = np.ones((side or 1, side or 1))
    stream = Conv(1.0 if nf else 2.0, 3, 1, standardized)(Activated(noise, 0 * noise, 1.0))
    signals = []
    for block, transition in enumerate(transitions):
        first_gain = gain / sigmas[block] if sigmas else gain
        stride = 2 if transition and block > 0 else 1
        out = activated(activation, normalized(stream) if norm == "batch" else stream)
        if transition:
            pooled = pool and stride == 2
            shortcut = Conv(first_gain, 1, 1 if pooled else stride, standardized)
            stream = shortcut(pooled_in_twos(out) if pooled else out)
        for number, kernel in enumerate(kernels):
            conv = Conv(
                gain if number else first_gain,
                kernel,
                stride if number == kernels.index(3) else 1,
                standardized,
            )
            branch = conv(out)
            if number < len(kernels) - 1:
                out = activated(activation, normalized(branch) if norm == "batch" else branch)
        stream = Wide(*(x + scale * y for x, y in zip(stream, branch, strict=True)))
        signals.append(Signal(stream.product, stream.variance, branch.variance))
    return signals


def normalized(x: Wide) -> Wide:
    """Every channel less its mean, to variance 1; what differs from place to place stays."""
    root = np.sqrt(x.square)
    shared = x.product / float(root.mean()) ** 2
    square = x.square * (1 - shared) + shared * (root - root.mean()) ** 2
    return Wide(square / square.mean(), 0.0)


def pooled_in_twos(x: Activated) -> Activated:
    """The mean of 2x2 pixels that are alike in nothing but their mean."""
    square, mean = x.square, x.mean
    if len(mean) > 1:
        even = len(mean) // 2 * 2  # an odd edge is left out
        square, mean = (
            m[:even, :even].reshape(even // 2, 2, even // 2, 2).mean((1, 3)) for m in (square, mean)
        )
    common = x.ratio * mean**2
    return Activated(common + (square - common) / 4, mean, x.ratio)


def activated(activation: str, x: Wide) -> Activated:
    """Moments of f(h), h normal. ReLU: closed form; others: an integral, from a table."""
    root = np.sqrt(x.square)
    # two pictures' values correlate as much at any two places
    rho = min(1.0, max(0.0, x.product / max(float(root.mean()) ** 2, 1e-300)))
    if activation == "relu":
        angle = math.sqrt(1 - rho * rho) + rho * (math.pi - math.acos(rho))
        return Activated(x.square / 2, root / math.sqrt(2 * math.pi), angle)
    table = _moments(activation)
    place = np.log(np.maximum(root, 1e-300))
    square = x.square * np.interp(place, _SIZES, table[:, 0])
    mean = root * np.interp(place, _SIZES, table[:, 1])
    # E[f(h) f(h')] is the sum of a_k^2 rho^k over the coefficients a_k of f
    typical = float(np.log(max(root.mean(), 1e-300)))
    coefficients = [float(np.interp(typical, _SIZES, column)) for column in table[:, 2:].T]
    ratio = sum(a * rho ** (k + 1) for k, a in enumerate(coefficients))
    return Activated(square, mean, 1 + ratio)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))  # does not overflow


# those of `nfnet.activations` that a run may have, for arrays
FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "gelu": lambda x: x * _sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)),
    "silu": lambda x: x * _sigmoid(x),
}
_ORDER = 8
_SIZES = np.linspace(-15, 15, 601)  # ln of the standard deviation; beyond, f is as good as linear
_POINTS = np.linspace(-8, 8, 257)
_WEIGHTS = (_POINTS[1] - _POINTS[0]) * np.exp(-(_POINTS**2) / 2) / math.sqrt(2 * math.pi)


@cache
def _moments(activation: str) -> np.ndarray:
    """(sizes, 2 + _ORDER): mean square to variance, mean to deviation, then the squares of the
    coefficients of f in normalized Hermite polynomials to that of degree 0; the last one is all
    that remains."""
    polynomials = [np.ones_like(_POINTS), _POINTS]
    for k in range(1, _ORDER - 1):
        last, before = polynomials[-1], polynomials[-2]
        polynomials.append((_POINTS * last - math.sqrt(k) * before) / math.sqrt(k + 1))
    deviation = np.exp(_SIZES)[:, None]
    values = FUNCTIONS[activation](deviation * _POINTS) / deviation
    square = (values**2) @ _WEIGHTS
    coefficients = values @ (np.stack(polynomials) * _WEIGHTS).T
    rest = np.maximum(square - (coefficients**2).sum(1), 0)
    known = coefficients[:, 1:] ** 2
    ratios = np.column_stack([known, rest]) / coefficients[:, :1] ** 2
    return np.column_stack([square, coefficients[:, 0], ratios])
