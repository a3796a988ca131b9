"""The words in which a training run is described: its configuration, and what it may ask for.

This module imports no torch, so that the app can speak of runs without loading it.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Any

NORMS = ("nf", "batch", "none")
# parts of "nf" that a net can be built without: scaled weight standardization, the gain of the
# activation, the division by the predicted standard deviation
INGREDIENTS = ("ws", "gamma", "beta")
CLIP_BY = ("unit", "layer", "global")
STARTS = ("random", "nf_cifar10")
ARCHITECTURES = ("resnet", "nfnet")
DATASETS = ("shapes", "clutter", "cifar10")
# one's own pictures (nfnet.shelf): a folder's, or a zip's by 16 hexadecimal digits after OWN
FOLDER, OWN = "folder", "own:"
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "mixed")


class UserError(ValueError):
    """Something a person can mend; the text is one sentence that says what to do."""


@dataclass(frozen=True)
class Limits:
    """Upper bounds on what one run may ask for. The defaults only keep out nonsense."""

    steps: int = 1_000_000
    batch_size: int = 65_536
    resolution: int = 1024
    width: int = 8192
    blocks: int = 1000
    images: int = 10**10  # steps x batch size: what a run costs, however it is cut


ANYTHING = Limits()
# wide enough for the shipped net of CIFAR-10, which runs may begin with
CLASSROOM = Limits(steps=3000, batch_size=1024, resolution=32, width=160, blocks=24, images=64_000)
CLASSROOM_GPU = Limits(
    steps=5000, batch_size=4096, resolution=32, width=512, blocks=48, images=4_000_000
)


@dataclass(frozen=True)
class RunConfig:
    """One training run. The defaults are the lecture's live preset.

    Raises:
        UserError: a field is out of range, or two fields contradict each other.
    """

    norm: str = "nf"  # one of NORMS
    architecture: str = "resnet"  # one of ARCHITECTURES
    dataset: str = "shapes"  # one of DATASETS, or one's own pictures: FOLDER, OWN + 16 digits
    resolution: int = 16  # px
    train_images: int | None = None  # the first so many; None: the data set's own preset
    widths: tuple[int, ...] = (16, 32, 64)  # channels of each stage
    depths: tuple[int, ...] = (2, 2, 2)  # blocks of each stage
    activation: str = "relu"
    alpha: float = 0.2  # scale of the residual branch, norm "nf" only
    without: tuple[str, ...] = ()  # those of INGREDIENTS that are left out, norm "nf" only
    se_ratio: float | None = None  # squeeze-excite's hidden width; 0: no such layer; None: usual
    group_size: int = 16  # channels a group of an NFNet's 3x3: an eighth of the published nets'
    expansion: float = 0.5  # width of an NFNet's 3x3 convolutions over that of their block
    skip_gain: float | None = None  # SkipInit's initial value; None: no skip gain
    batch_size: int = 128
    steps: int = 100
    lr: float = 1.0  # peak learning rate; a half cosine takes it to zero
    warmup_steps: int = 0
    momentum: float = 0.9  # Nesterov
    weight_decay: float = 5e-4  # on weights; gains and biases are not decayed
    clipping: float | None = None  # AGC's threshold, lambda; None: no clipping
    clip_by: str = "unit"  # "unit": AGC; "layer": AGC with a layer as the unit; "global": the norm
    clipping_from: int = 1  # the first step (from 1) whose gradient is clipped
    augment: bool = False  # flips and shifts
    evaluate_every: int = 20  # steps between evaluations on the test set; 0: only at the end
    start: str = "random"  # or the name of a shipped net, whose weights the run begins with
    seed: int = 0
    device: str = "auto"  # CUDA, then MPS, then CPU
    precision: str = "auto"  # mixed on CUDA, float32 elsewhere

    def __post_init__(self) -> None:
        for name in ("widths", "depths"):
            values = getattr(self, name)
            if not isinstance(values, list | tuple) or not all(_is_int(v) for v in values):
                raise UserError(f"{name} must be whole numbers, one a stage, not {values!r}")
            object.__setattr__(self, name, tuple(values))
        known = isinstance(self.without, list | tuple)
        if not known or any(name not in INGREDIENTS for name in self.without):
            raise UserError(f"without must name some of {', '.join(INGREDIENTS)}")
        object.__setattr__(self, "without", tuple(n for n in INGREDIENTS if n in self.without))
        if self.dataset not in (*DATASETS, FOLDER) and not is_own(self.dataset):
            names = ", ".join((*DATASETS, FOLDER))
            raise UserError(f"dataset must be one of {names}, not {str(self.dataset)[:40]!r}")
        for name, options in _CHOICES.items():
            if getattr(self, name) not in options:
                raise UserError(
                    f"{name} must be one of {', '.join(options)}, not {getattr(self, name)!r}"
                )
        for name, (low, high) in _INTEGERS.items():
            _check_range(name, getattr(self, name), low, high, whole=True)
        for name, (low, high) in _NUMBERS.items():
            _check_range(name, getattr(self, name), low, high)
        for name, (low, high) in _OPTIONAL.items():
            if getattr(self, name) is not None:
                whole = name == "train_images"
                _check_range(name, getattr(self, name), low, high, whole=whole)
        if not isinstance(self.augment, bool):
            raise UserError(f"augment must be true or false, not {self.augment!r}")
        if len(self.widths) != len(self.depths) or not 1 <= len(self.widths) <= 4:
            raise UserError("widths and depths must name the same 1 to 4 stages")
        if min(self.widths) < 1 or min(self.depths) < 1:
            raise UserError("widths and depths must be at least 1")
        if self.architecture == "nfnet" and self.norm == "none":
            raise UserError("architecture 'nfnet' comes with norm 'nf' or 'batch'")
        inner = int(min(self.widths) * self.expansion)
        if self.architecture == "nfnet" and inner < self.group_size:
            raise UserError(
                f"widths x expansion must hold at least one group of {self.group_size} channels; "
                "take smaller groups or more channels"
            )
        if self.without and self.norm != "nf":
            raise UserError("only norm 'nf' has ingredients to leave out")
        self.check(ANYTHING)

    def check(self, limits: Limits) -> None:
        """Raises UserError where the run asks for more than `limits` allow."""
        asked = {
            "steps": self.steps,
            "batch_size": self.batch_size,
            "resolution": self.resolution,
            "width": int(max(self.widths) * max(1, self.expansion)),
            "blocks": sum(self.depths),
            "images": self.steps * self.batch_size,
        }
        for name, value in asked.items():
            limit = getattr(limits, name)
            if value > limit:
                what = "steps x batch_size" if name == "images" else name
                raise UserError(f"{what} is {value}, and at most {limit} is allowed here")

    def replace(self, **changes: Any) -> RunConfig:
        """The same run with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunConfig:
        """Inverse of `to_json`; UserError for unknown fields or bad values."""
        unknown = set(values) - {f.name for f in dataclasses.fields(cls)}
        if unknown:
            raise UserError(f"unknown setting {sorted(unknown)[0]!r}")
        return cls(**values)


_CHOICES = {
    "norm": NORMS,
    "architecture": ARCHITECTURES,
    "activation": ("relu", "gelu", "silu"),
    "device": DEVICES,
    "precision": PRECISIONS,
    "clip_by": CLIP_BY,
    "start": STARTS,
}
_INTEGERS = {
    "resolution": (8, 1024),
    "batch_size": (1, 65_536),
    "steps": (1, 1_000_000),
    "warmup_steps": (0, 1_000_000),
    "evaluate_every": (0, 1_000_000),
    "clipping_from": (1, 1_000_000),
    "group_size": (1, 8192),
    "seed": (0, 2**31 - 1),
}
_NUMBERS = {
    "alpha": (0.01, 10.0),
    "expansion": (0.01, 8.0),
    "lr": (0.0, 1e4),
    "momentum": (0.0, 0.999),
    "weight_decay": (0.0, 1.0),
}
_OPTIONAL = {
    "clipping": (1e-6, 1e6),
    "skip_gain": (-10.0, 10.0),
    "se_ratio": (0.0, 1.0),
    "train_images": (1, 10**7),
}


def is_own(dataset: Any) -> bool:
    """Whether this names a set of somebody's own pictures that came in a zip."""
    return isinstance(dataset, str) and bool(re.fullmatch(f"{OWN}[0-9a-f]{{16}}", dataset))


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_range(name: str, value: Any, low: float, high: float, whole: bool = False) -> None:
    number = _is_int(value) or (not whole and isinstance(value, float) and math.isfinite(value))
    if not number or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise UserError(f"{name} must be {kind} from {low:g} to {high:g}, not {value!r}")


def check_lever(name: str, value: Any) -> None:
    """Whether a run can be given this "clipping" threshold or peak rate, "lr", while it trains.

    Raises:
        UserError: it cannot.
    """
    bounds = _OPTIONAL["clipping"] if name == "clipping" else _NUMBERS["lr"]
    _check_range(name, value, *bounds)
