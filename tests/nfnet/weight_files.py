"""Weight files in each published form, made from random parameters."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from nfnet.haiku import haiku_name
from nfnet.timm_names import timm_name, timm_shape


def random_state(model: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Parameters for every name of a model (it may be on the meta device), none at its start."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(tensor.shape, generator=generator) * 0.05 + (tensor.ndim == 0) * 0.3
        for name, tensor in model.state_dict().items()
    }


def timm_tensors(state: Mapping[str, Tensor], depths) -> dict[str, Tensor]:
    return {
        timm_name(name, depths): tensor.reshape(timm_shape(name, tensor.shape))
        for name, tensor in state.items()
    }


def write_timm(path: Path, state: Mapping[str, Tensor], depths) -> Path:
    save_file(timm_tensors(state, depths), path, {"format": "pt"})
    return path


def write_haiku(path: Path, state: Mapping[str, Tensor]) -> Path:
    tree: dict[str, dict[str, np.ndarray]] = {}
    for name, tensor in state.items():
        module, leaf = haiku_name(name, is_nfnet=True)
        array = tensor.numpy()
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        tree.setdefault(module, {})[leaf] = (array.T if array.ndim == 2 else array).copy(order="C")
    with path.open("wb") as file:
        pickle.dump(tree, file, 4)
    return path


def raw_safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with any header at all; `length` is what it claims of the header's length."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data
