"""Picture files as people and attackers send them, made in memory; what is to become of each."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def picture(width: int = 120, height: int = 80) -> Image.Image:
    """Smooth colours, so that lossy formats keep them, and no symmetry."""
    y, x = np.mgrid[:height, :width]
    channels = (255 * x / width, 255 * y / height, 255 * (x + y) / (width + height))
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def oriented(kind: str, orientation: int, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return save(picture(), kind, exif=exif, **options)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, bits: int, color: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG by hand; `rows` is what its compressed data hold, `extra` are further chunks."""
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra
    return start + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def grey16(values: np.ndarray, extra: bytes = b"") -> bytes:
    """A 16-bit grey PNG of (height, width) values."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(values.shape[1], values.shape[0], 16, 0, rows, extra)


def blank_png(width: int, height: int) -> bytes:
    """Black or white pixels, a thousand times smaller than what they decode to."""
    return png(width, height, 1, 0, bytes(height * (1 + (width + 7) // 8)))


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A small progressive JPEG whose last scan, of few bytes, comes again and again."""
    data = save(Image.new("RGB", (width, height), "teal"), "JPEG", progressive=True, quality=30)
    last = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@cache
def good() -> dict[str, bytes]:
    """Name -> a file that must be answered."""
    rgb = picture()
    jpeg, small = save(rgb, "JPEG"), picture(40, 30)
    transparent = rgb.convert("RGBA")
    transparent.putalpha(128)
    frames = {"save_all": True, "append_images": [rgb.rotate(30), rgb.rotate(60)]}
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "x" * 1000, zip=True)
    exif = {f"{kind.lower()} turned {n}": oriented(kind, n) for kind in KINDS for n in range(2, 9)}
    return exif | {
        "jpeg": jpeg,
        "jpeg, grey": save(rgb.convert("L"), "JPEG"),
        "jpeg, cmyk": save(rgb.convert("CMYK"), "JPEG"),
        "jpeg, progressive": save(rgb, "JPEG", progressive=True),
        "jpeg, no subsampling": save(rgb, "JPEG", subsampling=0),
        "jpeg, orientation 9": oriented("JPEG", 9),
        "jpeg, orientation 0": oriented("JPEG", 0),
        "jpeg, garbage exif": save(rgb, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(40)),
        "jpeg, profile": save(rgb, "JPEG", icc_profile=profile()),
        "jpeg, garbage profile": save(rgb, "JPEG", icc_profile=bytes(200)),
        "jpeg, rgb profile on grey": save(rgb.convert("L"), "JPEG", icc_profile=profile()),
        "jpeg, a zip behind it": jpeg + b"PK\x03\x04" + bytes(100),
        "jpeg, html behind it": jpeg + b"<html><script>alert(1)</script>",
        "jpeg, phone with preview": save(rgb, "MPO", save_all=True, append_images=[small]),
        "jpeg, 12 megapixels": save(picture(4000, 3000), "JPEG", quality=60),
        "png": save(rgb, "PNG"),
        "png, grey": save(rgb.convert("L"), "PNG"),
        "png, one bit": save(rgb.convert("1"), "PNG"),
        "png, palette": save(rgb.convert("P"), "PNG"),
        "png, transparent palette": save(rgb.convert("P"), "PNG", transparency=3),
        "png, alpha": save(transparent, "PNG"),
        "png, grey and alpha": save(transparent.convert("LA"), "PNG"),
        "png, transparent colour": save(rgb, "PNG", transparency=(0, 0, 0)),
        "png, 16 bits": grey16(np.arange(65536).reshape(256, 256)),
        "png, 16 bits of colour": png(2, 1, 16, 2, b"\0" + bytes(range(12))),
        "png, one pixel": save(Image.new("RGB", (1, 1)), "PNG"),
        "png, a line": save(Image.new("RGB", (5000, 1)), "PNG"),
        "png, animated": save(rgb, "PNG", **frames),
        "png, text": save(rgb, "PNG", pnginfo=text),
        "png, profile": save(rgb, "PNG", icc_profile=profile()),
        "png, 23 megapixels": blank_png(5750, 4000),
        "webp": save(rgb, "WEBP"),
        "webp, lossless": save(rgb, "WEBP", lossless=True),
        "webp, alpha": save(transparent, "WEBP"),
        "webp, animated": save(rgb, "WEBP", **frames),
        "webp, profile": save(rgb, "WEBP", icc_profile=profile()),
    }


KINDS = ("JPEG", "PNG", "WEBP")


@cache
def refused() -> dict[str, tuple[bytes, str]]:
    """Name -> a file that must be refused, words of the refusal."""
    rgb = picture()
    whole = {kind: save(rgb, kind) for kind in KINDS}
    jpeg, plain = whole["JPEG"], whole["PNG"]
    cut = {f"{kind}, half": (data[: len(data) // 2], "damaged") for kind, data in whole.items()}
    cut |= {f"{kind}, 20 bytes": (data[:20], "damaged") for kind, data in whole.items()}
    huge = Image.new("RGB", (12001, 8))
    ftyp = b"\0\0\0\x18ftyp%s\0\0\0\0mif1heic" + bytes(100)
    bomb = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(5 << 20), 9))
    return cut | {
        "nothing": (b"", "empty"),
        "one byte": (b"\xff", "no picture"),
        "zeros": (bytes(65536), "no picture"),
        "noise": (np.random.default_rng(0).bytes(4096), "no picture"),
        "too many bytes": (jpeg + bytes(8 << 20), "at most 8 MB"),
        "gif": (save(rgb, "GIF"), "a GIF"),
        "tiff": (save(rgb, "TIFF"), "a TIFF"),
        "bmp": (save(rgb, "BMP"), "a BMP"),
        "ico": (save(rgb, "ICO"), "an icon"),
        "avif": (save(rgb, "AVIF"), "an AVIF"),
        "jpeg 2000": (save(rgb, "JPEG2000"), "JPEG 2000"),
        "ppm": (save(rgb, "PPM"), "no picture"),
        "tga": (save(rgb, "TGA"), "no picture"),
        "pcx": (save(rgb, "PCX"), "no picture"),
        "heic": (ftyp % b"heic", "a HEIC photo"),
        "heic, mif1": (ftyp % b"mif1", "a HEIC photo"),
        "mp4": (ftyp % b"mp42", "a video"),
        "html": (b"\n<!DOCTYPE html><html><script>alert(1)</script>", "a web page"),
        "svg": (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "an SVG"),
        "svg with a header": (b'<?xml version="1.0"?>\n<!-- a -->\n<svg></svg>', "an SVG"),
        "pdf": (b"%PDF-1.7\n", "a PDF"),
        "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "a PostScript"),
        "photoshop": (b"8BPS\0\1" + bytes(30), "a Photoshop"),
        "zip": (b"PK\x03\x04" + bytes(30), "a ZIP"),
        "program": (b"\x7fELF\2\1\1" + bytes(60), "no picture"),
        "text": (b"just words", "no picture"),
        "png, 400 megapixels": (blank_png(20_000, 20_000), "megapixels"),
        "png, 144 megapixels": (blank_png(12_000, 12_000), "12000 x 12000 pixels"),
        "png, 25 megapixels": (blank_png(5001, 5000), "5001 x 5000 pixels"),
        "png, long": (save(Image.new("L", (1, 50_000)), "PNG"), "1 x 50000 pixels"),
        "png, no size": (png(0, 0, 8, 2, b""), "damaged"),
        "png, claims 65535": (png(65_535, 65_535, 8, 2, b""), "megapixels"),
        "png, wrong checksum": (plain[:29] + b"\0\0\0\0" + plain[33:], "damaged"),
        "png, text bomb": (png(1, 1, 8, 0, b"\0\0", bomb), "damaged"),
        "png, a million chunks": (plain[:33] + chunk(b"prVt", b"") * 600_000, "damaged"),
        "jpeg, long": (save(huge, "JPEG"), "12001 x 8 pixels"),
        "jpeg, 100 scans of 40 megapixels": (many_scans(7900, 5000, 90), "too many passes"),
        "jpeg, a million comments": (jpeg[:2] + b"\xff\xfe\0\x02" * 10**6 + jpeg[2:], "damaged"),
        "jpeg, a million ends": (jpeg[:2] + b"\xff\xd9" * 10**6 + jpeg[2:], "damaged"),
        "jpeg, a million restarts": (jpeg[:2] + b"\xff\xd0" * 10**6 + jpeg[2:], "damaged"),
        "jpeg, padded with 7 million": (jpeg[:2] + b"\xff" * 7 * 10**6 + jpeg[2:], "damaged"),
        "jpeg, no tables": (jpeg[:2] + jpeg[jpeg.index(b"\xff\xda") :], "damaged"),
        "webp, 25 megapixels": (save(Image.new("L", (5000, 5000)), "WEBP"), "5000 x 5000"),
        "webp, only a header": (b"RIFF\x24\0\0\0WEBPVP8 " + bytes(20), "damaged"),
        "webp that is sound": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(20), "no picture"),
    }
