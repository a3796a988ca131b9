"""From the text of a slide to a Slide. FORMAT.md says what may be written; pure, no files read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from app.deck.directives import (
    AFTER_STEP,
    HOLDERS,
    MAY_BE_EMPTY,
    PLACES,
    Value,
    make_block,
    make_demo,
    read_options,
)
from app.deck.frontmatter import split_front_matter
from app.deck.model import Block, Column, DeckError, DemoCall, Picture, Poll, Slide, Step, Text

_FENCE = re.compile(r"\s*(`{3,}|~{3,})(.*)")
_PICTURE = re.compile(r"!\[([^\[\]]*)\]\(([^()\s]+)\)")
_ANY_PICTURE = re.compile(r"!\[[^\]]*\][(\[]")


def parse_slide(text: str, path: str) -> Slide:
    """The slide that `text` describes; `path` names the file in error messages.

    Raises:
        DeckError: anything that FORMAT.md does not allow.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    values, start = split_front_matter(lines, path)
    body = _Body(path)
    for number, line in enumerate(lines[start:], start + 1):
        body.feed(line, number)
    blocks = body.finish()
    values["minutes"] = float(values.get("minutes", 1))
    slide = Slide(path=path, blocks=blocks, notes="\n\n".join(body.notes), **values)
    _check(slide)
    return slide


def _check(slide: Slide) -> None:
    columns = [block for block in slide.blocks if isinstance(block, Column)]
    if slide.layout == "two-col" and len(columns) != 2:
        message = f'layout "two-col" needs exactly two col blocks, not {len(columns)}'
        raise DeckError(slide.path, 1, message)
    if slide.layout != "two-col" and columns:
        raise DeckError(slide.path, columns[0].line, 'a col block needs layout = "two-col"')
    polls: set[str] = set()
    for block in slide.walk():
        if isinstance(block, Picture | DemoCall) and not slide.alt.strip():
            message = 'the front matter must have alt = "…", saying in words what this shows'
            raise DeckError(slide.path, block.line, message)
        if isinstance(block, Poll):
            if block.id in polls:
                raise DeckError(slide.path, block.line, f"the poll {block.id!r} occurs twice")
            polls.add(block.id)


@dataclass
class _Frame:
    """A block that is still open."""

    kind: str
    line: int
    name: str = ""  # the demo's
    options: dict[str, Value] = field(default_factory=dict)
    with_step: bool = False  # opened together with the step around it, and closed with it
    blocks: list[Block] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    text_line: int = 0

    @property
    def empty(self) -> bool:
        return not self.blocks and not self.text


class _Body:
    """Takes the lines after the front matter one by one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.stack = [_Frame("slide", 1)]
        self.notes: list[str] = []
        self.steps = 0
        self.fence = ""  # the marks that opened the fenced code we are in
        self.fence_line = 0

    def feed(self, line: str, number: int) -> None:
        fence = _FENCE.fullmatch(line)
        if self.fence:
            if fence and fence[1].startswith(self.fence) and not fence[2].strip():
                self.fence = ""
            self._keep(line, number)
        elif fence and not (fence[1][0] == "`" and "`" in fence[2]):
            self.fence, self.fence_line = fence[1], number
            self._keep(line, number)
        elif line.lstrip().startswith(":::"):
            try:
                self._directive(line.strip()[3:].strip(), number)
            except DeckError:
                raise
            except ValueError as error:
                raise DeckError(self.path, number, str(error)) from None
        elif _ANY_PICTURE.search(re.sub(r"`[^`]*`", "", line)):
            self._picture(line.strip(), number)
        else:
            self._keep(line, number)

    def finish(self) -> tuple[Block, ...]:
        if self.fence:
            raise DeckError(self.path, self.fence_line, "this fenced code is never closed")
        frame = self.stack[-1]
        if len(self.stack) > 1:
            message = f"the block '{frame.kind}' has no closing line :::"
            raise DeckError(self.path, frame.line, message)
        self._flush()
        return tuple(frame.blocks)

    def _keep(self, line: str, number: int) -> None:
        frame = self.stack[-1]
        if not frame.text:
            if not line.strip():
                return
            frame.text_line = number
        frame.text.append(line)

    def _flush(self) -> None:
        """The text so far becomes a block of the frame that holds it."""
        frame = self.stack[-1]
        if frame.text and frame.kind in HOLDERS:
            frame.blocks.append(Text("\n".join(frame.text).rstrip(), frame.text_line))
            frame.text = []

    def _picture(self, line: str, number: int) -> None:
        found = _PICTURE.fullmatch(line)
        if not found:
            message = "a picture stands on a line of its own: ![what it shows](assets/name.svg)"
            raise DeckError(self.path, number, message)
        file, kind = found[2], self.stack[-1].kind
        if ":" in file or "\\" in file or file.startswith("/") or ".." in file.split("/"):
            message = f"a picture must be a file below the slides' folder, not {file!r}"
            raise DeckError(self.path, number, message)
        if kind not in HOLDERS:
            raise DeckError(self.path, number, f"a picture may not stand in '{kind}'")
        self._flush()
        self.stack[-1].blocks.append(Picture(file, found[1], number))

    def _directive(self, head: str, number: int) -> None:
        if not head:
            if len(self.stack) == 1:
                raise ValueError("::: closes a block, but none is open")
            if self._close():
                self._close()
            return
        kind, rest = _word(head)
        if kind != "step":
            self._open(kind, rest, number)
            return
        self._open("step", "", number)
        self.steps += 1
        if rest:
            kind, rest = _word(rest)
            if kind not in AFTER_STEP:
                raise ValueError(f"'step' may be followed by {', '.join(AFTER_STEP)}, not {kind!r}")
            self._open(kind, rest, number)
            self.stack[-1].with_step = True

    def _open(self, kind: str, rest: str, number: int) -> None:
        if kind not in PLACES:
            raise ValueError(f"unknown block {kind!r}; choose from {', '.join(PLACES)}")
        outer = self.stack[-1].kind
        if outer not in PLACES[kind]:
            places = ", ".join(PLACES[kind])
            raise ValueError(f"'{kind}' may not stand in '{outer}', only in: {places}")
        frame = _Frame(kind, number)
        if kind == "demo":
            frame.name, rest = _word(rest)
            if not re.fullmatch(r"[a-z][a-z0-9_]*", frame.name):
                raise ValueError(f"'demo' needs the name of a demo, not {frame.name!r}")
        frame.options = read_options(kind, rest)
        self._flush()
        self.stack.append(frame)

    def _close(self) -> bool:
        """Ends the innermost block; true if the step around it ends on the same line."""
        frame = self.stack[-1]
        if frame.empty and frame.kind not in MAY_BE_EMPTY:
            raise DeckError(self.path, frame.line, f"the block '{frame.kind}' is empty")
        self._flush()
        self.stack.pop()
        text, inner = "\n".join(frame.text).strip(), tuple(frame.blocks)
        try:
            if frame.kind == "notes":
                self.notes.append(text)
            elif frame.kind == "step":
                # No step holds another, so the count of those opened is this one's number.
                self.stack[-1].blocks.append(Step(self.steps, inner, frame.line))
            elif frame.kind == "demo":
                block = make_demo(frame.name, frame.options, text, frame.line)
                self.stack[-1].blocks.append(block)
            else:
                block = make_block(frame.kind, frame.options, inner, text, frame.line)
                self.stack[-1].blocks.append(block)
        except ValueError as error:
            raise DeckError(self.path, frame.line, str(error)) from None
        return frame.with_step


def _word(text: str) -> tuple[str, str]:
    first, _, rest = text.partition(" ")
    return first, rest.strip()
