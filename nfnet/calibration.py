"""Whether a net's probabilities mean what they say, and how to make them. Imports no torch.

Temperature scaling after Guo et al. 2017 (arXiv 1706.04599): one number divides all logits, which
changes no answer's rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def probabilities(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """softmax(logits / temperature) over the last axis, (N, classes)."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def log_loss(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean of -log p(label)."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(-1, keepdims=True)
    chosen = np.take_along_axis(scaled, labels[:, None], 1)[:, 0]
    return float((np.log(np.exp(scaled).sum(-1)) - chosen).mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, 0.05 to 20, of the smallest log loss on pictures the net did not see.

    The loss is convex in 1 / temperature, so a golden-section search finds its minimum.
    """
    low, high, shrink = np.log(0.05), np.log(20.0), (5**0.5 - 1) / 2
    while high - low > 1e-4:
        left, right = high - shrink * (high - low), low + shrink * (high - low)
        if log_loss(logits, labels, np.exp(left)) < log_loss(logits, labels, np.exp(right)):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


@dataclass(frozen=True)
class Bin:
    """Answers whose probability lay in one tenth (or so) of 0..1: said and true share of right."""

    count: int
    confidence: float  # mean probability of the answer; nan where count is 0
    accuracy: float


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = 10) -> list[Bin]:
    """The reliability diagram's points: answers in bins of equal width by their probability."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = []
    for index in range(bins):
        chosen = place == index
        count = int(chosen.sum())
        if count:
            rows.append(Bin(count, float(confidence[chosen].mean()), float(correct[chosen].mean())))
        else:
            rows.append(Bin(0, float("nan"), float("nan")))
    return rows


def calibration_error(bins: list[Bin]) -> float:
    """Expected calibration error: mean gap between confidence and accuracy, weighted by count."""
    total = sum(row.count for row in bins)
    return sum(row.count * abs(row.confidence - row.accuracy) for row in bins if row.count) / total


def doubt_threshold(confidence: np.ndarray, correct: np.ndarray, lost: float = 0.1) -> float:
    """The probability below which an answer is doubted: `lost` of the right ones lie below it.

    It is set on pictures of known classes alone, so that pictures of none of them can measure it.
    """
    return float(np.quantile(confidence[correct.astype(bool)], lost))
