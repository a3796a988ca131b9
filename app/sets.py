"""Where the server keeps the pictures that its viewers bring: a folder of its own while it runs."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile


def prepare() -> None:
    """Names a folder that only this user can read, unless NFNET_SETS names one; its end is ours.

    To be called before the workers start, which find it in their environment.
    """
    if os.environ.get("NFNET_SETS"):
        return
    folder = tempfile.mkdtemp(prefix="nfnet-pictures-")  # mode 700
    os.environ["NFNET_SETS"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
