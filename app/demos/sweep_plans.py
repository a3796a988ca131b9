"""What the sweeps run: each cell one configuration. Literal tables; benchmarks/sweeps.py runs them.

Rates, steps and thresholds follow the story's presets; nothing was tuned for these tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from nfnet.presets import PRESETS
from nfnet.run import RunConfig

SEEDS = (0, 1, 2, 3, 4)
WIDTHS = {"half": (8, 16, 32), "usual": (16, 32, 64), "double": (32, 64, 128)}
AGC, GLOBAL = "AGC, λ", "global norm, c"


@dataclass(frozen=True)
class Cell:
    """One configuration and where it stands: its row, and its place along it."""

    row: str
    column: str
    config: RunConfig


@dataclass(frozen=True)
class Plan:
    """One sweep. `rows` and `columns` say what its cells' labels are."""

    id: str
    title: str
    rows: str
    columns: str
    cells: tuple[Cell, ...]
    seeds: tuple[int, ...] = SEEDS


def _threshold(text: str) -> float | None:
    return None if text == "off" else float(text)


def _map() -> Iterator[Cell]:
    """NF nets; the rate grows with the batch, as in the story's "Raise the batch"."""
    steps = {16: 400, 64: 150, 128: 100, 256: 70, 512: 50}
    for size, stop in product(steps, ("0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "off")):
        shape = {"batch_size": size, "steps": steps[size], "lr": 0.3 * size / 128}
        yield Cell(str(size), stop, RunConfig(clipping=_threshold(stop), **shape))


_STOPS = {
    AGC: ("0.0003", "0.001", "0.003", "0.005", "0.01", "0.02", "0.03", "0.1", "0.3", "off"),
    GLOBAL: ("0.02", "0.05", "0.1", "0.2", "0.4", "0.8", "1.6"),
}
_BY = {AGC: "unit", GLOBAL: "global"}


def _u() -> Iterator[Cell]:
    """Two ways of clipping the same net at rate 1."""
    for row, stops in _STOPS.items():
        for stop in stops:
            yield Cell(row, stop, RunConfig(clipping=_threshold(stop), clip_by=_BY[row]))


def _transfer() -> Iterator[Cell]:
    """The same thresholds on nets of other widths and depths."""
    nets = {
        "usual net": {},
        "half the width": {"widths": WIDTHS["half"]},
        "double the width": {"widths": WIDTHS["double"]},
        "3 blocks": {"depths": (1, 1, 1)},
        "15 blocks": {"depths": (5, 5, 5)},
    }
    few = {
        AGC: ("0.003", "0.005", "0.01", "0.02", "0.03"),
        GLOBAL: ("0.1", "0.2", "0.4", "0.8", "1.6"),
    }
    for (name, changes), (kind, stops) in product(nets.items(), few.items()):
        for stop in stops:
            clipping = {"clipping": _threshold(stop), "clip_by": _BY[kind]}
            yield Cell(f"{name}: {kind}", stop, RunConfig(**clipping, **changes))


def _small() -> Iterator[Cell]:
    """The rate shrinks with the batch; the smallest batches take more steps."""
    steps = {2: 2500, 4: 1500, 8: 800, 16: 400, 128: 100}
    recipes = {
        "BN": {"norm": "batch"},
        "NF": {"norm": "nf"},
        "NF + AGC": {"norm": "nf", "clipping": 0.1},
    }
    for (row, recipe), size in product(recipes.items(), steps):
        shape = {"batch_size": size, "steps": steps[size], "lr": 0.3 * size / 128}
        yield Cell(row, str(size), RunConfig(evaluate_every=0, **recipe, **shape))


FACTORS = {
    "ws": "scaled weight standardization",
    "scaling": "α and β",
    "agc": "AGC",
    "se": "squeeze-excite",
}


def _factorial(base: RunConfig) -> Iterator[Cell]:
    """Each ingredient in or out, at two rates; BN takes the place of the first two."""
    for lr, clipping in ((0.3, 0.03), (1.0, 0.01)):
        for flags in product((True, False), repeat=len(FACTORS)):
            on = dict(zip(FACTORS, flags, strict=True))
            without = ("ws",) * (not on["ws"]) + ("beta",) * (not on["scaling"])
            config = base.replace(
                lr=lr,
                without=without,
                alpha=0.2 if on["scaling"] else 1.0,
                clipping=clipping if on["agc"] else None,
                se_ratio=0.5 if on["se"] else 0.0,
            )
            yield Cell(f"{lr:g}", "+".join(n for n in FACTORS if on[n]) or "nothing", config)
        for agc, se in product((True, False), repeat=2):
            config = base.replace(
                lr=lr,
                norm="batch",
                clipping=clipping if agc else None,
                se_ratio=0.5 if se else 0.0,
            )
            yield Cell(f"{lr:g}", "bn" + "+agc" * agc + "+se" * se, config)


PLANS: dict[str, Plan] = {
    plan.id: plan
    for plan in (
        Plan("map", "Threshold and batch", "Batch size", "Threshold λ", tuple(_map())),
        Plan("u", "Too small, too large", "Clipping", "Threshold", tuple(_u())),
        Plan("small", "Small batches", "Recipe", "Batch size", tuple(_small())),
        Plan(
            "factorial",
            "Which ingredient matters?",
            "Learning rate",
            "Ingredients",
            tuple(_factorial(RunConfig())),
        ),
        Plan("transfer", "Other nets, same threshold", "Net", "Threshold", tuple(_transfer())),
        Plan(
            "factorial-xs",
            "Which ingredient matters, in NFNet-XS?",
            "Learning rate",
            "Ingredients",
            tuple(_factorial(PRESETS["nfnet_xs"].replace(skip_gain=None))),
        ),
    )
}
