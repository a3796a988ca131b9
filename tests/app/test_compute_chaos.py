"""Jobs submitted, steered, cancelled and their workers killed at random moments.

Afterwards every promise must hold: one end for each job, never more running than slots, turns in
order, whole results where nothing disturbed them, and nothing left behind.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import pytest

from app.compute import local
from app.compute.jobs import Busy, Classify, Gradients, Propagate, QueueFull, Race
from nfnet.controls import Control
from nfnet.photo import Question
from tests.app.compute_tools import all_ready, ended, pids, scripted_compute, wait_for
from tests.app.scripted_worker import scripted, step

ACTIONS = 160
pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by signal")


class Observer(threading.Thread):
    """Looks at every ticket all the time, as many viewers would."""

    def __init__(self, compute):
        super().__init__()
        self.compute, self.tickets, self.over = compute, [], threading.Event()
        self.ends, self.wrong = {}, []

    def run(self):
        while not self.over.wait(0.002):
            running = self.compute.stats()["running"]
            if running["long"] > 2 or running["short"] > 1:
                self.wrong.append(f"too many running: {running}")
            for ticket in list(self.tickets):
                state, version = ticket.state, ticket.version
                if state.ended:
                    first = self.ends.setdefault(ticket.id, (state, version))
                    if first != (state, version):
                        self.wrong.append(f"changed after its end: {first}, {state}")
                elif ticket.id in self.ends:
                    self.wrong.append(f"came back: {state}")


def random_job(chance, number):
    lr = number / 1000  # makes each job another one
    pause = chance.choice([0.0, 0.01, 0.05])
    kind = chance.random()
    if kind < 0.15:
        return Gradients(scripted(pause=pause, lr=lr), at_steps=(0, 1, 2))
    if kind < 0.25:
        return Propagate(scripted(chance.choice(["steps", "raise", "exit"]), lr=lr))
    if kind < 0.4:
        order = chance.choice(["", "", "", "exit", "stuck", "leak"])
        padding = bytes(chance.choice([10, 100_000, 5_000_000]))  # a long one has its own thread
        return Classify(Question(), f"script:{order} {number}".encode() if order else padding)
    weights = [20, 2, 1, 1, 1]
    scripts = chance.choices(["steps", "stuck", "raise", "exit", "leak"], weights, k=2)
    steps = chance.randint(1, 30)
    return Race(tuple(scripted(script, steps=steps, pause=pause, lr=lr) for script in scripts))


def disturb(chance, compute, tickets):
    """Kills, stops, cancels or steers something; returns the tickets that may have felt it."""
    action = chance.random()
    if action < 0.25 and (known := [pid for pid in pids(compute) if pid]):
        try:
            os.kill(chance.choice(known), chance.choice([signal.SIGKILL, signal.SIGSTOP]))
        except ProcessLookupError:
            pass
        return [t for t in tickets if not t.state.ended]
    if not tickets:
        return []
    ticket = chance.choice(tickets[-8:])
    if action < 0.6:
        ticket.cancel()
        if chance.random() < 0.3:
            ticket.cancel()
    else:
        name = chance.choice(["pause", "resume", "stop", "lr"])
        ticket.send(Control(name, 0.5 if name == "lr" else None), chance.choice([None, 0, 1]))
    return [ticket]


@pytest.mark.parametrize("seed", [1, 3])
def test_every_promise_holds_in_chaos(seed, monkeypatch):
    # a worker that is stopped while it starts is given up after this time; meanwhile jobs wait
    monkeypatch.setattr(local, "START_SECONDS", 5.0)
    chance = random.Random(seed)
    with scripted_compute(workers=2, queue_limit=4, deadline=1.0, grace=0.2) as compute:
        all_ready(compute, 4)
        watch = Observer(compute)
        watch.start()
        try:
            disturbed, alone = play(chance, compute, watch.tickets)
            for ticket in watch.tickets:
                ended(ticket)
        finally:
            watch.over.set()
            watch.join()
        assert not watch.wrong, watch.wrong[:5]
        assert_in_order([t for t in watch.tickets if t.id in alone])
        whole = [t for t in watch.tickets if t.id not in disturbed and t.state.name == "done"]
        assert len(watch.tickets) > 20, "this schedule tests too little"
        for ticket in whole:
            assert_whole(ticket)
        stats = compute.stats()
        assert not any((*stats["waiting"].values(), *stats["running"].values()))
        count = sum(stats[name] for name in ("done", "failed", "cancelled"))
        assert count == len(watch.tickets) == len({t.id for t in watch.tickets})
        for pid in filter(None, pids(compute)):  # one that was stopped while it had nothing to do
            os.kill(pid, signal.SIGCONT)
        last = compute.submit(Race((scripted(),)), "last")
        assert ended(last).name == "done"
        assert_whole(last)  # on a busy machine little else may have stayed undisturbed
        wait_for(lambda: len(pids(compute, "idle")) == 4, "all workers to be back")


def play(chance, compute, tickets):
    """Chaos. Returns ids: of the disturbed tickets, of those whose owner had no other job then."""
    disturbed, alone = set(), set()
    for _ in range(ACTIONS):
        time.sleep(chance.expovariate(1 / 0.03))
        if chance.random() < 0.6:
            owner = f"owner {chance.randrange(7)}"
            active = any(t.owner == owner and not t.state.ended for t in tickets)
            try:
                ticket = compute.submit(random_job(chance, len(tickets) + 1), owner)
            except (QueueFull, Busy):  # Busy: three workers in a row were killed as they started
                continue
            tickets.append(ticket)
            if not active:
                alone.add(ticket.id)
        else:
            disturbed.update(t.id for t in disturb(chance, compute, tickets))
    return disturbed, alone


def assert_in_order(tickets):
    started = [t._entry for t in tickets if t._entry.started is not None]
    assert len(started) > 2, "this schedule tests too little"
    for kind in ("long", "short"):
        starts = [e.started for e in started if e.kind == kind]
        assert starts == sorted(starts)


def assert_whole(ticket):
    job, items = ticket.job, ticket.events()
    if isinstance(job, Propagate):
        assert len(items) == 1
    elif isinstance(job, Classify):
        assert "answer" in items[-1]
    elif isinstance(job, Gradients):
        assert [item["step"] for item in items] == list(job.at_steps)
    else:
        for lane, config in enumerate(job.configs):
            steps = [event for each, event in items if each == lane][:-1]
            assert steps == [step(n, config.lr) for n in range(1, config.steps + 1)]
