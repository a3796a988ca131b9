"""Where the server keeps what outlives a job, in folders of its own while it runs.

That is the pictures that its viewers bring, and the checkpoints from which runs are forked.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

FOLDERS = {"NFNET_SETS": "nfnet-pictures-", "NFNET_RUNS": "nfnet-runs-"}


def prepare() -> None:
    """Makes folders that only this user can read, unless the environment names them already.

    To be called before the workers start, which find them in their environment.
    """
    for name, prefix in FOLDERS.items():
        if not os.environ.get(name):
            _ours[name] = os.environ[name] = tempfile.mkdtemp(prefix=prefix)  # mode 700
    atexit.register(clear)


def clear() -> None:
    """Removes the folders that `prepare` made, and all that is in them."""
    for name, folder in _ours.items():
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop(name, None)
    _ours.clear()


_ours: dict[str, str] = {}
