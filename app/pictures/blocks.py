"""Residual blocks: with batch normalization, without a normalizer, and the NFNet's own."""

from __future__ import annotations

import math

from app.pictures.svg import LARGE, Drawing
from nfnet.formulas import predicted_variances
from nfnet.variants import MODELS, NFNetConfig


def residual_block(alpha: float = MODELS["nfnet_f0"].alpha) -> str:
    """Three pre-activation blocks: BN, NF, and NF at a transition, with the variance on each wire.

    Args:
        alpha: scale of the NF branch; only its square's name and value are drawn.
    """
    reset = predicted_variances([True], alpha)[-1]
    # a convolution with He's weights of a ReLU: E[relu(z)^2] * 2, less the constant part
    added = 1 - 1 / math.pi
    d = Drawing(
        "Residual blocks with batch normalization and without",
        "Three residual blocks side by side, each with the signal's variance on its wires. In the"
        " BN block, BN measures and resets the branch's variance to 1. In the NF block the branch"
        f" is divided by the predicted β and multiplied by α = {alpha:g} at its end, so that the"
        " stream's variance grows by α². In the NF transition block the shortcut starts inside"
        f" the branch, after the activation: the variance is 1 + α² = {reset:.2f} again.",
        height=796,
    )
    for x in (300, 600):
        d.line([(x, 24), (x, 730)], colour="muted", width=1.5, dashes="2 8")
    nf = ["÷ *β*", "*γ* · ReLU", "WS conv"]
    bn = ["BN", "ReLU", "conv"]
    _residual(d, 0, "BN block", "measures variance", bn, ["*V*", "1", "", f"{added:.2f}"])
    _residual(d, 300, "NF block", "predicts variance", nf, ["*β*²", "1", "1", "1"])
    _residual(d, 600, "NF transition", "resets variance", nf, ["*β*²", "1", "1", "1"])
    for x, after in ((74, f"*V* + {added:.2f}"), (374, "*β*² + *α*²"), (674, "1 + *α*²")):
        d.text(x, 684, after, anchor="start")
    d.text(450, 764, "Beside each wire: its variance, at the start of training", colour="muted")
    return d.svg()


def _residual(
    d: Drawing, x0: float, title: str, subtitle: str, layers: list[str], variances: list[str]
) -> None:
    """One block in the column that begins at x0: the stream at its left, the branch beside it.

    `variances` are those of the input and after each layer.
    """
    stream, branch, top, end = x0 + 50, x0 + 184, 128, 626
    scaled, transition = title.startswith("NF"), title.endswith("transition")
    colour = "nf" if scaled else "batch"
    d.text(x0 + 150, 34, title, size=LARGE, bold=True, colour=f"{colour}-ink")
    d.text(x0 + 150, 76, subtitle, colour="muted")
    d.text(stream + 22, top, variances[0], anchor="start")
    first, pitch, high = 212, 98, 52
    d.line([(stream, top - 16), (stream, 160), (branch, 160), (branch, first - 26)], arrow=True)
    for k, (layer, variance) in enumerate(zip(layers, variances[1:], strict=True)):
        y = first + k * pitch
        if k:
            d.line([(branch, y - pitch + high / 2), (branch, y - high / 2)], arrow=True)
        marked = scaled or layer == "BN"
        d.box(branch, y, 156, high, layer, colour=colour if marked else "muted")
        d.text(branch + 16, y + pitch / 2 - 2, variance, anchor="start")
    low = first + 2 * pitch + high / 2  # the third layer's lower edge
    last = low + pitch - high  # where the layers left out end
    d.line([(branch, low), (branch, last)], dashes="4 7")
    if scaled:
        d.box(branch, last + high / 2, 110, high, "× *α*", colour=colour)
        last += high
        d.text(branch + 16, last + 24, "*α*²", anchor="start")
    d.line([(branch, last), (branch, end), (stream + 22, end)], arrow=True)
    if transition:
        fork = first + pitch + high / 2 + 14
        d.circle(branch, fork, 5, fill="solid")
        d.line([(branch, fork), (stream, fork), (stream, low - 16)], width=6)
        d.box(stream, low + 26, 80, 84, "WS\n1×1", colour=colour)
        d.text(stream + 14, low + 96, "1", anchor="start")
        d.line([(stream, low + 68), (stream, end - 22)], width=6, arrow=True)
    else:
        d.circle(stream, 160, 5, fill="solid")
        d.line([(stream, top - 16), (stream, end - 22)], width=6, arrow=True)
    d.plus(stream, end)
    d.line([(stream, end + 20), (stream, end + 84)], width=6, arrow=True)


def nfnet_block(
    config: NFNetConfig = MODELS["nfnet_f0"],
    stage: int = 2,
    before_depths: tuple[int, ...] = (3, 4, 6, 3),
    before_widths: tuple[int, ...] = (256, 512, 1024, 2048),
) -> str:
    """The block of an NFNet, its boxes as wide as its layers, and what is new in it.

    Args:
        stage: whose widths are drawn, counted from 0.
        before_depths, before_widths: SE-ResNeXt-D's with 50 layers (NFNets, section 5).
    """
    width, inner = config.widths[stage], config.bottlenecks[stage]
    groups, scale = inner // config.group_size, 404 / width
    d = Drawing(
        "The block of an NFNet",
        f"From top to bottom: the stream of {width} channels is divided by β; a 1×1 convolution"
        f" to {inner} channels, two 3×3 convolutions in {groups} groups of {config.group_size}, a"
        f" 1×1 convolution back to {width}, squeeze-excite times 2, times skip gain and α, and the"
        " addition. New against SE-ResNeXt-D: the second 3×3 convolution, the group width, blocks"
        f" a stage {_row(config.depths)} instead of {_row(before_depths)}, widths"
        f" {_row(config.widths)} instead of {_row(before_widths)}.",
        height=800,
    )
    stream, branch, high, pitch, first, end = 34, 268, 48, 88, 116, 740
    rows = [
        ("÷ *β*", width, "nf"),
        ("1×1", inner, "muted"),
        ("3×3, grouped", inner, "muted"),
        ("3×3, grouped", inner, "text"),
        ("1×1", width, "muted"),
        ("squeeze-excite × 2", width, "muted"),
        ("× skip gain × *α*", width, "nf"),
    ]
    d.text(stream + 24, 34, f"{width} channels", anchor="start")
    d.line([(stream, 16), (stream, end - 22)], width=6, arrow=True)
    d.circle(stream, 66, 5, fill="solid")
    d.line([(stream, 66), (branch, 66), (branch, first - high / 2)], arrow=True)
    for k, (name, channels, colour) in enumerate(rows):
        y = first + k * pitch
        d.box(branch, y, channels * scale, high, name, colour=colour, solid=colour == "text")
        if k:
            d.line([(branch, y - pitch + high / 2), (branch, y - high / 2)], arrow=True)
        if 1 <= k <= 4:
            d.circle(branch, y - pitch / 2 - 5, 8, colour="nf", fill="solid")
    d.line([(branch, first + 6 * pitch + 24), (branch, end), (stream + 22, end)], arrow=True)
    d.plus(stream, end)
    d.line([(stream, end + 20), (stream, end + 58)], width=6, arrow=True)

    right = 506
    d.circle(right + 8, 34, 8, colour="nf", fill="solid")
    d.text(right + 28, 34, "*γ* · GELU", anchor="start")
    d.text(right, first + pitch, f"{inner} channels", anchor="start")
    d.text(right, first + 2 * pitch, f"{groups} groups of {config.group_size}", anchor="start")
    d.text(right, first + 3 * pitch, "new", anchor="start", bold=True)
    facts = (("blocks a stage", config.depths, before_depths),)
    facts += (("channels", config.widths, before_widths),)
    for k, (name, now, before) in enumerate(facts):
        y = 500 + 136 * k
        d.text(right, y, name, anchor="start", colour="muted")
        d.text(right, y + 38, _row(now), anchor="start", bold=True)
        d.text(right, y + 76, f"was {_row(before)}", anchor="start", colour="muted")
    return d.svg()


def _row(numbers: tuple[int, ...]) -> str:
    return ", ".join(str(n) for n in numbers)
