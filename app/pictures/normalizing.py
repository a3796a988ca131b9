"""What batch normalization's statistics tie together, and what they move through memory."""

from __future__ import annotations

import math
from collections.abc import Callable

from app.pictures.svg import LARGE, NORMAL, Drawing


def bn_batch(batch: int = 8) -> str:
    """The pictures of a batch at one table (BN) and each alone (NF); one of them is changed."""
    d = Drawing(
        "A batch with batch normalization and without",
        f"{batch} pictures around a table. With BN, one mean and one variance of a channel are"
        " taken over all of them and given back to each: change one picture and every output"
        " changes. In a normalizer-free net each picture stands alone: change one picture and one"
        " output changes.",
        height=640,
    )
    d.text(225, 34, "BN: at one table", size=LARGE, bold=True, colour="batch-ink")
    d.text(675, 34, "NF: each alone", size=LARGE, bold=True, colour="nf-ink")
    d.line([(450, 24), (450, 616)], colour="muted", width=1.5, dashes="2 8")
    middle, ring, table = 284, 172, 78
    for k in range(batch):
        angle = 2 * math.pi * k / batch
        ux, uy = math.sin(angle), -math.cos(angle)
        square = 36 / max(abs(ux), abs(uy))  # from a picture's middle to its edge
        for cx, colour, tied in ((225, "batch", True), (675, "nf", False)):
            x, y = cx + ring * ux, middle + ring * uy
            if tied:
                inner, outer, half = table + 3, ring - square - 3, (table + ring - square) / 2
                ends = [(cx + r * ux, middle + r * uy) for r in (half, outer, inner)]
                d.line([ends[0], ends[1]], width=2.5, arrow=True)
                d.line([ends[0], ends[2]], width=2.5, arrow=True)
            changed = tied or k == 0
            d.box(x, y, 68, 68, colour=colour if changed else "muted", solid=k == 0)
            SHAPES[k % len(SHAPES)](d, x, y, "page" if k == 0 else "text")
    d.circle(225, middle, table, colour="batch", fill="tint")
    d.text(225, middle - 17, "mean,")
    d.text(225, middle + 17, "variance")
    d.text(675, middle - 17, "nothing", colour="muted")
    d.text(675, middle + 17, "shared", colour="muted")
    for x, line in ((225, f"all {batch} outputs change"), (675, "1 output changes")):
        d.text(x, 560, "Change the top picture:", size=NORMAL)
        d.text(x, 602, line, size=NORMAL, bold=True)
    return d.svg()


def _disc(d: Drawing, x: float, y: float, colour: str) -> None:
    d.circle(x, y, 18, colour=colour, fill="solid", width=0)


def _ring(d: Drawing, x: float, y: float, colour: str) -> None:
    d.circle(x, y, 16, colour=colour, width=7)


def _square(d: Drawing, x: float, y: float, colour: str) -> None:
    d.rectangle(x - 16, y - 16, 32, 32, colour)


def _triangle(d: Drawing, x: float, y: float, colour: str) -> None:
    d.polygon([(x, y - 20), (x + 20, y + 15), (x - 20, y + 15)], colour)


def _diamond(d: Drawing, x: float, y: float, colour: str) -> None:
    d.polygon([(x, y - 22), (x + 22, y), (x, y + 22), (x - 22, y)], colour)


def _cross(d: Drawing, x: float, y: float, colour: str) -> None:
    d.line([(x - 15, y - 15), (x + 15, y + 15)], width=8, colour=colour)
    d.line([(x + 15, y - 15), (x - 15, y + 15)], width=8, colour=colour)


def _stripes(d: Drawing, x: float, y: float, colour: str) -> None:
    for shift in (-14, 0, 14):
        d.rectangle(x - 18, y + shift - 4, 36, 8, colour)


def _plus(d: Drawing, x: float, y: float, colour: str) -> None:
    d.line([(x - 19, y), (x + 19, y)], width=9, colour=colour)
    d.line([(x, y - 19), (x, y + 19)], width=9, colour=colour)


SHAPES: list[Callable[[Drawing, float, float, str], None]] = [
    _disc,
    _square,
    _triangle,
    _ring,
    _diamond,
    _cross,
    _stripes,
    _plus,
]

# Passes over memory of a plain training step, nothing fused. Forward: read for the statistics, read
# again, write. Backward: read x and its gradient for two sums, read both again, write.
FORWARD, BACKWARD = ("read", "read", "write"), ("read", "read", "read", "read", "write")


def memory_traffic(
    activations: tuple[int, ...] = (32, 256, 56, 56), weight: tuple[int, ...] = (256, 64, 1, 1)
) -> str:
    """The passes of BN over a layer's output, and of scaled WS over its weight, area to scale.

    Args:
        activations: shape (N, C, H, W) of the layer's output.
        weight: shape (O, I, kh, kw) of the layer's weight.
    """
    passes = len(FORWARD) + len(BACKWARD)
    large, small = math.prod(activations), math.prod(weight)
    shape = " × ".join(str(n) for n in activations)
    kernel = " × ".join(str(n) for n in weight)
    d = Drawing(
        "Memory traffic of batch normalization and of weight standardization",
        f"One training step of one layer, nothing fused; area is to scale. BN passes {passes} times"
        f" over {shape} activations: {passes * large / 1e6:.0f} million numbers, drawn as {passes}"
        f" large squares. Scaled WS passes {passes} times over {kernel} weights:"
        f" {passes * small / 1e6:.2f} million numbers, {large / small:.0f} times fewer, drawn as"
        f" {passes} dots.",
        height=700,
    )
    side = 130.0
    dot = side * math.sqrt(small / large)
    for y, name, colour, total in (
        (34, "BN", "batch", f"{passes} × {large / 1e6:.1f} million activations"),
        (412, "Scaled WS", "nf", f"{passes} × {small:,} weights"),
    ):
        d.text(20, y, name, size=LARGE, bold=True, colour=f"{colour}-ink", anchor="start")
        d.text(880, y, total, size=NORMAL, anchor="end")
    _passes(d, 70, side, side, "batch")
    _passes(d, 444, dot, 40, "nf")
    d.line([(640, 464), (548, 464)], colour="muted", width=2.5, arrow=True)
    d.text(656, 464, "a dot is a pass", colour="muted", anchor="start")
    d.text(450, 588, f"{large / small:.0f} times fewer numbers", size=NORMAL, bold=True)
    d.text(450, 634, "Area to scale; plain kernels, nothing fused", colour="muted")
    d.text(450, 672, f"Output {shape}, weight {kernel}", colour="muted")
    return d.svg()


def _passes(d: Drawing, top: float, side: float, high: float, colour: str) -> None:
    pitch = 142.0
    for row, (name, kinds) in enumerate((("forward", FORWARD), ("backward", BACKWARD))):
        y = top + row * (high + 14) + high / 2
        d.text(20, y, name, anchor="start")
        for k, kind in enumerate(kinds):
            x = 245 + k * pitch
            if side > 60:
                d.box(x, y, side, side, kind, colour=colour, solid=kind == "write", radius=0)
            else:
                d.rectangle(x - side / 2, y - side / 2, side, side, colour)
