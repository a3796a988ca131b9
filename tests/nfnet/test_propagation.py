"""Signal propagation: the measured dots lie on the predicted curve."""

import pytest
import torch

from nfnet.formulas import predicted_variances
from nfnet.propagation import measure, ones_for_skip_gains, predict, propagate
from nfnet.resnet import ResNet
from nfnet.run import RunConfig, UserError

DEEP = RunConfig(widths=(32, 64, 128), depths=(4, 4, 4), resolution=32)


def test_variance_grows_by_alpha_squared_and_resets_at_transitions() -> None:
    got = predicted_variances([True, False, False, True, False], 0.2)
    assert got == pytest.approx([1, 1.04, 1.08, 1.12, 1.04, 1.08])
    # no transition at the start: the first stage grows on from the stem
    assert predicted_variances([False, False], 1.0) == [1, 2, 3]


def test_nf_resnet50_is_within_the_published_curve() -> None:
    """Official modules gave 1.06 1.10 1.14 | ... | 1.05 1.09 1.13 on white noise."""
    torch.manual_seed(0)
    net = ResNet(
        (3, 4, 6, 3),
        (256, 512, 1024, 2048),
        block="bottleneck",
        stem="imagenet",
        shortcut="strided",
        skip_gain=0.0,
    )
    ones_for_skip_gains(net)
    signals = measure(net.train(), torch.randn(2, 3, 160, 160))[1:]
    for signal, predicted in zip(signals, predict(net), strict=True):
        assert signal.variance == pytest.approx(predicted, abs=0.08)
        assert 0.7 < signal.branch_variance < 1.1
        assert signal.squared_mean < 0.04  # two images: the mean itself is noisy


def test_with_a_skip_gain_of_zero_the_signal_stays() -> None:
    torch.manual_seed(0)
    net = ResNet((3,), (16,), skip_gain=0.0)
    signals = measure(net, torch.randn(8, 3, 16, 16))
    assert len({signal.variance for signal in signals}) == 1
    assert signals[1].branch_variance > 0


def test_nf_stays_bounded_where_nothing_explodes() -> None:
    nf = [row["variance"] for row in propagate(DEEP, count=32)]
    none = [row["variance"] for row in propagate(DEEP.replace(norm="none"), count=32)]
    assert max(nf) < 1.3 and none[-1] > 1000
    assert all(b > a for a, b in zip(none, none[1:], strict=False))


def test_without_alpha_and_beta_the_mean_drifts_and_standardization_stops_it() -> None:
    nf = max(row["squared_mean"] for row in propagate(DEEP, count=32))
    none = max(row["squared_mean"] for row in propagate(DEEP.replace(norm="none"), count=32))
    assert nf < 0.05 < 1 < none


@pytest.mark.parametrize("norm", ["nf", "batch"])
def test_prediction_is_near_the_measurement(norm: str) -> None:
    for row in propagate(DEEP.replace(norm=norm, alpha=1.0), count=32):
        # padding with zeros costs variance on small maps, so the last stage lies lower
        assert row["variance"] == pytest.approx(row["predicted_variance"], rel=0.3)


def test_there_is_no_prediction_without_a_normalizer() -> None:
    rows = list(propagate(RunConfig(norm="none"), "shapes", count=8))
    assert [row["stage"] for row in rows] == [0, 0, 1, 1, 2, 2]
    assert {row["predicted_variance"] for row in rows} == {None}


def test_other_images_are_refused() -> None:
    with pytest.raises(UserError, match="noise or shapes, not 'cats'"):
        list(propagate(RunConfig(), "cats"))
