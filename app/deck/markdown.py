"""A slide's Markdown as HTML, for where there is no Streamlit to draw it: the exported file."""

from __future__ import annotations

import html
import re
from functools import cache

from markdown_it import MarkdownIt

# Code is left alone; `$$` with a line of its own is displayed, `$$…$$` within a line is not.
_MATH = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)"
    r"|^[ \t]*\$\$[ \t]*\n(?P<display>.+?)\n[ \t]*\$\$[ \t]*$"
    r"|\$\$(?P<double>[^$\n]+)\$\$"
    r"|(?<![\\$])\$(?P<single>[^$\n]+(?:\n[^$\n]+)*)\$",
    re.DOTALL | re.MULTILINE,
)
_COLOURED = re.compile(r":(?P<colour>blue|orange|green|violet)\[(?P<text>[^\[\]]*)\]")
_OTHER = re.compile(r":[a-z-]+\[([^\[\]]*)\]")
# Characters that no text has and Markdown leaves alone stand for what it must not see.
_OPEN, _CLOSE, _FORMULA, _END = "\ue000", "\ue001", "\ue002", "\ue003"


def to_html(markdown: str, inline: bool = False) -> str:
    """The text as HTML, `inline` without a paragraph around it. HTML in it is shown as text.

    A formula becomes `<span class="math">` (displayed: `class="math display"`) with its LaTeX as
    text, to be typeset in the browser.
    """
    spans: list[str] = []

    def keep(found: re.Match[str]) -> str:
        if found["code"] is not None:
            return found["code"]
        tex = found["display"] or found["double"] or found["single"]
        kind = "math display" if found["display"] else "math"
        spans.append(f'<span class="{kind}">{html.escape(tex.strip())}</span>')
        return f"{_FORMULA}{len(spans) - 1}{_END}"

    text = _MATH.sub(keep, re.sub("[\ue000-\ue003]", "", markdown))
    text = re.sub(r":material/\w+: ?", "", text)
    text = _COLOURED.sub(rf"{_OPEN}\g<colour> \g<text>{_CLOSE}", text)
    text = _OTHER.sub(r"\1", text)
    made = _reader().renderInline(text) if inline else _reader().render(text)
    made = re.sub(rf"{_OPEN}(\w+) ", r'<span class="\1">', made).replace(_CLOSE, "</span>")
    return re.sub(rf"{_FORMULA}(\d+){_END}", lambda found: spans[int(found[1])], made)


def formulas(markdown: str) -> list[tuple[str, bool]]:
    """Every formula of the text in its order, as LaTeX, and whether it is displayed."""
    found = [match for match in _MATH.finditer(markdown) if match["code"] is None]
    return [
        ((m["display"] or m["double"] or m["single"]).strip(), bool(m["display"])) for m in found
    ]


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
