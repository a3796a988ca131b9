"""The names and layouts under which the official files keep the parameters of a net.

The files are pickles of two levels, haiku's module name -> parameter name -> array, with
convolutions stored as (height, width, in, out) and linear layers as (in, out).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nfnet.run import UserError

# Our module names (a number is `{n}`) -> haiku's, for each kind of net.
_NFNET = {
    "stem.{n}": "NFNet/~/stem_conv{n}",
    "final_conv": "NFNet/~/final_conv",
    "classifier": "NFNet/~/linear",
}
_RESNET = {"stem": "NF_ResNet/~/initial_conv", "classifier": "NF_ResNet/~/linear"}
_BLOCK = {
    "conv0": "conv0",
    "conv1": "conv1",
    "conv1b": "conv1b",
    "conv2": "conv2",
    "convs.0": "conv0",
    "convs.1": "conv1",
    "convs.2": "conv2",
    "conv_shortcut": "conv_shortcut",
    "squeeze_excite.linear0": "squeeze_excite/~/linear",
    "squeeze_excite.linear1": "squeeze_excite/~/linear_1",
}


def haiku_name(parameter: str, is_nfnet: bool) -> tuple[str, str] | None:
    """Where the official files keep one of our parameters; None if they have no such thing.

    >>> haiku_name("blocks.3.conv0.weight", is_nfnet=True)
    ('NFNet/~/nf_block_3/~/conv0', 'w')
    """
    module, _, leaf = parameter.rpartition(".")
    if match := re.fullmatch(r"blocks\.(\d+)\.?(.*)", module):
        number, part = match.groups()
        block = "NFNet/~/nf_block" if is_nfnet else "NF_ResNet/~/nf_res_block"
        block += f"_{number}" if number != "0" else ""
        if (part, leaf) == ("", "skip_gain"):
            return block, leaf
        haiku = f"{block}/~/{_BLOCK[part]}" if part in _BLOCK else None
    else:
        names = _NFNET if is_nfnet else _RESNET
        number = re.search(r"\d+", module)
        pattern = re.sub(r"\d+", "{n}", module)
        haiku = names[pattern].format(n=number and number[0]) if pattern in names else None
    is_linear = haiku is not None and re.search(r"linear(_1)?$", haiku)
    leaves = {"weight": "w", "bias": "b"} if is_linear else {"weight": "w", "gain": "gain"}
    leaf = leaves.get(leaf, leaf)
    return (haiku, leaf) if haiku is not None else None


def convert_haiku(tree: Any, expected: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The state dict that an official tree holds, as float32 tensors in our layout.

    Args:
        tree: haiku's module name -> parameter name -> float32 array.
        expected: the model's own state dict; gives the names and the shapes.
        name: what to call the file in errors.

    Raises:
        UserError: a tensor is missing, left over, or of another shape or type.
    """
    left = {(module, leaf): array for module, leaf, array in _leaves(tree, name)}
    is_nfnet = "stem.0.weight" in expected
    state = {}
    for parameter, tensor in expected.items():
        where = haiku_name(parameter, is_nfnet)
        if where is None:
            raise UserError(f"the model's {parameter} is in no official file; use norm 'nf'")
        if where not in left:
            raise UserError(f"{name} lacks {' '.join(where)}: it belongs to another model")
        state[parameter] = _convert(left.pop(where), tuple(tensor.shape), " ".join(where), name)
    if left:
        extra = " ".join(next(iter(left)))
        raise UserError(f"{name} also has {extra}: it belongs to another model")
    return state


def _leaves(tree: Any, name: str) -> list[tuple[str, str, np.ndarray]]:
    modules = tree.items() if isinstance(tree, dict) else [("", None)]
    leaves = []
    for module, parameters in modules:
        if not isinstance(module, str) or not isinstance(parameters, dict):
            raise UserError(f"{name} holds no weights: it is not a dict of modules")
        for leaf, array in parameters.items():
            if not isinstance(leaf, str) or not isinstance(array, np.ndarray):
                raise UserError(f"{name} holds no weights: {module} is not a dict of arrays")
            leaves.append((module, leaf, array))
    return leaves


def _convert(array: np.ndarray, shape: tuple[int, ...], where: str, name: str) -> Tensor:
    if array.dtype != np.float32:
        raise UserError(f"{name}: {where} is {array.dtype}, and float32 is expected")
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)  # (H, W, in, out) -> (out, in, H, W)
    elif array.ndim == 2:
        array = array.T
    if array.shape != shape:
        raise UserError(
            f"{name}: {where} gives the shape {array.shape} and the model needs {shape}: "
            "it belongs to another variant or number of classes"
        )
    return torch.from_numpy(array.copy(order="C"))
