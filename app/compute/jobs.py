"""What can be computed: each kind of job, what it may ask for, and its way to JSON and back.

Nothing here computes, waits or loads torch. What is seen of a submitted job is in `tickets`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, get_args

from nfnet.events import Event
from nfnet.photo import MAX_BYTES, Question
from nfnet.run import CLASSROOM, CLASSROOM_GPU, Limits, RunConfig, UserError
from nfnet.variants import model_config

MAX_LANES = 4
MAX_GRADIENT_STEPS = 20
MAX_BATCH_SIZES = 6
MAX_COMPANY = 127
MAX_CELLS = 120
MAX_SWEEP_IMAGES = 1_000_000
DEPTH = 200  # residual blocks of a net that is only looked through


class Busy(UserError):
    """Nothing can be computed at the moment."""


class QueueFull(UserError):
    """As many jobs wait as may wait."""


@dataclass(frozen=True)
class Race:
    """One to four runs, stepped in turn by one worker. Items: (lane, Event)."""

    configs: tuple[RunConfig, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "configs", tuple(self.configs))
        if not 1 <= len(self.configs) <= MAX_LANES:
            raise UserError(f"a race has 1 to {MAX_LANES} lanes, not {len(self.configs)}")


@dataclass(frozen=True)
class Fork:
    """A run that is clipped from `config.clipping_from` on, continued from a checkpoint of the same
    run without clipping, which is kept for later forks. Items: (0, Event) of that run, then
    (1, Event) of the fork from its checkpoint on.
    """

    config: RunConfig


@dataclass(frozen=True)
class Gradients:
    """A net's gradients, unit by unit, at some steps of its training.

    Items: `LoadingItem` while data is fetched, then `GradientsItem`.
    """

    config: RunConfig
    at_steps: tuple[int, ...] = (0, 20, 60)

    def __post_init__(self) -> None:
        _check_steps(self)


@dataclass(frozen=True)
class Propagate:
    """How a signal's statistics grow block by block in a fresh net. Items: `PropagateItem`."""

    config: RunConfig
    images: str = "noise"
    shortcut: str = "strided"  # or "pool": how a transition halves the picture


@dataclass(frozen=True)
class Classify:
    """What a net makes of one picture. Items: `LoadingItem` while it loads, then `AnswerItem`.

    Two are equal if they ask the same about the same picture.
    """

    question: Question
    image: bytes = field(repr=False, compare=False)  # as it was uploaded: nobody has looked inside
    digest: str = ""  # of the picture; computed if not given

    def __post_init__(self) -> None:
        _check_picture(self)


@dataclass(frozen=True)
class Models:
    """Which nets for photos there are, and which are on disk. Items: one `ModelsItem`.

    The worker then goes on to load the first one that is there, so that no picture waits for it.
    """


@dataclass(frozen=True)
class Download:
    """Fetches the published weights of a model. Items: `LoadingItem`."""

    model: str

    def __post_init__(self) -> None:
        model_config(self.model)


@dataclass(frozen=True)
class Costs:
    """What a step of a net costs. Items: a `CostsItem` for each norm at each batch size."""

    config: RunConfig
    batch_sizes: tuple[int, ...] = (4, 16, 64, 128)
    norms: tuple[str, ...] = ("batch", "nf", "none")

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch_sizes", tuple(self.batch_sizes))
        object.__setattr__(self, "norms", tuple(self.norms))
        if not 1 <= len(self.batch_sizes) <= MAX_BATCH_SIZES or not 1 <= len(self.norms) <= 3:
            raise UserError(f"costs are measured at 1 to {MAX_BATCH_SIZES} batch sizes")
        for size in self.batch_sizes:
            for norm in self.norms:  # checks both
                self.config.replace(norm=norm, batch_size=size)

    @property
    def configs(self) -> tuple[RunConfig, ...]:
        """What is measured, in order."""
        return tuple(
            self.config.replace(norm=norm, batch_size=size, steps=1)
            for size in self.batch_sizes
            for norm in self.norms
        )


@dataclass(frozen=True)
class Mates:
    """One picture in the company of others, through BN and NF. Items: a `MatesItem` a net."""

    company: tuple[str, ...]  # pictures at the other seats, by their names in nfnet.strangers
    own: str = ""  # the picture at the first seat; "" if `image` sits there
    image: bytes = field(default=b"", repr=False, compare=False)  # as it was uploaded
    digest: str = ""  # of the picture; computed if not given

    def __post_init__(self) -> None:
        object.__setattr__(self, "company", tuple(self.company))
        if not all(isinstance(name, str) for name in (self.own, *self.company)):
            raise UserError("drawings are called by their names")
        if len(self.company) > MAX_COMPANY:
            raise UserError(f"a picture has at most {MAX_COMPANY} others in its batch")
        if not self.own and not self.image and not self.digest:
            raise UserError("choose a picture for the first seat")
        _check_picture(self)


@dataclass(frozen=True)
class Turns:
    """How far training turns each filter a step.

    Items: `LoadingItem` while data is fetched, then a `TurnsItem` a step that was asked for.
    """

    config: RunConfig
    at_steps: tuple[int, ...] = (1, 5, 10, 20, 40, 60, 80, 100)

    def __post_init__(self) -> None:
        _check_steps(self)


@dataclass(frozen=True)
class Sweep:
    """Many runs, one after another, by one worker.

    Items: `SweepItem`, and `LoadingItem` while data is fetched.
    """

    configs: tuple[RunConfig, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "configs", tuple(self.configs))
        if not 1 <= len(self.configs) <= MAX_CELLS:
            raise UserError(f"a sweep has 1 to {MAX_CELLS} runs, not {len(self.configs)}")
        images = sum(config.steps * config.batch_size for config in self.configs)
        if images > MAX_SWEEP_IMAGES:
            raise UserError(
                f"the runs of this sweep see {images} images, and at most {MAX_SWEEP_IMAGES} are "
                "allowed; take fewer runs or steps"
            )


@dataclass(frozen=True)
class Unpack:
    """Pictures of one's own, a folder a class. Items: `LoadingItem`, then an `UnpackItem`.

    A zip is read and kept; a digest alone looks up what was kept; neither: the server's folder.
    """

    image: bytes = field(default=b"", repr=False, compare=False)  # the zip, as it was uploaded
    digest: str = ""  # 16 hexadecimal digits; computed if a zip is given

    def __post_init__(self) -> None:
        if len(self.image) > MAX_BYTES:
            raise UserError(
                f"the zip has {len(self.image) / 2**20:.1f} MB, and at most {MAX_BYTES >> 20} are "
                "allowed; take fewer pictures or make them smaller"
            )
        if self.image:
            object.__setattr__(self, "digest", hashlib.sha256(self.image).hexdigest()[:16])
        elif self.digest and not re.fullmatch("[0-9a-f]{16}", self.digest):
            raise UserError("pictures are looked up by 16 hexadecimal digits")


def _check_picture(job: Classify | Mates) -> None:
    if len(job.image) > MAX_BYTES:
        raise UserError(
            f"the picture has {len(job.image) / 2**20:.1f} MB, and at most "
            f"{MAX_BYTES >> 20} are allowed; make it smaller"
        )
    if job.image and not job.digest:
        object.__setattr__(job, "digest", hashlib.sha256(job.image).hexdigest())


def _check_steps(job: Gradients | Turns) -> None:
    steps = tuple(job.at_steps)
    object.__setattr__(job, "at_steps", steps)
    whole = all(isinstance(s, int) and not isinstance(s, bool) and s >= 0 for s in steps)
    if not whole or not 1 <= len(steps) <= MAX_GRADIENT_STEPS:
        raise UserError(f"at_steps must be 1 to {MAX_GRADIENT_STEPS} step numbers from 0")
    if max(steps) > CLASSROOM.steps:
        raise UserError(f"at_steps must be at most {CLASSROOM.steps}, not {max(steps)}")


Job = (
    Race
    | Fork
    | Gradients
    | Propagate
    | Classify
    | Models
    | Download
    | Costs
    | Mates
    | Turns
    | Sweep
    | Unpack
)
# Kinds of jobs that do not wait behind each other. A download only waits for bytes: it takes
# minutes, so it may hold up neither the short jobs nor the trainings.
KINDS = ("short", "long", "download")


def kind_of(job: Job) -> str:
    """Which of the queues a job waits in, one of KINDS."""
    # they train, or run for long
    if isinstance(job, Race | Fork | Sweep | Gradients | Turns | Costs):
        return "long"
    return "download" if isinstance(job, Download) else "short"


def is_shared(job: Job) -> bool:
    """Whether an equal job may be answered with this one's result."""
    # what is on disk may have changed; and who measures wants to know what it takes now
    return not isinstance(job, Models | Download | Unpack | Costs)


def without_picture(job: Job) -> Job:
    """An equal job that takes no room: what is over needs no picture any more."""
    return dataclasses.replace(job, image=b"") if picture_of(job) else job


def picture_of(job: Job) -> bytes:
    """The picture that travels with a job, empty if none does."""
    return getattr(job, "image", b"")


Item = tuple[int, Event] | dict[str, Any]


def configs_of(job: Job) -> tuple[RunConfig, ...]:
    """The trainings that a job asks for; jobs about photos ask for none."""
    if isinstance(job, Race | Sweep | Costs):
        return job.configs
    return (job.config,) if isinstance(job, Fork | Gradients | Propagate | Turns) else ()


def check(job: Job, device: str) -> None:
    """Raises UserError where a run asks for more than the classroom's limits on `device` allow."""
    for config in configs_of(job):
        limits = _limits(config, device)
        if isinstance(job, Propagate):  # one forward pass
            limits = dataclasses.replace(limits, blocks=DEPTH)
        config.check(limits)


def _limits(config: RunConfig, device: str) -> Limits:
    return CLASSROOM_GPU if device == "cuda" and config.device in ("auto", "cuda") else CLASSROOM


_KINDS: dict[str, type[Job]] = {kind.__name__.lower(): kind for kind in get_args(Job)}


def job_to_json(job: Job) -> dict[str, Any]:
    """A dict with only JSON values, `"job"` first. A picture is not in it: it travels as bytes."""
    values = dataclasses.asdict(without_picture(job))
    values.pop("image", None)
    return {"job": type(job).__name__.lower(), **values}


def job_from_json(values: dict[str, Any], picture: bytes = b"") -> Job:
    """Inverse of `job_to_json`; UserError for settings that are unknown or out of range."""
    values = dict(values)
    kind = _KINDS[values.pop("job")]
    if "configs" in values:
        values["configs"] = tuple(RunConfig.from_json(config) for config in values["configs"])
    if "config" in values:
        values["config"] = RunConfig.from_json(values["config"])
    if "question" in values:
        values["question"] = Question.from_json(values["question"])
    if "digest" in values:
        values["image"] = picture
    return kind(**values)
