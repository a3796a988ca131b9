"""What a slide is made of. Pure data: no Streamlit, no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nfnet.run import UserError

LAYOUTS = ("title", "plain", "two-col", "demo", "quote")
FULL, CUT = 60, 45  # minutes of the whole lecture, and of the one without its optional slides


class DeckError(UserError):
    """A mistake in a slide; the text begins with its file and line."""

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = path
        self.line = line


@dataclass(frozen=True)
class Still:
    """A demo where nothing moves, on paper or in a file: one figure of its recorded data.

    `figure` is what Plotly draws (`{"data", "layout"}`, colours for a white page); `caption` is
    Markdown that says where the data are from.
    """

    figure: Mapping[str, Any]
    alt: str
    caption: str = ""


class Demo(Protocol):
    """What the deck asks of an entry of the demos' registry; app.demos.Demo says more."""

    title: str
    page: str
    render: Any
    still: Any
    lab: Any

    def read(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, checked and completed; a ValueError says what is off."""


@dataclass(frozen=True)
class Text:
    markdown: str
    line: int


@dataclass(frozen=True)
class Picture:
    path: str  # relative to the folder of the slides
    alt: str
    line: int


@dataclass(frozen=True)
class DemoCall:
    id: str
    params: dict[str, str]
    caption: str
    line: int


@dataclass(frozen=True)
class Code:
    file: str  # relative to the project's folder
    symbol: str
    docstring: bool
    highlight: str | tuple[str, ...]  # "2-4,7": lines of the excerpt; a tuple: texts on them
    caption: str
    line: int
    start: str = ""  # the excerpt begins with the first line that contains this


@dataclass(frozen=True)
class Poll:
    id: str
    question: str
    options: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Cite:
    markdown: str
    line: int


@dataclass(frozen=True)
class Step:
    number: int  # from 1, through the slide in the order of the file
    blocks: tuple[Block, ...]
    line: int


@dataclass(frozen=True)
class Column:
    width: float  # relative to the other column's
    blocks: tuple[Block, ...]
    line: int


Block = Text | Picture | DemoCall | Code | Poll | Cite | Step | Column


@dataclass(frozen=True)
class Slide:
    id: str
    title: str
    path: str  # as in error messages: slides/NN-slug.md
    blocks: tuple[Block, ...]
    notes: str = ""
    section: str = ""
    minutes: float = 1.0
    optional: bool = False
    layout: str = "plain"  # one of LAYOUTS
    alt: str = ""

    def walk(self) -> Iterator[Block]:
        """Every block, outer ones before the ones in them, in the order of the file."""
        yield from _walk(self.blocks)

    @property
    def steps(self) -> int:
        """How often the lecturer moves on before the slide is complete."""
        return sum(isinstance(block, Step) for block in self.walk())


def _walk(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Step | Column):
            yield from _walk(block.blocks)


@dataclass(frozen=True)
class Deck:
    slides: tuple[Slide, ...]

    def minutes(self, cut: bool = False) -> float:
        """What the slides take together; with `cut`, without the optional ones."""
        return sum(slide.minutes for slide in self.slides if not (cut and slide.optional))

    def beside(self, index: int, by: int, cut: bool = False) -> int | None:
        """The nearest slide in the direction `by` (1 or -1), past what `cut` leaves out."""
        index += by
        while 0 <= index < len(self.slides):
            if not (cut and self.slides[index].optional):
                return index
            index += by
        return None

    def find(self, name: str) -> int | None:
        """The index of the slide with this id or, counted from 1, this number; None: no such."""
        for index, slide in enumerate(self.slides):
            if name == slide.id or name == str(index + 1):
                return index
        return None
