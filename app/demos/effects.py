"""Main effects and interactions of a two-level factorial, seed by seed. Pure arithmetic.

An effect is a difference of means: over all runs with the ingredient, and over all without it. An
interaction of two is half the difference between the effect of one with the other and without.
(Box, Hunter and Hunter, Statistics for Experimenters, chapter on factorial designs.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import mean, stdev

Runs = Mapping[frozenset[str], float]  # the ingredients that are in -> a run's accuracy


@dataclass(frozen=True)
class Effect:
    """An effect in each seed, in units of what was measured."""

    factors: tuple[str, ...]  # one: a main effect; two: an interaction
    by_seed: tuple[float, ...]

    @property
    def mean(self) -> float:
        return mean(self.by_seed)

    @property
    def spread(self) -> float:
        """Standard deviation over seeds; 0 for one seed."""
        return stdev(self.by_seed) if len(self.by_seed) > 1 else 0.0

    @property
    def sign_is_sure(self) -> bool:
        """Whether it has the same sign in every seed."""
        return all(x > 0 for x in self.by_seed) or all(x < 0 for x in self.by_seed)


def effect(runs: Runs, factors: Iterable[str]) -> float:
    """The contrast of these factors over a full factorial.

    Args:
        runs: every combination of all factors, each once.
        factors: one for a main effect, two for their interaction.
    """
    wanted = set(factors)
    signed = [
        score if (len(wanted) - len(wanted & present)) % 2 == 0 else -score
        for present, score in runs.items()
    ]
    return 2 * sum(signed) / len(signed)


def effects(factors: Iterable[str], seeds: Iterable[Runs]) -> list[Effect]:
    """All main effects, then all interactions of two, over seeds that have every run."""
    names, complete = tuple(factors), list(seeds)
    wanted = [*((name,) for name in names), *combinations(names, 2)]
    return [Effect(each, tuple(effect(runs, each) for runs in complete)) for each in wanted]
