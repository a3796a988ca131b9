"""The published figures draw what stands in the tables, and nothing else."""

from __future__ import annotations

import csv
import itertools
import re
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from app.demos import DEMOS, tables
from app.demos.published_figures import (
    FIGURES,
    drawn,
    published_alt,
    published_figure,
    published_source,
)
from app.demos.published_names import DEFAULTS, NAMES, OPTIONS
from app.demos.published_paint import Look
from nfnet.run import UserError

FOLDER = Path(__file__).parents[2] / "slides" / "tables"
CHOICES = [
    (name, dict(zip(FIGURES[name].options, choice, strict=True)))
    for name in FIGURES
    for choice in itertools.product(*(o.choices for o in FIGURES[name].options.values()))
]
every_choice = pytest.mark.parametrize(
    ("name", "options"), CHOICES, ids=lambda v: "-".join(v.values()) if isinstance(v, dict) else v
)


def read(name: str) -> list[dict[str, str]]:
    """The table as this test reads it, without the module under test."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def points(figure: go.Figure) -> set[tuple[object, float]]:
    """What the figure's traces put where: (across, up) of each point with a height."""
    found = set()
    for trace in figure.data:
        if trace.x is None or trace.y is None:
            continue
        for x, y in zip(trace.x, trace.y, strict=True):
            if isinstance(y, int | float | np.number) and not np.isnan(float(y)):
                found.add((float(x) if isinstance(x, int | float | np.number) else x, float(y)))
    return found


def numbers(text: str) -> set[float]:
    return {float(n.replace(",", "")) for n in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", text)}


@every_choice
@pytest.mark.parametrize("dark", [False, True])
def test_every_figure_can_be_drawn_for_a_hall_and_a_phone(name, options, dark) -> None:
    for narrow in (False, True):
        figure = published_figure(name, dark=dark, narrow=narrow, **options)
        assert figure.data and figure.layout.height
        assert {trace.type for trace in figure.data} <= {"bar", "scatter"}
    assert len(published_alt(name, **options)) > 40


@every_choice
def test_the_words_hold_only_numbers_of_the_rows_they_name(name, options) -> None:
    """A number in the alternative stands in a row, in a name, or is a difference of two."""
    shown = drawn(name, Look(), options)
    cells = [*options.values(), *(cell for row in shown.rows for cell in row.values())]
    stored = {number for cell in cells for number in numbers(cell)}
    differences = {round(abs(a - b), 2) for a in stored for b in stored if a < 1000 and b < 1000}
    years = {float(year) for year in range(2013, 2027)}
    assert numbers(shown.alt) <= stored | differences | years


@every_choice
def test_every_row_has_its_source_in_the_small_print(name, options) -> None:
    rows = drawn(name, Look(), options).rows
    printed = published_source(name, **options)
    assert rows
    for row in rows:
        assert row["arxiv"] in printed and row["table"] in printed
    assert "arXiv" in published_source(name, brief=True, **options)


@pytest.mark.parametrize(
    ("axis", "column"),
    [
        ("step-time", "tpu_ms"),
        ("step-time-gpu", "gpu_ms"),
        ("flops", "flops_b"),
        ("parameters", "params_m"),
    ],
)
def test_the_cost_is_the_tables(axis, column) -> None:
    rows = [row for row in read("imagenet-cost") if row[column] and row["top1"]]
    expected = {(float(row[column]), float(row["top1"])) for row in rows}
    assert len(expected) > 10 and expected <= points(published_figure("cost", axis=axis))


@pytest.mark.parametrize("depth", OPTIONS["depth"])
def test_batch_scaling_is_the_tables(depth) -> None:
    heights = {y for _, y in points(published_figure("batch-scaling", depth=depth))}
    columns = [f"{recipe}_resnet{depth}" for recipe in ("bn", "nf", "nf_agc")]
    cells = {row[column] for row in read("agc-batch-size") for column in columns}
    assert {float(cell) for cell in cells if cell} <= heights


def test_the_waterfall_adds_up_to_the_published_end() -> None:
    """Start and steps, summed from the bars, are the end; BN's bar stands beside it."""
    figure = published_figure("waterfall", net="F0")
    text = published_alt("waterfall", net="F0")
    assert {80.4, 83.6, 83.4} <= numbers(text)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    bases = [0.0 if bar.base is None else bar.base for bar in bars]
    tops = {
        round(float(y) + float(b), 2)
        for bar, base in zip(bars, bases, strict=True)
        for y, b in zip(bar.y, np.broadcast_to(np.asarray(base, float), len(bar.y)), strict=True)
    }
    assert {80.4, 80.9, 81.3, 82.2, 83.2, 83.6, 83.4} <= tops


def test_the_demo_offers_the_figures_that_there_are() -> None:
    assert tuple(FIGURES) == NAMES
    for name in NAMES:
        assert DEMOS["published"].read({"figure": name})["figure"] == name
    for option, default in DEFAULTS.items():
        assert default in OPTIONS[option]
    for published in FIGURES.values():
        for option, about in published.options.items():
            assert tuple(about.choices) == OPTIONS[option]


@pytest.mark.parametrize(
    ("name", "options", "about"),
    [
        ("pie", {}, "there is no figure 'pie'"),
        ("waterfall", {"net": "F9"}, "net must be one of F0"),
        ("bn-share", {"net": "F0"}, "no option 'net'"),
    ],
)
def test_what_is_not_there_is_refused_in_a_sentence(name, options, about) -> None:
    with pytest.raises(UserError, match=about):
        published_figure(name, **options)


def test_a_damaged_table_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "short.csv").write_text("a,b\n1\n", encoding="utf-8")
    monkeypatch.setattr(tables, "FOLDER", tmp_path)
    with pytest.raises(UserError, match="another length"):
        tables.load("short")
    with pytest.raises(UserError, match="there is no table 'long'"):
        tables.load("long")


@every_choice
def test_plotly_finds_nothing_new_in_a_copy_of_the_figure(
    name: str, options: dict[str, str]
) -> None:
    # A template, or data without a mark of its own, would have every chart drawn twice.
    layout = published_figure(name, **options).to_plotly_json()["layout"]
    assert "template" not in layout and layout["datarevision"]


def test_other_data_have_another_mark() -> None:
    marks = {published_figure("cost", axis=axis).layout.datarevision for axis in OPTIONS["axis"]}
    assert len(marks) == len(OPTIONS["axis"])
