"""A slide on the screen. All steps are sent at once; the browser hides those not yet reached."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from app.deck.highlight import code_html
from app.deck.load import ROOT, code_of
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
    Text,
)

STYLES = [Path(__file__).with_name(name) for name in ("slides.css", "code.css")]


def render_slide(
    slide: Slide, demos: Mapping[str, Demo], folder: Path, root: Path = ROOT, notes: bool = False
) -> None:
    """Draws the slide here.

    Args:
        slide: checked, as `load_deck` gives it.
        demos: the registry in which the slide's demos are looked up.
        folder: where the slides and their pictures are.
        root: the project's folder, where the code is.
        notes: whether the lecturer's notes are shown below.
    """
    for style in STYLES:
        st.html(style)
    st.html(f"<style>.st-key-slide {{ {_lengths(slide, root)} }}</style>")
    with st.container(key="slide"):
        with st.container(key=f"layout_{slide.layout}"):
            if slide.section:
                with st.container(key="slide_section"):
                    st.caption(slide.section)
            if slide.layout == "title":
                st.title(slide.title, anchor=False)
            else:
                st.header(slide.title, anchor=False)
            _Renderer(slide, demos, folder, root).blocks(slide.blocks)
    if notes and slide.notes:
        with st.container(border=True, key="slide_notes"):
            st.caption("Notes")
            st.markdown(slide.notes)


def _lengths(slide: Slide, root: Path) -> str:
    """How many lines of code and of prose the slide has, as CSS; long code is set smaller."""
    blocks = list(slide.walk())
    code = [code_of(block, root)[0] for block in blocks if isinstance(block, Code)]
    lines = sum(len(text.split("\n")) for text in code)
    texts = [block.markdown for block in blocks if isinstance(block, Text)]
    prose = sum(bool(line.strip(" $")) for text in texts for line in text.split("\n"))
    prose += sum(text.count("$$") for text in texts) * 0.75  # a displayed formula is tall
    prose += max(0, 2 * len(code) - 2)  # what stands between two excerpts
    return f"--code-lines: {lines}; --prose-lines: {prose};"


def own_key(slide: Slide, call: DemoCall) -> str:
    """A name for the widgets of this demo on this slide.

    Streamlit remembers a widget by its name: the same demo on the next slide would begin where this
    one was left, and not where its slide says.
    """
    same = [b for b in slide.walk() if isinstance(b, DemoCall) and b.id == call.id]
    number = "" if call is same[0] else f"_{same.index(call) + 1}"
    return re.sub(r"[^a-z0-9_-]", "-", f"{call.id}{number}_{slide.id}".lower())[:40]


class _Renderer:
    def __init__(self, slide: Slide, demos: Mapping[str, Demo], folder: Path, root: Path) -> None:
        self.slide = slide
        self.demos = demos
        self.folder = folder
        self.root = root

    def blocks(self, blocks: tuple[Block, ...]) -> None:
        columns = [block for block in blocks if isinstance(block, Column)]
        places = iter(())
        for block in blocks:
            if isinstance(block, Column):
                if block is columns[0]:
                    places = iter(st.columns([c.width for c in columns], gap="large"))
                with next(places):
                    self.blocks(block.blocks)
            else:
                self.block(block)

    def block(self, block: Block) -> None:
        match block:
            case Step():
                with st.container(key=f"frag_{block.number}_{self.slide.id}"):
                    self.blocks(block.blocks)
            case Text():
                self.text(block.markdown, block.line)
            case Cite():
                with st.container(key=f"cite_{self.slide.id}_{block.line}"):
                    st.caption(block.markdown)
            case Picture():
                alt = block.alt or self.slide.alt
                st.image(str(self.folder / block.path), alt=alt, width="stretch")
            case Code():
                source, marked = code_of(block, self.root)
                st.html(code_html(source, marked))
                self.caption(block.caption or f"`{block.file}`")
            case DemoCall():
                self.demo(block)
            case Poll():
                answers = "\n".join(f"- {option}" for option in block.options)
                with st.container(key=f"poll_{self.slide.id}_{block.line}"):
                    self.text(f"{block.question}\n\n{answers}", block.line)

    def demo(self, block: DemoCall) -> None:
        demo = self.demos[block.id]
        params = demo.read({"key": own_key(self.slide, block), **block.params})
        demo.render(params, True)
        self.caption(block.caption)
        if not demo.page:
            return
        # A button, not a link: its run of the page knows where the levers of the demo stand now.
        place = f"lab_{self.slide.id}_{block.line}"
        if st.button("Open as a lab", key=place, icon=":material/science:", type="tertiary"):
            st.switch_page(demo.page, query_params=tuple(demo.lab(params)))

    def text(self, markdown: str, line: int) -> None:
        with st.container(key=f"text_{self.slide.id}_{line}"):
            st.markdown(markdown)

    def caption(self, markdown: str) -> None:
        if markdown:
            st.caption(markdown)
