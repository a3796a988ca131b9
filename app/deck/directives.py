"""The lines `::: name key=value …`: what each block is called, takes and becomes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.deck.frontmatter import SLUG
from app.deck.model import Block, Cite, Code, Column, DemoCall, Poll

# block: where it may stand
PLACES: dict[str, tuple[str, ...]] = {
    "step": ("slide", "col"),
    "col": ("slide",),
    "demo": ("slide", "col", "step"),
    "code": ("slide", "col", "step"),
    "poll": ("slide", "col", "step"),
    "cite": ("slide", "col"),
    "notes": ("slide",),
}
HOLDERS = ("slide", "col", "step")  # their bodies are blocks; the bodies of the others are text
AFTER_STEP = ("demo", "code", "poll")  # what may follow `step` on its line
MAY_BE_EMPTY = ("demo", "code")
_KEYS: dict[str, tuple[str, ...]] = {
    "col": ("width",),
    "code": ("file", "symbol", "start", "docstring", "highlight"),
    "poll": ("id", "options"),
}

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_OPTION = re.compile(rf'([a-z][a-z0-9_]*)=({_QUOTED}|\[(?:{_QUOTED}|[^"\]])*\]|[^\s"\[]\S*)(?!\S)')
_ITEM = re.compile(rf'\s*({_QUOTED}|[^\s,"][^,"]*)\s*(?:,|$)')
_RANGE = r"\d{1,4}(-\d{1,4})?"

Value = str | tuple[str, ...]


def read_options(kind: str, text: str) -> dict[str, Value]:
    """The `key=value` pairs of `text`, each value a text or a list of texts.

    Raises:
        ValueError: it is not made of such pairs, or `kind` does not take a key.
    """
    options: dict[str, Value] = {}
    while text := text.strip():
        found = _OPTION.match(text)
        if not found:
            raise ValueError(f"expected key=value, found {text!r}")
        key, value = found[1], found[2]
        allowed = _KEYS.get(kind, ())
        if kind != "demo" and key not in allowed:
            known = ", ".join(allowed) or "no keys"
            raise ValueError(f"unknown key {key!r}; '{kind}' takes {known}")
        if key in options:
            raise ValueError(f"the key {key!r} is given twice")
        options[key] = _items(value) if value.startswith("[") else _unquote(value)
        text = text[found.end() :]
    return options


def _items(text: str) -> tuple[str, ...]:
    items, inner = [], text[1:-1].strip()
    while inner:
        found = _ITEM.match(inner)
        if not found:
            raise ValueError(f"a list is written [one, two], not {text}")
        items.append(_unquote(found[1].strip()))
        inner = inner[found.end() :]
    return tuple(items)


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def make_demo(name: str, options: Mapping[str, Value], caption: str, line: int) -> DemoCall:
    """Raises ValueError: a parameter is a list."""
    params: dict[str, str] = {}
    for key, value in options.items():
        if not isinstance(value, str):
            raise ValueError(f"{key} of a demo must be one value, not a list")
        params[key] = value
    return DemoCall(name, params, caption, line)


def make_block(
    kind: str, options: Mapping[str, Value], inner: tuple[Block, ...], text: str, line: int
) -> Block:
    """The block that a closed `kind` with these options, inner blocks and body is.

    Raises:
        ValueError: an option is missing or off.
    """
    match kind:
        case "col":
            return Column(_width(options.get("width", "1")), inner, line)
        case "poll":
            return _poll(options, text, line)
        case "code":
            return _code(options, text, line)
        case "cite":
            return Cite(text, line)
    raise ValueError(f"'{kind}' is no block")


def _width(value: Value) -> float:
    if not isinstance(value, str) or not re.fullmatch(r"\d(\.\d{1,2})?", value, re.ASCII):
        raise ValueError(f"width must be a number such as 2 or 1.5, not {value!r}")
    if not 0.2 <= float(value) <= 5:
        raise ValueError(f"width must be from 0.2 to 5, not {value}")
    return float(value)


def _poll(options: Mapping[str, Value], question: str, line: int) -> Poll:
    name, answers = options.get("id", ""), options.get("options", ())
    if not isinstance(name, str) or not SLUG.fullmatch(name):
        raise ValueError(f'a poll needs id="letters-and-digits", not {name!r}')
    if isinstance(answers, str) or not 2 <= len(answers) <= 6:
        raise ValueError('a poll needs options=["…", "…"], two to six')
    return Poll(name, question, answers, line)


def _code(options: Mapping[str, Value], caption: str, line: int) -> Code:
    file, symbol = options.get("file", ""), options.get("symbol", "")
    if not isinstance(file, str) or not re.fullmatch(r"(\w[\w-]*/)*\w[\w-]*\.py", file):
        raise ValueError(f"'code' needs file=folder/name.py in the project, not {file!r}")
    if not isinstance(symbol, str) or not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", symbol):
        raise ValueError(f"'code' needs symbol=name or symbol=Class.method, not {symbol!r}")
    docstring = options.get("docstring", "false")
    if docstring not in ("true", "false"):
        raise ValueError(f"docstring must be true or false, not {docstring!r}")
    highlight = options.get("highlight", ())
    lines = rf"{_RANGE}(\s*,\s*{_RANGE})*"
    if isinstance(highlight, str) and not re.fullmatch(lines, highlight, re.ASCII):
        raise ValueError(f'highlight must be like 3, "2-4,7" or ["text"], not {highlight!r}')
    start = options.get("start", "")
    if not isinstance(start, str):
        raise ValueError("start must be one text, not a list")
    return Code(file, symbol, docstring == "true", highlight, caption, line, start)
