"""The table behind a published figure: every number of its rows, under words and units."""

from __future__ import annotations

import re

import pytest

from app.demos import tables
from app.demos.published_columns import COLUMNS, NONE, numbers
from app.demos.published_figures import FIGURES, drawn
from app.demos.published_names import NAMES
from app.demos.published_paint import Look

# of the rows, but not for readers: names that the code uses
LEFT_OUT = {"waterfall": {"step", "kind"}}


def shown(figure: str, **options: str) -> tuple[list[dict[str, str]], list[tables.Row]]:
    rows = list(drawn(figure, Look(), options).rows)
    return numbers(figure, rows), rows


def test_every_figure_has_its_columns() -> None:
    assert tuple(COLUMNS) == NAMES == tuple(FIGURES)


@pytest.mark.parametrize("figure", FIGURES)
def test_every_column_of_its_tables_is_shown_under_words(figure: str) -> None:
    lines, rows = shown(figure)
    columns = {column for row in rows for column in row} - set(tables.SOURCE)
    assert columns - LEFT_OUT.get(figure, set()) <= set(COLUMNS[figure])
    for heading in lines[0]:
        assert not re.search(r"_|\btop1\b|\b(tpu|gpu|bn|nf|ms)\b.*_", heading)
        assert heading[0].isupper()
    assert len({frozenset(line) for line in lines}) == 1


@pytest.mark.parametrize("figure", FIGURES)
def test_every_number_of_the_rows_is_there(figure: str) -> None:
    lines, rows = shown(figure)
    cells = [cell for line in lines for cell in line.values()]
    assert "" not in cells and len(lines) == len(rows)
    for row in rows:
        for column in COLUMNS[figure].keys() & row.keys():
            if re.fullmatch(r"[\d.]+", row[column]):
                assert row[column] in cells
    if any(row[column] == "" for row in rows for column in COLUMNS[figure].keys() & row.keys()):
        assert NONE in cells


def test_two_tables_about_a_net_share_a_line() -> None:
    lines, rows = shown("cost", axis="resolution")
    assert len(lines) == len({row["model"] for row in rows}) < len(rows)
    (line,) = (line for line in lines if line["Net"] == "EffNet-B4")
    assert (line["Tested at, px"], line["Step on TPUv3, ms"]) == ("380", "245.9")
    assert "Tested at, px" not in shown("cost", axis="flops")[0][0]


def test_a_row_of_the_timeline_leads_to_where_it_was_read() -> None:
    lines, rows = shown("after-2021")
    for line, row in zip(lines, rows, strict=True):
        assert line["Where"].endswith(f"]({row['link']})")
    assert {line["Lane"] for line in lines} <= {"NFNets at work", "no-norm transformers"} | {
        *("another way", "adaptive clipping", "no norm, no gain")
    }


@pytest.mark.parametrize("table", sorted(path.stem for path in tables.FOLDER.glob("*.csv")))
def test_no_row_that_readers_see_speaks_of_how_it_was_found(table: str) -> None:
    for row in tables.load(table):
        told = f"{row.get('conditions', '')} {row.get('read_from', '')}"
        assert not re.search(r"not read|was not|read again|\(not |memory|unverified", told), told
