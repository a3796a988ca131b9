"""From the bytes of a file that nobody vouches for to an upright RGB picture, or a sentence.

Pillow decodes, and only JPEG, PNG and WebP: told apart by content, never by name. What a file may
cost is settled before decoding, from its header and its list of parts. Imports no torch.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageEnhance

from nfnet.photo import MAX_BYTES, Perturbation
from nfnet.run import UserError

MAX_SIDE = 12_000  # px
# megapixels; a JPEG is decoded at a reduced size, a WebP needs 16 bytes a pixel
MAX_MEGAPIXELS = {"JPEG": 40, "PNG": 24, "WEBP": 16}
MAX_SCANS = 640  # scans of a JPEG x its megapixels: each scan passes over the whole picture
MAX_PARTS = {"JPEG": 2_000, "PNG": 20_000}  # files of millions of empty parts cost seconds each
WORKING_SIDE = 1280  # px; a shorter side of twice that or more is reduced: twice what F7 sees

_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
}
_OTHERS = {
    "a HEIC photo, as iPhones store them": rb"....ftyp(hei|hev|mif1|msf1)",
    "an AVIF picture": rb"....ftypavi[fs]",
    "a video": rb"....ftyp|\x1a\x45\xdf\xa3|RIFF....AVI ",
    "a GIF": rb"GIF8",
    "a TIFF": rb"II\*\0|MM\0\*",
    "a BMP": rb"BM",
    "a JPEG 2000 picture": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "a JPEG XL picture": rb"\0\0\0\x0cJXL |\xff\x0a",
    "a Photoshop file": rb"8BPS",
    "an icon": rb"\0\0[\x01\x02]\0[^\0]\0",
    "a PDF": rb"%PDF",
    "a PostScript file": rb"%!PS",
    "an SVG drawing": rb"(?i)\s*(<\?xml[^>]*>)?\s*(<!--.*?-->\s*)?(<!doctype svg[^>]*>)?\s*<svg",
    "a web page": rb"(?i)\s*<(!doctype html|html|script|head|body)",
    "a ZIP archive or office document": rb"PK\x03\x04|PK\x05\x06",
}
_DAMAGED = "the file is damaged or incomplete; try another copy of the picture"
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_ARITHMETIC = {0xC9, 0xCA}  # frames in arithmetic code
# the parts a JPEG may have: frames, tables, scans, application data, comments
_JPEG_PARTS = {
    *(0xC0, 0xC1, 0xC2, 0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE),
    *_ARITHMETIC,
    *range(0xE0, 0xF0),
}


def read_file(path: str | os.PathLike[str]) -> bytes:
    """A picture's bytes, hardly more of them than are allowed; UserError says what is wrong."""
    path = Path(path)
    try:
        if path.is_dir():
            raise UserError("this is a folder; give the pictures in it")
        if path.exists() and not path.is_file():  # a pipe or a device might never end
            raise UserError("this is no ordinary file; choose a JPEG, PNG or WebP picture")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError("there is no such file; check its path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"the file cannot be read ({reason}); check its path") from None


def read_image(data: bytes) -> Image.Image:
    """The picture in a JPEG, PNG or WebP file: RGB, upright, the first frame.

    Orientation and colour profile are applied (a damaged one is ignored), transparency is put on
    white, 16 bits a channel become 8, and a picture far larger than any net's input is reduced by a
    whole factor.

    Raises:
        UserError: too large, of another format, or damaged; one sentence that says what to do.
    """
    kind = _kind(data)
    scans = _check_parts(data, kind)
    # the block silences what Pillow thinks odd about a file; no check depends on a warning
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(io.BytesIO(data), formats=(kind,))
            _check_size(image.size, kind, scans)
            return _decode(image)
        except UserError:
            raise
        except Image.DecompressionBombError:
            raise UserError(
                f"the picture claims more than {MAX_MEGAPIXELS[kind]} megapixels; make it smaller"
            ) from None
        except Exception:  # damaged files make Pillow's decoders fail in a dozen ways
            raise UserError(_DAMAGED) from None


def _kind(data: bytes) -> str:
    if not data:
        raise UserError("the file is empty; choose a JPEG, PNG or WebP picture")
    if len(data) > MAX_BYTES:
        raise UserError(
            f"the file has {len(data) / 2**20:.1f} MB, and at most {MAX_BYTES / 2**20:.0f} MB are "
            "allowed; make the picture smaller"
        )
    start = data[:1024]
    for kind, signature in _SIGNATURES.items():
        if re.match(signature, start, re.DOTALL):
            return kind
    for name, signature in _OTHERS.items():
        if re.match(signature, start, re.DOTALL):
            raise UserError(f"this is {name}; save or export it as JPEG, PNG or WebP and try again")
    raise UserError("this is no picture that can be read here; choose a JPEG, PNG or WebP file")


def _check_parts(data: bytes, kind: str) -> int:
    """A JPEG's scans, by what they cost (else 1); UserError where a file has too many parts."""
    if kind == "JPEG":
        return _check_jpeg(data)
    position, parts = 8, 0
    while kind == "PNG" and position + 8 <= len(data):
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        parts += 1
        if parts > MAX_PARTS[kind]:
            raise UserError(_DAMAGED)
    return 1


def _check_jpeg(data: bytes) -> int:
    position, parts, scans, cost = 2, 0, 0, 1
    while found := _JPEG_MARKER.search(data, position):
        marker = data[found.end() - 1]
        if marker == _END_OF_IMAGE and scans:
            break
        parts += 1
        scans += marker == _START_OF_SCAN
        if marker in _ARITHMETIC:  # slow, and not helped by a picture that is mostly flat
            cost = 32
        stray = 0 if scans else found.start() - position
        if marker not in _JPEG_PARTS or parts > MAX_PARTS["JPEG"] or stray > 256:
            raise UserError(_DAMAGED)
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return scans * cost


def _check_size(size: tuple[int, int], kind: str, scans: int) -> None:
    width, height = size
    megapixels = width * height / 1e6
    if megapixels > MAX_MEGAPIXELS[kind] or max(size) > MAX_SIDE:
        raise UserError(
            f"the picture has {width} x {height} pixels, and at most {MAX_MEGAPIXELS[kind]} "
            f"megapixels and {MAX_SIDE} a side are allowed; make it smaller"
        )
    if scans * megapixels > MAX_SCANS:
        raise UserError("the picture is stored in too many passes; save it as a plain JPEG")


def _decode(image: Image.Image) -> Image.Image:
    if image.format in ("JPEG", "MPO"):
        image.draft("RGB", (WORKING_SIDE, WORKING_SIDE))  # decodes at 1/2, 1/4 or 1/8, no smaller
    image.load()
    profile = image.info.get("icc_profile")
    orientation = _orientation(image)
    image = _opaque(image)
    if (factor := min(image.size) // WORKING_SIDE) > 1:
        image = image.reduce(factor)
    image = _to_srgb(image, profile)
    if orientation in _TRANSPOSE:
        image = image.transpose(_TRANSPOSE[orientation])
    image.info.clear()  # where it was taken and what was said of it go no further
    return image


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata is no reason to refuse a picture
        return 1


def _opaque(image: Image.Image) -> Image.Image:
    """Without transparency and with 8 bits a channel, in mode L, RGB or CMYK."""
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if image.mode == "PA" or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in ("LA", "RGBA"):
        white = Image.new(image.mode[:-1], image.size, "white")
        white.paste(image.convert(white.mode), mask=image.getchannel("A"))
        return white
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to 8: value / 257, rounded. Pillow's own conversion clips at 255 instead."""
    values = np.asarray(image).clip(0, 65_535).astype(np.uint32)
    grey = ((values * 255 + 32_895) >> 16).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except Exception:  # a damaged profile, or one for another kind of picture
            pass
    return image.convert("RGB")


def turn(image: Image.Image, perturbation: Perturbation, fill: tuple[int, int, int]) -> Image.Image:
    """Crops around the centre and rotates; the corners that a rotation bares get colour `fill`."""
    if perturbation.crop < 1:
        width, height = (max(1, round(side * perturbation.crop)) for side in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    if perturbation.rotation:
        bicubic = Image.Resampling.BICUBIC
        image = image.rotate(perturbation.rotation, resample=bicubic, fillcolor=fill)
    return image


def shade(image: Image.Image, perturbation: Perturbation) -> Image.Image:
    """Brightens, then adds Gaussian noise, the same at every call.

    Apply it to the square that the net sees: noise on a larger picture would average out.
    """
    if perturbation.brightness != 1:
        image = ImageEnhance.Brightness(image).enhance(perturbation.brightness)
    if perturbation.noise:
        pixels = np.asarray(image, np.float32)
        noise = np.random.default_rng(0).standard_normal(pixels.shape, np.float32)
        noisy = pixels + 255 * perturbation.noise * noise
        image = Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))
    return image
