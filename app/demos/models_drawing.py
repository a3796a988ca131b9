"""A net drawn block by block: rows with shapes, and bars of what each costs. No Streamlit.

Blocks that are alike share a row and a bar with a segment for each. The drawing is a table, so that
it can be read aloud, and where it is narrow each row puts its bars below its words.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from app.theme import COLOURS
from nfnet.counts import Config, Counts, Layer, Part, Shape
from nfnet.peers import EfficientNetConfig, PeerConfig

NARROWEST = 8  # % of a bar's place, 50 px at least, that a segment needs beside a gap of 2 px

STYLE = """<style>
.net-rows {{ container-type: inline-size; font-size: {size}; line-height: 1.35;
  --paint: light-dark({light}, {dark}); }}
.net-rows table {{ width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }}
.net-rows caption {{ text-align: left; padding-bottom: 0.3em; }}
.net-rows :is(th, td) {{ text-align: left; font-weight: 400; padding: 0.22em 1.2em 0.22em 0;
  border-top: 1px solid rgba(128,138,150,0.3); vertical-align: middle; }}
.net-rows thead th {{ border-top: 0; opacity: 0.8; }}
.net-rows tbody th {{ text-wrap: balance; }}
.net-rows tr.chosen th {{ font-weight: 700; }}
.net-rows .many {{ white-space: nowrap; }}
.net-rows .cost {{ width: 24%; white-space: nowrap; padding-right: 0; }}
.net-rows .cost b {{ display: inline-block; width: 4.7em; font-weight: 400; }}
.net-rows .cost i {{ display: inline-block; width: calc(100% - 5.8em); height: 0.8em; }}
.net-rows .cost s {{ display: block; height: 100%; min-width: 2px; background: var(--paint); }}
.net-rows .cost s.parts {{ background: repeating-linear-gradient(90deg,
  var(--paint) 0 calc(100% / var(--n) - var(--gap)),
  transparent calc(100% / var(--n) - var(--gap)) calc(100% / var(--n))); }}
.net-rows .skip th {{ padding-left: 1.2em; }}
@container (max-width: 38em) {{
  .net-rows thead {{ position: absolute; clip-path: inset(50%); width: 1px; height: 1px;
    overflow: hidden; }}
  .net-rows tbody tr {{ display: flex; flex-wrap: wrap; column-gap: 0.8em;
    padding-block: 0.3em; border-top: 1px solid rgba(128,138,150,0.3); }}
  .net-rows tbody :is(th, td) {{ border: 0; padding: 0; }}
  .net-rows tbody th {{ flex: 1 1 40%; }}
  .net-rows tbody .many {{ text-align: right; }}
  .net-rows .cost {{ flex: 1 1 calc(50% - 0.4em); }}
  .net-rows .cost::before {{ content: attr(data-what); opacity: 0.8; margin-right: 0.4em; }}
  .net-rows .cost b {{ width: auto; }}
  .net-rows .cost i {{ display: block; width: 100%; height: 0.6em; }}
}}
</style>"""


@dataclass(frozen=True)
class Row:
    """One line of the drawing. `id` is how a link names it; `alike` is for how many parts."""

    id: str
    name: str
    shape: str
    parameters: int
    multiply_adds: int
    alike: int = 1
    skip: bool = False  # on the shortcut, beside the branch


def short(value: float) -> str:
    """A count in the usual units: 12.38 G, 71.5 M, 118.9 k, 64."""
    for size, unit, digits in ((1e9, "G", 2), (1e6, "M", 1)):
        if round(value / size, digits) >= 1:
            return f"{value / size:,.{digits}f} {unit}"
    if value >= 1000:
        return f"{value / 1000:.1f} k"
    return f"{value:.0f}"


def rows(counts: Counts) -> list[Row]:
    """The stem, each stage's first block and the others alike, the head."""
    found = []
    for stage, parts in groupby(counts.parts, lambda part: part.stage):
        groups = [list(alike) for _, alike in groupby(parts, _signature)]
        for n, alike in enumerate(groups):
            if stage is None:
                found.append(_row(alike[0].name, _outer(alike[0]), alike))
                continue
            called = f"{len(alike)} block{'s'[: len(alike) > 1]}"
            if len(groups) > 1:
                called = f"{len(alike)} more" if n else "first block"
            found.append(_row(f"{stage + 1}{'ab'[n]}", f"Stage {stage + 1}, {called}", alike))
    return found


def _signature(part: Part) -> tuple:
    return part.in_shape, part.out_shape, part.parameters, part.multiply_adds


def _outer(part: Part) -> str:
    convolutions = sum(layer.kind == "conv" for layer in part.layers)
    if part.name == "stem":
        return f"Stem, {convolutions} convolution{'s'[: convolutions > 1]}"
    return "Head and classifier" if convolutions else "Classifier"


def _row(name: str, called: str, parts: Sequence[Part]) -> Row:
    parameters = sum(part.parameters for part in parts)
    work = sum(part.multiply_adds for part in parts)
    return Row(name, called, shape(parts[-1].out_shape), parameters, work, len(parts))


def shape(size: Shape) -> str:
    """Channels, and pixels a side: 256 × 64² px."""
    channels, side, _ = size
    return f"{channels:,} × {side}² px" if side > 1 else f"{channels:,}"


def part_of(counts: Counts, row: str) -> Part:
    """The first of the parts that a row of this id stands for."""
    at = 0
    for found in rows(counts):
        if found.id == row:
            return counts.parts[at]
        at += found.alike
    raise KeyError(row)


def layer_rows(part: Part) -> list[Row]:
    """Each layer of a part, in order; those of its shortcut last."""
    return [_layer_row(layer) for layer in part.layers]


def _layer_row(layer: Layer) -> Row:
    name, size, width = layer.name.split(".")[-1], layer.kernel_size, layer.out_shape[0]
    called = {"norm": "Batch normalization", "scalar": "Skip gain"}
    if layer.kind == "conv":
        depthwise = 1 < layer.groups == width
        text = f"{size}×{size} {'depthwise ' * depthwise}convolution"
        text += ", stride 2" if layer.stride > 1 else ""
        if layer.groups > 1 and not depthwise:
            text += f", {layer.groups} groups of {width // layer.groups}"
    elif layer.kind == "pool":
        text = f"{size}×{size} {'average' if size == 2 else 'max'} pooling, stride 2"
    elif layer.kind == "linear":
        text = "Classifier" if name == "classifier" else f"Squeeze-excite, to {width:,}"
    else:
        text = called[layer.kind]
    skip = "shortcut" in layer.name or (layer.kind == "pool" and size == 2)
    change = f"{shape(layer.in_shape)} → {shape(layer.out_shape)}"
    if layer.in_shape == layer.out_shape:
        change = shape(layer.out_shape)
    text = f"Shortcut: {text[0].lower()}{text[1:]}" if skip else text
    return Row(layer.name, text, change, layer.parameters, layer.multiply_adds, skip=skip)


def drawing(
    lines: Sequence[Row],
    caption: str,
    recipe: str,
    chosen: str = "",
    compact: bool = False,
) -> str:
    """The rows as HTML, bars of one column to one scale.

    Args:
        caption: what the table is, in a few words.
        recipe: a key of app.theme.COLOURS.
        chosen: id of a row that is set off from the others.
        compact: with the letters of a slide.
    """
    most_work = max(1, *(row.multiply_adds for row in lines))
    most_parameters = max(1, *(row.parameters for row in lines))
    body = []
    for row in lines:
        kinds = " ".join(["chosen"] * (row.id == chosen) + ["skip"] * row.skip)
        body.append(
            f'<tr class="{kinds}"><th scope="row">{html.escape(row.name)}</th>'
            f'<td class="many">{html.escape(row.shape)}</td>'
            + _cost("Multiply-adds", row.multiply_adds, most_work, row.alike)
            + _cost("Parameters", row.parameters, most_parameters, row.alike)
            + "</tr>"
        )
    light, dark = COLOURS[recipe]
    size = "max(1rem, 0.82 * var(--slide-text))" if compact else "1rem"
    heads = ("Part" if lines[0].id == "stem" else "Layer", "Shape", "Multiply-adds", "Parameters")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        STYLE.format(size=size, light=light, dark=dark)
        + f'<div class="net-rows"><table><caption>{html.escape(caption)}</caption>'
        + f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _cost(what: str, value: int, most: int, alike: int) -> str:
    bar = ""
    if value:
        parts = alike > 1 and 100 * value / most / alike >= NARROWEST
        segments = f";--n:{alike};--gap:2px" if parts else ""
        kind = ' class="parts"' if parts else ""
        bar = f'<i><s{kind} style="width:{100 * value / most:.2f}%{segments}"></s></i>'
    return f'<td class="cost" data-what="{what}"><b>{short(value) if value else "–"}</b>{bar}</td>'


def takeaway(counts: Counts) -> str:
    """Where the work is and where the parameters are, from the counts."""
    work, parameters = {}, {}
    for part in counts.parts:
        name = part.name if part.stage is None else f"stage {part.stage + 1}"
        work[name] = work.get(name, 0) + part.multiply_adds
        parameters[name] = parameters.get(name, 0) + part.parameters
    busy, big = max(work, key=work.get), max(parameters, key=parameters.get)
    doing = f"{_the(busy)} does {work[busy] / counts.multiply_adds:.0%} of the multiply-adds"
    share = f"{parameters[big] / counts.parameters:.0%} of the parameters"
    told = f"{doing} and holds {share}." if big == busy else f"{doing}, {_the(big)} holds {share}."
    return told[0].upper() + told[1:]


def _the(name: str) -> str:
    return name if name.startswith("stage") else f"the {name}"


def flow(config: Config, part: Part) -> str:
    """What stands between the layers of a part, and what becomes of its input."""
    peer = isinstance(config, PeerConfig)
    if part.stage is None:
        if peer:
            return "An activation follows each normalization; it has no parameters."
        return "An activation stands between two convolutions; it has no parameters."
    convolved = any("shortcut" in layer.name for layer in part.layers)
    if peer and not convolved and part.in_shape != part.out_shape:
        beside = "The shape changes, so no shortcut leads past this block."
    elif convolved:
        beside = "The shape changes, so the shortcut has a convolution of its own."
    else:
        beside = "The shortcut passes the input on unchanged."
    if isinstance(config, EfficientNetConfig):
        return f"An activation follows every normalization but the last. {beside}"
    if peer:
        return (
            "An activation follows every normalization but the last, and the sum of branch and "
            f"shortcut. {beside}"
        )
    return (
        "An activation stands before every convolution; it has no parameters. The branch's last "
        f"output is scaled and added to the shortcut. {beside}"
    )
