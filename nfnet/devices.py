"""Where to compute, or where not to yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from nfnet.run import DEVICES, UserError


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """The device of a name; "auto" is CUDA, then MPS, then the CPU.

    Raises:
        UserError: an unknown name, or a device that this machine lacks.
    """
    if isinstance(name, torch.device):
        return name
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, here in present.items() if here)
    if name not in present:
        raise UserError(f"device must be one of {', '.join(DEVICES)}, not {name!r}")
    if not present[name]:
        raise UserError(f"this machine has no {name.upper()} device; choose auto or cpu")
    return torch.device(name)


@contextmanager
def without_weights() -> Iterator[None]:
    """What is built inside lies on the meta device: shapes without numbers, to be filled later."""
    with torch.device("meta"), _Uninitialised():
        yield


class _Uninitialised(TorchFunctionMode):
    """Leaves out initialisation: on the meta device it would do nothing, and take 2 s to load."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
