"""Our own weight files: safetensors that say in their metadata what is inside. Imports no torch.

The metadata are texts; `format` is "nfnet 1" and the others are JSON: the net's configuration, the
names of its classes, how a picture is prepared, and where the weights come from. A file may come
from anywhere, so all of it is checked before it is believed.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nfnet.mapped import looks_like_safetensors, open_safetensors
from nfnet.run import ANYTHING, UserError
from nfnet.variants import NFNetConfig, ResNetConfig

FORMAT = "nfnet 1"
MAX_CLASSES = 100_000
MAX_TEXT = 10_000  # characters of one text in the provenance, 200 of a label
RESIZES = ("short side", "squash")
_FREE = {"num_classes", "drop_rate", "stochastic_depth", "train_size", "test_size"}
_KINDS = {"nfnet": NFNetConfig, "resnet": ResNetConfig}


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the network's input.

    Raises:
        UserError: a field is of the wrong type or out of range.
    """

    resolution: int  # px, side of the square that the network sees
    mean: tuple[float, float, float]  # of the training images by channel, pixels in 0..1
    std: tuple[float, float, float]
    resize: str = "short side"  # to resolution + margin; "squash": both sides, whatever the aspect
    margin: int = 0  # px, cut off again by a central crop

    def __post_init__(self) -> None:
        if not _is_whole(self.resolution, 1, ANYTHING.resolution):
            raise UserError(f"resolution must be a whole number up to {ANYTHING.resolution}")
        for name in ("mean", "std"):
            values = getattr(self, name)
            if not isinstance(values, list | tuple) or len(values) != 3:
                raise UserError(f"{name} must be three numbers")
            if not all(_is_number(value, -10, 10) for value in values):
                raise UserError(f"{name} must be three numbers")
            object.__setattr__(self, name, tuple(map(float, values)))
        if min(self.std) <= 0:
            raise UserError("std must be positive")
        if self.resize not in RESIZES:
            raise UserError(f"resize must be one of {', '.join(RESIZES)}")
        if not _is_whole(self.margin, 0, ANYTHING.resolution):
            raise UserError(f"margin must be a whole number from 0 to {ANYTHING.resolution}")

    @classmethod
    def from_json(cls, values: Any) -> Preprocessing:
        """From a dict of its fields; UserError for unknown or missing ones."""
        return _build(cls, values, "preprocessing")


@dataclass(frozen=True)
class WeightsInfo:
    """What one of our files says about its weights.

    Raises:
        UserError: a part is of the wrong type or out of range.
    """

    config: NFNetConfig | ResNetConfig
    classes: tuple[tuple[str, str], ...]  # (WordNet's name or "", label) by index
    preprocessing: Preprocessing
    provenance: dict[str, Any] = field(default_factory=dict)  # free; threshold, temperature checked

    def __post_init__(self) -> None:
        _check_classes(self.classes, self.config.num_classes)
        _check_provenance(self.provenance)

    @property
    def threshold(self) -> float | None:
        """Below this probability the net may not know what it sees."""
        return self.provenance.get("threshold")

    @property
    def temperature(self) -> float:
        """What the logits are divided by so that the probabilities mean what they say."""
        return self.provenance.get("temperature", 1.0)

    def to_metadata(self) -> dict[str, str]:
        """The texts for a safetensors header."""
        kind = next(name for name, cls in _KINDS.items() if type(self.config) is cls)
        parts = {
            "config": {"kind": kind, **dataclasses.asdict(self.config)},
            "classes": self.classes,
            "preprocessing": dataclasses.asdict(self.preprocessing),
            "provenance": self.provenance,
        }
        return {"format": FORMAT} | {
            name: json.dumps(part, ensure_ascii=False, allow_nan=False)
            for name, part in parts.items()
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> WeightsInfo:
        """Inverse of `to_metadata`; UserError says which part is wrong."""
        if metadata.get("format") != FORMAT:
            raise UserError(f"is of the format {metadata.get('format')!r:.40}; {FORMAT!r} is read")
        parts = {name: _from_json(metadata, name) for name in _PARTS}
        classes = parts["classes"]
        if not isinstance(classes, list) or not all(isinstance(row, list) for row in classes):
            raise UserError("classes must be pairs of texts")
        return cls(
            config=_config(parts["config"]),
            classes=tuple(map(tuple, classes)),
            preprocessing=Preprocessing.from_json(parts["preprocessing"]),
            provenance=parts["provenance"],
        )


_PARTS = ("config", "classes", "preprocessing", "provenance")


def read_metadata(path: str | Path) -> WeightsInfo | None:
    """What one of our files says about itself; None for a file of another format.

    Raises:
        UserError: the file is missing or damaged, or is one of ours and says something impossible.
    """
    path = Path(path)
    if not looks_like_safetensors(path):
        return None
    with open_safetensors(path) as file:
        metadata = file.metadata() or {}
    if not metadata.get("format", "").startswith("nfnet"):
        return None
    try:
        return WeightsInfo.from_metadata(metadata)
    except UserError as error:
        raise UserError(f"{path.name} cannot be used: its metadata say that {error}") from None


def difference(stored: NFNetConfig | ResNetConfig, config: NFNetConfig | ResNetConfig) -> str:
    """In what a file's net is another than `config`; empty if in nothing that its weights need."""
    if type(stored) is not type(config):
        return "it is another kind of net"
    for name, value in vars(config).items():
        found = getattr(stored, name)
        if name not in _FREE and found != value:
            return f"its {name} is {found}, not {value}"
    return ""


def _from_json(metadata: Mapping[str, str], name: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        return json.loads(metadata[name], parse_constant=refuse)
    except KeyError:
        raise UserError(f"{name} is missing") from None
    except (ValueError, RecursionError):
        raise UserError(f"{name} is no JSON") from None


def _config(values: Any) -> NFNetConfig | ResNetConfig:
    kind = values.get("kind") if isinstance(values, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise UserError(f"config must be of one of the kinds {', '.join(_KINDS)}")
    fields = {name: value for name, value in values.items() if name != "kind"}
    for name, value in fields.items():
        if not _FIELDS.get(name, lambda value: _is_number(value, 0, 100))(value):
            raise UserError(f"config has an impossible {name:.40}")
        if isinstance(value, list):
            fields[name] = tuple(value)
    return _build(_KINDS[kind], fields, "config")


def _build(cls: type, values: Any, name: str) -> Any:
    if not isinstance(values, dict):
        raise UserError(f"{name} must be an object")
    try:
        return cls(**values)
    except TypeError:
        raise UserError(f"{name} has unknown or missing fields") from None


def _check_classes(classes: Any, expected: int) -> None:
    if len(classes) != expected:
        raise UserError(f"there are {len(classes)} classes where the net has {expected}")
    for row in classes:
        if not isinstance(row, tuple) or len(row) != 2 or not all(map(_is_line, row)):
            raise UserError("classes must be pairs of short texts")


def _check_provenance(provenance: Any) -> None:
    if not isinstance(provenance, dict):
        raise UserError("provenance must be an object")
    waiting: list[Any] = [provenance]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | list | tuple):
            waiting.extend([*value, *value.values()] if isinstance(value, dict) else value)
        elif isinstance(value, str) and len(value) > MAX_TEXT:
            raise UserError(f"a text in provenance has more than {MAX_TEXT} characters")
        elif isinstance(value, float) and not math.isfinite(value):
            raise UserError("a number in provenance is not finite")
        elif not isinstance(value, str | int | float | None):
            raise UserError(f"provenance cannot hold a {type(value).__name__}")
    for name, low, high in (("threshold", 0.0, 1.0), ("temperature", 0.01, 100.0)):
        if name in provenance and not _is_number(provenance[name], low, high):
            raise UserError(f"{name} must be a number from {low:g} to {high:g}")


def _is_whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _is_number(value: Any, low: float, high: float) -> bool:
    return type(value) in (int, float) and low <= value <= high


def _is_stages(value: Any, high: int) -> bool:
    return isinstance(value, list) and all(_is_whole(n, 1, high) for n in value)


def _is_size(value: Any) -> bool:
    return value is None or _is_whole(value, 1, ANYTHING.resolution)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_line(text: Any) -> bool:
    return isinstance(text, str) and len(text) <= 200 and (text.isprintable() or not text)


# What a configuration's fields may be; the others are numbers from 0 to 100.
_FIELDS = {
    "widths": partial(_is_stages, high=ANYTHING.width),
    "depths": lambda value: _is_stages(value, ANYTHING.blocks) and sum(value) <= ANYTHING.blocks,
    "group_size": partial(_is_whole, low=1, high=ANYTHING.width),
    "num_classes": partial(_is_whole, low=1, high=MAX_CLASSES),
    "without": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "skip_gain": lambda value: value is None or _is_number(value, -100, 100),
    "train_size": _is_size,
    "test_size": _is_size,
} | dict.fromkeys(("activation", "stem", "norm", "block", "shortcut"), _is_text)
