"""Signal propagation: the measured dots lie on the computed curve, whatever is left out."""

import statistics

import pytest
import torch

from nfnet.formulas import predicted_variances
from nfnet.meanfield import propagated
from nfnet.propagation import measure, ones_for_skip_gains, predict, propagate
from nfnet.resnet import ResNet
from nfnet.run import RunConfig, UserError

DEEP = RunConfig(widths=(32, 64, 128), depths=(4, 4, 4), resolution=32)
SMALL = RunConfig(widths=(32, 64), depths=(3, 3), resolution=16)
SEEDS = 5


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
    assert [s.variance for s in predict(net)] == pytest.approx(
        predicted_variances([b.transition for b in net.blocks], 0.2)[1:], rel=0.01
    )  # each convolution has 0.13 % too much: the official digits of gamma
    for signal, predicted in zip(signals, predict(net), strict=True):
        assert signal.variance == pytest.approx(predicted.variance, abs=0.08)
        assert 0.7 < signal.branch_variance < 1.1
        assert signal.squared_mean < 0.04  # two images: the mean itself is noisy


def test_with_a_skip_gain_of_zero_the_signal_stays() -> None:
    torch.manual_seed(0)
    net = ResNet((3,), (16,), skip_gain=0.0)
    signals = measure(net, torch.randn(8, 3, 16, 16))
    assert len({signal.variance for signal in signals}) == 1
    assert signals[1].branch_variance > 0
    rows = list(propagate(SMALL.replace(skip_gain=0.0, depths=(3,), widths=(8,)), count=4))
    assert len({row["variance"] for row in rows}) == 1


def test_nf_stays_bounded_where_nothing_explodes() -> None:
    nf = [row["variance"] for row in propagate(DEEP)]
    none = [row["variance"] for row in propagate(DEEP.replace(norm="none"))]
    assert max(nf) < 1.3 and none[-1] > 1000
    assert all(b > a for a, b in zip(none, none[1:], strict=False))


def test_without_alpha_and_beta_the_mean_drifts_and_standardization_stops_it() -> None:
    nf = max(row["squared_mean"] for row in propagate(DEEP))
    none = max(row["squared_mean"] for row in propagate(DEEP.replace(norm="none")))
    assert nf < 0.05 < 1 < none


# the computed curve against the closed forms it comes down to without a border

BLOCKS = [False, False, True, False]
RELU_VARIANCE = (1 - 1 / torch.pi) / 2


def variances(norm: str = "nf", **changes) -> list[float]:
    return [signal.variance for signal in propagated(BLOCKS, norm, **changes)]


def test_everything_in_place_the_curve_is_the_papers_recursion() -> None:
    assert variances() == pytest.approx(predicted_variances(BLOCKS, 0.2)[1:], rel=0.01)
    assert variances(alpha=1.0) == pytest.approx(predicted_variances(BLOCKS, 1)[1:], rel=0.01)
    assert all(signal.squared_mean < 1e-12 for signal in propagated(BLOCKS))


def test_without_beta_it_multiplies_and_no_transition_resets_it() -> None:
    growth = [(1 + 0.5**2) ** k for k in (1, 2, 3, 4)]
    assert variances(alpha=0.5, without=("beta",)) == pytest.approx(growth, rel=0.01)


def test_without_gamma_each_convolution_keeps_the_variance_of_a_relu() -> None:
    first = propagated([False], without=("gamma",))[0]
    assert first.branch_variance == pytest.approx(RELU_VARIANCE**2)
    assert first.variance == pytest.approx(1 + 0.04 * RELU_VARIANCE**2)
    assert variances(without=("gamma",))[2] == pytest.approx(  # the shortcut's convolution
        (variances(without=("gamma",))[1] / 1.08) * RELU_VARIANCE
        + 0.04 * RELU_VARIANCE**2 * variances(without=("gamma",))[1] / 1.08
    )


def test_without_standardized_weights_the_mean_square_passes_and_becomes_a_mean() -> None:
    gamma = 2 / (1 - 1 / torch.pi)  # squared
    signal = propagated([False], without=("ws",))[0]
    square = gamma / 2  # after one convolution; of it the squared mean gamma / (2 pi)
    total = signal.branch_variance + (signal.squared_mean / 0.04)
    assert total == pytest.approx(gamma / 2 * square, rel=3e-3)
    assert signal.squared_mean > 0.04 * gamma / (2 * torch.pi)


def test_batch_adds_and_none_doubles() -> None:
    step = 1 - 1 / torch.pi
    added = [2 + step, 2 + 2 * step, 2 * step, 3 * step]
    assert variances("batch") == pytest.approx(added)
    means = [signal.squared_mean for signal in propagated(BLOCKS, "batch")]
    assert means == pytest.approx([k / torch.pi for k in (1, 2, 2, 3)])
    squares = [s.variance + s.squared_mean for s in propagated(BLOCKS, "none")]
    assert squares == pytest.approx([4, 8, 16, 32])


def test_a_pooled_shortcut_leaves_a_quarter_of_white_noise() -> None:
    plain, pooled = variances(alpha=0.01)[2], variances(alpha=0.01, pool=True)[2]
    assert pooled == pytest.approx(plain / 4, rel=1e-3)


@pytest.mark.parametrize("activation", ["gelu", "silu"])
def test_integrals_agree_with_sampling(activation: str) -> None:
    from nfnet.activations import ACTIVATIONS
    from nfnet.meanfield import Wide, activated

    torch.manual_seed(0)
    common, own, other = torch.randn(3, 4_000_000, dtype=torch.float64)
    q, c = 2.5, 1.5
    f = ACTIVATIONS[activation]
    one, two = (f(c**0.5 * common + (q - c) ** 0.5 * z) for z in (own, other))
    got = activated(activation, Wide(torch.full((1, 1), q).numpy(), c))
    assert got.square.item() == pytest.approx(one.square().mean().item(), rel=3e-3)
    assert got.mean.item() == pytest.approx(one.mean().item(), rel=3e-3)
    product = got.ratio * got.mean.item() ** 2
    assert product == pytest.approx((one * two).mean().item(), rel=3e-3)


# the computed curve against nets

STANDARDIZED = [
    *({"alpha": alpha, "without": out} for alpha in (0.2, 1.0) for out in ((), ("gamma",))),
    {"without": ("beta",)},
    {"activation": "gelu"},
    {"activation": "silu", "without": ("beta",)},
    {"skip_gain": 0.5, "alpha": 1.0},
    {"norm": "batch"},
    {"norm": "batch", "activation": "silu"},
]


@pytest.mark.parametrize("changes", STANDARDIZED, ids=str)
def test_with_centred_signals_every_block_is_within_8_percent(changes: dict) -> None:
    """Median of five nets; single ones in LOG.md."""
    config = SMALL.replace(**changes)
    rows = [list(propagate(config.replace(seed=seed), count=16)) for seed in range(SEEDS)]
    for block in zip(*rows, strict=True):
        measured = statistics.median(row["variance"] for row in block)
        assert measured == pytest.approx(block[0]["predicted_variance"], rel=0.08)


@pytest.mark.parametrize(
    "changes", [{"without": ("ws",)}, {"norm": "none"}, {"norm": "none", "activation": "gelu"}]
)
def test_where_the_mean_shifts_the_average_net_is_within_20_percent(changes: dict) -> None:
    """One net strays further: every picture has the same mean, so a channel is one draw."""
    config = SMALL.replace(widths=(64, 128), depths=(2, 2), **changes)
    rows = [list(propagate(config.replace(seed=seed), count=8)) for seed in range(2 * SEEDS)]
    for block in zip(*rows, strict=True):
        measured = statistics.mean(row["variance"] for row in block)
        assert measured == pytest.approx(block[0]["predicted_variance"], rel=0.2)


def test_at_a_pooled_transition_the_net_divides_by_what_is_no_longer_there() -> None:
    config = SMALL.replace(depths=(2, 2))
    rows = list(propagate(config, shortcut="pool", count=16))
    assert rows[2]["variance"] == pytest.approx(rows[2]["predicted_variance"], rel=0.1)
    assert rows[2]["variance"] < 0.35 < 0.9 < list(propagate(config, count=16))[2]["variance"]


def test_for_pictures_there_is_no_prediction() -> None:
    rows = list(propagate(RunConfig(norm="none"), "shapes", count=8))
    assert [row["stage"] for row in rows] == [0, 0, 1, 1, 2, 2]
    assert {row["predicted_variance"] for row in rows} == {None}


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(UserError, match="noise or shapes, not 'cats'"):
        list(propagate(RunConfig(), "cats"))
    with pytest.raises(UserError, match="strided or pool, not 'max'"):
        list(propagate(RunConfig(), shortcut="max"))
