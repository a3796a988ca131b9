"""Counting a net without making it agrees with the net, layer by layer, and with the papers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nfnet.counts import MAX_RESOLUTION, Counts, count
from nfnet.run import UserError
from nfnet.variants import MODELS, NFNetConfig, ResNetConfig
from nfnet.weights import blank

TABLES = Path(__file__).parents[2] / "slides" / "tables"
Config = NFNetConfig | ResNetConfig


def shapes_and_flops(net: nn.Module, side: int) -> tuple[dict[str, tuple], int]:
    """(in, out) of every layer without parts, by name, and the counted flops; costs no memory."""
    seen: dict[str, tuple] = {}

    def note(name: str):
        def hook(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
            seen[name] = tuple(inputs[0].shape[1:]), tuple(output.shape[1:])

        return hook

    for name, module in net.named_modules():
        module.register_forward_hook(note(name))
    with FlopCounterMode(display=False) as counter:
        net.eval()(torch.empty(1, 3, side, side, device="meta"))
    return seen, counter.get_total_flops()


def compare(config: Config, side: int) -> Counts:
    """Asserts that the count is the net's: parameters and shapes of every layer, multiply-adds."""
    net, counted = blank(config), count(config, side)
    assert counted.parameters == sum(p.numel() for p in net.parameters())
    seen, flops = shapes_and_flops(net, side)
    assert 2 * counted.multiply_adds == flops
    parameters = dict(net.named_parameters())
    left = set(parameters)
    for layer in counted.layers:
        own = {name for name in parameters if (name + ".").startswith(layer.name + ".")}
        assert sum(parameters[name].numel() for name in own) == layer.parameters, layer.name
        assert own <= left  # no parameter is counted twice
        left -= own
        if layer.kind in ("conv", "norm"):
            assert seen[layer.name] == (layer.in_shape, layer.out_shape), layer.name
        elif layer.kind == "linear":
            assert seen[layer.name] == (layer.in_shape[:1], layer.out_shape[:1]), layer.name
    assert not left
    blocks = counted.parts[1:-1]
    assert len(blocks) == len(net.blocks)
    for n, part in enumerate(blocks):
        assert seen[f"blocks.{n}"] == (part.in_shape, part.out_shape)
    for before, after in zip(counted.parts, counted.parts[1:], strict=False):
        assert before.out_shape == after.in_shape
    return counted


@pytest.mark.parametrize("name", MODELS)
def test_every_named_net_has_the_counted_parameters(name: str) -> None:
    expected = sum(p.numel() for p in blank(MODELS[name]).parameters())
    assert count(MODELS[name]).parameters == expected


WALKED = ("nfnet_f0", "nfnet_f7+", "nf_resnet50", "nfnet_mini", "bn_nfnet_mini", "nfnet_xs")


@pytest.mark.parametrize("name", WALKED)
def test_a_named_net_is_counted_exactly_layer_by_layer(name: str) -> None:
    compare(MODELS[name], MODELS[name].test_size)


depths_and_widths = st.integers(1, 3).flatmap(
    lambda stages: st.tuples(
        st.lists(st.integers(1, 3), min_size=stages, max_size=stages).map(tuple),
        st.lists(st.sampled_from([8, 16, 24]), min_size=stages, max_size=stages).map(tuple),
    )
)


@given(
    depths_and_widths,
    st.sampled_from(["nf", "batch"]),
    st.sampled_from(["small", "imagenet"]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([0.5, 1.0, 1.7]),
    st.sampled_from([0.0, 0.01, 0.25, 0.5]),
    st.sampled_from([None, 0.0]),
    st.integers(1, 70),
)
@settings(max_examples=12)
def test_any_nfnet_is_counted_exactly(
    shape, norm, stem, group_size, expansion, se_ratio, skip_gain, side
) -> None:
    config = NFNetConfig(
        widths=shape[1],
        depths=shape[0],
        norm=norm,
        stem=stem,
        group_size=group_size,
        expansion=expansion,
        se_ratio=se_ratio,
        skip_gain=skip_gain,
        num_classes=7,
    )
    compare(config, side)


@given(
    depths_and_widths,
    st.sampled_from(["nf", "batch", "none"]),
    st.sampled_from(["basic", "bottleneck"]),
    st.sampled_from(["small", "imagenet"]),
    st.sampled_from(["pool", "strided"]),
    st.sampled_from([0.0, 0.25]),
    st.sampled_from([None, 0.0]),
    st.integers(1, 70),
)
@settings(max_examples=12)
def test_any_resnet_is_counted_exactly(
    shape, norm, block, stem, shortcut, se_ratio, skip_gain, side
) -> None:
    config = ResNetConfig(
        shape[0],
        shape[1],
        norm=norm,
        block=block,
        stem=stem,
        shortcut=shortcut,
        se_ratio=se_ratio,
        skip_gain=skip_gain,
    )
    compare(config, side)


def test_the_papers_figures_are_these_to_every_printed_digit() -> None:
    rows = {}
    with (TABLES / "imagenet-cost.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["model"].removesuffix(" + SAM")] = row
    for n in range(7):
        counted, row = count(MODELS[f"nfnet_f{n}"]), rows[f"NFNet-F{n}"]
        assert f"{counted.multiply_adds / 1e9:.2f}" == row["flops_b"]
        assert f"{counted.parameters / 1e6:.1f}" == row["params_m"]


def test_resolution_moves_the_work_and_not_the_parameters() -> None:
    config = MODELS["nfnet_f0"]
    small, large = count(config, 128), count(config, 256)
    assert small.parameters == large.parameters
    fixed = sum(layer.multiply_adds for layer in large.layers if layer.kind == "linear")
    assert large.multiply_adds - fixed == 4 * (small.multiply_adds - fixed)


@pytest.mark.parametrize("side", [0, -3, MAX_RESOLUTION + 1])
def test_an_impossible_resolution_is_refused(side: int) -> None:
    with pytest.raises(UserError, match=f"from 1 to {MAX_RESOLUTION} px, not {side}"):
        count(MODELS["nfnet_f0"], side)


def test_a_net_of_no_known_resolution_asks_for_one() -> None:
    with pytest.raises(UserError, match="not None"):
        count(NFNetConfig())
