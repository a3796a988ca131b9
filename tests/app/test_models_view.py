"""The page Models: what is drawn is what is counted, a changed net is the net it says it is."""

from __future__ import annotations

import html
import itertools
import re
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app.demos import DEMOS, tables
from app.demos.models import PARTS, lab
from app.demos.models_compared import (
    ACROSS,
    SHOWN,
    UP,
    agreed,
    chart,
    comparison,
    difference,
    published,
)
from app.demos.models_drawing import NARROWEST, drawing, layer_rows, part_of, rows, short, takeaway
from app.demos.models_settings import FAMILY, INSIDE, NETS, changed, same_net, settings
from app.demos.models_still import still
from app.demos.published_paint import Look
from nfnet.counts import count
from nfnet.run import UserError
from nfnet.variants import MODELS, NFNetConfig

PAGE = "../../app/views/models.py"


def usual(name: str) -> dict[str, str]:
    return {n: setting.usual for n, setting in settings(MODELS[name]).items()}


# the drawing


@pytest.mark.parametrize("name", MODELS)
def test_the_rows_add_up_to_the_net(name: str) -> None:
    counts = count(MODELS[name])
    lines = rows(counts)
    assert sum(row.parameters for row in lines) == counts.parameters
    assert sum(row.multiply_adds for row in lines) == counts.multiply_adds
    assert sum(row.alike for row in lines) == len(counts.parts)
    assert {row.id for row in lines} <= set(INSIDE) and len({r.id for r in lines}) == len(lines)
    for row in lines:
        part = part_of(counts, row.id)
        assert part.parameters * row.alike == row.parameters
        inside = layer_rows(part)
        assert sum(layer.multiply_adds for layer in inside) == part.multiply_adds


def test_f0_is_drawn_with_its_stages() -> None:
    lines = {row.id: row for row in rows(count(MODELS["nfnet_f0"]))}
    assert lines["3b"].name == "Stage 3, 5 more" and lines["3b"].alike == 5
    assert lines["1a"].name == "Stage 1, 1 block" and lines["2a"].name == "Stage 2, first block"
    assert lines["3b"].shape == "1,536 × 16² px"
    assert lines["stem"].name == "Stem, 4 convolutions"
    inside = [row.name for row in layer_rows(part_of(count(MODELS["nfnet_f0"]), "2a"))]
    assert "3×3 convolution, stride 2, 2 groups of 128" in inside
    assert inside[-2:] == ["Shortcut: 2×2 average pooling, stride 2", "Shortcut: 1×1 convolution"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12384198656, "12.38 G"),
        (71489284, "71.5 M"),
        (999_960, "1.0 M"),
        (118861, "118.9 k"),
        (999, "999"),
        (0, "0"),
    ],
)
def test_a_count_is_short(value: int, text: str) -> None:
    assert short(value) == text


def test_the_drawing_is_a_table_whose_longest_bars_fill_their_column() -> None:
    lines = rows(count(MODELS["nfnet_f1"]))
    page = drawing(lines, "A & B", "nf", chosen="2a")
    assert "<caption>A &amp; B</caption>" in page
    assert page.count("<tr") == len(lines) + 1 and page.count('scope="row"') == len(lines)
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%[;\"]", page)]
    assert max(widths) == 100 and len([w for w in widths if w == 100]) == 2
    assert len(re.findall(r'class="chosen"', page)) == 1
    bars = re.findall(r"width:([\d.]+)%(?:;--n:(\d+))?", page.split("</style>")[1])
    assert {int(n) for _, n in bars if n} <= {row.alike for row in lines if row.alike > 1}
    # a segment that the gaps would swallow is none: such a bar is drawn whole
    assert min(float(width) / int(n) for width, n in bars if n) >= NARROWEST
    assert any(n for _, n in bars) and any(not n and float(width) > 5 for width, n in bars)
    plain = re.sub("<[^>]*>", " ", page.split("</style>")[1])
    for row in lines:
        assert row.name in html.unescape(plain)


def test_what_is_said_of_f0_is_so() -> None:
    counts = count(MODELS["nfnet_f0"])
    third = [part for part in counts.parts if part.stage == 2]
    work = sum(part.multiply_adds for part in third) / counts.multiply_adds
    held = sum(part.parameters for part in third) / counts.parameters
    told = f"Stage 3 does {work:.0%} of the multiply-adds and holds {held:.0%} of the parameters."
    assert takeaway(counts) == told
    assert "stage 4 holds 59% of the parameters" in takeaway(count(MODELS["nf_resnet50"]))


def test_a_printed_slide_has_the_same_numbers() -> None:
    (figure,) = still({"net": "nfnet_f3"})
    assert figure.alt.startswith("NFNet-F3 254.9 M, 114.76 G at 416 px; 4, 8, 24, 12 blocks. ")
    for net in FAMILY:
        assert f"{NETS[net]} {short(count(MODELS[net]).parameters)}, " in figure.caption
    counts = count(MODELS["nfnet_f3"])
    work = figure.figure["data"][0]["x"]
    assert sum(work) == pytest.approx(100)
    assert work[0] == pytest.approx(100 * counts.parts[0].multiply_adds / counts.multiply_adds)


# what if


@pytest.mark.parametrize("name", MODELS)
def test_nothing_moved_is_the_net_itself(name: str) -> None:
    config, side = changed(MODELS[name], usual(name))
    assert config == MODELS[name] and side == MODELS[name].test_size
    for setting in settings(MODELS[name]).values():
        assert setting.usual in setting.stops


@pytest.mark.parametrize("n", range(1, 8))
def test_f0_made_deeper_is_the_rest_of_the_family(n: int) -> None:
    moved = {**usual("nfnet_f0"), "depth": f"× {n + 1}", "px": usual(f"nfnet_f{n}")["px"]}
    config, side = changed(MODELS["nfnet_f0"], moved)
    assert list(same_net(config)) == [f"nfnet_f{n}"]
    assert count(config, side) == count(MODELS[f"nfnet_f{n}"])


def test_each_slider_changes_what_it_says() -> None:
    f0 = MODELS["nfnet_f0"]
    assert changed(f0, {**usual("nfnet_f0"), "width": "× 1.5"})[0] == replace(
        f0, widths=(384, 768, 2304, 2304)
    )
    assert changed(f0, {**usual("nfnet_f0"), "pattern": "doubling"})[0].widths == (
        256,
        512,
        1024,
        2048,
    )
    assert changed(f0, {**usual("nfnet_f0"), "group": "64"})[0] == replace(f0, group_size=64)
    assert changed(f0, {**usual("nfnet_f0"), "expansion": "1"})[0] == replace(f0, expansion=1.0)
    assert changed(f0, {**usual("nfnet_f0"), "se": "0"})[0] == replace(f0, se_ratio=0.0)
    assert min(changed(f0, {**usual("nfnet_f0"), "depth": "× 0.25"})[0].depths) == 1


@pytest.mark.parametrize("name", ["nfnet_f7+", "nfnet_xs", "nf_resnet288", "nf_resnet_small"])
def test_every_corner_is_a_net_or_a_sentence(name: str) -> None:
    corners = [(s.stops[0], s.stops[-1]) for n, s in settings(MODELS[name]).items() if n != "depth"]
    names = [n for n in settings(MODELS[name]) if n != "depth"]
    built = 0
    for corner in itertools.product(*corners):
        chosen = {**dict(zip(names, corner, strict=True)), "depth": "× 1"}
        try:
            config, side = changed(MODELS[name], chosen)
        except UserError as error:
            assert isinstance(MODELS[name], NFNetConfig) and "at least one group" in str(error)
            continue
        built += 1
        assert sum(row.parameters for row in rows(count(config, side))) > 0
    assert built >= 4


# against the published nets


def test_our_counts_are_the_published_ones_where_there_are_any() -> None:
    lines = {line["Net"]: line for line in comparison()}
    for n in range(7):
        line = lines[f"NFNet-F{n}"]
        assert line["difference"] == line["difference "] == "none"
    assert lines["NFNet-F7"]["published"] == lines["NFNet-F7"]["Top-1"] == "–"
    assert lines["NFNet-F6"]["Top-1"] == "86.5 % with SAM"
    assert (lines["NFNet-F4+"]["difference"], lines["NFNet-F4+"]["difference "]) == (
        "−0.4 %",
        "−9.3 %",
    )
    for name in ("EffNet-B7", "ResNet-50"):
        line, row = lines[name], tables.find(tables.load("imagenet-cost"), "model", name)
        assert line["Parameters, ours"] == "–" and line["published"] == f"{row['params_m']} M"
        assert line["Step, TPUv3"] == f"{row['tpu_ms']} ms"


def test_a_difference_is_seen() -> None:
    row = published("nfnet_f0")
    assert agreed(71_489_284, row, "params_m") == "none"
    assert agreed(72_489_284, row, "params_m") == "+1.4 %"
    assert difference(90, 100) == "−10.0 %" and difference(90, None) == "–"


def test_with_one_group_of_192_the_published_f4_plus_is_met() -> None:
    class Unrounded(NFNetConfig):
        @property
        def bottlenecks(self) -> tuple[int, ...]:
            return tuple(int(width * self.expansion) for width in self.widths)

    counts, row = count(Unrounded(**vars(MODELS["nfnet_f4+"]))), published("nfnet_f4+")
    assert agreed(counts.parameters, row, "params_m") == "none"
    assert agreed(counts.multiply_adds, row, "flops_b") == "none"


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize(("across", "up"), list(itertools.product(ACROSS, UP)))
def test_the_chart_has_the_tables_points_and_our_line(across: str, up: str, narrow: bool) -> None:
    drawn = chart(Look(narrow=narrow), across, up, "Mine", 100.0)
    priced = {row["model"]: row for row in tables.load(ACROSS[across].table)}
    expected = {
        (float(priced[row["model"]][ACROSS[across].column]), float(row[UP[up].column]))
        for row in tables.load("imagenet-cost")
        if row["family"] in SHOWN
        and row[UP[up].column]
        and priced.get(row["model"], {}).get(ACROSS[across].column)
    }
    found = {point for trace in drawn.figure.data for point in zip(trace.x, trace.y, strict=True)}
    assert found == expected and len(expected) > 8
    assert drawn.figure.layout.shapes[0].x0 == 100
    assert "Mine stands at 100" in drawn.alt


# the page


def page(**address: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in address.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def now(at: AppTest) -> str:
    """The line with the exact counts."""
    return next(m.value for m in at.markdown if "parameters, " in m.value and "**:" in m.value)


def said(net: str, side: int | None = None, called: str = "") -> str:
    counts = count(MODELS[net], side)
    return (
        f"**{called or NETS[net]}**: {counts.parameters:,} parameters, "
        f"{counts.multiply_adds:,} multiply-adds"
    )


def told(at: AppTest) -> dict[str, str]:
    """What stands in the address."""
    return {
        name: value if isinstance(value, str) else value[0]
        for name, value in at.query_params.items()
    }


def test_on_arrival_f0_stands_beside_its_published_counts() -> None:
    at = page()
    assert now(at) == said("nfnet_f0")
    assert [m.delta for m in at.metric[:2]] == [
        "published 71.5 M, difference none",
        "published 12.38 G, difference none",
    ]
    assert not at.warning and not at.query_params


KINDS = ("nfnet_f7", "nfnet_f4+", "nf_resnet288", "nfnet_mini", "bn_nfnet_mini", "nf_cifar10")


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_net_is_shown(name: str) -> None:
    at = page(models_net=name)
    assert now(at) == said(name) and not at.warning


@pytest.mark.parametrize("name", ["nfnet_f0", "nf_resnet50", "nfnet_xs"])
def test_every_slider_goes_to_its_ends(name: str) -> None:
    at = page(models_net=name)
    for setting, about in settings(MODELS[name]).items():
        for stop in (about.stops[0], about.stops[-1]):
            kind = at.select_slider if len(about.stops) > 2 else at.segmented_control
            kind(key=f"models_{setting}").set_value(stop).run()
            assert not at.exception
            assert now(at) or at.info
        at.button(key="models_reset").click().run()
        assert now(at) == said(name)
        assert set(at.query_params) <= {"models_net"}


def test_a_link_holds_everything_and_another_net_begins_as_published() -> None:
    at = page(models_net="nfnet_f0", models_depth="× 2", models_px="320", models_inside="3b")
    assert now(at) == said("nfnet_f1", called="NFNet-F1 at 320 px")
    assert at.selectbox(key="models_inside").value == "3b"
    at.select_slider(key="models_se").set_value("0").run()
    assert told(at) == {
        "models_depth": "× 2",
        "models_px": "320",
        "models_inside": "3b",
        "models_se": "0",
    }
    assert "× " in at.metric[0].delta and "of NFNet-F0" in at.metric[0].delta
    at.selectbox(key="models_net").set_value("nf_resnet101").run()
    assert now(at) == said("nf_resnet101")
    assert set(at.query_params) == {"models_net", "models_inside"}


def test_a_net_that_cannot_be_is_told_in_a_sentence() -> None:
    at = page(models_width="× 0.125")
    assert "at least one group of 128" in at.info[0].value
    assert now(at) == said("nfnet_f0")
    at.select_slider(key="models_group").set_value("16").run()
    assert not at.info and "NFNet-F0, changed" in now(at)


def test_a_part_that_is_gone_gives_way_to_one_that_is_there() -> None:
    at = page(models_net="nfnet_f1", models_inside="2b")
    at.selectbox(key="models_net").set_value("nfnet_f0").run()
    assert at.selectbox(key="models_inside").value == "2b"
    at.select_slider(key="models_depth").set_value("× 0.25").run()
    assert not at.exception and at.selectbox(key="models_inside").value == "2a"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("net", "../../etc/passwd"),
        ("px", "999999999"),
        ("depth", "× 1e9"),
        ("width", "<script>"),
        ("group", "-1"),
        ("inside", "5a"),
        ("x", "price"),
        ("y", ""),
        ("part", "<script>"),
    ],
)
def test_a_hostile_address_is_told_once_and_shows_the_usual(name: str, value: str) -> None:
    at = page(**{"models_part": PARTS[name in "xy"], f"models_{name}": value})
    assert len(at.warning) == 1 and "is not here" in at.warning[0].value
    assert now(at) == said("nfnet_f0")
    assert "<script>" not in " ".join(m.value for m in at.markdown)


def test_the_axes_are_switched_and_told() -> None:
    at = page(models_part=PARTS[1])
    assert "2102.06171" in at.caption[-1].value and len(at.table) == 1
    for axis, choices in (("x", ACROSS), ("y", UP)):
        for choice in choices:
            at.segmented_control(key=f"models_{axis}").set_value(choice).run()
            assert not at.exception
    assert told(at) == {
        "models_part": PARTS[1],
        "models_x": "px",
        "models_y": "top1",
    }


def draw_compact(net: str) -> None:
    from app.demos import DEMOS

    DEMOS["models"].render(DEMOS["models"].read({"net": net, "key": "m"}), True)


def test_a_slide_lets_one_switch_in_the_family_and_its_lab_shows_the_same() -> None:
    at = AppTest.from_function(draw_compact, args=("nfnet_f1",), default_timeout=30).run()
    assert "132.6 M" in at.markdown[0].value and "35.54 G" in at.markdown[0].value
    assert tuple(at.segmented_control[0].options) == tuple(f"F{n}" for n in range(len(FAMILY)))
    at.segmented_control[0].set_value("nfnet_f7").run()
    assert "499.5 M" in at.markdown[0].value and "Top-1" not in at.markdown[0].value
    assert not at.exception
    params = DEMOS["models"].read({"net": "nf_resnet50", "key": "m"})
    assert lab(params) == [("models_net", "nf_resnet50")]
