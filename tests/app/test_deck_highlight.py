"""Code on a slide: coloured, marked, and to the letter the code that runs."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path

import pytest

from app.deck.highlight import code_html
from app.deck.source import excerpt

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*ROOT.glob("nfnet/*.py"), *ROOT.glob("app/**/*.py")])


def shown(page: str) -> str:
    """What a reader sees of a `<pre>` whose lines are spans."""
    line = r'<span class="line(?: marked)?">(.*?)</span>(?=<span class="line|</code>)'
    lines = re.findall(line, page)
    return "\n".join(html.unescape(re.sub(r"<[^>]+>", "", line)) for line in lines)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_function_of_the_project_is_shown_to_the_letter(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            code = excerpt(source, node.name)
            assert shown(code_html(code)) == code.replace("\n\n", "\n \n").replace("\n\n", "\n \n")


def test_tokens_are_coloured_and_lines_marked() -> None:
    page = code_html('def f(a):\n    """<b>\n    two"""\n    return a & 1  # why', {1, 4})
    assert page.startswith(
        '<pre class="source"><code><span class="line marked"><span class="k">def</span> '
        '<span class="d">f</span>(<wbr>a):</span><span class="line">    <span class="s">'
    )
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert '<span class="line"><span class="s">    two&quot;&quot;&quot;</span></span>' in page
    assert page.endswith(
        '<span class="line marked">    <span class="k">return</span> a &amp; '
        '<span class="n">1</span>  <span class="c"># why</span></span></code></pre>'
    )
