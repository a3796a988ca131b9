"""The members of a zip that nobody vouches for, in memory: right bytes, or a sentence.

A parser of our own, because the usual one believes more than one may: here both of a zip's tables
must tell the same, no two members may share a byte, and nothing unpacks to more than it declared.
Nothing is ever written to disk. Read are plain zips: stored or deflated, 32-bit, in one piece.
"""

from __future__ import annotations

import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from nfnet.run import UserError

MAX_BYTES = 8 * 2**20  # of a zip, and of each of its members unpacked
MAX_UNPACKED = 64 * 2**20  # all members together
MAX_MEMBERS = 10_000
MAX_DEPTH = 10  # folders within folders
MAX_SHOWN = 40  # characters of a name in a sentence

_END = struct.Struct("<4s4H2IH")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1 | 1 << 6 | 1 << 13  # flags: a password, a stronger one, a hidden table
_LARGE = "this zip is of the 64-bit kind; pack the pictures again, in a plain zip"
_DAMAGED = "the zip is damaged; pack the pictures again"


@dataclass(frozen=True)
class Member:
    """A file in a zip: its path, checked, and where its bytes are."""

    path: tuple[str, ...]  # folders, then the file
    size: int  # bytes, unpacked, as declared
    start: int  # of its packed bytes
    end: int
    method: int
    checksum: int  # CRC-32


def members(data: bytes) -> list[Member]:
    """The files of a zip in its order, folders left out; nothing is unpacked yet.

    Raises:
        UserError: not a zip, too large, encrypted, or one that would do harm elsewhere.
    """
    if len(data) > MAX_BYTES:
        raise UserError(
            f"the zip has {len(data) / 2**20:.1f} MB, and at most {MAX_BYTES >> 20} MB are "
            "allowed; take fewer pictures or make them smaller"
        )
    start, end, count = _find_table(data)
    if count > MAX_MEMBERS:
        raise UserError(f"the zip has {count} files, and at most {MAX_MEMBERS} are allowed")
    found, spans, position, total = [], [], start, 0
    for _ in range(count):
        position, offset, member = _entry(data, position, start)
        spans.append((offset, member.end))
        total += member.size
        if total > MAX_UNPACKED:
            raise UserError(
                f"the zip unpacks to more than {MAX_UNPACKED >> 20} MB; take fewer pictures"
            )
        if member.path:
            found.append(member)
    if position != end:
        raise UserError(_DAMAGED)
    spans.sort()
    if any(begin < end for (_, end), (begin, _) in zip(spans, spans[1:], strict=False)):
        raise UserError("files in the zip share their bytes; pack the pictures again")
    return found


def unpack(data: bytes, member: Member) -> bytes:
    """The bytes of a member, exactly as many as it declared.

    Raises:
        UserError: they are others than declared.
    """
    packed = memoryview(data)[member.start : member.end]
    content, whole = bytes(packed), True
    if member.method == _DEFLATED:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = stream.decompress(packed, member.size + 1)
        except zlib.error:
            raise UserError(_DAMAGED) from None
        whole = stream.eof and not stream.unused_data
    if not whole or len(content) != member.size or zlib.crc32(content) != member.checksum:
        raise UserError(f"{shown('/'.join(member.path))} in the zip is not what it declares to be")
    return content


def shown(name: str) -> str:
    """A name for a sentence or a screen: one line of printable characters, not too long."""
    words = "".join(c if c.isprintable() else " " for c in name[: 10 * MAX_SHOWN]).split()
    return " ".join(words)[:MAX_SHOWN].strip()


def _find_table(data: bytes) -> tuple[int, int, int]:
    """Where the zip's table of contents begins and ends, and how many entries it has."""
    for place in _places(data):
        _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(data, place)
        if place + _END.size + comment != len(data):
            continue
        if 0xFFFF in (disk, first_disk, here, count) or 0xFFFFFFFF in (size, start):
            raise UserError(_LARGE)
        if disk or first_disk or here != count:
            raise UserError("this is one part of a divided zip; pack the pictures into a whole one")
        if start + size > place or count * _ENTRY.size > size:
            raise UserError(_DAMAGED)
        return start, start + size, count
    if data[:4] == b"PK\x03\x04":
        raise UserError("the zip is cut short; pack the pictures again")
    raise UserError("this is not a zip; pack the pictures into a file that ends in .zip")


def _places(data: bytes) -> Iterator[int]:
    """Where the record that ends a zip may begin, from the last place on."""
    least = max(0, len(data) - _END.size - 0xFFFF)
    place = len(data)
    while (place := data.rfind(b"PK\x05\x06", least, place)) >= 0:
        if place + _END.size <= len(data):
            yield place


def _entry(data: bytes, position: int, table: int) -> tuple[int, int, Member]:
    """The entry of the table at `position`: where the next one is, its offset, the member.

    A folder's member has no path.
    """
    try:
        values = _ENTRY.unpack_from(data, position)
        signature, made_by, _, flags, method, _, _, checksum, packed, size = values[:10]
        name_length, extra, comment, disk, _, attributes, offset = values[10:]
        name = data[position + _ENTRY.size : position + _ENTRY.size + name_length]
    except struct.error:
        raise UserError(_DAMAGED) from None
    if signature != b"PK\x01\x02":
        raise UserError(_DAMAGED)
    if flags & _ENCRYPTED:
        raise UserError("the zip is encrypted; pack the pictures without a password")
    if 0xFFFFFFFF in (packed, size, offset):
        raise UserError(_LARGE)
    path = _path(name)
    kind = stat.S_IFMT(attributes >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UserError(
            f"{shown('/'.join(path))} in the zip is a link or a device; pack the files themselves"
        )
    if method not in (_STORED, _DEFLATED):
        raise UserError("the zip is packed in an unusual way; pack the pictures in a plain zip")
    if offset + _LOCAL.size > table:
        raise UserError(_DAMAGED)
    local = _LOCAL.unpack_from(data, offset)
    begin = offset + _LOCAL.size + local[9] + local[10]
    its_name = data[offset + _LOCAL.size : offset + _LOCAL.size + local[9]]
    if (
        local[0] != b"PK\x03\x04"
        or (its_name, local[3]) != (name, method)
        or disk
        or begin + packed > table
        or (method == _STORED and packed != size)
    ):
        raise UserError(_DAMAGED)
    if size > MAX_BYTES:
        raise UserError(
            f"{shown('/'.join(path))} in the zip unpacks to more than {MAX_BYTES >> 20} MB; "
            "leave it out or make it smaller"
        )
    folder = name.endswith((b"/", b"\\")) or kind == stat.S_IFDIR
    member = Member(() if folder else path, size, begin, begin + packed, method, checksum)
    return position + _ENTRY.size + name_length + extra + comment, offset, member


def _path(name: bytes) -> tuple[str, ...]:
    """The folders and the file that a member's name tells, if they lie inside the zip."""
    try:
        text = name.decode("utf-8")  # some systems do not set the flag for it
    except UnicodeDecodeError:
        text = name.decode("cp437")
    text = text.replace("\\", "/")
    parts = text.removesuffix("/").split("/")
    if text.startswith("/") or re.match("[A-Za-z]:", text) or ".." in parts or "\0" in text:
        raise UserError(f"the zip names a file outside itself ({shown(text)}); pack it again")
    parts = [part for part in parts if part not in ("", ".")]
    if len(parts) > MAX_DEPTH:
        raise UserError(
            f"the zip has more than {MAX_DEPTH} folders within each other; pack it flat"
        )
    return tuple(parts)
