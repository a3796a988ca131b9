"""Opens safetensors, mapped to memory, which may be damaged or hostile. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from nfnet.run import UserError

MAX_HEADER = 8 * 2**20  # bytes; F6's header, the longest published one, has some 200 thousand


def looks_like_safetensors(path: Path) -> bool:
    """Whether a file begins as one: the header's length, then JSON. UserError if unreadable."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise UserError(f"the weights {path} cannot be read: {error.strerror}") from None
    return start[8:] == b"{"


@contextmanager
def open_safetensors(path: Path, framework: str = "np") -> Iterator[Any]:
    """The library's reader of a file, mapped to memory, whose every error is one sentence.

    The library checks that the tensors fill the file without gap or overlap. Its own bound on the
    header, 100 MB, would still let a hostile file cost a gigabyte.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > MAX_HEADER:
            raise UserError(
                f"{path.name} is refused: its header claims {length} bytes, more than any weights "
                "here need; get it again from its source"
            )
        with safe_open(path, framework=framework) as reader:
            yield reader
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"the weights {path} cannot be read: {error.strerror or error}") from None
    except (SafetensorError, RuntimeError, ValueError):
        raise UserError(f"{path.name} is damaged or incomplete; get it again") from None
