"""The published figures in slides/tables: one CSV file a table, each row with its source."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from nfnet.run import UserError

FOLDER = Path(__file__).resolve().parents[2] / "slides" / "tables"
SOURCE = ("paper", "arxiv", "table", "conditions", "read_from")  # columns of every table of figures

Row = Mapping[str, str]  # column -> what stands there; empty where nothing was published


@cache
def load(name: str) -> tuple[Row, ...]:
    """The rows of slides/tables/NAME.csv, in the file's order.

    Raises:
        UserError: there is no such table, or a row has too few or too many columns.
    """
    path = FOLDER / f"{name}.csv"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.csv")))
        raise UserError(f"there is no table '{name}' in slides/tables; it has {known}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = tuple(csv.DictReader(file))
    for row in rows:
        if None in row or None in row.values():
            raise UserError(f"slides/tables/{name}.csv: a row has another length than the first")
    return rows


def number(row: Row, column: str) -> float | None:
    """The number in this column, or None where the source has none."""
    text = row[column].strip()
    return float(text) if text else None


def find(rows: Iterable[Row], column: str, value: str) -> Row:
    """The one row that has this value in this column."""
    (row,) = (row for row in rows if row[column] == value)
    return row


def small_print(rows: Iterable[Row], brief: bool = False) -> str:
    """Where these numbers come from and under which conditions, as Markdown.

    A paper is named once, with what was taken from each of its tables. `brief` leaves out the
    papers' titles and, where there are more than three papers, tables and conditions.
    """
    papers: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in rows:
        parts = papers.setdefault((row["paper"], row["arxiv"]), {})
        seen = (
            ""
            if row["read_from"] in row["table"] + "text"
            else f", read from the {row['read_from']}"
        )
        conditions = parts.setdefault(row["table"] + seen, [])
        if row["conditions"] not in conditions:
            conditions.append(row["conditions"])
    sentences = []
    for (paper, arxiv), parts in papers.items():
        name = paper.split(", ")[0] if brief else paper
        source = f"{name}, arXiv [{arxiv}](https://arxiv.org/abs/{arxiv})"
        if not brief or len(papers) <= 3:
            told = (f"{place}: {'; '.join(_longest(said))}" for place, said in parts.items())
            source += f", {'; '.join(told)}"
        sentences.append(source)
    return ("; " if brief and len(papers) > 3 else ". ").join(sentences) + "."


def _longest(conditions: list[str]) -> list[str]:
    """Without those that only begin another one: a row may add a word to its table's."""
    return [
        one for one in conditions if not any(o != one and o.startswith(one) for o in conditions)
    ]
