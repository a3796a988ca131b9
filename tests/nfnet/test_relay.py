"""Generators that tell how far something is, and return what came of it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from nfnet.relay import relayed, returned


def counting(closed: list[str]) -> Generator[int, None, str]:
    try:
        yield 1
        yield 2
        return "done"
    finally:
        closed.append("closed")


def test_events_are_changed_and_the_value_comes_through() -> None:
    heard: list[object] = []

    def listening() -> Generator[object, None, None]:
        heard.append((yield from relayed(counting([]), str)))

    assert list(listening()) == ["1", "2"] and heard == ["done"]


def test_events_are_passed_over() -> None:
    assert returned(counting([])) == "done"
    assert returned(relayed(counting([]), str)) == "done"


def test_an_error_of_either_side_comes_out() -> None:
    def failing() -> Generator[int, None, None]:
        yield 1
        raise ValueError("theirs")

    with pytest.raises(ValueError, match="theirs"):
        returned(failing())

    def stop(event: int) -> int:
        raise StopIteration("ours")  # must not be taken for the end

    with pytest.raises(RuntimeError):
        returned(relayed(counting([]), stop))


def test_who_stops_listening_stops_the_work() -> None:
    closed: list[str] = []
    events = relayed(counting(closed), str)
    assert next(events) == "1"
    events.close()
    assert closed == ["closed"]
