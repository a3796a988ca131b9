"""Models by name, with published weights or our own put into them.

Three kinds of file are told apart by content: timm's safetensors, our own safetensors, and the
official pickles. Whatever the kind, every tensor of the file is used once, and its shape and type
are checked, before the model changes.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from nfnet.checkpoint import Preprocessing, WeightsInfo, difference, read_metadata
from nfnet.devices import pick_device, without_weights
from nfnet.haiku import convert_haiku
from nfnet.hub import fetch_weights
from nfnet.mapped import looks_like_safetensors, open_safetensors
from nfnet.model import NFNet
from nfnet.pickles import read_pickle
from nfnet.published import find_weights
from nfnet.relay import returned
from nfnet.resnet import ResNet
from nfnet.run import UserError
from nfnet.timm_names import timm_name, timm_shape
from nfnet.variants import NFNetConfig, ResNetConfig, model_config

__all__ = [
    "create_model",
    "fetch_weights",
    "find_weights",
    "load_weights",
    "read_metadata",
    "save_weights",
]
_HALVES = {"F16": torch.float16, "BF16": torch.bfloat16}


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    weights: str | os.PathLike[str] | None = None,
    device: str | torch.device = "auto",
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """A model by its name (see `nfnet.list_models`), in evaluation mode if it has weights.

    With weights nothing is initialised and nothing copied: safetensors are mapped to memory, and a
    parameter is read from the disk when it is first used.

    Args:
        num_classes: 1000, or as many as our own weights have, unless told otherwise.
        weights: None for random ones, a file's path, or "pretrained" for the published or shipped
            ones, which are found on disk or else downloaded.
        device: "auto" is CUDA, then MPS, then the CPU.

    Raises:
        UserError: an unknown name, or weights that cannot be found, read, or do not fit.
    """
    config = model_config(name)
    if weights is None:
        return build(config, num_classes or 1000).to(pick_device(device), dtype)
    path = _pretrained(name) if weights == "pretrained" else Path(weights)
    if num_classes is None:
        info = read_metadata(path)
        num_classes = info.config.num_classes if info else 1000
    model = blank(config, num_classes)
    load_weights(model, path)
    return model.eval().to(pick_device(device), dtype)


def build(config: NFNetConfig | ResNetConfig, num_classes: int | None = None) -> NFNet | ResNet:
    """The net of a configuration, with random weights."""
    if num_classes is not None:
        config = dataclasses.replace(config, num_classes=num_classes)
    if isinstance(config, NFNetConfig):
        return NFNet(config)
    fields = {**vars(config)}
    del fields["train_size"], fields["test_size"]
    return ResNet(**fields)


def blank(config: NFNetConfig | ResNetConfig, num_classes: int | None = None) -> NFNet | ResNet:
    """The net of a configuration without any weights, on the meta device; for `load_weights`."""
    with without_weights():
        return build(config, num_classes)


def _pretrained(name: str) -> Path:
    return returned(fetch_weights(name))


def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Puts the weights of a file into an NFNet or NF-ResNet, or leaves the model as it was.

    The file is timm's or our safetensors, or an official pickle; half precision becomes float32. A
    model on the meta device takes the tensors as they lie in the file, any other copies them.

    Raises:
        UserError: the file is missing, damaged, of another format, or of another model.
    """
    path, expected = Path(path), model.state_dict()
    if looks_like_safetensors(path):
        state = _read_safetensors(path, model.config, expected)
    elif _starts_as_pickle(path):
        state = convert_haiku(read_pickle(path), expected, path.name)
    else:
        raise UserError(
            f"{path.name} is of a format that is not read here; give safetensors or one of the "
            "official F0 to F6 files"
        )
    model.load_state_dict(state, assign=any(tensor.is_meta for tensor in expected.values()))
    model.weights_info = read_metadata(path)  # labels and preprocessing go where the weights go


def _starts_as_pickle(path: Path) -> bool:
    """The official pickles are called .npz, which they are not."""
    with path.open("rb") as file:
        return file.read(1) == b"\x80"


def _read_safetensors(
    path: Path, config: NFNetConfig | ResNetConfig, expected: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    info = read_metadata(path)
    if info is not None:
        if other := difference(info.config, config):
            raise UserError(f"{path.name} holds another net: {other}")
        return _take(path, expected, lambda name: name, lambda name, shape: tuple(shape), _HALVES)
    if not isinstance(config, NFNetConfig):
        raise UserError(f"{path.name} is not one of our own files, and timm's hold NFNets only")
    return _take(path, expected, lambda name: timm_name(name, config.depths), timm_shape, {})


def _take(
    path: Path,
    expected: Mapping[str, Tensor],
    name_of: Callable[[str], str | None],
    shape_of: Callable[[str, torch.Size], tuple[int, ...]],
    halves: Mapping[str, torch.dtype],
) -> dict[str, Tensor]:
    """The file's tensors by our names and in our shapes, mapped to memory where they are float32.

    Args:
        halves: further types that are read, and made float32.
    """
    state = {}
    with open_safetensors(path, "pt") as file:
        left = set(file.keys())
        for parameter, tensor in expected.items():
            name = name_of(parameter)
            if name not in left:
                raise UserError(f"{path.name} lacks {name or parameter}: {_OTHER}")
            left.remove(name)
            part, shape = file.get_slice(name), shape_of(parameter, tensor.shape)
            kind, found = part.get_dtype(), tuple(part.get_shape())
            allowed = {"F32", *halves} if tensor.is_floating_point() else {"I64"}
            if kind not in allowed:
                raise UserError(f"{path.name}: {name} is {kind}, and {min(allowed)} is expected")
            if found != shape:
                raise UserError(
                    f"{path.name}: {name} has the shape {found} and the model needs {shape}: "
                    f"{_OTHER} or number of classes"
                )
            state[parameter] = _ready(file.get_tensor(name), kind).view(tensor.shape)
    if left:
        raise UserError(f"{path.name} also has {min(left):.80}: {_OTHER}")
    return state


_OTHER = "it belongs to another model"


def _ready(tensor: Tensor, kind: str) -> Tensor:
    if kind in _HALVES:
        return tensor.float()
    # an old or foreign writer may not have aligned the data, which some kernels rely on
    return tensor.clone() if tensor.data_ptr() % tensor.element_size() else tensor


def save_weights(
    model: NFNet | ResNet,
    path: str | os.PathLike[str],
    *,
    classes: Sequence[Sequence[str]],
    preprocessing: Preprocessing | Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Writes a file of our own format (see `nfnet.checkpoint`), whole or not at all.

    Args:
        model: not folded.
        classes: (WordNet's name or "", label) of each class, by index.
        provenance: data set, terms, recipe, accuracy, licence …; the numbers `threshold` and
            `temperature` are used by whoever classifies.
        dtype: how to store the weights; float16 halves the file.

    Raises:
        UserError: the description does not fit the model, or a number does not fit the type.
    """
    path = Path(path)
    if not isinstance(preprocessing, Preprocessing):
        preprocessing = Preprocessing.from_json(dict(preprocessing))
    info = WeightsInfo(
        model.config, tuple(map(tuple, classes)), preprocessing, {**(provenance or {})}
    )
    whole = blank(model.config).state_dict()
    state = model.state_dict()
    if state.keys() != whole.keys():
        raise UserError("a folded model cannot be saved; save the one that it was folded from")
    tensors = {}
    for name, tensor in state.items():
        stored = tensor.detach().cpu().to(dtype if tensor.is_floating_point() else None)
        if not torch.isfinite(stored).all():
            raise UserError(f"{name} holds a number that {dtype} cannot; the file is not written")
        tensors[name] = stored.contiguous()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, part, info.to_metadata())
        read_metadata(part)
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
