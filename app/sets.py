"""Where the server keeps what outlives a job, in folders of its own while it runs.

That is the pictures that its viewers bring, and the checkpoints from which runs are forked.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

FOLDERS = {"NFNET_SETS": "nfnet-pictures-", "NFNET_RUNS": "nfnet-runs-"}
YOUNG = 60  # seconds for which a folder without a lock may be a server's that is just starting


def prepare() -> None:
    """Makes folders that only this user can read, unless the environment names them already.

    To be called before the workers start, which find them in their environment. What a server left
    that was killed is removed first.
    """
    for name, prefix in FOLDERS.items():
        if not os.environ.get(name):
            _sweep(prefix)
            _ours[name] = os.environ[name] = tempfile.mkdtemp(prefix=prefix)  # mode 700
            with suppress(OSError):  # some file systems have no locks
                _locks.append(_lock(_ours[name]))
    atexit.register(clear)


def clear() -> None:
    """Removes the folders that `prepare` made, and all that is in them."""
    for name, folder in _ours.items():
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop(name, None)
    _ours.clear()
    while _locks:
        os.close(_locks.pop())


def _sweep(prefix: str) -> None:
    """Removes this user's folders of servers that are gone: nobody holds their lock."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):
            if time.time() - folder.lstat().st_mtime < YOUNG:
                continue
            lock = _lock(folder)  # another user's cannot be opened
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: str | Path) -> int:
    """Locks a folder for as long as the returned file descriptor is open, at most this process.

    Raises:
        OSError: another process holds the lock, it is no folder, or there are no locks here.
    """
    if fcntl is None:
        raise OSError("no locks")
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


_ours: dict[str, str] = {}
_locks: list[int] = []
