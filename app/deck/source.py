"""Cuts a function, a class or a value out of a Python file by its syntax tree; imports nothing."""

from __future__ import annotations

import ast
import textwrap

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def excerpt(source: str, symbol: str, docstring: bool = False, start: str = "") -> str:
    """The source text of `symbol` (`name` or `Class.method`), unindented, with its decorators.

    With `start`, only what comes from the first line on that contains this text.

    Raises:
        ValueError: the source is not Python, does not define the symbol, or has no such line.
    """
    try:
        tree: ast.AST = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        raise ValueError("the file is not valid Python") from None
    node = tree
    for name in symbol.split("."):
        found = _find(node, name)
        if found is None:
            raise ValueError(f"the file does not define {symbol!r}")
        node = found
    lines = source.replace("\r\n", "\n").split("\n")
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    numbers = range(first, node.end_lineno + 1)
    hidden = set() if docstring else _docstring_lines(node, lines)
    kept = [lines[number - 1].rstrip() for number in numbers if number not in hidden]
    begin = next((i for i, line in enumerate(kept) if start in line), None)
    if begin is None:
        raise ValueError(f"no line of {symbol} contains {start!r}")
    return textwrap.dedent("\n".join(kept[begin:]))


def highlighted(code: str, highlight: str | tuple[str, ...]) -> list[int]:
    """The lines of `code` to mark, from 1. `highlight` is as in `Code`.

    Raises:
        ValueError: a line is outside the code, or a text is not in it.
    """
    lines = code.split("\n")
    marked: set[int] = set()
    if isinstance(highlight, tuple):
        for text in highlight:
            hits = {number for number, line in enumerate(lines, 1) if text in line}
            if not hits:
                raise ValueError(f"no line of the excerpt contains {text!r}")
            marked |= hits
        return sorted(marked)
    for part in highlight.split(","):
        first, _, last = part.partition("-")
        start, end = int(first), int(last or first)
        if not 1 <= start <= end <= len(lines):
            raise ValueError(f"highlight {part.strip()} is outside the {len(lines)} lines shown")
        marked |= set(range(start, end + 1))
    return sorted(marked)


def _find(node: ast.AST, name: str) -> ast.stmt | None:
    """The last statement of the body of `node` that defines `name`: the one that counts."""
    found = None
    for child in getattr(node, "body", []):
        if isinstance(child, _Definition) and child.name == name:
            found = child
        targets = child.targets if isinstance(child, ast.Assign) else [getattr(child, "target", 0)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            found = child
    return found


def _docstring_lines(node: ast.AST, lines: list[str]) -> set[int]:
    hidden: set[int] = set()
    for inner in ast.walk(node):
        # A docstring that is the whole body stays: without it the excerpt would not be Python.
        if not isinstance(inner, _Definition) or len(inner.body) == 1:
            continue
        text, following = inner.body[0], inner.body[1]
        on_own_lines = inner.lineno < text.lineno and text.end_lineno < following.lineno
        if ast.get_docstring(inner) is not None and on_own_lines:
            hidden |= set(range(text.lineno, text.end_lineno + 1))
            if not lines[text.end_lineno].strip():
                hidden.add(text.end_lineno + 1)
    return hidden
