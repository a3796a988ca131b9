"""The nets that everybody on this server has designed: who, what, how good, at what cost.

Held in memory: a new start of the server begins an empty board. Nothing here loads torch or
Streamlit. A nickname is a stranger's text: `clean_name` makes it short and visible, and whoever
shows it says as what (`plain` for Plotly; `html.escape` for HTML; never as Markdown).
"""

from __future__ import annotations

import html
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import fmean

from nfnet.run import RunConfig

MOST = 300  # entries in all
MOST_OF_ONE = 20  # of one owner
LONGEST_NAME = 20  # characters
MOST_MARKS = 2  # accents on one letter: more would reach over the lines around it
# printable by Unicode's word, and yet nothing is seen of them
_UNSEEN = "\u115f\u1160\u2800\u3164\uffa0"
# Plotly reads tags, entities, $formulas$ and %{variables} in a text
_PLOTLY = {ord(sign): f"&#{ord(sign)};" for sign in "$%{}"}


@dataclass(frozen=True)
class Entry:
    """One net on the board.

    Args:
        owner: the session's token, by which it is its own; never shown. Empty: nobody's, recorded.
        config: its run with the first seed.
        scores: accuracy on the test set, one a seed.
        name: of its designer, clean; empty if they gave none.
    """

    owner: str
    config: RunConfig
    scores: tuple[float, ...]
    multiply_adds: int
    parameters: int
    name: str = ""

    @property
    def mean(self) -> float:
        return fmean(self.scores)

    @property
    def low(self) -> float:
        return min(self.scores)

    @property
    def high(self) -> float:
        return max(self.scores)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The board at one moment. As long as nothing changes it is the same object."""

    entries: tuple[Entry, ...] = ()


class Board:
    """A bounded list of entries, safe to use from any thread.

    Where it is full, whoever has the most entries loses the oldest of theirs, so that one person
    cannot push out a room.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Snapshot()

    @property
    def now(self) -> Snapshot:
        return self._now

    def add(self, entry: Entry) -> None:
        """Puts an entry on the board, in the place of its owner's earlier one of the same net."""
        with self._lock:
            if entry in self._now.entries:
                return
            others = [each for each in self._now.entries if not _same(each, entry)]
            if sum(each.owner == entry.owner for each in others) >= MOST_OF_ONE:
                others.remove(_oldest(others, entry.owner))
            if len(others) >= MOST:
                most, _ = Counter(each.owner for each in others).most_common(1)[0]
                others.remove(_oldest(others, most))
            self._now = Snapshot((*others, entry))

    def rename(self, owner: str, name: str) -> None:
        """Gives another name to all entries of an owner."""
        with self._lock:
            renamed = tuple(
                replace(each, name=name) if each.owner == owner else each
                for each in self._now.entries
            )
            if renamed != self._now.entries:
                self._now = Snapshot(renamed)


def _same(one: Entry, other: Entry) -> bool:
    return (one.owner, one.config) == (other.owner, other.config)


def _oldest(entries: Iterable[Entry], owner: str) -> Entry:
    return next(each for each in entries if each.owner == owner)


# this process's, one for each set of pictures: accuracies on different ones do not compare
BOARDS = {"clutter": Board(), "cifar10": Board()}


def front(entries: Iterable[Entry]) -> list[Entry]:
    """Those that no other one matches or beats on average with as few multiply-adds.

    From few multiply-adds to many, so their means grow. Of entries that are equal in both the
    first is taken.
    """
    best: list[Entry] = []
    for each in sorted(entries, key=lambda each: (each.multiply_adds, -each.mean)):
        if not best or each.mean > best[-1].mean:
            best.append(each)
    return best


def better(entry: Entry, entries: Iterable[Entry]) -> list[Entry]:
    """Those of the others that did better on average with no more multiply-adds."""
    return [
        each
        for each in entries
        if each.multiply_adds <= entry.multiply_adds and each.mean > entry.mean
    ]


def apart(one: Entry, other: Entry) -> bool:
    """Whether the bars of two entries, lowest to highest, do not touch."""
    return one.low > other.high or other.low > one.high


def clean_name(text: str) -> str:
    """A nickname of at most LONGEST_NAME characters, all of them seen; empty if none is.

    Control characters, those that turn the direction of writing, and those without a shape are
    taken out; runs of spaces become one; accents are not stacked.
    """
    shown: list[str] = []
    marks = 0
    # a little more than is kept, so that what is taken out need not shorten the name
    for sign in unicodedata.normalize("NFC", " ".join(text[:200].split())):
        if not sign.isprintable() or sign in _UNSEEN:
            continue
        marks = marks + 1 if unicodedata.category(sign).startswith("M") else 0
        if marks <= MOST_MARKS:
            shown.append(sign)
    name = " ".join("".join(shown)[:LONGEST_NAME].split())
    return name if any(unicodedata.category(sign)[0] in "LNPS" for sign in name) else ""


def plain(name: str) -> str:
    """A name as Plotly shows it letter by letter."""
    return html.escape(name).translate(_PLOTLY)
