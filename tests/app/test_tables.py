"""The tables of published figures: sources, small print, and the plain charts' values."""

from __future__ import annotations

import re

import pytest

from app.demos import tables
from app.demos.published_figures import published_figure
from app.demos.published_timeline import LANES

PAPERS = {row["arxiv"]: row for row in tables.load("papers")}
CITING = ["after-2021", "predictions-2021", "imagenet-cost", "resolution", "nf-regnet"]


def column(table: str, name: str) -> list[float]:
    return [float(row[name]) for row in tables.load(table) if row[name]]


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ("step-time", [column("step-time", "nf_ms"), column("step-time", "bn_ms")]),
        ("bn-share", [column("bn-share", "share_percent")]),
        ("extra-data-cost", [column("extra-data", "tpu_core_days")]),
    ],
)
def test_bars_and_days_are_the_tables_in_its_order(figure, expected) -> None:
    assert [list(trace.x) for trace in published_figure(figure).data] == expected


@pytest.mark.parametrize(
    ("figure", "options", "table", "columns"),
    [
        ("extra-data", {"pixels": "224"}, "jft-transfer", ["bn_224px", "nf_224px"]),
        ("extra-data", {"pixels": "384"}, "jft-transfer", ["bn_384px", "nf_384px"]),
        ("nf-resnet", {}, "nf-regnet", ["efficientnet_top1", "nf_regnet_top1"]),
        ("small-batches", {}, "small-batches", ["bn_error_percent", "gn_error_percent"]),
    ],
)
def test_lines_are_the_tables_columns_and_their_labels_say_so(
    figure, options, table, columns
) -> None:
    traces = published_figure(figure, **options).data
    assert [list(trace.y) for trace in traces] == [column(table, name) for name in columns]
    for trace in traces:
        labels = [float(re.sub("<.*?>", "", text)) for text in trace.text]
        assert labels == list(trace.y)


def test_resolution_joins_two_tables_by_the_nets_name() -> None:
    accuracy = {row["model"]: float(row["top1"]) for row in tables.load("imagenet-cost")}
    expected = {
        (float(row["test_px"]), accuracy[row["model"]]) for row in tables.load("resolution")
    }
    figure = published_figure("cost", axis="resolution")
    drawn = {point for t in figure.data for point in zip(t.x, t.y, strict=True)}
    assert drawn == expected


def test_a_collapse_is_told_and_is_no_number() -> None:
    figure = published_figure("batch-scaling")
    nf = next(trace for trace in figure.data if trace.name == "NF")
    assert nf.y[-1] is None and None not in nf.y[:-1]
    assert any("collapses" in note.text for note in figure.layout.annotations)


@pytest.mark.parametrize("narrow", [False, True])
def test_the_timeline_shows_and_links_every_row(narrow: bool) -> None:
    rows = tables.load("after-2021")
    shown = " ".join(
        note.text for note in published_figure("after-2021", narrow=narrow).layout.annotations
    )
    for row in rows:
        assert f'href="{row["link"]}"' in shown and row["label"] in shown
        assert row["kind"] in LANES
        if "arxiv.org" in row["link"]:
            assert row["link"] == f"https://arxiv.org/abs/{row['arxiv']}"
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)


@pytest.mark.parametrize("name", CITING)
def test_a_row_names_its_paper_by_the_papers_own_author_year_and_title(name: str) -> None:
    for row in tables.load(name):
        paper, (who, title) = PAPERS[row["arxiv"]], row["paper"].split(", ", 1)
        assert who.split()[0] == paper["authors"].split(",")[0], row["paper"]
        assert who.endswith(paper["year"]) and title == paper["title"]


def test_every_paper_says_how_it_was_checked() -> None:
    for row in tables.load("papers"):
        assert "read" in row["checked"] or "not found" in row["checked"], row["arxiv"]


def test_each_prediction_has_a_verdict_and_sources_that_are_addresses() -> None:
    rows = tables.load("predictions-2021")
    assert len(rows) == 6
    for row in rows:
        assert row["verdict"] and row["checked"]
        for source in row["sources"].split():
            assert re.fullmatch(
                r"https://(arxiv\.org/abs/\d{4}\.\d{5}|github\.com/[\w./-]+)", source
            )
            if "arxiv" in source:
                assert source.rsplit("/")[-1] in PAPERS


def row(paper: str, table: str, conditions: str, read_from: str = "text") -> dict[str, str]:
    names = ("paper", "arxiv", "table", "conditions", "read_from")
    return dict(zip(names, (paper, "1234.56789", table, conditions, read_from), strict=True))


def test_small_print_names_a_paper_once_with_each_table_and_condition() -> None:
    rows = [row("A et al. 2021, Long", "table 1", "top-1")] * 2
    rows += [row("A et al. 2021, Long", "table 2", "top-5", "figure")]
    link = "arXiv [1234.56789](https://arxiv.org/abs/1234.56789)"
    told = f"{link}, table 1: top-1; table 2, read from the figure: top-5."
    assert tables.small_print(rows) == f"A et al. 2021, Long, {told}"
    assert tables.small_print(rows, brief=True) == f"A et al. 2021, {told}"


def test_small_print_of_many_papers_is_only_their_names_in_a_slide() -> None:
    rows = [row(f"{who} 2021, Long", "table 1", "top-1") for who in "ABCD"]
    brief = tables.small_print(rows, brief=True)
    assert "table" not in brief and brief.count("arXiv") == 4
    assert tables.small_print(rows).count("table 1") == 4


def test_a_condition_that_another_one_repeats_is_said_once() -> None:
    rows = [row("A 2021, T", "table 1", "top-1"), row("A 2021, T", "table 1", "top-1; one falls")]
    assert tables.small_print(rows).count("top-1") == 1


def test_an_empty_cell_is_no_zero() -> None:
    assert tables.number({"a": ""}, "a") is None and tables.number({"a": "0"}, "a") == 0
