"""NFNet and ResNet against the official outputs, counts and theorems."""

from pathlib import Path

import numpy as np
import pytest
import torch

from nfnet.activations import activation
from nfnet.build import build_model
from nfnet.conv import WSConv2d, fold
from nfnet.counts import count
from nfnet.formulas import predicted_variances
from nfnet.model import NFNet, SqueezeExcite, StochasticDepth, pool_shortcut
from nfnet.presets import PRESETS
from nfnet.propagation import measure
from nfnet.resnet import ResNet
from nfnet.run import INGREDIENTS, RunConfig, UserError
from nfnet.variants import MODELS, NFNetConfig, ResNetConfig, list_models, model_config
from nfnet.weights import create_model, load_weights

GOLDEN = Path(__file__).parents[1] / "golden"


def golden_net(name: str) -> torch.nn.Module:
    if name == "nfnet_small":
        config = NFNetConfig((32, 64, 96, 96), (1, 2, 2, 1), group_size=8, num_classes=10)
        net = NFNet(config)
    else:
        net = ResNet(
            (3, 4, 6, 3),
            (64, 128, 256, 512),
            block="bottleneck",
            stem="imagenet",
            shortcut="strided",
            skip_gain=0.0,
        )
    load_weights(net, GOLDEN / f"{name}_params.pkl")
    return net.eval()


@pytest.mark.parametrize("name", ["nfnet_small", "nf_resnet50_w1"])
@torch.no_grad()
def test_official_outputs(name: str) -> None:
    io, net = np.load(GOLDEN / f"{name}_io.npz"), golden_net(name)
    images = torch.tensor(io["images_nhwc"]).permute(0, 3, 1, 2)
    expected = io["logits"]
    for model in (net, fold(net)):
        error = model(images).numpy() - expected
        assert np.sqrt((error**2).mean() / (expected**2).mean()) < 1e-5
    for index, signal in enumerate(measure(net, images)):
        assert signal.squared_mean == pytest.approx(io[f"avg_sq_mean_{index}"], rel=1e-5)
        assert signal.variance == pytest.approx(io[f"avg_var_{index}"], rel=1e-5)
        if index:
            expected_branch = io[f"res_avg_var_{index - 1}"]
            assert signal.branch_variance == pytest.approx(expected_branch, rel=1e-5)


COUNTS = {
    "nfnet_f0": 71_489_284,
    "nfnet_f1": 132_634_256,
    "nfnet_f2": 193_779_228,
    "nfnet_f3": 254_924_200,
    "nfnet_f4": 316_069_172,
    "nfnet_f5": 377_214_144,
    "nfnet_f6": 438_359_116,
    "nfnet_f7": 499_504_088,
    "nfnet_f4+": 524_954_484,
    "nf_resnet50": 25_557_048,
    "nf_resnet101": 44_549_193,
    "nf_resnet152": 60_192_858,
    "nf_resnet200": 64_673_898,
    "nf_resnet288": 146_460_552,
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_counts_are_the_official_ones(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name, device=torch.device("meta"))
    assert sum(p.numel() for p in model.parameters()) == COUNTS[name]


def test_every_named_model_can_be_built() -> None:
    for name in list_models():
        with torch.device("meta"):
            model = create_model(name, num_classes=7, device=torch.device("meta"))
        assert model.classifier.out_features == 7


def test_f0_divides_by_the_official_standard_deviations() -> None:
    with torch.device("meta"):
        net = NFNet(MODELS["nfnet_f0"])
    gamma = net.gamma
    multipliers = [block.conv0.in_scale / gamma for block in net.blocks]
    expected = [1.0, 0.980581, 0.980581, 0.96225, 0.980581, 0.96225, 0.944911, 0.928477]
    assert multipliers == pytest.approx(
        [*expected, 0.912871, 0.898027, 0.980581, 0.96225], rel=1e-5
    )


def test_f0_ends_just_below_the_full_rate_of_stochastic_depth() -> None:
    with torch.device("meta"):
        net = NFNet(MODELS["nfnet_f0"])
    rates = [block.stochastic_depth.rate for block in net.blocks]
    assert rates[:2] == pytest.approx([0, 0.25 / 12]) and rates[-1] == pytest.approx(0.25 * 11 / 12)


def test_blocks_are_identities_at_initialisation() -> None:
    """SkipInit: with a skip gain of zero only transitions change the signal."""
    torch.manual_seed(0)
    net = NFNet(NFNetConfig((8, 16), (2, 2), group_size=4, num_classes=3))
    for block in net.blocks:
        x = torch.randn(2, block.conv0.in_channels, 8, 8)
        if not block.transition:
            assert torch.equal(block(x), x)
    assert [block.transition for block in net.blocks] == [True, False, True, False]


@torch.no_grad()
def test_scalars_in_the_weights_change_nothing() -> None:
    """The NF net against the paper's recursion written out: h + alpha f(gamma g(h) / sigma)."""
    torch.manual_seed(0)
    net = ResNet((2, 2), (8, 16), "nf").double().eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter)
    images = torch.randn(3, 3, 8, 8, dtype=torch.float64)
    gamma, alpha = 1.7139588594436646, 0.2
    variances = predicted_variances([block.transition for block in net.blocks], alpha)

    def conv(layer: WSConv2d, x: torch.Tensor) -> torch.Tensor:
        bare = WSConv2d(
            layer.in_channels, layer.out_channels, layer.kernel_size[0], layer.stride[0]
        ).double()
        bare.load_state_dict(layer.state_dict())
        return bare(x)

    h = conv(net.stem, images)
    for block, variance in zip(net.blocks, variances, strict=False):
        out = gamma * h.relu() / variance**0.5
        shortcut = h
        if block.transition:
            shortcut = conv(block.conv_shortcut, pool_shortcut(out) if block.pool else out)
        branch = conv(block.convs[1], gamma * conv(block.convs[0], out).relu())
        h = shortcut + alpha * branch
    logits = net.classifier((gamma * h.relu()).mean((2, 3)))
    assert torch.allclose(net(images), logits, rtol=1e-10)


def test_the_three_norms_differ_in_the_normalizer_alone() -> None:
    nets = {norm: ResNet((1, 1), (8, 16), norm) for norm in ("nf", "batch", "none")}
    shapes = {
        norm: [tuple(m.weight.shape) for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
        for norm, net in nets.items()
    }
    assert shapes["nf"] == shapes["batch"] == shapes["none"]
    kinds = {norm: {type(m).__name__ for m in net.modules()} for norm, net in nets.items()}
    assert kinds["nf"] - kinds["none"] == {"WSConv2d"}
    assert kinds["batch"] - kinds["none"] == {"BatchNorm2d"}


@pytest.mark.parametrize("norm", ["nf", "batch"])
@torch.no_grad()
def test_batch_mates(norm: str) -> None:
    """In training mode BN lets the company change an answer; NF does not, to the bit."""
    torch.manual_seed(0)
    net = ResNet((1, 1), (8, 16), norm).train()
    image, others = torch.randn(1, 3, 8, 8), torch.randn(2, 7, 3, 8, 8)
    first, second = (net(torch.cat([image, company]))[0] for company in others)
    assert torch.equal(first, second) == (norm == "nf")


def test_odd_sizes_halve_upwards() -> None:
    for block, stem in (("basic", "small"), ("bottleneck", "imagenet")):
        for shortcut in ("pool", "strided"):
            net = ResNet((1, 1), (8, 16), block=block, stem=stem, shortcut=shortcut)
            assert net.features(torch.randn(1, 3, 13, 11)).shape[1] == 16
    pooled = pool_shortcut(torch.arange(9.0).view(1, 1, 3, 3))
    assert pooled.tolist() == [[[[2.0, 3.5], [6.5, 8.0]]]]


def test_stochastic_depth_drops_whole_examples_without_rescaling() -> None:
    torch.manual_seed(0)
    layer, x = StochasticDepth(0.5), torch.ones(1000, 2, 1, 1)
    out = layer(x)
    assert set(out.flatten(1).sum(1).tolist()) == {0.0, 2.0}
    assert 0.4 < out.mean() < 0.6
    assert torch.equal(layer.eval()(x), x)


def test_a_net_with_everything_trains_a_step() -> None:
    torch.manual_seed(0)
    net = ResNet(
        (1, 2),
        (8, 16),
        "nf",
        block="bottleneck",
        skip_gain=0.0,
        se_ratio=0.5,
        stochastic_depth=0.3,
        drop_rate=0.1,
        activation="silu",
    )
    net(torch.randn(4, 3, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ResNetConfig((1, 1), (8,)), "the same stages"),
        (lambda: ResNetConfig((1,), (8,), norm="layer"), "norm must be one of nf, batch, none"),
        (lambda: ResNetConfig((0,), (8,)), "at least 1"),
        (lambda: ResNetConfig((1,), (2,), block="bottleneck"), "at least 4"),
        (lambda: NFNetConfig((32,), (1,)), "at least one group of 128"),
        (lambda: model_config("nfnet_f9"), "unknown model 'nfnet_f9'; choose from nfnet_f0"),
        (lambda: ResNet((1,), (8,), activation="swish"), "unknown activation"),
    ],
)
def test_bad_settings_get_one_sentence(make, words: str) -> None:
    with pytest.raises(UserError, match=words):
        make()


@pytest.mark.parametrize("architecture", ["resnet", "nfnet"])
@pytest.mark.parametrize("part", INGREDIENTS)
def test_an_ingredient_left_out_is_out_of_every_block(architecture: str, part: str) -> None:
    config = PRESETS["nfnet_xs" if architecture == "nfnet" else "shapes"]
    whole = build_model(config, 10)
    net = build_model(config.replace(without=(part,)), 10)
    assert whole.state_dict().keys() == net.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), net.parameters(), strict=True))
    gamma = activation(config.activation)[1]
    pairs = [
        (a, b)
        for a, b in zip(whole.modules(), net.modules(), strict=True)
        if isinstance(a, WSConv2d)
    ]
    for a, b in pairs:
        assert b.standardize == (part != "ws")
        if part == "ws":
            scale = b.gain[:, None, None, None] * b.in_scale * b.out_scale
            assert torch.equal(b.effective_weight(), b.weight * scale)
            assert b.in_scale == a.in_scale
    if part == "gamma":
        activated = [(a, b) for a, b in pairs if a.in_scale != 1.0]
        assert all(b.in_scale == pytest.approx(a.in_scale / gamma) for a, b in activated)
        assert len(activated) >= 7
        assert net.gamma == 1.0 and whole.gamma == gamma
    if part == "beta":
        scales = {round(b.in_scale, 12) for _, b in pairs[1:]} - {1.0}
        assert scales == {round(gamma, 12)}
        assert any(a.in_scale != b.in_scale for a, b in pairs)


def test_an_nfnet_without_squeeze_excite_has_none() -> None:
    net = build_model(PRESETS["nfnet_xs"].replace(se_ratio=0.0, skip_gain=1.0), 10)
    assert not any(isinstance(m, SqueezeExcite) for m in net.modules())
    assert net(torch.randn(2, 3, 16, 16)).shape == (2, 10)
    assert net.blocks[0].branch_end is net.blocks[0].conv2


@pytest.mark.parametrize(("group_size", "expansion"), [(4, 0.25), (16, 0.5), (32, 1.0)])
def test_a_run_says_how_wide_its_branches_and_groups_are(group_size, expansion) -> None:
    shape = {"widths": (32, 64), "depths": (1, 2), "group_size": group_size, "expansion": expansion}
    net = build_model(RunConfig(architecture="nfnet", **shape), 10)
    counted = count(NFNetConfig(stem="small", skip_gain=None, num_classes=10, **shape), 16)
    assert sum(p.numel() for p in net.parameters()) == counted.parameters
    grouped = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d) and m.groups > 1]
    widths = [32 * expansion] * 2 + [64 * expansion] * 4
    expected = [(width, width // group_size) for width in widths if width > group_size]
    assert [(conv.in_channels, conv.groups) for conv in grouped] == expected
