"""Pictures by name, to fill the other seats of a batch: drawings, figures, flat colours, noise.

A name and nothing else says what a picture is, so a company is a few words in an address. Imports
no torch.
"""

from __future__ import annotations

import functools
import io
import math
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from nfnet.drawings import SAMPLES, sample
from nfnet.run import UserError

SIDE = 96  # px of a figure or a flat colour
NOISE_SIDE = 48  # px: what the small nets see, so that no resizing averages the noise away
MAX_NUMBER = 999
COPY = "copy"  # the own picture once more
COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (210, 40, 40),
    "green": (60, 150, 60),
    "blue": (50, 90, 200),
}
FIGURES = ("disc", "square", "triangle", "ring", "cross", "stripes")
_NUMBERED = re.compile(r"(figure|noise)-(0|[1-9]\d{0,2})")


def is_known(name: object) -> bool:
    """Whether `picture` can draw it; `COPY` is no picture of its own."""
    if not isinstance(name, str):
        return False
    return name in SAMPLES or name in COLOURS or bool(_NUMBERED.fullmatch(name))


@functools.lru_cache(maxsize=512)
def picture(name: str) -> Image.Image:
    """The RGB picture of this name, the same at every call; not to be changed.

    Names: one of `SAMPLES`, one of `COLOURS`, "figure-0" … "figure-999", "noise-0" … "noise-999".

    Raises:
        UserError: there is no such picture.
    """
    if not is_known(name):
        raise UserError(f"there is no picture called {str(name)[:40]!r}; take one of the list")
    if name in SAMPLES:
        return Image.open(io.BytesIO(sample(name))).convert("RGB")
    if name in COLOURS:
        return Image.new("RGB", (SIDE, SIDE), COLOURS[name])
    kind, number = name.split("-")
    return _noise(int(number)) if kind == "noise" else _figure(int(number))


def _noise(number: int) -> Image.Image:
    random = np.random.default_rng(number)
    return Image.fromarray(random.integers(0, 256, (NOISE_SIDE, NOISE_SIDE, 3), np.uint8))


def _figure(number: int) -> Image.Image:
    """A bright figure on a dark ground; which one, its colours and its place go by the number."""
    random = np.random.default_rng(number)
    ground, bright = random.integers(0, 110, 3), random.integers(130, 256, 3)
    image = Image.new("RGB", (4 * SIDE, 4 * SIDE), tuple(map(int, ground)))
    draw, fill = ImageDraw.Draw(image), tuple(map(int, bright))
    x, y = (random.uniform(0.4, 0.6, 2) * image.width).tolist()
    r = random.uniform(0.22, 0.36) * image.width
    match FIGURES[number % len(FIGURES)]:
        case "disc":
            draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
        case "square":
            draw.rectangle((x - r, y - r, x + r, y + r), fill=fill)
        case "triangle":
            corners = [math.tau * (n / 3 - 0.25) for n in range(3)]
            draw.polygon([(x + r * math.cos(a), y + r * math.sin(a)) for a in corners], fill=fill)
        case "ring":
            draw.ellipse((x - r, y - r, x + r, y + r), outline=fill, width=round(0.4 * r))
        case "cross":
            draw.rectangle((x - r, y - 0.3 * r, x + r, y + 0.3 * r), fill=fill)
            draw.rectangle((x - 0.3 * r, y - r, x + 0.3 * r, y + r), fill=fill)
        case "stripes":
            for left in np.arange(0, image.width, 0.5 * r):
                draw.rectangle((left, 0, left + 0.25 * r, image.height), fill=fill)
    return image.resize((SIDE, SIDE), Image.Resampling.BOX)


def spoken(name: str) -> str:
    """As it is called on a page: "school bus", "ring 3", "a copy"."""
    if name == COPY:
        return "a copy"  # of the own picture; a seat is narrow
    if found := _NUMBERED.fullmatch(name):
        kind, number = found[1], int(found[2])
        return f"{FIGURES[number % len(FIGURES)] if kind == 'figure' else 'noise'} {number}"
    return name.replace("-", " ")


FIRST = ("ladybug", "lighthouse", "school-bus", "umbrella", "giraffe", "figure-4", "noise-1")


def first_company(own: str, others: int) -> tuple[str, ...]:
    """Who sits with a picture to begin with, so many; the goldfish where it would meet itself."""
    rest = (
        f"{('figure', 'noise')[n % 2]}-{n}" for n in range(10, 10 + max(0, others - len(FIRST)))
    )
    return (*("goldfish" if name == own else name for name in FIRST[:others]), *rest)


def draw_company(others: int, seed: int, among: Sequence[str] = ()) -> tuple[str, ...]:
    """Strangers drawn by lot, no name twice: as many as asked for, at most 127."""
    random = np.random.default_rng(seed)
    names = [
        *SAMPLES,
        *COLOURS,
        *(f"figure-{n}" for n in range(80)),
        *(f"noise-{n}" for n in range(80)),
    ]
    free = [name for name in names if name not in among]
    return tuple(free[i] for i in random.permutation(len(free))[:others])
