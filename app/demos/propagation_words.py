"""What signal propagation shows, in words. Every claim is measured in LOG.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.demos.propagation_figures import largest_gap, overflows
from app.demos.propagation_settings import Setting
from app.numbers import written
from nfnet.meanfield import Signal

TERMS = """
- The **stream** is what runs along the shortcuts, $h$; a block adds its **residual branch** to it.
- **Variance** and **mean** are of one channel, over all pictures and places, then averaged over
  channels. The line is computed for a very wide net with random weights, its borders padded with
  zeros as here; the dots are measured in one net of the width chosen.
"""

WHOLE = (
    "Everything is in place: each block adds α² = {added}, and a transition, whose shortcut "
    "sees the normalized signal, starts afresh. The dashed line is what the net divides by."
)
PADDING = (
    " It lies a little above: zero padding takes some variance, the more the smaller the picture."
)
LEFT_OUT = {
    "ws": "**Without weight standardization** the branch is too strong, since a ReLU's output has "
    "a mean, and that mean passes into every channel: the squared mean grows.",
    "gamma": "**Without γ** every activation weakens the signal: a ReLU leaves 0.34 of the "
    "variance, two of them 0.12. The branch has little to say.",
    "beta": "**Without β** the branch carries the stream's own variance, so it multiplies by "
    "1 + α² a block, and no transition starts it afresh.",
    "alpha": "**Without α** (α = 1) each branch adds as much as a fresh signal has: with β the "
    "stream grows by 1 a block.",
}
BATCH = (
    "BN normalizes inside the branch, so each block **adds** the same, 0.68 with a ReLU; the "
    "transition starts afresh. The squared mean grows too, since a ReLU follows the normalization."
)
NONE = (
    "Without a normalizer the branch is as strong as the stream: each block **doubles** the mean "
    "square. Its mean grows along, until all pictures look alike to the net."
)
SHAPES = (
    "The line is for white noise; drawn shapes are not. Their neighbouring pixels are alike, and "
    "standardized filters, which sum to zero, see little of a smooth picture at the stem."
)
POOL = """
A transition halves the picture. NF-ResNets take every second pixel on the shortcut; **NFNet-F
averages 2 × 2 pixels** first. The mean of four independent numbers has a quarter of their variance:
of white noise **three quarters are lost** at each transition, and the net, which counts on
1 + α², does not know. Plots of signal propagation made with white noise therefore look broken for
an NFNet-F, and are drawn for NF-ResNets. Neighbouring pixels of a picture are more alike: on the
drawn shapes the first pooled transition loses about two fifths. Try both: **Shortcut** and
**Pictures** above.
"""
UNIT = """
A ReLU's output is never negative: for z ~ N(0, 1) its mean is $1/\\sqrt{{2\\pi}} \\approx 0.40$. A
unit that sums such inputs with weights $w$ has the mean $0.40 \\sum w$, **the same for every
picture**. Random weights do not sum to zero; here they sum to **{sum}**, which makes {expected}.
Standardized weights do, so the mean is gone.
"""


def story(setting: Setting, computed: Sequence[Signal]) -> str:
    """What is done to the signal, for this net."""
    if setting.net == "batch":
        words = BATCH
    elif setting.net == "none":
        words = NONE
    elif len(setting.parts) == len(LEFT_OUT):
        words = WHOLE.format(added=written(setting.scale**2, 2))
        words += PADDING * (setting.shortcut != "pool")
    else:
        words = " ".join(LEFT_OUT[part] for part in LEFT_OUT if part not in setting.parts)
    if setting.gain == "0":
        words = "The skip gain is 0: every block is the identity, as SkipInit starts a net."
    if setting.shortcut == "pool":
        words += " Pooled shortcuts lose three quarters of white noise at each transition."
    if setting.activation != "relu":
        words += " The line is an integral here, as this activation has no closed form."
    if setting.images == "shapes":
        words += f" {SHAPES}"
    last = computed[-1]
    return f"{words} Computed after the last block: variance **{written(last.variance)}**."


def comparison(
    setting: Setting, computed: Sequence[Signal], measured: Sequence[dict[str, Any]]
) -> str:
    """How far the dots lie from the line, of which there is at least one."""
    beyond = overflows(measured)
    words = ""
    if beyond:
        words = f" From block {beyond} on its numbers are too large for float32."
    if setting.images != "noise":
        return f"The dots are one net, seed {setting.seed}.{words}"
    gap = largest_gap(computed, measured)
    if gap is None:
        return words.strip()
    spread = ""
    if gap > 0.15:
        spread = " One net of this width strays from the average net; another seed, elsewhere."
    if gap > 0.15 and setting.net == "none":
        spread = " The line is for a very wide net: the narrower the net, the slower it grows."
    return (
        f"The dots are one net, seed {setting.seed}; its variance lies within {gap:.0%} of the "
        f"computed one.{spread}{words}"
    )
