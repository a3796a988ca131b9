"""Markdown down to words, for where only plain text will do."""

from __future__ import annotations

import re


def plain_text(markdown: str) -> str:
    """The title without marks: `The **AGC** rule, $\\lambda$` is `The AGC rule, λ`."""
    text = re.sub(r":material/\w+:", "", markdown)
    text = re.sub(r":[a-z-]+\[([^\]]*)\]", r"\1", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\\([A-Za-z]+)", _symbol, text)
    text = re.sub(r"[$`*{}\\]|(?<!\w)_|_(?!\w)", "", text)
    return " ".join(text.split())


_GREEK = "alpha α beta β gamma γ delta δ epsilon ε lambda λ mu μ sigma σ times × cdot · to →"
_SYMBOLS = dict(zip(_GREEK.split()[::2], _GREEK.split()[1::2], strict=True))


def _symbol(found: re.Match[str]) -> str:
    return _SYMBOLS.get(found[1], found[1])
