"""What is asked about a photo and what is answered. Imports no torch: the app speaks these."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from nfnet.run import UserError
from nfnet.variants import model_config

MAX_BYTES = 8 * 2**20  # of a picture's file
DEFAULT_MODEL = "nfnet_f0"
SMALL_MODEL = "nfnet_mini"  # where the default's weights are missing: its own come with the library


@dataclass(frozen=True)
class Perturbation:
    """How the picture is changed before the network sees it; the defaults change nothing."""

    brightness: float = 1.0  # factor on the pixels, 0.2 to 3
    rotation: float = 0.0  # degrees, anticlockwise, -180 to 180
    noise: float = 0.0  # standard deviation, pixels in 0..1; 0 to 0.5
    crop: float = 1.0  # share of each side that is kept, around the centre; 0.2 to 1

    def __post_init__(self) -> None:
        _check(self, "brightness", 0.2, 3.0)
        _check(self, "rotation", -180.0, 180.0)
        _check(self, "noise", 0.0, 0.5)
        _check(self, "crop", 0.2, 1.0)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Perturbation:
        """Inverse of `to_json`; UserError for unknown fields or bad values."""
        return cls(**_known(cls, values))


@dataclass(frozen=True)
class Occlusion:
    """A grey square put over what the network sees; shares of the seen square, 0 to 1."""

    x: float  # centre, from the left
    y: float  # centre, from the top
    side: float = 0.2

    def __post_init__(self) -> None:
        for name in ("x", "y", "side"):
            _check(self, name, 0.0, 1.0)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Occlusion:
        """Inverse of `to_json`; UserError for unknown fields or bad values."""
        return cls(**_known(cls, values, required={"x", "y"}))


@dataclass(frozen=True)
class Question:
    """What is asked about one picture.

    Raises:
        UserError: an unknown model, or a value out of range.
    """

    model: str = DEFAULT_MODEL
    perturbation: Perturbation = field(default_factory=Perturbation)
    occlusion: Occlusion | None = None
    heat_map: bool = False  # which places speak for the first answer
    top: int = 5  # how many answers

    def __post_init__(self) -> None:
        model_config(self.model)
        if not isinstance(self.perturbation, Perturbation):
            raise UserError(f"perturbation must be a Perturbation, not {self.perturbation!r}")
        if not isinstance(self.occlusion, Occlusion | None):
            raise UserError(f"occlusion must be an Occlusion or None, not {self.occlusion!r}")
        if not isinstance(self.heat_map, bool):
            raise UserError(f"heat_map must be true or false, not {self.heat_map!r}")
        if type(self.top) is not int or not 1 <= self.top <= 1000:
            raise UserError(f"top must be a whole number from 1 to 1000, not {self.top!r}")

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Question:
        """Inverse of `to_json`; UserError for unknown fields or bad values."""
        values = dict(_known(cls, values))
        if "perturbation" in values:
            values["perturbation"] = Perturbation.from_json(values["perturbation"])
        if values.get("occlusion") is not None:
            values["occlusion"] = Occlusion.from_json(values["occlusion"])
        return cls(**values)


@dataclass(frozen=True)
class Prediction:
    """One class and how probable the network finds it."""

    index: int  # the model's own
    label: str
    probability: float
    wnid: str  # WordNet's name of the class, "n01440764"; empty where there is none

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Prediction:
        return cls(**values)


@dataclass(frozen=True)
class Answer:
    """What the network makes of one picture."""

    model: str
    predictions: tuple[Prediction, ...]  # most probable first
    seconds: float  # one forward pass
    multiply_adds: int  # of that pass
    resolution: int  # px, the side of the square the network saw
    seen: bytes = field(repr=False)  # JPEG of that square, perturbed and occluded
    heat_map: list[list[float]] | None = field(default=None, repr=False)  # rows, 0 to 1; coarse
    threshold: float | None = None  # below this probability the net may not know, if its file says

    def to_json(self) -> dict[str, Any]:
        values = dataclasses.asdict(self)
        values["predictions"] = [prediction.to_json() for prediction in self.predictions]
        values["seen"] = base64.b64encode(self.seen).decode("ascii")
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Answer:
        """Inverse of `to_json`."""
        values = dict(values)
        values["predictions"] = tuple(map(Prediction.from_json, values["predictions"]))
        try:
            values["seen"] = base64.b64decode(values["seen"], validate=True)
        except binascii.Error as error:
            raise UserError("the picture in this answer is damaged; ask again") from error
        return cls(**values)


def _check(owner: Any, name: str, low: float, high: float) -> None:
    value = getattr(owner, name)
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high:
        raise UserError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")


def _known(cls: type, values: Any, required: set[str] = frozenset()) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UserError(f"expected the fields of a {cls.__name__}, not {values!r}")
    unknown = set(values) - {f.name for f in dataclasses.fields(cls)}
    if unknown:
        raise UserError(f"unknown setting {sorted(unknown)[0]!r}")
    if required - set(values):
        raise UserError(f"{sorted(required - set(values))[0]} is missing")
    return values
