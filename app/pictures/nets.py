"""Whole nets: the stages of an NFNet, and which part of a net does which of BN's jobs."""

from __future__ import annotations

from app.pictures.svg import LARGE, NORMAL, Drawing
from nfnet.variants import MODELS, NFNetConfig


def stages(config: NFNetConfig = MODELS["nfnet_f0"], name: str = "NFNet-F0") -> str:
    """The layout of an NFNet: a square a block, its side that of the block's output in pixels.

    Args:
        config: with the stem "imagenet" (stride 4) and `test_size` set.
    """
    size = config.test_size
    sides = [size // 4]
    for _ in config.widths[1:]:
        sides.append(sides[-1] // 2)
    final = 2 * config.widths[-1]
    names = ["stem", *(str(k + 1) for k in range(len(sides))), "1×1", "linear"]
    channels = [config.widths[0] // 2, *config.widths, final, config.num_classes]
    pixels = [sides[0], *sides, sides[-1], 1]
    blocks = [1, *config.depths, 1, 1]
    d = Drawing(
        f"The stages of {name}",
        f"From left to right: the stem, stages of {_row(config.depths)} blocks with"
        f" {_row(config.widths)} channels on pictures of {_row(sides)} pixels, a 1×1 convolution to"
        f" {final} channels, the average over all pixels, and a classifier for"
        f" {config.num_classes} classes. Input {size} × {size}.",
        height=470,
    )
    d.text(450, 34, f"{name}, input {size} × {size}", size=LARGE, bold=True)
    scale, shift, ground = 134 / sides[0], 9, 254  # px a pixel; from card to card
    spans = [scale * p + shift * (b - 1) for p, b in zip(pixels, blocks, strict=True)]
    columns = [max(93.0, span + 14) for span in spans[:-1]] + [104.0]  # "linear" is long
    x = 900 - sum(columns)
    for y, label in ((300, "stage"), (350, "blocks"), (395, "channels"), (440, "pixels")):
        d.text(8, y, label, anchor="start", colour="muted")
    for k, column in enumerate(columns):
        middle, side, staged = x + column / 2, max(scale * pixels[k], 6), names[k].isdigit()
        for n in reversed(range(blocks[k])):  # the last block lies at the back
            left = middle - spans[k] / 2 + shift * n
            colour = "nf" if staged else "muted"
            d.card(left, ground - side - shift * n, side, colour)
        d.text(middle, 300, names[k], bold=True)
        d.text(middle, 350, str(blocks[k]) if staged else "")
        d.text(middle, 395, str(channels[k]))
        d.text(middle, 440, str(pixels[k]))
        x += column
    return d.svg()


def _row(numbers: tuple[int, ...] | list[int]) -> str:
    return ", ".join(str(n) for n in numbers)


def three_nets() -> str:
    """Which part of a BN net, an NF net and an NF net with AGC does which of BN's four jobs."""
    d = Drawing(
        "Who does BatchNorm's four jobs",
        "BN keeps the residual branch small, removes the mean shift, regularizes and allows large"
        " batches. In an NF net the predicted β with α keeps the branch small, weight"
        " standardization removes the mean shift, dropout and stochastic depth regularize, and"
        " nothing allows large batches. With AGC, gradient clipping does.",
        height=590,
    )
    jobs = ("small branch", "no mean shift", "regularizes", "large batches")
    parts = ("÷ *β*, × *α*", "WS", "dropout", "")
    centres, wide, top, pitch, high = (335, 560, 785), 206, 132, 126, 104
    for x, name, colour in zip(
        centres, ("BN", "NF", "NF + AGC"), ("batch", "nf", "agc"), strict=True
    ):
        d.text(x, 40, name, size=LARGE, bold=True, colour=f"{colour}-ink")
    tall = 3 * pitch + high
    d.box(centres[0], top + 1.5 * pitch, wide, tall, "BN", colour="batch", size=LARGE, bold=True)
    for k, (job, part) in enumerate(zip(jobs, parts, strict=True)):
        y = top + k * pitch
        d.text(8, y, job, anchor="start")
        for x in centres[1:]:
            if part:
                d.box(x, y, wide, high, part, colour="nf", size=NORMAL)
    y = top + 3 * pitch
    d.text(centres[1], y, "nothing", size=NORMAL, colour="muted")
    d.box(centres[2], y, wide, high, "AGC", colour="agc", solid=True, size=LARGE, bold=True)
    return d.svg()
