"""The published figures by name: numbers of slides/tables in, Plotly figures out. No Streamlit.

A print view and a page draw the same ones: `published_figure("waterfall", net="F1")`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from app.deck.model import Still
from app.demos import tables
from app.demos.published_ablation import waterfall
from app.demos.published_batches import batch_scaling, bn_share, small_batches, step_time
from app.demos.published_cost import PRICES, cost, spent
from app.demos.published_names import DEPTHS, NETS, PIXELS
from app.demos.published_paint import Drawn, Look
from app.demos.published_timeline import after_2021
from app.demos.published_transfer import extra_data, nf_resnet
from nfnet.run import UserError


@dataclass(frozen=True)
class Option:
    """What a viewer may switch in a figure: its name for them, and each choice with its label."""

    called: str
    choices: Mapping[str, str]


@dataclass(frozen=True)
class Published:
    """One figure: its title, the function that draws it, and what can be switched.

    `live` options are shown in a slide, too; the others only on the whole page.
    """

    title: str
    draw: Callable[..., Drawn]
    options: Mapping[str, Option] = field(default_factory=dict)
    live: bool = False


FIGURES: dict[str, Published] = {
    "waterfall": Published(
        "AGC or the architecture? The paper's own ablation",
        waterfall,
        {"net": Option("Net", {net: f"NFNet-{net}" for net in NETS})},
    ),
    "cost": Published(
        "Where is the catch? Accuracy against its price",
        cost,
        {"axis": Option("Price", {axis: called for axis, (*_, called) in PRICES.items()})},
        live=True,
    ),
    "batch-scaling": Published(
        "Accuracy by batch size",
        batch_scaling,
        {"depth": Option("Net", {depth: f"ResNet-{depth}" for depth in DEPTHS})},
    ),
    "step-time": Published("What a step costs with BN", step_time),
    "bn-share": Published("Where a step's time goes", bn_share),
    "extra-data": Published(
        "Pre-trained on 300 million images: NF against BN",
        extra_data,
        {"pixels": Option("Fine-tuned at", {side: f"{side} px" for side in PIXELS})},
    ),
    "extra-data-cost": Published("Pre-trained on more data: accuracy against computation", spent),
    "nf-resnet": Published("NF-RegNets and EfficientNets", nf_resnet),
    "small-batches": Published("Error by images a device", small_batches),
    "after-2021": Published("What became of it", after_2021),
}


def published_figure(
    name: str, *, dark: bool = False, size: int = 18, narrow: bool = False, **options: str
) -> go.Figure:
    """A figure of published numbers; its height is set, its width is that of where it is shown.

    Args:
        name: a key of FIGURES.
        dark: for the dark page.
        size: of the letters, in pixels; the height follows.
        narrow: laid out for a phone.
        options: of this figure, as in FIGURES[name].options.

    Raises:
        UserError: no such figure, option or choice.
    """
    return drawn(name, Look(dark, size, narrow), options).figure


def published_alt(name: str, **options: str) -> str:
    """What the figure shows, in words, with its numbers. Errors as for `published_figure`."""
    return drawn(name, Look(), options).alt


def published_source(name: str, brief: bool = False, **options: str) -> str:
    """Papers, tables and conditions behind the figure's numbers, as Markdown.

    `brief` is for a slide: see tables.small_print. Errors as for `published_figure`.
    """
    return tables.small_print(drawn(name, Look(), options).rows, brief)


def still(params: Mapping[str, Any]) -> tuple[Still, ...]:
    """The figure for paper or a file, on a white page; `params` as the demo reads them."""
    name = params["figure"]
    options = {option: params[option] for option in FIGURES[name].options}
    figure, alt, rows = drawn(name, Look(size=20), options)
    return (Still(figure.to_plotly_json(), alt, tables.small_print(rows, brief=True)),)


def drawn(name: str, look: Look, options: Mapping[str, Any]) -> Drawn:
    """Figure and words together. Errors as for `published_figure`."""
    published = _find(name)
    for option, value in options.items():
        if option not in published.options:
            known = ", ".join(published.options) or "none"
            raise UserError(f"figure '{name}' has no option '{option}'; it has {known}")
        if value not in published.options[option].choices:
            known = ", ".join(published.options[option].choices)
            raise UserError(f"figure '{name}': {option} must be one of {known}, not {value!r}")
    return published.draw(look, **options)


def _find(name: str) -> Published:
    if name not in FIGURES:
        raise UserError(f"there is no figure '{name}'; choose from {', '.join(FIGURES)}")
    return FIGURES[name]
