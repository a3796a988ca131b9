"""Where the server keeps the pictures that its viewers bring: a folder of its own while it runs."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile


def prepare() -> None:
    """Makes a folder that only this user can read, unless NFNET_SETS names one already.

    To be called before the workers start, which find it in their environment.
    """
    global _ours
    if not os.environ.get("NFNET_SETS"):
        _ours = os.environ["NFNET_SETS"] = tempfile.mkdtemp(prefix="nfnet-pictures-")  # mode 700
        atexit.register(clear)


def clear() -> None:
    """Removes the folder that `prepare` made, and all pictures in it."""
    global _ours
    if _ours:
        shutil.rmtree(_ours, ignore_errors=True)
        os.environ.pop("NFNET_SETS", None)
    _ours = ""


_ours = ""
