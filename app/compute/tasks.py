"""What a worker does for each kind of job: a generator of its items.

Importing this module loads no torch; `load_library` does.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.compute.items import LoadingItem, SweepItem
from app.compute.jobs import (
    Classify,
    Costs,
    Download,
    Fork,
    Gradients,
    Item,
    Job,
    Mates,
    Models,
    Propagate,
    Race,
    Sweep,
    Turns,
    Unpack,
    check,
)
from app.compute.photos import Photos
from nfnet.controls import Control, Controls
from nfnet.events import Diverged, Event, Finished, Loading, Step
from nfnet.run import RunConfig
from nfnet.variants import model_config

TELL_SECONDS = 0.5  # between two words on a run of a sweep
PUBLISHED_SAYS = "Weights as published by DeepMind, trained on ImageNet."

log = logging.getLogger(__name__)

# Controls that have come, as (lane, control); with True it waits for one. It raises to end the job.
Listen = Callable[[bool], list[tuple[int, Control]]]


@dataclass(frozen=True)
class Library:
    """The functions of `nfnet` that compute, and the device they use."""

    device: str
    train: Callable[[RunConfig, Controls], Iterator[Event]]
    measure: Mapping[type, Callable[[Any], Iterator[Item]]]  # by kind of job
    photos: Photos | None = None  # None: only in tests of other things
    gpus: int = 0  # that CUDA finds on this machine
    use_gpu: Callable[[int], None] = lambda gpu: None  # computes there from then on


def load_library() -> Library:
    """Imports torch and `nfnet`, and warms them up."""
    import torch

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    from nfnet import costs, forks, gradients, mates, propagation, shelf, training, turns

    _warm_up(training.train)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Library(
        device,
        training.train,
        {
            Fork: lambda job: forks.fork(job.config),
            Gradients: lambda job: gradients.gradient_units(job.config, job.at_steps),
            Propagate: lambda job: propagation.propagate(job.config, job.images, job.shortcut),
            Costs: lambda job: costs.costs(job.configs),
            Mates: lambda job: mates.items(job.company, job.own, job.image),
            Turns: lambda job: turns.turns(job.config, job.at_steps),
            Unpack: lambda job: shelf.items(job.image, job.digest),
        },
        _photos(),
        torch.cuda.device_count(),
        torch.cuda.set_device,
    )


def _photos() -> Photos:
    from nfnet import checkpoint, hub, predict, published, weights

    def describe(path: Path) -> str:
        info = checkpoint.read_metadata(path)
        return PUBLISHED_SAYS if info is None else about(info.provenance)

    @functools.cache
    def count(name: str) -> int:
        if name in published.PUBLISHED:
            return published.PUBLISHED[name].parameters
        return sum(p.numel() for p in weights.blank(model_config(name)).parameters())

    return Photos(
        find=published.find_weights,
        fetch=hub.fetch_weights,
        load=predict.load_classifier,
        describe=describe,
        count=count,
        published={name: each.bytes for name, each in published.PUBLISHED.items()},
    )


def about(provenance: Mapping[str, Any]) -> str:
    """Where weights of our own come from, in a sentence, as far as their file says it."""
    data, accuracy = provenance.get("data"), provenance.get("accuracy")
    words = f"Trained by this project on {str(data)[:100]}" if data else "Trained by this project"
    if isinstance(accuracy, float) and 0 <= accuracy <= 1:
        words += f"; {accuracy:.0%} of its validation pictures named rightly"
    return f"{words}."


def _warm_up(train: Callable[[RunConfig], Iterator[Event]]) -> None:
    """Trains a tiny net: torch loads its optimizers at the first use, which takes a second."""
    tiny = RunConfig(widths=(8,), depths=(1,), steps=1, batch_size=16, train_images=64)
    try:
        for _ in train(tiny.replace(device="cpu")):  # a spare worker takes no GPU memory
            pass
    except Exception:  # a student's own run will say what is wrong
        log.exception("the warm-up failed")


def compute(job: Job, library: Library, listen: Listen) -> Iterator[Item]:
    """The items of a job. UserError: it asks for more than the classroom's limits allow."""
    check(job, library.device)
    if isinstance(job, Race):
        yield from race(job.configs, library.train, listen)
        return
    if isinstance(job, Sweep):
        yield from sweep(job.configs, library.train, listen)
        return
    for item in _items(job, library):
        yield item
        listen(False)


def _items(job: Job, library: Library) -> Iterator[Item]:
    match job:
        case Classify():
            return library.photos.classify(job)
        case Models():
            return library.photos.models()
        case Download():
            return library.photos.download(job.model)
    return library.measure[type(job)](job)


def sweep(
    configs: Sequence[RunConfig],
    train: Callable[[RunConfig, Controls], Iterator[Event]],
    listen: Listen,
) -> Iterator[SweepItem | LoadingItem]:
    """Runs the configurations one after another; tells of each now and then, and of its end."""
    for cell, config in enumerate(configs):
        began, told, shares = time.monotonic(), 0.0, []
        standing = SweepItem(
            cell=cell, step=0, accuracy=None, fate="", clipped_share=0.0, seconds=0.0
        )
        for event in train(config, Controls()):
            listen(False)
            if isinstance(event, Loading):
                yield {"loading": dataclasses.asdict(event)}
            ended = isinstance(event, Diverged | Finished)
            if isinstance(event, Step):
                shares.append(event.clipped_share)
            if isinstance(event, Step) or ended:
                now = time.monotonic()
                standing = standing | {
                    "step": event.step,
                    "clipped_share": sum(shares) / max(1, len(shares)),
                    "seconds": now - began,
                }
                if not ended and now - told >= TELL_SECONDS:
                    told = now
                    yield standing
            if ended:
                fate = event.reason if isinstance(event, Diverged) else "finished"
                yield standing | {"fate": fate, "accuracy": event.accuracy}


def race(
    configs: Sequence[RunConfig],
    train: Callable[[RunConfig, Controls], Iterator[Event]],
    listen: Listen,
) -> Iterator[tuple[int, Event]]:
    """Steps the runs in turn, one event each, until all have ended.

    A paused lane is not stepped: its generator would wait inside, and the other lanes with it.
    """
    controls = [Controls() for _ in configs]
    lanes = {lane: train(config, controls[lane]) for lane, config in enumerate(configs)}
    while lanes:
        waiting = all(controls[lane].paused for lane in lanes)
        _steer(controls, listen(waiting))
        for lane in list(lanes):
            _steer(controls, listen(False))
            if controls[lane].paused:
                continue
            event = next(lanes[lane], None)
            if event is not None:
                yield lane, event
            if event is None or isinstance(event, Diverged | Finished):
                lanes.pop(lane).close()


def _steer(controls: Sequence[Controls], moves: Sequence[tuple[int, Control]]) -> None:
    for lane, control in moves:
        controls[lane].apply(control)
        if controls[lane].stopped:
            controls[lane].resume()  # the generator must be stepped once more to say it finished
