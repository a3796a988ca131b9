"""Temperature and reliability on answers whose true probabilities are known."""

import numpy as np
import pytest

from nfnet.calibration import (
    calibration_error,
    doubt_threshold,
    fit_temperature,
    log_loss,
    probabilities,
    reliability,
)


def honest_sample(n: int = 20_000, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from exactly the probabilities that the logits state."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (n, classes))
    cumulative = probabilities(logits).cumsum(1)
    return logits, (rng.random((n, 1)) > cumulative).sum(1).clip(max=classes - 1)


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_fitted_temperature_undoes_a_known_overconfidence(factor: float) -> None:
    logits, labels = honest_sample()
    assert fit_temperature(logits * factor, labels) == pytest.approx(factor, rel=0.03)


def test_no_other_temperature_has_a_smaller_loss() -> None:
    logits, labels = honest_sample(500)
    best = fit_temperature(logits, labels)
    losses = [log_loss(logits, labels, t) for t in np.linspace(0.3, 3, 300)]
    assert log_loss(logits, labels, best) <= min(losses) + 1e-9


def test_loss_and_probabilities_against_the_definition() -> None:
    logits, labels = np.array([[1.0, 2.0, 4.0], [1000.0, 0.0, 0.0]]), np.array([1, 0])
    exact = np.exp([2, 4, 8]) / np.exp([2, 4, 8]).sum()
    assert probabilities(logits, 0.5)[0] == pytest.approx(exact)
    assert log_loss(logits, labels, 0.5) == pytest.approx(-np.log(exact[1]) / 2)


def test_reliability_of_honest_answers_lies_on_the_diagonal() -> None:
    logits, labels = honest_sample()
    p = probabilities(logits)
    bins = reliability(p.max(1), p.argmax(1) == labels)
    assert sum(row.count for row in bins) == len(labels)
    assert calibration_error(bins) < 0.01
    p = probabilities(logits * 3)
    assert calibration_error(reliability(p.max(1), p.argmax(1) == labels)) > 0.1


def test_bins_against_a_count_by_hand() -> None:
    bins = reliability(np.array([0.05, 0.31, 0.39, 1.0]), np.array([0, 1, 0, 1]))
    assert [row.count for row in bins] == [1, 0, 0, 2, 0, 0, 0, 0, 0, 1]
    assert (bins[3].confidence, bins[3].accuracy) == pytest.approx((0.35, 0.5))
    assert calibration_error(bins) == pytest.approx((0.05 + 2 * 0.15 + 0) / 4)


def test_the_threshold_loses_the_stated_share_of_the_right_answers() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(5000)
    correct = rng.random(5000) < confidence
    threshold = doubt_threshold(confidence, correct, 0.1)
    assert (confidence[correct] < threshold).mean() == pytest.approx(0.1, abs=0.001)
    assert (confidence[~correct] < threshold).mean() > 0.3
