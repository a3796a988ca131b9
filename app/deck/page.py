"""A slide as a piece of HTML: every step open, demos as figures. Made for the exported file."""

from __future__ import annotations

import base64
import html
import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path

from app.deck.highlight import code_html
from app.deck.load import ROOT, code_of
from app.deck.markdown import to_html
from app.deck.model import (
    Block,
    Cite,
    Code,
    Column,
    Demo,
    DemoCall,
    Picture,
    Poll,
    Slide,
    Step,
    Still,
    Text,
)


def slide_html(
    slide: Slide, demos: Mapping[str, Demo], folder: Path, root: Path = ROOT, notes: bool = False
) -> str:
    """A `<section>` with the slide in an `<article>` and, if wanted, its notes in an `<aside>`.

    Args:
        demos, folder, root: as for `app.deck.render.render_slide`.
    """
    heading = "h1" if slide.layout == "title" else "h2"
    parts = [f'<p class="section">{html.escape(slide.section)}</p>' if slide.section else ""]
    parts.append(f"<{heading}>{to_html(slide.title, inline=True)}</{heading}>")
    parts.append(_Page(slide, demos, folder, root).blocks(slide.blocks))
    said = f'<aside class="notes">{to_html(slide.notes)}</aside>' if notes and slide.notes else ""
    return (
        f'<section id="{slide.id}"><article class="{slide.layout}"><div class="content">'
        f"{''.join(parts)}</div></article>{said}</section>"
    )


class _Page:
    def __init__(self, slide: Slide, demos: Mapping[str, Demo], folder: Path, root: Path) -> None:
        self.slide = slide
        self.demos = demos
        self.folder = folder
        self.root = root

    def blocks(self, blocks: tuple[Block, ...]) -> str:
        columns = [block for block in blocks if isinstance(block, Column)]
        made = []
        for block in blocks:
            if not isinstance(block, Column):
                made.append(self.block(block))
            elif block is columns[0]:
                widths = " ".join(f"{column.width:g}fr" for column in columns)
                inner = "".join(f"<div>{self.blocks(column.blocks)}</div>" for column in columns)
                made.append(
                    f'<div class="columns" style="grid-template-columns:{widths}">{inner}</div>'
                )
        return "".join(made)

    def block(self, block: Block) -> str:
        match block:
            case Step():
                return self.blocks(block.blocks)
            case Text():
                return to_html(block.markdown)
            case Cite():
                return f"<footer>{to_html(block.markdown)}</footer>"
            case Picture():
                alt = html.escape(block.alt or self.slide.alt, quote=True)
                source = data_address(self.folder / block.path)
                return f'<figure><img src="{source}" alt="{alt}"></figure>'
            case Code():
                source, marked = code_of(block, self.root)
                caption = block.caption or f"`{block.file}`"
                return f"<figure>{code_html(source, marked)}{_caption(caption)}</figure>"
            case Poll():
                answers = "".join(f"<li>{to_html(o, inline=True)}</li>" for o in block.options)
                return f'<div class="poll">{to_html(block.question)}<ul>{answers}</ul></div>'
            case DemoCall():
                return self.demo(block)
        raise TypeError(f"no way to write {block!r}")

    def demo(self, block: DemoCall) -> str:
        demo = self.demos[block.id]
        stills = demo.still(demo.read(block.params))
        made = "".join(_figure(still) for still in stills)
        if not stills:
            made = f'<p class="missing">{html.escape(self.slide.alt)}</p>'
            made += _caption(f"A live experiment of the lecture: {demo.title}.")
        return f"<figure>{made}{_caption(block.caption)}</figure>"


def _figure(still: Still) -> str:
    from plotly.utils import PlotlyJSONEncoder  # a second to load, for slides with figures only

    data = json.dumps(still.figure, cls=PlotlyJSONEncoder).replace("<", "\\u003c")
    alt = html.escape(still.alt, quote=True)
    return (
        f'<div class="plot" role="img" aria-label="{alt}">'
        f'<script type="application/json">{data}</script></div>{_caption(still.caption)}'
    )


def _caption(markdown: str) -> str:
    return f"<figcaption>{to_html(markdown, inline=True)}</figcaption>" if markdown else ""


def data_address(file: Path) -> str:
    """The file as a `data:` address, which needs no request."""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"
