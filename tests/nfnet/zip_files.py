"""Zips as people and attackers send them, put together by hand; what is to become of each."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image

from nfnet.unzip import MAX_BYTES

LINK, PIPE, FILE = (kind | 0o644 for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFREG))
LARGE = 0xFFFFFFFF
ZIP64 = struct.pack("<2H3Q", 1, 24, 5, 5, 0)  # an extra field: the sizes in 64 bits


@dataclass(frozen=True)
class Part:
    """One member. None: what is true; anything else is what the zip claims instead."""

    name: bytes
    data: bytes = b""
    method: int = 8
    flags: int = 0
    mode: int = FILE
    size: int | None = None
    packed_size: int | None = None
    checksum: int | None = None
    offset: int | None = None
    local_name: bytes | None = None
    local_method: int | None = None
    extra: bytes = b""
    disk: int = 0
    raw: bytes | None = None  # what lies there packed

    @property
    def packed(self) -> bytes:
        if self.raw is not None or self.method != 8:
            return self.data if self.raw is None else self.raw
        stream = zlib.compressobj(9, zlib.DEFLATED, -15)
        return stream.compress(self.data) + stream.flush()


def join(parts: Iterable[Part], comment: bytes = b"", **end: int) -> bytes:
    """A zip of these members; `end` are claims of its last record: count, here, size, start."""
    body, table, count = bytearray(), bytearray(), 0
    for part in parts:
        packed, offset = part.packed, len(body)
        size = len(part.data) if part.size is None else part.size
        checksum = zlib.crc32(part.data) if part.checksum is None else part.checksum
        packed_size = len(packed) if part.packed_size is None else part.packed_size
        local_name = part.name if part.local_name is None else part.local_name
        local_method = part.method if part.local_method is None else part.local_method
        numbers = (0, 0, checksum, packed_size, size)
        body += struct.pack(
            "<4s5H3I2H", b"PK\3\4", 20, part.flags, local_method, *numbers, len(local_name), 0
        )
        body += local_name + packed
        table += struct.pack(
            "<4s6H3I5H2I",
            *(b"PK\1\2", 3 << 8 | 20, 20, part.flags, part.method, *numbers),
            *(len(part.name), len(part.extra), 0, part.disk, 0),
            *(part.mode << 16, offset if part.offset is None else part.offset),
        )
        table += part.name + part.extra
        count += 1
    claims = {"count": count, "here": count, "size": len(table), "start": len(body)} | end
    numbers = (0, claims["here"], claims["count"], claims["size"], claims["start"])
    return (
        bytes(body + table)
        + struct.pack("<4s4H2IH", b"PK\5\6", 0, *numbers, len(comment))
        + comment
    )


@cache
def picture(seed: int, kind: str = "PNG", side: int = 20) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side + 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def parts(classes: Iterable[str] = ("cats", "dogs"), count: int = 12, top: str = "") -> list[Part]:
    """Sound pictures, so many a class."""
    return [
        Part(f"{top}{name}/{i:02}.png".encode(), picture(97 * j + i))
        for j, name in enumerate(classes)
        for i in range(count)
    ]


def bomb(parts_in_all: int, unpacked: int) -> bytes:
    """Members that all point to the same packed bytes: each unpacks to `unpacked` zeros."""
    kernel = Part(b"cats/0.png", bytes(unpacked))
    whole = join([kernel])
    packed = kernel.packed
    table = b"".join(
        struct.pack(
            "<4s6H3I5H2I",
            *(b"PK\1\2", 20, 20, 0, 8, 0, 0, zlib.crc32(kernel.data), len(packed), unpacked),
            *(10, 0, 0, 0, 0, 0, 0),
        )
        + kernel.name
        for _ in range(parts_in_all)
    )
    start = 30 + 10 + len(packed)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, parts_in_all, parts_in_all, len(table), start, 0)
    return whole[:start] + table + end


def by_others(**options) -> bytes:
    """What Python's own module makes of the same pictures."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        archive.mkdir("photos")
        for part in parts(top="photos/"):
            archive.writestr(part.name.decode(), part.data)
    return file.getvalue()


def streamed() -> bytes:
    """A zip written to a pipe: sizes come behind each member, and in the table."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data) -> int:
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts():
            archive.writestr(part.name.decode(), part.data)
    return bytes(pipe.data)


@cache
def good() -> dict[str, bytes]:
    """Name -> a zip of two classes of twelve pictures, in the order cats, dogs."""
    plain = parts()
    mac = [Part(b"__MACOSX/cats/._00.png", b"\0\5\x16\7"), Part(b"cats/.DS_Store", b"\0\0\0\1Bud1")]
    litter = [*mac, Part(b"dogs/Thumbs.db", b"\xd0\xcf"), Part(b"desktop.ini", b"[x]")]
    folders = [Part(name, mode=stat.S_IFDIR | 0o755) for name in (b"photos/", b"photos/cats/")]
    jpegs = [
        replace(p, name=p.name[:-3] + b"JPG", data=picture(i, "JPEG")) for i, p in enumerate(plain)
    ]
    return {
        "plain": join(plain),
        "stored": join([replace(p, method=0) for p in plain]),
        "by python": by_others(),
        "by python, deflated": by_others(compression=zipfile.ZIP_DEFLATED),
        "streamed": streamed(),
        "with the system's litter": join(plain + litter),
        "folders on top": join(folders + parts(top="photos/")),
        "three folders on top": join(parts(top="a/b/c/")),
        "a dot on top": join(parts(top="./")),
        "windows' slashes": join([replace(p, name=p.name.replace(b"/", b"\\")) for p in plain]),
        "jpeg": join(jpegs),
        "with a comment": join(plain, comment=b"made by hand PK\5\6"),
        "no modes": join([replace(p, mode=0) for p in plain]),
        "backwards": join(plain[::-1]),
    }


@cache
def refused() -> dict[str, tuple[bytes, str]]:
    """Name -> a zip that must be refused, words of the refusal."""
    plain, first = parts(), parts()[0]

    def odd(**changes) -> bytes:
        return join([replace(first, **changes), *plain[1:]])

    def named(name: bytes) -> bytes:
        return join([*plain, Part(name, b"x")])

    whole = join(plain)
    many = [Part(b"cats/%06d.png" % i, method=0) for i in range(60_000)]
    return {
        "nothing": (b"", "not a zip"),
        "a byte": (b"P", "not a zip"),
        "a picture": (picture(1), "not a zip"),
        "a rar": (b"Rar!\x1a\7\0" + bytes(100), "not a zip"),
        "only an end": (join([]), "no JPEG, PNG or WebP"),
        "half": (whole[: len(whole) // 2], "cut short"),
        "no last byte": (whole[:-1], "cut short"),
        "more behind it": (whole + b"more", "cut short"),
        "ends without end": (b"PK\3\4" + b"PK\5\6" * 30_000, "cut short"),
        "too large": (whole + bytes(MAX_BYTES), "at most 8 MB"),
        "encrypted": (odd(flags=1), "encrypted"),
        "strongly encrypted": (odd(flags=1 | 1 << 6), "encrypted"),
        "hidden names": (odd(flags=1 << 13), "encrypted"),
        "a link": (join([*plain, Part(b"cats/x.png", b"/etc/passwd", mode=LINK)]), "a link"),
        "a link that is no picture": (join([*plain, Part(b"x", b"..", mode=LINK)]), "a link"),
        "a pipe": (join([*plain, Part(b"cats/x.png", mode=PIPE)]), "a link or a device"),
        "absolute": (named(b"/etc/cats/x.png"), "outside itself"),
        "absolute, windows": (named(b"C:\\cats\\x.png"), "outside itself"),
        "a server's share": (named(b"\\\\server\\cats\\x.png"), "outside itself"),
        "upwards": (named(b"cats/../../x.png"), "outside itself"),
        "upwards, windows": (named(b"..\\x.png"), "outside itself"),
        "upwards, not a picture": (named(b"../../.bashrc"), "outside itself"),
        "upwards, a folder": (named(b"cats/../"), "outside itself"),
        "a zero in a name": (named(b"cats/x.png\0.txt"), "outside itself"),
        "deep": (named(b"a/" * 300 + b"x.png"), "more than 10 folders"),
        "declares less": (odd(size=10), "not what it declares"),
        "declares more": (odd(size=len(first.data) + 1), "not what it declares"),
        "declares nothing": (odd(size=0), "not what it declares"),
        "wrong checksum": (odd(checksum=1), "not what it declares"),
        "stored, of another size": (odd(method=0, size=5), "damaged"),
        "no deflated data": (odd(raw=b"\xff" * 50), "damaged"),
        "deflated and more": (odd(raw=first.packed + b"more"), "not what it declares"),
        "deflated, cut": (odd(raw=first.packed[:-5]), "not what it declares"),
        "a member of 9 MB": (odd(data=bytes(9 << 20)), "more than 8 MB"),
        "declares 4 GB": (odd(size=LARGE - 1), "more than 8 MB"),
        "80 MB in all": (
            join(plain + [Part(b"%d.txt" % i, bytes(5 << 20)) for i in range(16)]),
            "64 MB",
        ),
        "the same bytes 16 times": (bomb(16, 4 << 20), "share their bytes"),
        "the same bytes 9999 times": (bomb(9999, 4 << 20), "more than 64 MB"),
        "the same header twice": (join([*plain, replace(first, offset=0)]), "share their bytes"),
        "a member in a member": (odd(offset=60), "damaged"),
        "an offset beyond": (odd(offset=len(whole) + 10), "damaged"),
        "an offset into the table": (
            join([*plain[:-1], replace(plain[-1], offset=len(whole) - 60)]),
            "damaged",
        ),
        "longer than the zip": (odd(packed_size=len(whole)), "damaged"),
        "two names": (odd(local_name=b"dogs/x.png"), "damaged"),
        "two methods": (odd(local_method=0), "damaged"),
        "lzma": (odd(method=14, size=len(first.data)), "an unusual way"),
        "another disk": (odd(disk=1), "damaged"),
        "64 bits, a size": (odd(size=LARGE, extra=ZIP64), "64-bit"),
        "64 bits, an offset": (odd(offset=LARGE, extra=ZIP64), "64-bit"),
        "64 bits, the count": (join(plain, count=0xFFFF, here=0xFFFF), "64-bit"),
        "64 bits, the start": (join(plain, start=LARGE), "64-bit"),
        "a part of a zip": (join(plain, here=1), "divided"),
        "counts too many": (join(plain, count=25, here=25), "damaged"),
        "counts too few": (join(plain, count=23, here=23), "damaged"),
        "starts elsewhere": (join(plain, start=5), "damaged"),
        "a table that is longer": (join(plain, size=10**6), "damaged"),
        "60,000 empty members": (join(many), "60000 files, and at most 10000"),
        "9,000 empty pictures": (join(many[:9000]), "9000 pictures, and at most 2000"),
        "one class": (join(parts(["cats"])), "no JPEG, PNG or WebP picture in a class's folder"),
        "one class and a picture": (
            join(parts(["cats"]) + [Part(b"x.png", picture(1))]),
            "there is 1",
        ),
        "21 classes": (join(parts([f"c{i}" for i in range(21)], 10)), "there are 21"),
        "nine pictures": (join(parts(count=9)), "cats has 9 pictures, and at least 10"),
        "one that can be read": (
            join(
                [
                    replace(p, data=b"x") if b"cats" in p.name and i else p
                    for i, p in enumerate(plain)
                ]
            ),
            "cats has 1 picture that can be read",
        ),
        "no class": (join([replace(p, name=p.name[-6:]) for p in plain]), "a class's folder"),
        "train and test on top": (
            join(parts(top="train/") + parts(top="test/")),
            "a class's folder",
        ),
        "only texts": (join([replace(p, name=p.name + b".txt") for p in plain]), "no JPEG"),
        "an invisible name": (join(parts(["cats", "\u200b\u202e"])), "no printable character"),
    }
