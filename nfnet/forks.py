"""A run continued from one of its checkpoints with another clipping threshold, beside the run.

The run is trained once; its checkpoints and events lie as one file in the folder NFNET_RUNS, where
every later fork of it, by whatever worker, begins. Without that folder they live as long as the
fork that made them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

from nfnet.devices import pick_device
from nfnet.events import Event, Step, event_from_json
from nfnet.relay import relayed
from nfnet.run import FOLDER, RunConfig
from nfnet.training import Trainer, follow, prepare

MOST_BYTES = 64 << 20  # of one run's checkpoints
MOST_RUNS = 4  # kept in the folder; the ones longest unused go
EVENTS = "events.json"

log = logging.getLogger(__name__)


def fork(config: RunConfig, most_bytes: int = MOST_BYTES) -> Iterator[tuple[int, Event]]:
    """The run without clipping, then the same run clipped from `config.clipping_from` on.

    The fork goes on from the last checkpoint before that step. Checkpoints are of every step, as
    long as they fit into `most_bytes`; else of every second, fourth, …, and the steps between are
    made anew, which gives the same on one thread of a CPU, and elsewhere nearly so.

    Yields:
        (0, event) of the run without clipping, from its first step or, if it was kept, at once;
        then (1, event) of the fork, whose first step tells where its checkpoint was.

    Raises:
        UserError: the data or the device cannot be had.
    """
    original = config.replace(clipping=None, clipping_from=1)
    path = _path(original)
    before = config.clipping_from - 1  # steps
    tape = _open(path, before)
    if tape is None:
        tape = Tape(most_bytes)
        for event in record(original, tape):
            yield 0, event
        if path is not None:
            _write(path, tape)
    else:
        for event in tape.events:
            yield 0, event
    trainer = yield from relayed(prepare(config), lambda event: (1, event))
    trainer.restore(tape.latest(before))
    for event in follow(trainer):
        yield 1, event


@dataclasses.dataclass
class Tape:
    """A run's events, and checkpoints of it by the number of steps done."""

    most_bytes: int
    events: list[Event] = dataclasses.field(default_factory=list)
    checkpoints: dict[int, bytes] = dataclasses.field(default_factory=dict)
    every: int = 1  # steps between two checkpoints

    def keep(self, trainer: Trainer) -> None:
        """Keeps a checkpoint if this step's turn has come; the first one always stays."""
        done = len(trainer.losses)
        if done % self.every:
            return
        self.checkpoints[done] = trainer.save()
        while sum(map(len, self.checkpoints.values())) > self.most_bytes and done:
            self.every *= 2
            kept = {at: c for at, c in self.checkpoints.items() if at % self.every == 0}
            self.checkpoints = kept
            done = max(kept)

    def latest(self, done: int) -> bytes:
        """The last checkpoint at which at most `done` steps were done."""
        return self.checkpoints[max(at for at in self.checkpoints if at <= done)]


def record(config: RunConfig, tape: Tape) -> Iterator[Event]:
    """`train(config)`, with its events and checkpoints on the tape."""
    trainer = yield from prepare(config)
    tape.keep(trainer)
    for event in follow(trainer):
        tape.events.append(event)
        if isinstance(event, Step):
            tape.keep(trainer)
        yield event


def _path(config: RunConfig) -> Path | None:
    """Where this run is kept; None: nowhere. A folder of pictures may change under its name."""
    folder = os.environ.get("NFNET_RUNS")
    if not folder or config.dataset == FOLDER:
        return None
    where = [str(pick_device(config.device)), torch.get_num_threads(), torch.__version__]
    text = json.dumps([config.to_json(), where])
    return Path(folder) / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.zip"


def _open(path: Path | None, done: int) -> Tape | None:
    """What was kept of a run, with that checkpoint alone which `latest(done)` gives."""
    if path is None:
        return None
    try:
        os.utime(path)  # it counts as used
        with zipfile.ZipFile(path) as file:
            events = [event_from_json(values) for values in json.loads(file.read(EVENTS))]
            at = max(int(n) for n in file.namelist() if n != EVENTS and int(n) <= done)
            return Tape(MOST_BYTES, events, {at: file.read(str(at))})
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):  # not there, or damaged
        return None


def _write(path: Path, tape: Tape) -> None:
    """Keeps a tape, whole or not at all, and clears away what is too much."""
    unfinished = path.with_name(f"{secrets.token_hex(8)}.part")
    events = [{"event": type(e).__name__.lower(), **dataclasses.asdict(e)} for e in tape.events]
    try:
        with zipfile.ZipFile(unfinished, "w") as file:
            file.writestr(EVENTS, json.dumps(events))
            for done, checkpoint in tape.checkpoints.items():
                file.writestr(str(done), checkpoint)
        os.replace(unfinished, path)
        kept = sorted(path.parent.glob("*.zip"), key=lambda each: each.stat().st_mtime)
        for old in kept[:-MOST_RUNS]:
            old.unlink(missing_ok=True)
    except OSError as error:  # this fork has what it needs; the next one trains the run again
        log.warning("a run's checkpoints cannot be kept: %s", error)
    finally:
        unfinished.unlink(missing_ok=True)
