"""A trainer saved and restored goes on as if nothing had been; runs are forked from checkpoints."""

from __future__ import annotations

import pytest
import torch

from nfnet import forks
from nfnet.events import Diverged, Finished, Step
from nfnet.forks import Tape, fork, record
from nfnet.run import RunConfig
from nfnet.training import follow, train
from tests.nfnet.test_training import TINY, make_trainer, one_thread

__all__ = ["one_thread"]  # a fixture: equal to the bit on one thread only

RUN = TINY.replace(clipping=None)
DYING = RUN.replace(lr=3.0, steps=60, evaluate_every=0)  # at step 11


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NFNET_RUNS", str(tmp_path))
    return tmp_path


def lane(items, number):
    return [event for each, event in items if each == number]


@pytest.mark.parametrize(
    "config",
    [
        RUN,
        RUN.replace(norm="batch", evaluate_every=0),  # running means and variances too
        RUN.replace(augment=True, train_images=64),  # the generator; epochs that end in between
        RUN.replace(clipping=0.01, momentum=0.0),
        RUN.replace(precision="mixed"),
    ],
)
def test_a_restored_trainer_goes_on_to_the_bit(config: RunConfig) -> None:
    first = make_trainer(config)
    stream = follow(first)
    while len(first.losses) < 6:
        next(stream)
    saved = first.save()
    rest = [event for event in stream if event.step > 6]
    second = make_trainer(config.replace(seed=5))  # another net: nothing of it may stay
    second.restore(saved)
    assert list(follow(second)) == rest and len(rest) > 6
    ours, theirs = first.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_momentum_is_part_of_a_checkpoint() -> None:
    trainer = make_trainer(RUN)
    for event in follow(trainer):
        if event.step == 6:
            break
    saved = trainer.save()
    again = make_trainer(RUN)
    again.restore(saved)
    again.optimizer.state.clear()
    assert list(follow(again))[1:] != list(follow(trainer))[1:]


@pytest.mark.parametrize("most_bytes", [forks.MOST_BYTES, 60_000])
def test_a_fork_without_another_threshold_is_the_run_itself(most_bytes: int) -> None:
    items = list(fork(RUN.replace(clipping_from=9), most_bytes))
    assert lane(items, 0) == list(train(RUN))
    begun = lane(items, 1)[0].step
    assert begun == 9 if most_bytes == forks.MOST_BYTES else begun < 9
    assert lane(items, 1) == [event for event in train(RUN) if event.step >= begun]


def test_a_fork_with_a_threshold_is_what_the_same_run_from_its_start_would_be() -> None:
    config = RUN.replace(lr=1.0, clipping=0.01, clipping_from=7)
    first, later = list(fork(config)), list(fork(config))
    assert first == later
    assert lane(first, 1) == [event for event in train(config) if event.step >= 7]
    assert lane(first, 1)[1] not in lane(first, 0)


def test_the_run_is_trained_once_for_all_its_forks(folder, monkeypatch) -> None:
    trained = []
    monkeypatch.setattr(
        forks, "record", lambda config, tape: trained.append(config) or record(config, tape)
    )
    for begin, clipping in ((4, 0.01), (9, 0.01), (9, 0.1)):
        items = list(fork(RUN.replace(clipping=clipping, clipping_from=begin)))
        assert lane(items, 1)[0].step == begin and isinstance(items[-1][1], Finished)
    assert trained == [RUN] and len(list(folder.iterdir())) == 1
    list(fork(RUN.replace(clipping=0.01, seed=1)))
    assert len(trained) == 2


def test_a_run_that_died_is_saved_by_a_fork_before_it_and_not_by_one_after() -> None:
    *_, dead = train(DYING)
    assert isinstance(dead, Diverged) and dead.step > 5
    early = list(fork(DYING.replace(clipping=1e-3, clipping_from=3)))
    late = list(fork(DYING.replace(clipping=1e-3, clipping_from=dead.step + 5)))
    assert lane(early, 0)[-1] == lane(late, 0)[-1] == dead
    assert isinstance(early[-1][1], Finished)
    assert lane(late, 1) == [dead]  # it died before it could be clipped


def test_checkpoints_are_thinned_out_to_what_they_may_take() -> None:
    tape = Tape(most_bytes=5 * len(make_trainer(RUN).save()))
    list(record(RUN.replace(steps=20), tape))
    assert sum(map(len, tape.checkpoints.values())) <= tape.most_bytes
    assert tape.every > 1 and len(tape.checkpoints) >= 2
    assert list(tape.checkpoints) == list(range(0, max(tape.checkpoints) + 1, tape.every))
    none = Tape(most_bytes=1)  # the beginning is always there
    list(record(RUN, none))
    assert list(none.checkpoints) == [0]


def test_what_lies_in_the_folder_is_bounded_and_may_be_damaged(folder, monkeypatch) -> None:
    monkeypatch.setattr(forks, "MOST_RUNS", 2)
    short = RUN.replace(steps=2, evaluate_every=0, clipping=0.01, clipping_from=2)
    whole = [list(fork(short.replace(seed=seed))) for seed in range(3)]
    kept = list(folder.iterdir())
    assert len(kept) == 2 and {path.suffix for path in kept} == {".zip"}
    for path in kept:
        path.write_bytes(b"PK no zip")
    assert [list(fork(short.replace(seed=seed))) for seed in range(3)] == whole


def test_without_a_folder_or_room_a_fork_is_made_all_the_same(folder, monkeypatch, caplog) -> None:
    config = RUN.replace(steps=3, clipping=0.01, clipping_from=2)
    expected = list(fork(config))
    monkeypatch.setenv("NFNET_RUNS", str(folder / "missing"))
    assert list(fork(config)) == expected and "cannot be kept" in caplog.text
    monkeypatch.delenv("NFNET_RUNS")
    assert list(fork(config)) == expected


def test_another_nets_checkpoint_is_refused() -> None:
    with pytest.raises(RuntimeError):
        make_trainer(RUN.replace(widths=(8, 8))).restore(make_trainer(RUN).save())


def test_events_with_infinite_ratios_come_back_whole(folder) -> None:
    first = list(fork(DYING.replace(clipping=1.0, clipping_from=2)))
    assert list(fork(DYING.replace(clipping=1.0, clipping_from=2))) == first
    assert any(isinstance(event, Step) for event in lane(first, 0))
