"""Where to compute."""

from __future__ import annotations

import torch

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
