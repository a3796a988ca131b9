"""Generators that tell how far something is, and return what came of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, TypeVar

A, B, T = TypeVar("A"), TypeVar("B"), TypeVar("T")


def relayed(events: Generator[A, None, T], say: Callable[[A], B]) -> Generator[B, None, T]:
    """The same with `say(event)` in the place of each event. Who closes this closes that."""
    with closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as done:
                return done.value
            yield say(event)


def returned(events: Generator[Any, None, T]) -> T:
    """What a generator returns at its end; its events are passed over."""
    while True:
        try:
            next(events)
        except StopIteration as done:
            return done.value
