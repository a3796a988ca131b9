"""Everything that computes, out of the app's process: `get_compute().submit(job, owner)`."""

from __future__ import annotations

import threading

from app.compute.jobs import (
    Busy,
    Classify,
    Costs,
    Download,
    Fork,
    Gradients,
    Job,
    Mates,
    Models,
    Propagate,
    QueueFull,
    Race,
    Sweep,
    Turns,
    Unpack,
)
from app.compute.local import LocalCompute
from app.compute.tickets import Compute, State, Ticket

__all__ = [
    "Busy",
    "Classify",
    "Compute",
    "Costs",
    "Download",
    "Fork",
    "Gradients",
    "Job",
    "Mates",
    "Models",
    "Propagate",
    "QueueFull",
    "Race",
    "State",
    "Sweep",
    "Ticket",
    "Turns",
    "Unpack",
    "get_compute",
]

_lock = threading.Lock()
_compute: LocalCompute | None = None


def get_compute(workers: int | None = None) -> Compute:
    """This process's only `Compute`; the first call starts it, and it ends with the process.

    Args:
        workers: trainings at a time (if not said, one a GPU, or one); it counts in the call
            that starts it.
    """
    global _compute
    with _lock:
        if _compute is None or _compute.closed:
            _compute = LocalCompute(workers)
        return _compute
