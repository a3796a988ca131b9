"""Who may sit with a picture on Batch mates: the seats' choices and the companies with a name."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from app.compute.jobs import Mates
from nfnet.drawings import SAMPLES
from nfnet.strangers import COLOURS, COPY, first_company

SEATS = 8  # of the table that is drawn, the own picture's included
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
OWN = "school-bus"
STRANGERS = (
    *SAMPLES,
    COPY,
    *COLOURS,
    *(f"figure-{n}" for n in range(12)),
    *(f"noise-{n}" for n in range(1, 9)),
)
# The first neighbour of the school bus: of the swaps tried, one of those that change most.
SWAPPED = (0, "noise-7")

COMPANIES: dict[str, str] = {
    "first": "First company",
    "swap": "One neighbour swapped",
    "noise": "All noise",
    "black": "All black",
    "copies": "All the same picture",
}


def neighbours(company: str, own: str) -> tuple[str, ...]:
    """The seven at the table's other seats, in a company with a name."""
    match company:
        case "noise":
            return tuple(f"noise-{n}" for n in range(1, SEATS))
        case "black":
            return ("black",) * (SEATS - 1)
        case "copies":
            return (COPY,) * (SEATS - 1)
    first = first_company(own, SEATS - 1)
    seat, name = SWAPPED
    return (*first[:seat], name, *first[seat + 1 :]) if company == "swap" else first


def seated(seats: Sequence[str], own: str, size: int) -> tuple[str, ...]:
    """All others of a batch: those at the table, as far as it has room, then always the same."""
    return (*seats, *first_company(own, max(size - 1, SEATS - 1))[SEATS - 1 :])[: size - 1]


def shuffled(own: str, seed: int) -> tuple[str, ...]:
    """Seven strangers by lot, nobody twice, out of those that a seat offers."""
    free = [name for name in STRANGERS if name not in (own, COPY)]
    return tuple(random.Random(seed).sample(free, SEATS - 1))


def another(seats: Sequence[str], own: str, seed: int) -> tuple[int, str]:
    """A seat (0 is the first neighbour's) and who sits down there; by lot, but for the first."""
    if tuple(seats) == neighbours("first", own):
        return SWAPPED
    free = [name for name in STRANGERS if name not in (own, COPY, *seats)]
    lot = random.Random(seed)
    return lot.randrange(SEATS - 1), lot.choice(free)


@dataclass(frozen=True)
class Table:
    """Who sits where: what a result belongs to."""

    seats: tuple[str, ...]  # the seven neighbours
    size: int
    own: str  # "" for an uploaded picture
    digest: str = ""  # of that

    def job(self, image: bytes = b"") -> Mates:
        return Mates(seated(self.seats, self.own, self.size), self.own, image, self.digest)

    @property
    def company(self) -> tuple[str, ...]:
        return seated(self.seats, self.own, self.size)
