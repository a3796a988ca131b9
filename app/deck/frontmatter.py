"""The head of a slide: TOML between two lines `+++`."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from app.deck.model import LAYOUTS, DeckError

FENCE = "+++"
SLUG = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_KEYS = ("id", "title", "section", "minutes", "optional", "layout", "alt")
_LONGEST = 60  # minutes one slide may be meant to take


def split_front_matter(lines: list[str], path: str) -> tuple[dict[str, Any], int]:
    """The checked front matter, and the index of the first line after it.

    Raises:
        DeckError: it is missing, unclosed, not TOML, or a key is unknown, missing or off.
    """
    if lines[0].rstrip() != FENCE:
        raise DeckError(path, 1, f"the first line must be {FENCE}, with the slide's id and title")
    for end in range(1, len(lines)):
        if lines[end].rstrip() == FENCE:
            break
    else:
        raise DeckError(path, 1, f"the front matter has no closing line {FENCE}")
    head = lines[1:end]
    try:
        values = tomllib.loads("\n".join([*head, ""]))
    except tomllib.TOMLDecodeError as error:
        raise DeckError(path, _line_of(error, end), f"not valid TOML: {_reason(error)}") from None
    except RecursionError:
        raise DeckError(path, 2, "not valid TOML: nested too deeply") from None
    for key in values:
        if key not in _KEYS:
            message = f"unknown key {key!r}; choose from {', '.join(_KEYS)}"
            raise DeckError(path, _line_with(key, head), message)
    _check(values, head, path)
    return values, end + 1


def _check(values: dict[str, Any], head: list[str], path: str) -> None:
    def wrong(key: str, message: str) -> DeckError:
        return DeckError(path, _line_with(key, head), message)

    for key in ("id", "title"):
        if key not in values:
            raise DeckError(path, 1, f'the front matter must have {key} = "…"')
    for key in ("id", "title", "section", "layout", "alt"):
        value = values.get(key, "")
        if not isinstance(value, str) or "\n" in value:
            raise wrong(key, f"{key} must be a text in quotes on one line, not {value!r}")
    if not SLUG.fullmatch(values["id"]):
        raise wrong("id", f"id must be letters, digits and hyphens, not {values['id']!r}")
    if not values["title"].strip():
        raise wrong("title", "title must not be empty")
    layout = values.get("layout", "plain")
    if layout not in LAYOUTS:
        raise wrong("layout", f"unknown layout {layout!r}; choose from {', '.join(LAYOUTS)}")
    minutes = values.get("minutes", 1)
    number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
    if not number or not 0 <= minutes <= _LONGEST:
        message = f"minutes must be a number from 0 to {_LONGEST}, not {minutes!r}"
        raise wrong("minutes", message)
    if not isinstance(values.get("optional", False), bool):
        raise wrong("optional", f"optional must be true or false, not {values['optional']!r}")


def _line_with(key: str, head: list[str]) -> int:
    """The line of the file that sets `key`; the first one where it cannot be told."""
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    for index, line in enumerate(head):
        if pattern.match(line):
            return index + 2
    return 1


def _line_of(error: tomllib.TOMLDecodeError, last: int) -> int:
    # Python 3.14 gives the number as an attribute; before, it stands in the message only.
    found = re.search(r"at line (\d+)", str(error))
    return min(int(found[1]) + 1, last) if found else last


def _reason(error: tomllib.TOMLDecodeError) -> str:
    return re.sub(r"\s*\(at .*\)$", "", str(error)).lower()
