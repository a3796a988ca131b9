"""Pictures drawn here, so that none needs a licence: stylised, and not photographs. No torch.

Each is a function of nothing that draws on a square of 1000 units.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

SIDE = 512  # px
_UNITS = 1000  # of the square that is drawn on; larger than SIDE, so edges come out smooth

Colour = tuple[int, int, int]


@functools.cache
def sample(name: str) -> bytes:
    """The drawing as a PNG. KeyError: there is none of that name."""
    picture = SAMPLES[name]()
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _ground(top: Colour, bottom: Colour, horizon: float = 1.0, ground: Colour = (0, 0, 0)):
    """A sky that runs from one colour to another, above a plain ground."""
    share = np.linspace(0, 1, _UNITS)[:, None, None]
    rows = (1 - share) * np.array(top) + share * np.array(bottom)
    picture = Image.fromarray(np.broadcast_to(rows, (_UNITS, _UNITS, 3)).astype(np.uint8).copy())
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, horizon * _UNITS, _UNITS, _UNITS), fill=ground)
    return picture, draw


def _shade(
    picture: Image.Image, light: tuple[float, float], cover: Callable[[ImageDraw.ImageDraw], None]
) -> Image.Image:
    """Makes what `cover` draws look round: bright towards `light`, dark away from it."""
    mask = Image.new("L", picture.size)
    cover(ImageDraw.Draw(mask))
    picture, mask = _small(picture), _small(mask)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) * (_UNITS / SIDE)
    distance = np.hypot(x - light[0], y - light[1]) / (0.55 * _UNITS)
    shade = np.clip(1.25 - 0.75 * distance, 0.35, 1.25)[..., None]
    lit = np.clip(np.asarray(picture, np.float32) * shade, 0, 255).astype(np.uint8)
    return Image.composite(Image.fromarray(lit), picture, mask)


def _small(picture: Image.Image) -> Image.Image:
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)


def _goldfish() -> Image.Image:
    picture, draw = _ground((70, 150, 190), (12, 60, 100))
    body = (250, 120, 20)
    fins = (255, 165, 60)
    draw.polygon([(300, 500), (60, 290), (120, 500), (70, 730)], fill=fins)
    draw.polygon([(420, 340), (560, 170), (690, 330)], fill=fins)
    draw.polygon([(450, 640), (420, 800), (590, 670)], fill=fins)
    draw.ellipse((230, 310, 850, 690), fill=body)
    for row in range(5):
        for column in range(7):
            x, y = 330 + 58 * column + 29 * (row % 2), 390 + 48 * row
            draw.arc((x, y, x + 60, y + 60), 100, 260, fill=(215, 85, 10), width=5)
    draw.arc((610, 380, 760, 640), 110, 250, fill=(200, 75, 10), width=9)
    draw.ellipse((735, 420, 805, 490), fill=(255, 250, 230))
    draw.ellipse((755, 437, 795, 477), fill=(20, 20, 20))
    draw.arc((780, 520, 870, 590), 100, 190, fill=(150, 50, 10), width=8)
    for x, y, r in ((880, 330, 22), (910, 230, 16), (865, 150, 12)):
        draw.ellipse((x - r, y - r, x + r, y + r), outline=(200, 235, 250), width=5)
    return _shade(picture, (540, 330), lambda d: d.ellipse((230, 310, 850, 690), fill=255))


def _ladybug() -> Image.Image:
    picture, draw = _ground((120, 170, 60), (60, 120, 30))
    for n in range(14):  # the veins of a leaf
        draw.line((80 * n - 60, 0, 80 * n + 260, 1000), fill=(90, 150, 45), width=6)
    for side in (-1, 1):
        for angle, length in ((-0.7, 400), (0.0, 420), (0.7, 400)):
            x = 500 + side * length * math.cos(angle)
            draw.line((500, 560, x, 560 + length * math.sin(angle)), fill=(15, 15, 15), width=22)
        draw.line((500 + 40 * side, 260, 500 + 130 * side, 130), fill=(15, 15, 15), width=12)
    draw.ellipse((350, 180, 650, 440), fill=(20, 20, 20))
    for x in (405, 545):
        draw.ellipse((x, 235, x + 55, 290), fill=(245, 245, 235))
    draw.ellipse((220, 290, 780, 880), fill=(205, 25, 20))
    draw.line((500, 300, 500, 880), fill=(20, 20, 20), width=12)
    for x, y, r in ((360, 450, 55), (330, 640, 50), (430, 770, 42), (500, 350, 50)):
        for spot in {x, 1000 - x}:
            draw.ellipse((spot - r, y - r, spot + r, y + r), fill=(20, 20, 20))
    return _shade(picture, (400, 430), lambda d: d.ellipse((220, 290, 780, 880), fill=255))


def _lighthouse() -> Image.Image:
    picture, draw = _ground((90, 150, 215), (215, 230, 240), 0.72, (40, 90, 130))
    for y in range(730, 1000, 34):
        draw.line((0, y, 1000, y + 10), fill=(65, 120, 160), width=6)
    draw.polygon([(150, 1000), (260, 800), (760, 790), (880, 1000)], fill=(95, 85, 75))
    for n in range(5):  # a tower that narrows, in red and white
        top, bottom = 300 + 100 * n, 400 + 100 * n
        left, right = 430 - 14 * n, 570 + 14 * n
        stripe = (200, 40, 35) if n % 2 else (240, 240, 235)
        draw.polygon([(left, top), (right, top), (right + 14, bottom), (left - 14, bottom)], stripe)
    draw.rectangle((395, 285, 605, 310), fill=(60, 60, 65))
    draw.rectangle((445, 190, 555, 285), fill=(255, 235, 150))
    for x in (445, 480, 515, 550):
        draw.line((x, 190, x, 285), fill=(60, 60, 65), width=7)
    draw.polygon([(425, 190), (575, 190), (500, 110)], fill=(180, 35, 30))
    draw.rectangle((480, 700, 520, 800), fill=(70, 50, 40))
    for y in (430, 560):
        draw.rectangle((485, y, 515, y + 45), fill=(50, 60, 75))
    tower = [(430, 300), (570, 300), (640, 800), (360, 800)]
    return _shade(picture, (450, 420), lambda d: d.polygon(tower, fill=255))


def _school_bus() -> Image.Image:
    picture, draw = _ground((150, 195, 235), (225, 235, 240), 0.7, (95, 98, 102))
    draw.line((0, 900, 1000, 900), fill=(220, 210, 120), width=12)
    yellow, black = (246, 180, 20), (25, 25, 25)
    draw.rounded_rectangle((70, 300, 760, 740), 50, fill=yellow)
    draw.rounded_rectangle((690, 480, 930, 740), 40, fill=yellow)
    for y in (520, 600, 670):
        draw.line((70, y, 925, y), fill=black, width=9)
    for n in range(5):
        draw.rounded_rectangle((105 + 112 * n, 360, 195 + 112 * n, 480), 14, fill=(120, 160, 185))
        draw.line((105 + 112 * n, 420, 195 + 112 * n, 420), fill=black, width=6)
    draw.polygon([(675, 360), (745, 360), (770, 480), (675, 480)], fill=(120, 160, 185))
    draw.rectangle((660, 500, 740, 735), outline=black, width=7)
    draw.rectangle((880, 690, 955, 740), fill=(60, 60, 60))
    draw.ellipse((885, 560, 930, 610), fill=(255, 250, 215))
    for x in (90, 160):
        draw.ellipse((x, 312, x + 32, 344), fill=(200, 30, 25))
    for x in (230, 790):
        draw.ellipse((x - 85, 655, x + 85, 825), fill=(30, 30, 30))
        draw.ellipse((x - 40, 700, x + 40, 780), fill=(150, 150, 150))
    return _small(picture)


def _umbrella() -> Image.Image:
    picture, draw = _ground((130, 140, 155), (185, 190, 200))
    for n in range(60):  # rain
        x, y = (n * 397) % 1000, (n * 211) % 1000
        draw.line((x, y, x - 14, y + 46), fill=(165, 178, 195), width=4)
    draw.line((500, 150, 500, 840), fill=(95, 65, 40), width=20)
    draw.arc((390, 770, 510, 900), 0, 180, fill=(95, 65, 40), width=22)
    for n, width in enumerate((390, 265, 110)):  # the outer segments first, as seen from the side
        colour = (225, 60, 70) if n % 2 else (185, 30, 45)
        draw.pieslice((500 - width, 190, 500 + width, 970), 180, 360, fill=colour)
    edges = (110, 235, 390, 610, 765, 890)
    for left, right in zip(edges, edges[1:], strict=False):
        draw.pieslice((left, 545, right, 615), 180, 360, fill=(163, 169, 180))
    draw.polygon([(488, 195), (512, 195), (500, 115)], fill=(60, 60, 60))
    dome = (110, 190, 890, 970)
    return _shade(picture, (390, 300), lambda d: d.pieslice(dome, 180, 360, fill=255))


def _giraffe() -> Image.Image:
    picture, draw = _ground((140, 190, 230), (235, 225, 190), 0.8, (170, 150, 80))
    fur, patch = (232, 188, 105), (140, 85, 35)
    neck = [(560, 520), (660, 560), (770, 230), (705, 205)]
    for x in (330, 400, 560, 620):
        draw.polygon([(x - 24, 560), (x + 24, 560), (x + 14, 910), (x - 14, 910)], fill=fur)
        draw.rectangle((x - 16, 890, x + 16, 915), fill=(70, 50, 35))
    draw.line((290, 520, 240, 700), fill=fur, width=14)
    draw.ellipse((225, 680, 255, 740), fill=(80, 55, 35))
    draw.ellipse((280, 460, 680, 660), fill=fur)
    draw.polygon(neck, fill=fur)
    draw.polygon([(690, 170), (780, 160), (890, 245), (875, 285), (740, 265)], fill=fur)
    for x in (715, 750):
        draw.line((x, 175, x - 5, 105), fill=fur, width=14)
        draw.ellipse((x - 18, 90, x + 8, 116), fill=(90, 60, 40))
    draw.polygon([(690, 185), (630, 165), (665, 210)], fill=fur)
    draw.ellipse((765, 190, 790, 215), fill=(25, 20, 15))
    for x, y, r in (
        *((350, 520, 34), (430, 500, 32), (510, 520, 36), (590, 540, 30), (390, 590, 30)),
        *((470, 600, 34), (560, 610, 28), (320, 580, 22), (630, 510, 24), (645, 440, 22)),
        *((680, 380, 20), (662, 330, 16), (712, 300, 18), (735, 245, 14), (610, 480, 18)),
        *((332, 700, 14), (402, 720, 14), (560, 710, 14), (618, 690, 14)),
    ):
        corners = [
            (x + r * math.cos(a), y + 0.9 * r * math.sin(a)) for a in (0.2, 1.5, 2.6, 3.9, 5.2)
        ]
        draw.polygon(corners, fill=patch)
    return _small(picture)


# name -> what draws it; the last shows something that is not among the 1000 classes
SAMPLES: dict[str, Callable[[], Image.Image]] = {
    "goldfish": _goldfish,
    "ladybug": _ladybug,
    "lighthouse": _lighthouse,
    "school-bus": _school_bus,
    "umbrella": _umbrella,
    "giraffe": _giraffe,
}
