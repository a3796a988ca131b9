"""The queue's rules, with a clock that the test moves: no process, no thread, no waiting."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.compute import desk as desk_module
from app.compute.desk import Desk
from app.compute.jobs import Propagate, QueueFull, Race
from nfnet.controls import Control
from nfnet.events import Finished
from nfnet.run import RunConfig


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def make(clock, workers=1, **options):
    return Desk({"long": workers, "short": 1}, clock=clock, **options)


def race(seed=0, lanes=1):
    return Race((RunConfig(seed=seed),) * lanes)


def start_next(desk, kind="long"):
    entry = desk.next(kind)
    if entry is not None:
        desk.start(entry)
    return entry


def test_turns_are_first_come_first_served_and_places_say_so(clock):
    desk = make(clock)
    tickets = [desk.submit(race(n), f"owner {n}") for n in range(4)]
    assert [t.state.place for t in tickets] == [1, 2, 3, 4]
    for n, ticket in enumerate(tickets):
        entry = start_next(desk)
        assert entry.ticket is ticket and ticket.state.name == "running"
        assert [t.state.place for t in tickets[n:]] == list(range(4 - n))
        assert start_next(desk) is None  # one slot
        desk.end(entry, "done")
    assert {t.state.name for t in tickets} == {"done"}


def test_a_short_job_does_not_wait_behind_trainings(clock):
    desk = make(clock)
    desk.submit(race(0), "a")
    desk.submit(race(1), "b")
    start_next(desk)
    propagate = desk.submit(Propagate(RunConfig()), "c")
    assert propagate.state.place == 1
    assert start_next(desk, "short").ticket is propagate


def test_an_owner_has_one_running_and_one_waiting_and_a_third_takes_the_waiting_ones_place(clock):
    desk = make(clock, workers=2)
    first, second = desk.submit(race(0), "a"), desk.submit(race(1), "b")
    start_next(desk), start_next(desk)
    waiting = desk.submit(race(2), "a")
    behind = desk.submit(race(3), "c")
    newer = desk.submit(race(4), "a")
    assert waiting.state.name == "cancelled" and waiting.state.message
    assert (newer.state.place, behind.state.place) == (1, 2)
    desk.end(second._entry, "done")
    assert second.state.name == "done"
    assert start_next(desk).ticket is behind  # a is passed over while its first job runs
    desk.end(first._entry, "done")
    assert start_next(desk).ticket is newer


def test_a_full_queue_says_so_but_a_replacement_needs_no_new_place(clock):
    desk = make(clock, queue_limit=2)
    desk.submit(race(0), "a"), desk.submit(race(1), "b")
    with pytest.raises(QueueFull, match="2 runs are waiting already; try again"):
        desk.submit(race(2), "c")
    assert desk.submit(race(3), "b").state.place == 2
    assert desk.submit(Propagate(RunConfig()), "c").state.place == 1  # another queue
    assert desk.stats()["waiting"] == {"long": 2, "short": 1}


def test_no_estimate_until_something_was_measured_then_the_time_until_the_start(clock):
    desk = make(clock, workers=2)
    for n in range(2):
        desk.submit(race(n), f"owner {n}")
        start_next(desk)
    tickets = [desk.submit(race(n), f"owner {n}") for n in range(2, 7)]
    assert {t.state.eta for t in tickets} == {None}
    clock.now += 10
    desk.end(desk._running["long"][0], "done")
    start_next(desk)
    # runs take 10 s: one slot is free at once (its run is overdue), the other in 10 s
    assert [t.state.eta for t in tickets[1:]] == [0, 10, 10, 20]
    clock.now += 4
    assert [t.state.eta for t in tickets[1:]] == [0, 6, 10, 16]


def test_queued_until_it_is_cancelled_and_the_first_end_is_final(clock):
    desk = make(clock)
    first, second = desk.submit(race(0), "a"), desk.submit(race(1), "b")
    first.cancel()
    assert first.state.name == "cancelled" and second.state.place == 1
    running = start_next(desk)
    running.ticket.cancel()
    desk.end(running, "done")
    desk.add(running, [(0, Finished(1, 0.5, 1.0))])
    assert second.state.name == "cancelled" and second.events() == []
    assert desk.stats()["cancelled"] == 2 and desk.stats()["done"] == 0


def test_every_change_moves_the_version(clock):
    desk = make(clock)
    ahead, ticket = desk.submit(race(0), "a"), desk.submit(race(1), "b")
    versions = [ticket.version]
    ahead.cancel()
    versions.append(ticket.version)
    entry = start_next(desk)
    versions.append(ticket.version)
    desk.add(entry, [(0, Finished(1, 0.5, 1.0))])
    versions.append(ticket.version)
    desk.end(entry, "done")
    versions.append(ticket.version)
    assert all(a < b for a, b in itertools.pairwise(versions))
    assert ticket.version == versions[-1]


def test_a_result_that_nobody_steered_is_shared(clock):
    desk = make(clock)
    job = race(0, lanes=2)
    mine = desk.submit(job, "a")
    entry = start_next(desk)
    items = [(lane, Finished(3, 0.9, 0.1)) for lane in range(2)]
    desk.add(entry, items[:1])
    assert not desk.submit(job, "b").shared  # not before it is finished
    desk.add(entry, items[1:])
    desk.end(entry, "done")
    theirs = desk.submit(race(0, lanes=2), "c")
    assert theirs.shared and theirs.state.name == "done" and theirs.state.ended
    assert theirs.events() == mine.events() == items and theirs.events(1) == items[1:]
    assert theirs.id != mine.id and not mine.shared
    assert not desk.submit(race(1, lanes=2), "d").shared


@pytest.mark.parametrize("when", ["queued", "running"])
def test_a_steered_run_is_private(clock, when):
    desk = make(clock)
    ticket = desk.submit(race(), "a")
    if when == "queued":
        ticket.send(Control("clipping", 0.1))
    entry = start_next(desk)
    if when == "running":
        ticket.send(Control("lr", 0.5), lane=0)
    desk.end(entry, "done")
    assert not desk.submit(race(), "b").shared


def test_failed_and_cancelled_runs_are_not_shared(clock):
    desk = make(clock)
    for name in ("failed", "cancelled"):
        desk.submit(race(), "a")
        desk.end(start_next(desk), name)
        assert not desk.submit(race(), "b").shared
        desk.end_all("cancelled", "", "")


def test_of_two_moves_of_one_lever_the_newer_is_sent(clock):
    desk = make(clock)
    ticket = desk.submit(race(lanes=3), "a")
    ticket.send(Control("clipping", 0.1))
    ticket.send(Control("pause"), lane=1)
    ticket.send(Control("clipping", 0.2), lane=1)
    ticket.send(Control("resume"), lane=1)
    ticket.send(Control("stop"), lane=7)  # there is no such lane
    entry = start_next(desk)
    assert desk.take_levers(entry) == [
        (0, Control("clipping", 0.1)),
        (2, Control("clipping", 0.1)),
        (1, Control("clipping", 0.2)),
        (1, Control("resume")),
    ]
    assert desk.take_levers(entry) == []
    desk.end(entry, "done")
    ticket.send(Control("clipping", 0.3))
    assert desk.take_levers(entry) == []


def test_what_nobody_watches_is_abandoned_and_any_look_counts(clock):
    desk = make(clock, abandon_after=60)
    running, waiting = desk.submit(race(0), "a"), desk.submit(race(1), "b")
    start_next(desk)
    assert desk.expire() == 60
    clock.now += 59
    assert running.events() == []
    clock.now += 1
    assert desk.expire() == 59
    state = waiting.state
    assert (state.name, state.reason) == ("cancelled", "abandoned") and state.message
    assert running.version and running.state.name == "running"
    clock.now += 60
    assert desk.expire() == float("inf")
    assert running.state.reason == "abandoned"


def test_a_deadline_counts_from_the_start_and_a_pause_makes_it_longer(clock):
    desk = make(clock, workers=2, deadline=300, abandon_after=1e6)
    plain, paused = desk.submit(race(0), "a"), desk.submit(race(1), "b")
    clock.now += 1000  # waiting does not count
    start_next(desk), start_next(desk)
    paused.send(Control("pause"))
    assert desk.expire() == 300
    clock.now += 300
    assert desk.expire() == 600
    assert (plain.state.name, plain.state.reason) == ("failed", "deadline")
    assert "300 seconds" in plain.state.message
    clock.now += 600
    desk.expire()
    assert paused.state.reason == "deadline"


def test_a_ticket_is_found_by_its_owner_only(clock):
    desk = make(clock)
    ticket = desk.submit(race(), "a")
    assert desk.ticket(ticket.id, "a") is ticket
    assert desk.ticket(ticket.id, "b") is None and desk.ticket("guess", "a") is None
    assert len(ticket.id) > 20


def test_ended_tickets_are_forgotten_the_longest_unseen_first(clock, monkeypatch):
    monkeypatch.setattr(desk_module, "KEPT_TICKETS", 3)
    desk = make(clock)
    tickets = [desk.submit(race(n), f"owner {n}") for n in range(5)]
    for ticket in tickets[:3]:
        ticket.cancel()
    assert desk.ticket(tickets[0].id, "owner 0") is tickets[0]  # looked at
    for ticket in tickets[3:]:
        ticket.cancel()
    known = [desk.ticket(t.id, t.owner) is not None for t in tickets]
    assert known == [True, False, False, True, True]
    assert tickets[1].state.name == "cancelled"  # who holds it can still read it


def test_items_are_bounded_for_one_job_and_for_all_ended_ones(clock, monkeypatch):
    monkeypatch.setattr(desk_module, "MAX_ITEMS", 4)
    monkeypatch.setattr(desk_module, "KEPT_ITEMS", 6)
    desk = make(clock)
    flood = desk.submit(race(0), "a")
    for _ in range(3):
        desk.add(start_next(desk) or flood._entry, [(0, Finished(1, 0.5, 1.0))] * 2)
    assert (flood.state.name, flood.state.reason) == ("failed", "error")
    assert len(flood.events()) == 4
    last = desk.submit(race(1), "b")
    desk.add(start_next(desk), [(0, Finished(1, 0.5, 1.0))] * 3)
    desk.end(last._entry, "done")
    assert desk.ticket(flood.id, "a") is None and desk.ticket(last.id, "b") is last
    for n in range(9):  # the shared items are there once
        assert desk.submit(race(1), f"owner {n}").shared
    assert desk.ticket(last.id, "b") is last


def test_only_some_results_are_kept_the_longest_unused_go_first(clock, monkeypatch):
    monkeypatch.setattr(desk_module, "KEPT_RESULTS", 2)
    desk = make(clock)
    for n in (0, 1, 0, 2):
        if not (ticket := desk.submit(race(n), "a")).shared:
            desk.end(start_next(desk), "done")
    shared = {}
    for n in (0, 1, 2):
        ticket = desk.submit(race(n), "b")
        shared[n] = ticket.shared
        ticket.cancel()
    assert shared == {0: True, 1: False, 2: True}


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["submit", "short", "start", "end", "cancel", "send", "wait"]),
            st.integers(0, 4),
        ),
        max_size=80,
    )
)
def test_whatever_happens_the_rules_hold(schedule):
    clock = Clock()
    desk = make(clock, workers=2, queue_limit=3, deadline=30, abandon_after=25)
    tickets, seeds, final = [], itertools.count(), {}
    for action, n in schedule:
        clock.now += 1
        owner = f"owner {n}"
        if action in ("submit", "short"):
            config = RunConfig(seed=next(seeds))
            job = Race((config,)) if action == "submit" else Propagate(config)
            try:
                tickets.append(desk.submit(job, owner))
            except QueueFull:
                assert desk.stats()["waiting"]["long" if action == "submit" else "short"] == 3
        elif action == "start":
            start_next(desk, "long" if n % 2 else "short")
        elif action == "end" and tickets:
            entry = tickets[n % len(tickets)]._entry
            if entry.started is not None:
                desk.end(entry, ("done", "failed")[n % 2])
        elif action == "cancel" and tickets:
            tickets[-1 - n % len(tickets)].cancel()
        elif action == "send" and tickets:
            tickets[n % len(tickets)].send(Control("pause"))
        else:
            clock.now += 8 * n
            desk.expire()
        states = {t.id: t.state for t in tickets if n != 3}  # sometimes nobody looks
        for id, state in states.items():
            if state.ended:
                assert final.setdefault(id, state) == state
            else:
                assert id not in final
        stats = desk.stats()
        assert stats["running"]["long"] <= 2 and stats["running"]["short"] <= 1
        for kind in ("long", "short"):
            group = [t for t in tickets if t._entry.kind == kind]
            for name in ("queued", "running"):
                owners = [t.owner for t in group if t._entry.name == name]
                assert (
                    len(owners)
                    == len(set(owners))
                    == stats[{"queued": "waiting"}.get(name, name)][kind]
                )
            places = sorted(t._entry.ticket.state.place for t in group if t._entry.name == "queued")
            assert places == list(range(1, len(places) + 1))
    assert stats_add_up(desk, tickets)


def stats_add_up(desk, tickets):
    stats = desk.stats()
    active = sum(stats["waiting"].values()) + sum(stats["running"].values())
    return active + stats["done"] + stats["failed"] + stats["cancelled"] == len(tickets)
