"""The whole way: real workers, real nets, real training."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.compute.jobs import Costs, Fork, Gradients, Propagate, Race
from app.compute.local import LocalCompute
from app.compute.process import ROOT
from nfnet.controls import Control
from nfnet.events import Diverged, Finished, Step
from nfnet.run import RunConfig
from tests.app.compute_tools import ended, no_leftovers, wait_for

TINY = RunConfig(widths=(8,), depths=(1,), steps=6, batch_size=16, train_images=256, lr=0.5)


@pytest.fixture(scope="module")
def compute(tmp_path_factory):
    with no_leftovers(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("NFNET_RUNS", str(tmp_path_factory.mktemp("runs")))
        compute = LocalCompute()
        yield compute
        compute.close()


def steps(ticket, lane):
    return [e for each, e in ticket.events() if each == lane and isinstance(e, Step)]


def test_a_race_of_two_tiny_nets_is_run_and_an_equal_one_shares_it(compute):
    job = Race((TINY, TINY.replace(norm="batch")))
    ticket = compute.submit(job, "a")
    wait_for(lambda: ticket.state.ended, "the first training", seconds=120)  # torch is loaded too
    assert ticket.state.name == "done", ticket.state
    for lane in range(2):
        assert [e.step for e in steps(ticket, lane)] == [1, 2, 3, 4, 5, 6]
        (end,) = [e for each, e in ticket.events() if each == lane and isinstance(e, Finished)]
        assert end.step == 6 and 0 <= end.accuracy <= 1 and not end.stopped
    again = compute.submit(job, "b")
    assert again.shared and again.events() == ticket.events()


def test_a_worker_computes_what_this_process_would(compute):
    code = f"""
import torch
torch.set_num_threads(1)
from nfnet.events import Step
from nfnet.run import RunConfig
from nfnet.training import train
print([e.loss for e in train(RunConfig(**{TINY.to_json()})) if isinstance(e, Step)])
"""
    direct = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    ticket = compute.submit(Race((TINY,)), "a")
    assert ended(ticket).name == "done", ticket.state
    assert direct.stdout.strip() == str([e.loss for e in steps(ticket, 0)]), direct.stderr


def test_a_run_is_forked_and_a_later_fork_goes_on_from_the_same_run(compute):
    forks = [
        compute.submit(Fork(TINY.replace(clipping=0.01, clipping_from=begin)), f"viewer {begin}")
        for begin in (3, 5)
    ]
    assert [ended(ticket).name for ticket in forks] == ["done"] * 2
    whole = [e.images_per_second for e in steps(forks[0], 0)]
    # the very same run, not one like it: its speeds are those of the first time
    assert whole and whole == [e.images_per_second for e in steps(forks[1], 0)]
    for begin, ticket in zip((3, 5), forks, strict=True):
        assert [e.step for e in steps(ticket, 1)] == list(range(begin, 7))
        assert steps(ticket, 1)[0].loss == steps(ticket, 0)[begin - 1].loss


def test_costs_are_measured_cell_by_cell_in_a_worker(compute):
    job = Costs(TINY.replace(resolution=8), (2, 4), ("batch", "none"))
    ticket = compute.submit(job, "a")
    assert ended(ticket).name == "done", ticket.state
    items = ticket.events()
    assert [(i["batch_size"], i["norm"]) for i in items] == [
        (2, "batch"),
        (2, "none"),
        (4, "batch"),
        (4, "none"),
    ]
    for item in items:
        whole = sum(item["forward_ms"].values()) + sum(item["backward_ms"].values())
        assert whole == pytest.approx(item["step_ms"], rel=0.05)
        assert (item["threads"], item["device"]) == (1, "cpu") or item["device"] == "cuda"


def test_a_control_changes_the_clipping_of_one_running_lane(compute):
    long = TINY.replace(steps=3000, evaluate_every=0)
    ticket = compute.submit(Race((long, long.replace(seed=1))), "a")
    wait_for(lambda: len(steps(ticket, 1)) > 3)
    ticket.send(Control("clipping", 0.25), lane=1)
    clipped = wait_for(lambda: [e for e in steps(ticket, 1) if e.clipping == 0.25])
    assert steps(ticket, 1)[0].clipping is None
    assert steps(ticket, 1)[clipped[0].step - 1 :] == clipped  # from then on, every step
    ticket.send(Control("stop"))
    assert ended(ticket).name == "done"
    assert all(e.clipping is None for e in steps(ticket, 0))
    ends = [e for _, e in ticket.events() if isinstance(e, Finished)]
    assert len(ends) == 2 and all(e.stopped for e in ends)


def test_a_divergence_is_a_result(compute):
    ticket = compute.submit(Race((TINY.replace(lr=1e4, steps=60),)), "a")
    assert ended(ticket).name == "done", ticket.state
    assert isinstance(ticket.events()[-1][1], Diverged)


def test_gradients_and_propagation_are_measured(compute):
    ticket = compute.submit(Gradients(TINY, at_steps=(0, 2)), "a")
    assert ended(ticket).name == "done", ticket.state
    assert [item["step"] for item in ticket.events()] == [0, 2]
    for layer in ticket.events()[0]["layers"]:
        norms, gradients = layer["weight_norm"], layer["gradient_norm"]
        assert len(norms) == len(gradients) == len(layer["cosine"]) >= 1
    ticket = compute.submit(Propagate(TINY), "a")
    assert ended(ticket).name == "done", ticket.state
    assert all(item["variance"] > 0 for item in ticket.events())
