"""ResNets and EfficientNets are counted as other people's code has them, layer by layer."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest

from nfnet.counts import MAX_BLOCKS, count
from nfnet.peers import PEERS, BNResNetConfig, EfficientNetConfig
from nfnet.run import UserError

GOLDEN = Path(__file__).parents[1] / "golden" / "peers_timm.csv"
TABLES = Path(__file__).parents[2] / "slides" / "tables"
# parameters and multiply-adds of the nets in timm 1.0.31, the latter by torch's FlopCounterMode
KNOWN = {
    "resnet50": (25_557_032, 4_089_184_256),
    "resnet101": (44_549_160, 7_801_405_440),
    "resnet152": (60_192_808, 11_513_626_624),
    "efficientnet_b0": (5_288_548, 385_814_752),
    "efficientnet_b1": (7_794_184, 686_802_832),
    "efficientnet_b2": (9_109_994, 993_561_872),
    "efficientnet_b3": (12_233_232, 1_827_141_392),
    "efficientnet_b4": (19_341_616, 4_393_771_024),
    "efficientnet_b5": (30_389_784, 10_266_384_752),
    "efficientnet_b6": (43_040_704, 19_067_593_536),
    "efficientnet_b7": (66_347_960, 37_745_884_192),
}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_peer_has_a_known_count() -> None:
    assert KNOWN.keys() == PEERS.keys()


@pytest.mark.parametrize("name", KNOWN)
def test_parameters_and_multiply_adds_are_those_of_timm(name: str) -> None:
    counts = count(PEERS[name])
    assert (counts.parameters, counts.multiply_adds) == KNOWN[name]


@pytest.mark.parametrize(
    "name", ["resnet50", "efficientnet_b0", "efficientnet_b4", "efficientnet_b7"]
)
def test_every_layer_is_that_of_timm(name: str) -> None:
    theirs = [
        tuple(value for column, value in row.items() if column != "net")
        for row in read(GOLDEN)
        if row["net"] == name
    ]
    ours = []
    for layer in count(PEERS[name]).layers:
        if layer.kind == "pool":  # has no parameters, and is no module that was looked at
            continue
        shaped = (layer.kernel_size, layer.stride, layer.groups)
        how = shaped if layer.kind == "conv" else ("", "", "")
        sizes = (*layer.in_shape[:2], *layer.out_shape[:2])
        ours.append(tuple(map(str, (layer.kind, *sizes, *how, layer.parameters))))
    assert len(theirs) > 100 and ours == theirs


@pytest.mark.parametrize("name", PEERS)
def test_the_parts_are_a_chain(name: str) -> None:
    counts = count(PEERS[name])
    for before, after in zip(counts.parts, counts.parts[1:], strict=False):
        assert before.out_shape == after.in_shape
    assert counts.parts[0].in_shape == (3, counts.resolution, counts.resolution)
    assert counts.parts[-1].out_shape == (1000, 1, 1)
    for stage, (width, depth) in enumerate(
        zip(PEERS[name].widths, PEERS[name].depths, strict=True)
    ):
        blocks = [part for part in counts.parts if part.stage == stage]
        assert len(blocks) == depth and {part.out_shape[0] for part in blocks} == {width}
    assert len({layer.name for layer in counts.layers}) == len(list(counts.layers))


def test_the_papers_counts_are_near() -> None:
    """Tan & Le print two digits, and count a little less for B4 to B7 than the nets have."""
    rows = {row["model"]: row for row in read(TABLES / "efficientnet.csv")}
    assert len(rows) == 8
    for n in range(8):
        counts, row = count(PEERS[f"efficientnet_b{n}"]), rows[f"EffNet-B{n}"]
        assert counts.parameters / 1e6 == pytest.approx(float(row["params_m"]), rel=0.025)
        assert counts.multiply_adds / 1e9 == pytest.approx(float(row["flops_b"]), rel=0.05)


def test_squeeze_excite_makes_a_resnet_a_senet() -> None:
    """timm's seresnet50 (Hu et al., arXiv 1709.01507): a sixteenth of the width is hidden."""
    assert count(replace(PEERS["resnet50"], se_ratio=1 / 16)).parameters == 28_088_024


def test_a_side_of_any_size_is_halved_upwards() -> None:
    last = count(PEERS["efficientnet_b0"], 33).parts[-2]
    assert last.out_shape == (320, 2, 2)
    assert count(PEERS["resnet50"], 1).parts[-2].out_shape == (2048, 1, 1)


@pytest.mark.parametrize(
    ("make", "about"),
    [
        (lambda: EfficientNetConfig(width=0), "width must be from 0.1 to 16.0, not 0"),
        (lambda: EfficientNetConfig(depth=math.inf), "depth must be from"),
        (lambda: EfficientNetConfig(depth=math.nan), "depth must be from"),
        (lambda: EfficientNetConfig(se_ratio=-1), "se_ratio must be from 0"),
        (lambda: BNResNetConfig((3, 4)), "the same stages"),
        (lambda: BNResNetConfig((1,), (2,)), "at least 4"),
        (lambda: BNResNetConfig((1,), (64,), se_ratio=math.nan), "se_ratio must be from 0"),
    ],
)
def test_what_no_net_can_be_is_refused(make, about: str) -> None:
    with pytest.raises(UserError, match=about):
        make()


def test_a_net_too_long_to_list_is_refused_at_once() -> None:
    with pytest.raises(UserError, match=f"may have {MAX_BLOCKS} blocks"):
        count(BNResNetConfig((10**12, 1, 1, 1)))
