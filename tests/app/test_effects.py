"""A factorial's arithmetic against a model whose effects are known."""

from itertools import chain, combinations

import pytest

from app.demos.effects import Effect, effect, effects

FACTORS = ("a", "b", "c")
CELLS = [
    frozenset(some)
    for some in chain.from_iterable(combinations(FACTORS, size) for size in range(4))
]


def runs(base=0.0, a=0.0, b=0.0, ab=0.0):
    """Scores of a linear model in factors that are -1/2 or +1/2, with an interaction."""
    sign = {name: {cell: 0.5 if name in cell else -0.5 for cell in CELLS} for name in FACTORS}
    return {
        cell: base
        + a * sign["a"][cell]
        + b * sign["b"][cell]
        + 2 * ab * sign["a"][cell] * sign["b"][cell]
        for cell in CELLS
    }


def test_each_contrast_finds_its_own_coefficient_and_no_other() -> None:
    scores = runs(base=0.5, a=0.3, b=-0.1, ab=0.2)
    found = {each.factors: each.by_seed[0] for each in effects(FACTORS, [scores])}
    assert found == pytest.approx(
        {("a",): 0.3, ("b",): -0.1, ("c",): 0, ("a", "b"): 0.2, ("a", "c"): 0, ("b", "c"): 0}
    )


def test_an_effect_is_the_difference_of_means() -> None:
    scores = {cell: float(i * i % 7) for i, cell in enumerate(CELLS)}
    with_a = [score for cell, score in scores.items() if "a" in cell]
    without = [score for cell, score in scores.items() if "a" not in cell]
    assert effect(scores, ["a"]) == pytest.approx(sum(with_a) / 4 - sum(without) / 4)


def test_an_interaction_is_half_the_change_of_an_effect() -> None:
    scores = {cell: float(i**2) for i, cell in enumerate(CELLS)}

    def effect_of_a(with_b: bool) -> float:
        some = {cell: s for cell, s in scores.items() if ("b" in cell) == with_b}
        return effect(some, ["a"])

    half = (effect_of_a(True) - effect_of_a(False)) / 2
    assert effect(scores, ["a", "b"]) == pytest.approx(half)


def test_spread_and_sign_are_over_seeds() -> None:
    sure, unsure = Effect(("a",), (0.1, 0.3, 0.2)), Effect(("a",), (0.1, -0.1))
    assert sure.mean == pytest.approx(0.2) and sure.spread == pytest.approx(0.1)
    assert sure.sign_is_sure and not unsure.sign_is_sure
    assert Effect(("a",), (0.1,)).spread == 0
