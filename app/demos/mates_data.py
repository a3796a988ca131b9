"""What was recorded for Batch mates: answers to some companies, and what was measured over many."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.demos import recorded

Key = tuple[str, tuple[str, ...]]  # the own picture and its company


@dataclass(frozen=True)
class Record:
    """The items of a recording and how they were made; empty where there is none."""

    items: tuple[dict[str, Any], ...] = ()
    label: str = ""
    conditions: dict[str, Any] = field(default_factory=dict)

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """The items that have a field of this name."""
        return [item for item in self.items if kind in item]


def companies() -> tuple[dict[Key, list[dict[str, Any]]], str]:
    """Answers by own picture and company, and where and how they were made."""
    record = load("companies")
    return {(i["own"], tuple(i["company"])): i["items"] for i in record.items}, record.label


def measured() -> Record:
    """The table of benchmarks/batch_mates.py."""
    return load("measured")


def load(name: str) -> Record:
    """A recording; an empty one if its file is missing or damaged: the page works without."""
    path = recorded.FOLDER / "mates" / f"{name}.json"
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError):
        return Record()


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Record:
    values = json.loads(path.read_text(encoding="utf-8"))
    conditions = values["conditions"]
    label = (
        f"Recorded {values['made']} on {conditions['cpu']}, {conditions['threads']} thread, "
        f"PyTorch {conditions['torch']}."
    )
    return Record(tuple(values["items"]), label, conditions)
