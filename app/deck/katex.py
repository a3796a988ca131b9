"""KaTeX, which sets the lecture's mathematics, for files that are read without the server.

Streamlit brings a copy for its pages, and using that one means that a formula in the exported
file is set by the very code that sets it in the lecture, and that nothing is downloaded.
"""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import streamlit

from nfnet.run import UserError

_STATIC = Path(streamlit.__file__).parent / "static" / "static"
_EXPORT = re.compile(r"export\{(\w+) as default\};?\s*$")
_FONT = re.compile(r"url\(\.\./media/([^)]+)\)")
# Streamlit brings two versions of KaTeX; the script's is the newer one, which writes `katex-base`
# where the style sheet's says `base`.
_CLASS = re.compile(r"\.(?!katex)([a-z][\w-]*)")
_EITHER = r":is(.\1,.katex-\1)"


class KaTeX(NamedTuple):
    """A style sheet with its fonts in it, and a script that defines `katex`."""

    css: str
    js: str


@cache
def katex(static: Path = _STATIC) -> KaTeX:
    """KaTeX as text to put into a page.

    Raises:
        UserError: Streamlit's files are not laid out as expected.
    """
    for file in sorted((static / "js").glob("katex.*.js")):
        script = file.read_text(encoding="utf-8")
        exported = _EXPORT.search(script)
        if exported and not re.match(r"\s*import\b", script):
            # A module that exports one thing becomes a script that leaves it in the page.
            inner = _EXPORT.sub(f"globalThis.katex = {exported[1]};", script)
            return KaTeX(_style(static), f"(() => {{{inner}}})();")
    raise UserError(
        "KaTeX was not found among Streamlit's files; install the version that requirements.txt "
        "names."
    )


def _style(static: Path) -> str:
    for file in sorted((static / "css").glob("*.css")):
        text = file.read_text(encoding="utf-8")
        if "KaTeX_Main" in text:
            rules = re.findall(r"([^{}]+)\{([^{}]*)\}", text)
            ours = [
                f"{_CLASS.sub(_EITHER, place)}{{{style}}}"
                for place, style in rules
                if "KaTeX" in style or ".katex" in place
            ]
            return _FONT.sub(lambda found: _inline(static, found[1]), "\n".join(ours))
    raise UserError("KaTeX's style was not found among Streamlit's files; reinstall Streamlit.")


def _inline(static: Path, name: str) -> str:
    data = base64.b64encode((static / "media" / name).read_bytes()).decode("ascii")
    return f"url(data:font/woff2;base64,{data})"
