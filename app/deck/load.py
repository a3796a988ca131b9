"""Reads the slides of a folder and checks them against the project: pictures, code, demos."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from app.deck.model import Code, Deck, DeckError, Demo, DemoCall, Picture, Slide
from app.deck.parser import parse_slide
from app.deck.source import excerpt, highlighted

ROOT = Path(__file__).resolve().parents[2]
PICTURES = (".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif")
_NAME = re.compile(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*\.md")


def load_deck(folder: Path, demos: Mapping[str, Demo] | None = None, root: Path = ROOT) -> Deck:
    """The slides of `folder` in the order of their names; none where there is no such folder.

    Pictures are looked up below `folder`, code below `root`, and the parameters of demos in `demos`
    (None: not checked).

    Raises:
        DeckError: the first mistake.
    """
    slides: list[Slide] = []
    for file in sorted(folder.glob("[0-9]*.md")):
        path = f"{folder.name}/{file.name}"
        if not _NAME.fullmatch(file.name):
            raise DeckError(path, 1, "a slide's file is named like 07-small-words.md")
        slide = parse_slide(_read(file, path), path)
        for other in slides:
            if other.id == slide.id:
                line = _line_of_id(file)
                raise DeckError(path, line, f"the id {slide.id!r} is taken by {other.path}")
        _check(slide, folder, demos, root)
        slides.append(slide)
    return Deck(tuple(slides))


def code_of(code: Code, root: Path = ROOT) -> tuple[str, list[int]]:
    """The excerpt that a code block shows, and the lines of it to mark, from 1.

    Raises:
        ValueError: the file, the symbol or a marked line does not exist.
    """
    file = root / code.file
    if not file.is_file():
        raise ValueError(f"there is no file {code.file}")
    text, marked = _cut(file, file.stat().st_mtime_ns, code)
    return text, list(marked)


@lru_cache(maxsize=128)
def _cut(file: Path, changed: int, code: Code) -> tuple[str, tuple[int, ...]]:
    # Parsing a file takes 10 ms, which every change of slide would pay.
    text = excerpt(file.read_text(encoding="utf-8"), code.symbol, code.docstring, code.start)
    return text, tuple(highlighted(text, code.highlight))


def _read(file: Path, path: str) -> str:
    data = file.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DeckError(path, line, "not UTF-8 text; save the file as UTF-8") from None


def _line_of_id(file: Path) -> int:
    lines = file.read_text(encoding="utf-8").split("\n")
    return next((n for n, line in enumerate(lines, 1) if re.match(r"\s*id\s*=", line)), 1)


def _check(slide: Slide, folder: Path, demos: Mapping[str, Demo] | None, root: Path) -> None:
    for block in slide.walk():
        try:
            if isinstance(block, Picture):
                _check_picture(block, folder)
            elif isinstance(block, Code):
                code_of(block, root)
            elif isinstance(block, DemoCall) and demos is not None:
                if block.id not in demos:
                    known = ", ".join(sorted(demos))
                    raise ValueError(f"unknown demo {block.id!r}; choose from {known}")
                demos[block.id].read(block.params)
        except ValueError as error:
            raise DeckError(slide.path, block.line, str(error)) from None


def _check_picture(picture: Picture, folder: Path) -> None:
    if not picture.path.lower().endswith(PICTURES):
        raise ValueError(f"a picture must end in {', '.join(PICTURES)}, not {picture.path!r}")
    if not (folder / picture.path).is_file():
        raise ValueError(f"there is no picture {picture.path} in {folder.name}/")
