"""The drawn pictures: the files are what the code draws, and what they say is true."""

import math
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from app.pictures import PICTURES
from app.pictures.blocks import nfnet_block, residual_block
from app.pictures.clipping import agc_vector
from app.pictures.nets import stages
from app.pictures.normalizing import memory_traffic
from app.pictures.svg import PALETTE, Drawing
from app.pictures.weights import FILTER, _sums, mean_shift, standardized, ws_filter
from nfnet.model import NFBlock, NFNet
from nfnet.variants import MODELS

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return ["".join(e.itertext()) for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def of_class(svg: str, tag: str, name: str) -> list[dict[str, float]]:
    """The numbers of all elements of one kind and class."""
    found = [e for e in ElementTree.fromstring(svg).iter(SVG + tag) if name in e.get("class", "")]
    keys = ("x", "y", "width", "height", "cx", "cy", "r")
    return [{k: float(e.get(k)) for k in keys if e.get(k) is not None} for e in found]


def points(svg: str, name: str) -> list[list[tuple[float, float]]]:
    lines = [e for e in ElementTree.fromstring(svg).iter(f"{SVG}polygon") if name in e.get("class")]
    return [[tuple(map(float, p.split(","))) for p in e.get("points").split()] for e in lines]


@pytest.mark.parametrize("name", PICTURES)
def test_the_file_is_what_the_code_draws(name: str) -> None:
    file = ROOT / "slides" / "assets" / f"{name}.svg"
    assert file.read_text(encoding="utf-8") == PICTURES[name](), "run python -m app.pictures"


def test_the_command_writes_every_picture(tmp_path: Path) -> None:
    code = "import sys, app.pictures.__main__ as m; m.main(m.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
    assert {path.stem for path in tmp_path.iterdir()} == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_stands_on_its_own_and_can_be_read(name: str) -> None:
    svg = PICTURES[name]()
    root = ElementTree.fromstring(svg)
    # st.image takes a file for a picture only if it begins so
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert [child.tag.removeprefix(SVG) for child in root][:3] == ["title", "desc", "style"]
    assert 60 < len(root[1].text) < 700
    assert "prefers-color-scheme: dark" in root[2].text
    assert not re.search(r"href|url\(|@import|<script|currentColor", svg)
    width, height = (float(n) for n in root.get("viewBox").split()[2:])
    assert width == 900 and height <= 840
    sizes = [float(e.get("font-size")) for e in root.iter(f"{SVG}text")]
    assert min(sizes) >= max(28, height / 30)
    words = re.findall(r"[^\W\d_]{3,}", " ".join(texts(svg)))
    assert len(words) <= 32, "a picture, not a page"


def test_every_class_has_its_colour_in_both_themes() -> None:
    for draw in PICTURES.values():
        root = ElementTree.fromstring(draw())
        light, dark = root[2].text.split("@media")
        used = set(
            re.findall(r"\b[fst]-[a-z-]+", " ".join(e.get("class", "") for e in root.iter()))
        )
        for name in used:
            assert f".{name} {{" in light and f".{name} {{" in dark


def test_text_colours_are_the_themes() -> None:
    with (ROOT / ".streamlit" / "config.toml").open("rb") as file:
        theme = tomllib.load(file)["theme"]
    names = {"batch": "blue", "nf": "orange", "agc": "green", "none": "violet"}
    for recipe, name in names.items():
        for dark, page in enumerate(("light", "dark")):
            assert PALETTE[f"{recipe}-ink"][dark] == theme[page][f"{name}TextColor"]
            assert PALETTE[recipe][dark] == theme[page][f"{name}Color"]


def test_tiny_text_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 28"):
        Drawing("t", "d", height=100).text(0, 0, "tiny", size=12)


def test_symbols_and_markup() -> None:
    drawing = Drawing("a < b", "d", height=100)
    drawing.text(0, 0, "*h* < 1")
    root = ElementTree.fromstring(drawing.svg())
    assert root[0].text == "a < b"
    assert "".join(root[3].itertext()) == "h < 1" and root[3][0].get("class") == "symbol"


def test_residual_block_names_the_variances_of_a_real_branch() -> None:
    """BN, ReLU and a convolution with He's weights: the variance about the channel's mean."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(4000, 256, generator=generator)
    weight = torch.randn(256, 256, generator=generator) * (2 / 256) ** 0.5
    out = z.relu() @ weight.T
    assert out.var(0).mean().item() == pytest.approx(1 - 1 / math.pi, rel=0.03)
    assert "0.68" in texts(residual_block())
    assert "1 + α² = 1.25" in residual_block(alpha=0.5)


def test_agc_vector_clips_the_first_unit_to_its_circle_and_leaves_the_second() -> None:
    svg = agc_vector(zoom=60, clipping=0.012)
    circles = of_class(svg, "circle", "s-agc")
    heads = points(svg, "f-agc")
    assert len(circles) == len(heads) == 2
    lengths = [
        math.dist(head[0], (c["cx"], c["cy"])) for head, c in zip(heads, circles, strict=True)
    ]
    assert circles[0]["r"] == pytest.approx(0.7 * 0.012 * 115 * 60, abs=0.06)
    assert lengths[0] == pytest.approx(circles[0]["r"], abs=0.2)
    assert lengths[1] < circles[1]["r"]
    (raw,) = points(svg, "f-nf")  # only the first unit has a gradient that was cut
    assert math.dist(raw[0], (circles[0]["cx"], circles[0]["cy"])) == pytest.approx(
        lengths[1], abs=0.2
    )
    slopes = [
        math.atan2(p[1] - c["cy"], p[0] - c["cx"])
        for p, c in ((raw[0], circles[0]), (heads[0][0], circles[0]), (heads[1][0], circles[1]))
    ]
    assert slopes == pytest.approx([slopes[0]] * 3, abs=0.01)


def test_ws_filter_ends_with_zero_sum_and_the_gain_as_length() -> None:
    from nfnet.conv import standardize_weight

    gain = 1.5
    final = standardized(FILTER, gain)[1]
    weight = torch.tensor(FILTER, dtype=torch.float64).view(1, 1, 3, 3)
    library = standardize_weight(weight, torch.tensor([gain], dtype=torch.float64))
    assert library.flatten().tolist() == pytest.approx(final, rel=1e-9)
    svg = ws_filter(gain=gain)
    bars = [r for r in of_class(svg, "rect", "f-nf") if r["width"] == 22]
    scale = 140 / max(FILTER)
    drawn = [bar["height"] for bar in bars[9:]]
    assert drawn == pytest.approx([abs(w) * scale for w in final], abs=0.06)
    assert texts(svg)[-1] == "length 1.50"


def test_mean_shift_has_the_histograms_of_simulated_outputs() -> None:
    z = np.random.default_rng(0).standard_normal((200_000, 9)).clip(min=0)
    for weights in (np.array(FILTER) / math.hypot(*FILTER), np.array(standardized(FILTER)[1])):
        sums = z @ weights
        counts = np.histogram(sums, np.arange(-3.25, 3.3, 0.5))[0] / len(sums)
        assert np.abs(counts - _sums(weights)).max() < 0.005
        assert sums.mean() == pytest.approx(weights.sum() / math.sqrt(2 * math.pi), abs=0.005)
    assert {"mean 0.40", "mean 0.85", "mean 0"} <= set(texts(mean_shift()))


def test_memory_traffic_is_to_scale() -> None:
    svg = memory_traffic()
    tiles = of_class(svg, "rect", "s-batch")
    dots = of_class(svg, "rect", "f-nf")
    assert len(tiles) == len(dots) == 8
    share = dots[0]["width"] ** 2 / tiles[0]["width"] ** 2
    exact = (256 * 64) / (32 * 256 * 56 * 56)
    assert share == pytest.approx(exact, rel=0.05)  # a dot's side is rounded to 0.1 px
    assert "8 × 25.7 million activations" in texts(svg) and "8 × 16,384 weights" in texts(svg)
    assert "1568 times fewer numbers" in texts(svg)


def test_stages_are_those_of_the_model() -> None:
    config = MODELS["nfnet_f0"]
    shapes: list[tuple[int, ...]] = []
    with torch.device("meta"):
        model = NFNet(config).eval()
        for block in model.modules():
            if isinstance(block, NFBlock):
                block.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape)))
        model(torch.empty(1, 3, config.test_size, config.test_size))
    svg = stages()
    cards = [card["width"] for card in of_class(svg, "rect", "f-nf")]
    assert sorted(cards, reverse=True) == pytest.approx(
        [shape[2] * 134 / 64 for shape in shapes], abs=0.06
    )
    columns = {str(shape[1]) for shape in shapes} | {str(shape[2]) for shape in shapes}
    assert columns <= set(texts(svg))


def test_pictures_follow_their_numbers() -> None:
    assert "6 groups of 128" in texts(nfnet_block())
    assert "8 groups of 128" in texts(nfnet_block(MODELS["nfnet_f1+"], stage=3))
    assert "2, 4, 12, 6" in texts(nfnet_block(MODELS["nfnet_f1"]))
    assert "NFNet-F1, input 320 × 320" in texts(stages(MODELS["nfnet_f1"], "NFNet-F1"))
