"""What is done once, early, so that no viewer waits for it."""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from typing import Any

from app import sets

# What the pages import on first use, slowest first.
HEAVY = ("plotly.graph_objects", "pandas", "pyarrow")
_lock = threading.Lock()
_done = False
_compute: Any = None


def warm_up(compute: bool = True, workers: int | None = None) -> None:
    """Loads what pages need, starts the workers if `compute`, and tunes the interpreter; once.

    Args:
        workers: how many worker processes; None lets the compute decide.
    """
    global _done, _compute
    with _lock:
        if compute:
            from app.compute import get_compute

            sets.prepare()
            _compute = get_compute(workers)
        if _done:
            return
        for name in HEAVY:
            importlib.import_module(name)
        # Many short runs of scripts share the interpreter; at the default 5 ms they queue up.
        sys.setswitchinterval(0.0005)
        # Streamlit collects garbage after each run: what stays for good need not be looked at.
        gc.collect()
        gc.freeze()
        _done = True


def cool_down() -> None:
    """Ends the workers that `warm_up` started."""
    with _lock:
        if _compute is not None:
            _compute.close()
            sets.clear()
