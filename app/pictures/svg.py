"""A sheet of SVG to draw on: few shapes, colours by meaning, one look on light and dark pages.

A picture is shown through an <img>, where no style of the page reaches it. So it carries its own
colours, for both pages, and asks for fonts that every system has.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from xml.sax.saxutils import escape

from app.theme import COLOURS, MUTED, PAGE, TEXT

# name: (on the light page, on the dark page)
PALETTE: dict[str, tuple[str, str]] = {
    "text": TEXT,
    "muted": MUTED,
    "page": PAGE,
    **COLOURS,
    # the recipes' colours as text: a contrast of 4.5:1 and more, as in .streamlit/config.toml
    "batch-ink": ("#0072B2", "#56B4E9"),
    "nf-ink": ("#B34F00", "#E69F00"),
    "agc-ink": ("#007A59", "#2DB38B"),
    "none-ink": ("#A94F80", "#CC79A7"),
}
SANS = "'Helvetica Neue', Arial, 'Liberation Sans', Roboto, sans-serif"
SERIF = "'STIX Two Text', 'Times New Roman', 'Liberation Serif', serif"
WIDTH = 900
SMALL, NORMAL, LARGE = 28, 30, 34  # px of text at WIDTH; nothing is smaller than SMALL

Point = tuple[float, float]


class Drawing:
    """A picture in the making, `width` x `height` px; y points down.

    Args:
        title: what the picture is, in a few words.
        description: the text alternative, one or two sentences.
    """

    def __init__(self, title: str, description: str, height: float, width: float = WIDTH) -> None:
        self.title, self.description = title, description
        self.width, self.height = width, height
        self.parts: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        content: str,
        *,
        size: float = SMALL,
        colour: str = "text",
        anchor: str = "middle",
        bold: bool = False,
    ) -> None:
        """One line of text whose middle height is y. `*h*` sets h as a mathematical symbol.

        Args:
            anchor: where x is in the line: "start", "middle" or "end".
        """
        if not content:
            return
        if size < SMALL:
            raise ValueError(f"text of {size} px cannot be read at the back; at least {SMALL}")
        weight = ' font-weight="700"' if bold else ""
        self.parts.append(
            f'<text x="{number(x)}" y="{number(y + 0.35 * size)}" font-size="{number(size)}"'
            f' text-anchor="{anchor}" class="f-{colour}"{weight}>{_symbols(content)}</text>'
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        content: str = "",
        *,
        colour: str = "muted",
        solid: bool = False,
        size: float = SMALL,
        radius: float = 8,
        bold: bool = False,
    ) -> None:
        """A rectangle around (x, y), tinted or solid, with lines of text in its middle."""
        fill = f"f-{colour}" if solid else f"t-{colour}"
        self.parts.append(
            f'<rect x="{number(x - width / 2)}" y="{number(y - height / 2)}"'
            f' width="{number(width)}" height="{number(height)}" rx="{number(radius)}"'
            f' class="{fill} s-{colour}" stroke-width="2.5"/>'
        )
        lines = content.split("\n") if content else []
        for k, line in enumerate(lines):
            shift = (k - (len(lines) - 1) / 2) * size * 1.15
            ink = "page" if solid else "text"
            self.text(x, y + shift, line, size=size, colour=ink, bold=bold)

    def rectangle(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A plain solid rectangle with its upper left corner at (x, y)."""
        self.parts.append(
            f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}"'
            f' height="{number(height)}" class="f-{colour}"/>'
        )

    def card(self, x: float, y: float, side: float, colour: str) -> None:
        """A solid square with its upper left corner at (x, y), set off from what lies behind it."""
        self.parts.append(
            f'<rect x="{number(x)}" y="{number(y)}" width="{number(side)}" height="{number(side)}"'
            f' rx="3" class="f-{colour} s-page" stroke-width="2"/>'
        )

    def circle(
        self,
        x: float,
        y: float,
        radius: float,
        *,
        colour: str = "text",
        fill: str | None = None,
        width: float = 3,
        dashed: bool = False,
    ) -> None:
        """A circle; `fill` is "tint", "solid", "page" or None."""
        kinds = {None: "none", "tint": f"t-{colour}", "solid": f"f-{colour}", "page": "f-page"}
        dashes = ' stroke-dasharray="8 6"' if dashed else ""
        self.parts.append(
            f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"'
            f' class="{kinds[fill]} s-{colour}" stroke-width="{number(width)}"{dashes}/>'
        )

    def line(
        self,
        points: Sequence[Point],
        *,
        colour: str = "text",
        width: float = 3,
        arrow: bool = False,
        dashes: str = "",
    ) -> None:
        """A line through the points, with an arrowhead at its end where asked for."""
        points = list(points)
        head = ""
        if arrow:
            (x0, y0), (x1, y1) = points[-2:]
            length = math.hypot(x1 - x0, y1 - y0)
            ux, uy = (x1 - x0) / length, (y1 - y0) / length
            size = 8 + 2.2 * width
            base = (x1 - size * ux, y1 - size * uy)
            half = 0.42 * size
            corners = [
                (x1, y1),
                (base[0] - half * uy, base[1] + half * ux),
                (base[0] + half * uy, base[1] - half * ux),
            ]
            head = f'<polygon points="{_points(corners)}" class="f-{colour}"/>'
            points[-1] = (x1 - 0.7 * size * ux, y1 - 0.7 * size * uy)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(
            f'<polyline points="{_points(points)}" class="none s-{colour}"'
            f' stroke-width="{number(width)}" stroke-linejoin="round"{dashed}/>{head}'
        )

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        """A solid polygon."""
        self.parts.append(f'<polygon points="{_points(points)}" class="f-{colour}"/>')

    def plus(self, x: float, y: float, radius: float = 20) -> None:
        """The sign of an addition."""
        self.circle(x, y, radius, fill="page")
        arm = 0.55 * radius
        self.line([(x - arm, y), (x + arm, y)])
        self.line([(x, y - arm), (x, y + arm)])

    def _classes(self) -> list[str]:
        return re.findall(r'class="([^"]*)"', "".join(self.parts))

    def svg(self) -> str:
        """The picture as the text of an SVG file."""
        size = f"{number(self.width)} {number(self.height)}"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}"'
            f' width="{number(self.width)}" height="{number(self.height)}"'
            ' role="img" class="drawing">'
        )
        used = set(re.findall(r"\b[fst]-[a-z-]+", " ".join(self._classes())))
        parts = [
            head,
            f"<title>{escape(self.title)}</title>",
            f"<desc>{escape(self.description)}</desc>",
            f"<style>{_style(used)}</style>",
            *self.parts,
            "</svg>",
        ]
        return "\n".join(parts) + "\n"


def number(value: float) -> str:
    """At most one decimal: the same text on every machine, and a small file."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")  # + 0.0: no "-0"


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points)


def _symbols(content: str) -> str:
    """`*h*` becomes an italic h."""
    symbol = r'<tspan class="symbol">\1</tspan>'
    return re.sub(r"\*([^*]+)\*", symbol, escape(content))


def _style(used: set[str]) -> str:
    rules = {
        "f": "fill: {};",
        "s": "stroke: {};",
        "t": "fill: {}; fill-opacity: 0.16;",
    }

    def colours(dark: bool) -> str:
        return "\n".join(
            f".drawing .{name} {{ {rules[name[0]].format(PALETTE[name[2:]][dark])} }}"
            for name in sorted(used)
        )

    return (
        f"\n.drawing text {{ font-family: {SANS}; }} .drawing .none {{ fill: none; }}\n"
        f".drawing .symbol {{ font-family: {SERIF}; font-style: italic; font-size: 1.12em; }}\n"
        f"{colours(False)}\n@media (prefers-color-scheme: dark) {{\n{colours(True)}\n}}\n"
    )
