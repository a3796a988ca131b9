"""The whole deck as one HTML file that is read without the server and without a network.

Figures are drawn by Plotly's own script, once in the file, as pictures that do not react: they are
then the same figures as in the lecture, whatever they contain, and a second way of drawing them
would be ours to keep right. It makes the file some 6 MB large.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path

from app.deck.katex import katex
from app.deck.load import ROOT
from app.deck.model import Deck, Demo, Slide
from app.deck.page import slide_html
from app.deck.words import plain_text

_HERE = Path(__file__).parent
# Nothing is fetched from anywhere: what the file needs is in it.
_POLICY = (
    "default-src 'none'; img-src data:; font-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
_PAGE = """<!doctype html>
<html lang="en"{marks}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
{media}
</head>
<body>
{frame}
<main>
{slides}
</main>
<script>{scripts}</script>
</body>
</html>
"""


def export_html(
    deck: Deck,
    demos: Mapping[str, Demo],
    folder: Path,
    title: str,
    notes: bool = False,
    sheets: bool = False,
    root: Path = ROOT,
) -> str:
    """The deck as one page: a slide a screen, turned by keys, and a slide a sheet when printed.

    Args:
        demos, folder, root: as for `app.deck.render.render_slide`.
        notes: whether the lecturer's notes are in it.
        sheets: show on the screen, too, the sheets that would be printed.

    Raises:
        UserError: a file of Streamlit that is needed is missing.
    """
    slides = [slide_html(slide, demos, folder, root, notes) for slide in deck.slides]
    set_math = katex()
    scripts = [set_math.js, _own("export.js")]
    if any('<div class="plot"' in slide for slide in slides):
        from plotly.offline import get_plotlyjs

        scripts.insert(0, get_plotlyjs())
    phone = "screen and (max-width: 640px)"
    media = {"export_sheets.css": "all" if sheets else "print", "export_phone.css": phone}
    marks = {"data-notes": notes, "data-sheets": sheets}
    return _PAGE.format(
        marks="".join(f' {mark}=""' for mark, on in marks.items() if on),
        media="\n".join(
            f'<style media="{when}">{_own(name)}</style>' for name, when in media.items()
        ),
        policy=_POLICY,
        title=html.escape(title),
        style="\n".join([set_math.css, _own("code.css"), _own("export.css")]),
        slides="\n".join(slides),
        frame=_own("export.html").replace("<!-- slides -->", _contents(deck.slides)),
        scripts="</script>\n<script>".join(scripts),
    )


def _contents(slides: tuple[Slide, ...]) -> str:
    """The list of all slides, section by section."""
    made, section = [], ""
    for number, slide in enumerate(slides, 1):
        if slide.section != section:
            section = slide.section
            made.append(f"<h2>{html.escape(section)}</h2>")
        name = html.escape(plain_text(slide.title))
        made.append(f'<a href="#{slide.id}"><b>{number}</b> {name}</a>')
    return "".join(made)


def _own(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
