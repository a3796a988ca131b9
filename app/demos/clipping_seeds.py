"""What of the Clipping page holds in other nets, measured over five seeds. No Streamlit here."""

from __future__ import annotations

from typing import NamedTuple

SEEDS = 5
STEP = 20  # after which the three ways are compared
CLIPPING = 0.01  # at which AGC is compared with the others


class Spread(NamedTuple):
    """Over the seeds."""

    mean: float
    least: float
    most: float


class Way(NamedTuple):
    """One way of clipping that leaves the whole gradient as long as AGC at CLIPPING does."""

    name: str
    shortened: Spread  # share of the units
    spread: Spread  # the ratio ‖G‖ / ‖W‖* at the ninth tenth of the units over that at the first
    turned: Spread  # degrees, of the whole gradient


# benchmarks/canvas_seeds.py. Threshold: share of units shortened after 0, 20 and 60 steps
SHARES = {
    0.003: (Spread(0.049, 0.036, 0.076), Spread(0.979, 0.917, 1.0), Spread(0.987, 0.973, 1.0)),
    0.01: (Spread(0.027, 0.027, 0.029), Spread(0.901, 0.765, 1.0), Spread(0.882, 0.743, 0.988)),
    0.03: (Spread(0.027, 0.027, 0.027), Spread(0.583, 0.198, 0.959), Spread(0.571, 0.281, 0.919)),
    0.1: (Spread(0.027, 0.027, 0.027), Spread(0.275, 0.042, 0.739), Spread(0.198, 0.034, 0.491)),
    0.3: (Spread(0.027, 0.027, 0.027), Spread(0.102, 0.027, 0.33), Spread(0.05, 0.027, 0.12)),
}
WAYS = (
    Way("unit (AGC)", Spread(0.901, 0.765, 1), Spread(1.37, 1, 2.66), Spread(54.6, 49.4, 57.3)),
    Way("layer", Spread(0.99, 0.978, 1), Spread(9.27, 3.59, 24.8), Spread(47.0, 43.8, 49.7)),
    Way("whole net", Spread(1, 1, 1), Spread(16.7, 4.92, 44.2), Spread(0, 0, 0)),
)


def shares_table() -> str:
    """How many units each threshold catches, as Markdown, with what it supports."""
    rows = "\n".join(
        f"| {clipping:g} | {' | '.join(_percent(spread) for spread in at)} |"
        for clipping, at in SHARES.items()
    )
    low, high = SHARES[CLIPPING][1][1:]
    return (
        f"| λ | at the start | after 20 steps | after 60 |\n|---|---|---|---|\n{rows}\n\n"
        f"Share of units shortened: mean of {SEEDS} seeds, least and most. At the start it is "
        f"hardly more than the biases, which begin at zero. Later it differs from net to net: at "
        f"λ {CLIPPING:g} after {STEP} steps {low:.0%} in one and {high:.0%} in another."
    )


def ways_table() -> str:
    """Three ways of clipping that leave the same length, as Markdown, with what it supports."""
    rows = "\n".join(
        f"| {way.name} | {_percent(way.shortened)} | {_number(way.spread)} "
        f"| {_number(way.turned, '°')} |"
        for way in WAYS
    )
    return (
        "| clipped as one | units shortened | 9th ÷ 1st tenth | gradient turned by |\n"
        f"|---|---|---|---|\n{rows}\n\n"
        f"The same {SEEDS} nets after {STEP} steps, each way at the threshold that leaves the "
        f"whole gradient as long as AGC does at λ {CLIPPING:g}. *9th ÷ 1st tenth*: ‖G‖ / ‖W‖\\* "
        "of the unit that nine tenths stay below, over that of one tenth. In each net AGC made "
        "the relative steps most alike and turned the whole gradient most; one factor for the "
        "net does neither. Which trains better is another question: see Sweeps."
    )


def _percent(spread: Spread) -> str:
    mean, least, most = (f"{100 * value:.0f}" for value in spread)
    return f"{mean}%" if least == most else f"{mean}% ({least} to {most})"


def _number(spread: Spread, unit: str = "") -> str:
    mean, least, most = (f"{value:.2g}" for value in spread)
    return f"{mean}{unit}" if least == most else f"{mean}{unit} ({least} to {most})"
