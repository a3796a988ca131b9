"""The demos by name: each is one function, compact in a slide and whole on its lab page.

Importing this module loads no Streamlit, so that the deck's parser can check a slide's parameters.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.deck.model import Still
from app.demos.mates_settings import COMPANIES, OWN
from app.demos.models_settings import NETS
from app.demos.presets import LAMBDAS, PRESETS
from app.demos.published_names import DEFAULTS, NAMES, OPTIONS
from nfnet.drawings import SAMPLES
from nfnet.run import UserError

Validator = Callable[[Any], Any]  # a text or a value in, the value out; ValueError says what is off


def _nothing(params: dict[str, Any]) -> Any:
    return ()


@dataclass(frozen=True)
class Demo:
    """One idea's figure.

    `render(params, compact)` draws it with the current Streamlit page as its surface; `params` is
    what `read` returns. `page` is the file of the lab page that shows it whole, from app/; `lab`
    gives the address's settings (name, value) under which that page shows what the slide shows.
    `still` gives what is printed in the demo's place; nothing: the slide's `alt` is.
    """

    id: str
    title: str
    page: str
    render: Callable[[dict[str, Any], bool], None]
    parameters: Mapping[str, Validator] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    still: Callable[[dict[str, Any]], tuple[Still, ...]] = _nothing
    lab: Callable[[dict[str, Any]], Iterable[tuple[str, str]]] = _nothing

    def read(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The defaults with `params` (texts, as a slide writes them) checked and put over them.

        Raises:
            UserError: an unknown parameter, or a value that its validator refuses.
        """
        values = dict(self.defaults)
        for name, value in params.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters)
                raise UserError(f"demo '{self.id}' has no parameter '{name}'; it has {known}")
            try:
                values[name] = self.parameters[name](value)
            except ValueError as error:
                raise UserError(f"demo '{self.id}': {name} {error}") from None
        return values


def one_of(*options: str) -> Validator:
    """A validator for one word out of `options`."""

    def read(value: Any) -> str:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        text = f"{value:g}" if number else value
        if not isinstance(text, str) or text not in options:
            raise ValueError(f"must be one of {', '.join(options)}, not {value!r}")
        return text

    return read


def whole(low: int, high: int) -> Validator:
    """A validator for a whole number from `low` to `high`."""

    def read(value: Any) -> int:
        text = str(value)
        if not re.fullmatch(r"\d{1,10}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r}")
        return int(text)

    return read


def slug(value: Any) -> str:
    """A validator for a short name: small letters, digits, dashes and underscores."""
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", value):
        raise ValueError(f"must be small letters, digits and dashes, not {value!r}")
    return value


def words(*options: str) -> Validator:
    """A validator for a list of words (or "a+b"), each out of `options`; "none" is no word."""

    def read(value: Any) -> tuple[str, ...]:
        chosen = value if isinstance(value, list | tuple) else str(value).split("+")
        if list(chosen) == ["none"]:
            return ()
        return tuple(one_of(*options)(word) for word in chosen)

    return read


def _lazily(module: str, name: str = "render") -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments)

    return call


# `key` starts the names of a demo's widgets; two demos on one page need two keys.
DEMOS: dict[str, Demo] = {
    "race": Demo(
        id="race",
        title="Race the recipes",
        page="views/train.py",
        render=_lazily("app.demos.race"),
        still=_lazily("app.demos.stills", "race"),
        lab=_lazily("app.demos.labs", "race"),
        parameters={
            "preset": one_of(*PRESETS),
            "controls": words("clipping", "lr", "batch"),  # the levers a slide shows
            "arrival": one_of("recorded", "empty"),  # what a slide shows before Start
            "seed": whole(0, 9999),
            "key": slug,
        },
        defaults={
            "preset": "four",
            "controls": ("clipping",),
            "arrival": "recorded",
            "seed": 0,
            "key": "race",
        },
    ),
    "cold_open": Demo(
        id="cold_open",
        title="A net dies; one slider saves it",
        page="views/train.py",
        render=_lazily("app.demos.cold_open"),
        still=_lazily("app.demos.stills", "cold_open"),
        lab=_lazily("app.demos.labs", "cold_open"),
        parameters={"seed": whole(0, 9999), "key": slug},
        defaults={"seed": 0, "key": "cold_open"},
    ),
    "clipping": Demo(
        id="clipping",
        title="What clipping does to real gradients",
        page="views/clipping.py",
        render=_lazily("app.demos.clipping"),
        still=_lazily("app.demos.stills", "clipping"),
        lab=_lazily("app.demos.labs", "clipping"),
        parameters={
            "step": one_of("0", "20", "60", "trained"),  # steps done when the gradient is taken
            "clipping": one_of(*LAMBDAS),
            "key": slug,
        },
        defaults={"step": "20", "clipping": "0.01", "key": "clipping"},
    ),
    "models": Demo(
        id="models",
        title="What a net is made of",
        page="views/models.py",
        render=_lazily("app.demos.models"),
        still=_lazily("app.demos.models_still", "still"),
        lab=_lazily("app.demos.models", "lab"),
        parameters={"net": one_of(*NETS), "key": slug},
        defaults={"net": "nfnet_f0", "key": "models"},
    ),
    "blackbox": Demo(
        id="blackbox",
        title="Black box of a crashed run",
        page="views/blackbox.py",
        render=_lazily("app.demos.blackbox"),
        still=_lazily("app.demos.blackbox", "still"),
        lab=_lazily("app.demos.blackbox", "lab"),
        parameters={
            "seed": one_of("0", "1", "2"),
            "step": whole(1, 100),  # where the line stands, and from which AGC would act
            "clipping": one_of(*LAMBDAS[:-1]),
            "key": slug,
        },
        defaults={"seed": "2", "step": 24, "clipping": "0.1", "key": "blackbox"},
    ),
    "mates": Demo(
        id="mates",
        title="Who sits at your table",
        page="views/mates.py",
        render=_lazily("app.demos.mates"),
        still=_lazily("app.demos.mates", "still"),
        lab=_lazily("app.demos.mates", "lab"),
        parameters={"own": one_of(*SAMPLES), "company": one_of(*COMPANIES), "key": slug},
        defaults={"own": OWN, "company": "swap", "key": "mates"},
    ),
    "propagation": Demo(
        id="propagation",
        title="Signal propagation",
        page="views/propagation.py",
        render=_lazily("app.demos.propagation"),
        still=_lazily("app.demos.propagation", "still"),
        lab=_lazily("app.demos.propagation", "lab"),
        parameters={
            "part": one_of("curves", "unit"),
            "net": one_of("nf", "batch", "none"),
            "parts": words("ws", "gamma", "alpha", "beta"),  # those of the NF net that are in
            "key": slug,
        },
        defaults={
            "part": "curves",
            "net": "nf",
            "parts": ("ws", "gamma", "alpha", "beta"),
            "key": "propagation",
        },
    ),
    "standardization": Demo(
        id="standardization",
        title="Weight standardization",
        page="views/standardization.py",
        render=_lazily("app.demos.standardization"),
        still=_lazily("app.demos.standardization", "still"),
        lab=_lazily("app.demos.standardization", "lab"),
        parameters={"part": one_of("filters", "gamma", "limit"), "key": slug},
        defaults={"part": "filters", "key": "standardization"},
    ),
    "photos": Demo(
        id="photos",
        title="What does the network see?",
        page="views/photos.py",
        render=_lazily("app.demos.photos"),
        still=_lazily("app.demos.photo_still", "still"),
        parameters={"sample": one_of(*SAMPLES), "key": slug},
        defaults={"sample": "lighthouse", "key": "photo"},
    ),
    "sweeps": Demo(
        id="sweeps",
        title="Thresholds, batches and nets",
        page="views/sweeps.py",
        render=_lazily("app.demos.sweeps"),
        still=_lazily("app.demos.sweeps", "still"),
        lab=_lazily("app.demos.sweeps", "lab"),
        parameters={"sweep": one_of("map", "u", "small"), "key": slug},
        defaults={"sweep": "map", "key": "sweeps"},
    ),
    "factorial": Demo(
        id="factorial",
        title="Which ingredient matters on a toy net?",
        page="views/factorial.py",
        render=_lazily("app.demos.factorial"),
        still=_lazily("app.demos.factorial", "still"),
        lab=_lazily("app.demos.factorial", "lab"),
        parameters={
            "net": one_of("NF-ResNet"),
            "lr": one_of("0.3", "1"),
            "key": slug,
        },
        defaults={"net": "NF-ResNet", "lr": "1", "key": "factorial"},
    ),
    "design": Demo(
        id="design",
        title="Design your own NFNet",
        page="views/design.py",
        render=_lazily("app.demos.design"),
        still=_lazily("app.demos.design", "still"),
        parameters={"key": slug},
        defaults={"key": "design"},
    ),
    "costs": Demo(
        id="costs",
        title="What a normalizer costs",
        page="views/costs.py",
        render=_lazily("app.demos.costs"),
        still=_lazily("app.demos.costs", "still"),
        lab=_lazily("app.demos.costs", "lab"),
        parameters={
            "width": one_of("16", "32"),  # channels of the first stage
            "batch": one_of("4", "16", "64", "128"),
            "passes": one_of("both", "forward", "backward"),
            "unit": one_of("ms", "share"),
            "key": slug,
        },
        defaults={
            "width": "16",
            "batch": "128",
            "passes": "both",
            "unit": "ms",
            "key": "cost",
        },
    ),
    "published": Demo(
        id="published",
        title="What the papers report",
        page="views/published.py",
        render=_lazily("app.demos.published"),
        still=_lazily("app.demos.published_figures", "still"),
        lab=_lazily("app.demos.published", "lab"),
        parameters={
            "figure": one_of(*NAMES),
            **{option: one_of(*choices) for option, choices in OPTIONS.items()},
            "key": slug,
        },
        defaults={"figure": "waterfall", **DEFAULTS, "key": "published"},
    ),
}
