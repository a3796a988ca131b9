"""Python source as HTML: coloured by its tokens, with some lines marked."""

from __future__ import annotations

import html
import io
import keyword
import tokenize
from collections.abc import Collection
from functools import lru_cache

_CLASS = {tokenize.COMMENT: "c", tokenize.STRING: "s", tokenize.NUMBER: "n"}


def code_html(code: str, marked: Collection[int] = ()) -> str:
    """A `<pre>` with one span a line; the lines in `marked` (from 1) have the class `marked`."""
    return _html(code, frozenset(marked))


@lru_cache(maxsize=128)
def _html(code: str, marked: frozenset[int]) -> str:
    lines = code.split("\n")
    styles = [[""] * len(line) for line in lines]
    for kind, (row, start), (last_row, end) in _tokens(code):
        for number in range(row, last_row + 1):
            line = styles[number - 1]
            first = start if number == row else 0
            last = end if number == last_row else len(line)
            line[first:last] = [kind] * (last - first)
    rows = []
    for number, (line, style) in enumerate(zip(lines, styles, strict=True), 1):
        extra = " marked" if number in marked else ""
        rows.append(f'<span class="line{extra}">{_coloured(line, style) or " "}</span>')
    return f'<pre class="source"><code>{"".join(rows)}</code></pre>'


def _tokens(code: str) -> list[tuple[str, tuple[int, int], tuple[int, int]]]:
    found = []
    previous = ""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        kind = _CLASS.get(token.type, "")
        if token.type == tokenize.NAME and keyword.iskeyword(token.string):
            kind = "k"
        elif token.type == tokenize.NAME and previous in ("def", "class"):
            kind = "d"
        elif token.type in _F_STRING:
            kind = "s"
        if kind:
            found.append((kind, token.start, token.end))
        if token.string.strip():
            previous = token.string
    return found


# From Python 3.12 on the pieces of an f-string are tokens of their own.
_F_STRING = {
    getattr(tokenize, name)
    for name in ("FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END")
    if hasattr(tokenize, name)
}


def _coloured(line: str, style: list[str]) -> str:
    pieces: list[str] = []
    start = 0
    for at in range(1, len(line) + 1):
        if at == len(line) or style[at] != style[start]:
            text = html.escape(line[start:at]).replace("(", "(<wbr>")  # where phones may break
            pieces.append(f'<span class="{style[start]}">{text}</span>' if style[start] else text)
            start = at
    return "".join(pieces)
