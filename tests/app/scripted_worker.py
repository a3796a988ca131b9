"""A worker that follows a script instead of training; everything but the library is the real one.

A config's seed chooses the script of its lane, `steps` says how many items, and `weight_decay` how
many seconds each takes. It loads no torch, so it is ready in a fraction of a second.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

from app.compute import wire
from app.compute.jobs import Gradients, Propagate, Race
from app.compute.photos import Photos
from app.compute.tasks import Library
from app.compute.worker import main
from nfnet.events import Finished, Loading, Step
from nfnet.photo import Answer, Prediction, Question
from nfnet.run import RunConfig, UserError

MARKS = "NFNET_TEST_MARKS"  # names a folder

# what happens after the last step
SCRIPTS = (
    "steps",  # the end
    "stuck",  # deaf to everything
    "raise",
    "refuse",  # as the library refuses what a person can mend
    "exit",
    "crash",  # a segmentation fault
    "leak",
    "torch leak",  # what torch raises when memory runs out
    "cuda error",
    "nonsense",  # an event with fields of a wrong type
    "print",  # 3 MB on standard output
    "blob",  # one item of more bytes than a message may have
    "ready again",  # may be said only once
    "half a message",  # the first bytes of one, and no more
    "environment",  # reports where and how the process runs
)


def scripted(script: str = "steps", steps: int = 3, pause: float = 0.0, **changes) -> RunConfig:
    """A config for which the worker below follows `script`."""
    seed = SCRIPTS.index(script)
    return RunConfig(seed=seed, steps=steps, weight_decay=pause, batch_size=1, **changes)


def race(*scripts: str, **options) -> Race:
    return Race(tuple(scripted(script, **options) for script in scripts))


def train(config, controls):
    script = SCRIPTS[config.seed]
    for number in range(1, config.steps + 1):
        if controls.paused:
            raise RuntimeError("a paused lane was stepped")
        if controls.stopped:
            yield Finished(step=number - 1, accuracy=0.5, loss=1.0, stopped=True)
            return
        time.sleep(config.weight_decay)
        yield step(number, controls.value("lr", config.lr), controls)
        if number == config.steps:
            act(script)
    yield Finished(step=config.steps, accuracy=0.5, loss=float("inf"))


def step(number, lr, controls=None):
    clipping = controls.value("clipping", None) if controls else None
    ratios = {"stem": (0.1, 0.2, float("inf"))}
    gpu = float(os.environ.get("SCRIPTED_GPU", "-1"))  # told in place of images per second
    return Step(number, 1.0, 0.5, lr, clipping, 0.0, float("inf"), ratios, gpu)


def mark_as_deaf() -> None:
    """Says by a file, for there is no other way left, that this worker listens no more."""
    if folder := os.environ.get(MARKS):
        Path(folder, str(os.getpid())).touch()


def act(script):
    if script == "stuck":
        mark_as_deaf()
        while True:
            time.sleep(60)
    elif script == "raise":
        raise ZeroDivisionError("secret details")
    elif script == "refuse":
        raise UserError("choose a smaller rate")
    elif script == "exit":
        os._exit(7)
    elif script == "crash":
        ctypes.string_at(0)
    elif script == "leak":
        hoard = []
        while True:
            hoard.append(bytearray(1 << 26))
    elif script == "torch leak":
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB")
    elif script == "cuda error":
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    elif script in ("half a message", "ready again"):
        ready = wire.pack("ready", device="cpu", gpus=0)
        message = len(ready).to_bytes(4) + ready  # as multiprocessing frames it
        channel = sys.argv[sys.argv.index("--channel") + 1]
        os.write(int(channel.removeprefix("fd:")), message[: 5 if "half" in script else None])
        mark_as_deaf()
        time.sleep(60)
    elif script == "print":
        for _ in range(300):
            print("x" * 10_000)


def gradient_units(config, at_steps):
    script = SCRIPTS[config.seed]
    for number in at_steps:
        time.sleep(config.weight_decay)
        act(script)
        name = "x" * (17 << 20) if script == "blob" else "stem"
        layer = {
            "name": name,
            "shape": [1, 1, 3, 3],
            "clipped": True,
            "weight_norm": [1.0],
            "gradient_norm": ["much"] if script == "nonsense" else [0.5],
            "cosine": [0.0],
        }
        yield {"step": number, "loss": 1.0, "layers": [layer]}


def propagate(config, images):
    time.sleep(config.weight_decay)
    act(SCRIPTS[config.seed])
    item = {
        "stage": 0,
        "block": 0,
        "squared_mean": 0.0,
        "variance": 1.0,
        "branch_variance": 1.0,
        "predicted_variance": None,
    }
    if SCRIPTS[config.seed] == "environment":
        item["report"] = {
            "cwd": os.getcwd(),
            "nice": os.nice(0),
            "group": os.getpgid(0) == os.getpid(),
            "threads": os.environ["OMP_NUM_THREADS"],
            "stdin": os.path.samestat(os.fstat(0), os.stat(os.devnull)),
            "data": os.environ.get("NFNET_DATA"),
            "key": os.environ.get("NFNET_WORKER_KEY"),
        }
    yield item


def find(name):
    """Two models are on disk; this file stands for their weights."""
    return Path(__file__) if name in ("nfnet_f0", "nfnet_f1") else None


def fetch(name):
    if name == "nfnet_f6":
        raise UserError("there is no network here; copy the file")
    for done in range(50):
        yield Loading(name, done, 50)
        time.sleep(0.02)
    return Path(__file__)


def load(name, path):
    yield Loading(name, 1, 2)
    return Classifier(name)


class Classifier:
    """A picture that begins with "script:" is an order; of any other it counts the bytes."""

    def __init__(self, name):
        self.name = name

    def answer(self, data: bytes, question: Question) -> Answer:
        if data.startswith(b"script:"):
            act(data.removeprefix(b"script:").split()[0].decode())
        share = question.perturbation.crop
        best = Prediction(os.getpid(), f"{len(data)} bytes, sum {sum(data)}", share, "n0")
        seen = b"no picture" if data == b"lies" else b"\xff\xd8\xff picture"
        grid = [[0.0, 1.0], [0.5, 0.25]] if question.heat_map else None
        return Answer(self.name, (best,), 0.01, 10**9, 256, seen, grid)


PUBLISHED = {"nfnet_f2": 7, "nfnet_f6": 9}
PHOTOS = Photos(find, fetch, load, lambda path: "Made for tests.", len, PUBLISHED)


def use_gpu(number):
    """Remembers the GPU, for `step`."""
    os.environ["SCRIPTED_GPU"] = str(number)


if __name__ == "__main__":
    if "--broken" in sys.argv:
        sys.exit("cannot start")
    gpus = int(os.environ.get("SCRIPTED_GPUS", "0"))
    measure = {
        Gradients: lambda job: gradient_units(job.config, job.at_steps),
        Propagate: lambda job: propagate(job.config, job.images),
    }
    library = Library("cpu", train, measure, PHOTOS, gpus, use_gpu)
    main(lambda: library, memory=256 << 20)
