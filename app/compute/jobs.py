"""What can be computed and what a student sees of it: jobs, states, tickets.

Nothing here computes, waits or loads torch. How turns are given is in `desk`, who computes in
`local`; a page needs only these names and `app.compute.get_compute`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypedDict

from nfnet.photo import MAX_BYTES, Question
from nfnet.run import CLASSROOM, CLASSROOM_GPU, Control, Event, Limits, RunConfig, UserError
from nfnet.variants import model_config

MAX_LANES = 4
MAX_GRADIENT_STEPS = 20


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
class Gradients:
    """A net's gradients, unit by unit, at some steps of its training. Items: `GradientsItem`."""

    config: RunConfig
    at_steps: tuple[int, ...] = (0, 20, 60)

    def __post_init__(self) -> None:
        steps = tuple(self.at_steps)
        object.__setattr__(self, "at_steps", steps)
        whole = all(isinstance(s, int) and not isinstance(s, bool) and s >= 0 for s in steps)
        if not whole or not 1 <= len(steps) <= MAX_GRADIENT_STEPS:
            raise UserError(f"at_steps must be 1 to {MAX_GRADIENT_STEPS} step numbers from 0")
        if max(steps) > CLASSROOM.steps:
            raise UserError(f"at_steps must be at most {CLASSROOM.steps}, not {max(steps)}")


@dataclass(frozen=True)
class Propagate:
    """How a signal's statistics grow block by block in a fresh net. Items: `PropagateItem`."""

    config: RunConfig
    images: str = "noise"


@dataclass(frozen=True)
class Classify:
    """What a net makes of one picture. Items: `LoadingItem` while it loads, then `AnswerItem`.

    Two are equal if they ask the same about the same picture.
    """

    question: Question
    image: bytes = field(repr=False, compare=False)  # as it was uploaded: nobody has looked inside
    digest: str = ""  # of the picture; computed if not given

    def __post_init__(self) -> None:
        if len(self.image) > MAX_BYTES:
            raise UserError(
                f"the picture has {len(self.image) / 2**20:.1f} MB, and at most "
                f"{MAX_BYTES >> 20} are allowed; make it smaller"
            )
        if not self.digest:
            object.__setattr__(self, "digest", hashlib.sha256(self.image).hexdigest())


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


Job = Race | Gradients | Propagate | Classify | Models | Download
# Kinds of jobs that do not wait behind each other. A download only waits for bytes: it takes
# minutes, so it may hold up neither the short jobs nor the trainings.
KINDS = ("short", "long", "download")


def kind_of(job: Job) -> str:
    """Which of the queues a job waits in, one of KINDS."""
    return {Race: "long", Download: "download"}.get(type(job), "short")


def is_shared(job: Job) -> bool:
    """Whether an equal job may be answered with this one's result."""
    return not isinstance(job, Models | Download)  # what is on disk may have changed


def without_picture(job: Job) -> Job:
    """An equal job that takes no room: what is over needs no picture any more."""
    return dataclasses.replace(job, image=b"") if isinstance(job, Classify) else job


class LayerGradients(TypedDict):
    name: str
    shape: list[int]
    clipped: bool  # whether AGC may clip this weight (False: the classifier's)
    weight_norm: list[float]  # one a unit
    gradient_norm: list[float]


class GradientsItem(TypedDict):
    step: int
    loss: float
    layers: list[LayerGradients]


class PropagateItem(TypedDict):
    stage: int
    block: int
    squared_mean: float
    variance: float
    branch_variance: float | None  # None: the stem, which has no branch
    predicted_variance: float | None


class Progress(TypedDict):
    """`nfnet.run.Loading` as JSON."""

    what: str
    done: int
    total: int


class LoadingItem(TypedDict):
    loading: Progress


class AnswerItem(TypedDict):
    """`nfnet.photo.Answer` as JSON."""

    answer: dict


class ModelFacts(TypedDict):
    name: str
    on_disk: bool
    parameters: int
    bytes: int  # of the file here, or of the one that would be fetched; 0: not known
    published: bool  # whether weights can be fetched
    about: str  # what the file here says of itself, a sentence; empty if it says nothing


class ModelsItem(TypedDict):
    models: list[ModelFacts]


Item = tuple[int, Event] | dict[str, Any]


def configs_of(job: Job) -> tuple[RunConfig, ...]:
    """The trainings that a job asks for; jobs about photos ask for none."""
    if isinstance(job, Race):
        return job.configs
    return (job.config,) if isinstance(job, Gradients | Propagate) else ()


def check(job: Job, device: str) -> None:
    """Raises UserError where a run asks for more than the classroom's limits on `device` allow."""
    for config in configs_of(job):
        config.check(_limits(config, device))


def _limits(config: RunConfig, device: str) -> Limits:
    return CLASSROOM_GPU if device == "cuda" and config.device in ("auto", "cuda") else CLASSROOM


_KINDS: dict[str, type[Job]] = {
    kind.__name__.lower(): kind for kind in (Race, Gradients, Propagate, Classify, Models, Download)
}


def job_to_json(job: Job) -> dict[str, Any]:
    """A dict with only JSON values, `"job"` first. A picture is not in it: it travels as bytes."""
    values = dataclasses.asdict(without_picture(job))
    values.pop("image", None)
    return {"job": type(job).__name__.lower(), **values}


def job_from_json(values: dict[str, Any], picture: bytes = b"") -> Job:
    """Inverse of `job_to_json`; UserError for settings that are unknown or out of range."""
    values = dict(values)
    kind = _KINDS[values.pop("job")]
    if kind is Race:
        return Race(tuple(RunConfig.from_json(config) for config in values["configs"]))
    if kind is Classify:
        return Classify(Question.from_json(values["question"]), picture, values["digest"])
    if "config" in values:
        values["config"] = RunConfig.from_json(values["config"])
    return kind(**values)


@dataclass(frozen=True)
class State:
    """Where a job stands. The last three names are final: a job reaches exactly one of them."""

    name: Literal["queued", "running", "done", "failed", "cancelled"]
    place: int = 0  # in the queue, 1 = next; 0: not waiting
    eta: float | None = None  # seconds until it starts; None: nothing measured yet, or not waiting
    # "invalid", "error", "out of memory", "worker died", "deadline" or "abandoned"
    reason: str = ""
    message: str = ""  # one sentence for the student

    @property
    def ended(self) -> bool:
        return self.name not in ("queued", "running")


@dataclass(eq=False)
class Entry:
    """All that is known of one job. Only the desk looks inside."""

    job: Job
    kind: str  # one of KINDS
    owner: str
    watched: float  # when someone last looked
    name: str = "queued"
    reason: str = ""
    message: str = ""
    items: Sequence[Item] = field(default_factory=list)
    version: int = 0
    started: float | None = None
    paused: bool = False  # ever
    steered: bool = False  # any control was sent: the run is private
    levers: dict[tuple[int, str], Control] = field(default_factory=dict)  # moved, not yet sent
    ticket: Ticket = None  # type: ignore[assignment]  # set by the desk at once

    @property
    def ended(self) -> bool:
        return self.name not in ("queued", "running")


class Desk(Protocol):
    """What a ticket needs of the desk that issued it."""

    def state(self, entry: Entry) -> State: ...
    def version(self, entry: Entry) -> int: ...
    def events(self, entry: Entry, after: int) -> list[Item]: ...
    def send(self, entry: Entry, control: Control, lane: int | None) -> None: ...
    def cancel(self, entry: Entry) -> None: ...


class Ticket:
    """A student's hold on one job, from `Compute.submit` on. Safe to use from any thread.

    Every look at it (`state`, `version`, `events`) says that someone still watches; a job that
    nobody watches for a while is cancelled as abandoned.
    """

    def __init__(
        self, desk: Desk, entry: Entry, *, id: str, job: Job, owner: str, shared: bool
    ) -> None:
        self._desk, self._entry = desk, entry
        self.id = id  # cannot be guessed, so it may stand in a URL
        self.job = job
        self.owner = owner
        self.shared = shared  # an equal job's result, which was there already

    @property
    def state(self) -> State:
        return self._desk.state(self._entry)

    @property
    def version(self) -> int:
        """Grows whenever there is something new to draw: items, a state, another place."""
        return self._desk.version(self._entry)

    def events(self, after: int = 0) -> list[Item]:
        """The items from index `after` on, in the order they were measured."""
        return self._desk.events(self._entry, after)

    def send(self, control: Control, lane: int | None = None) -> None:
        """Moves a lever of one lane, or of all (None). From then on the run is private.

        Of two values for one lever that the worker has not taken yet only the newer is sent.
        After the end, and for jobs other than races, this does nothing.
        """
        self._desk.send(self._entry, control, lane)

    def cancel(self) -> None:
        """Ends the job now, unless it has ended."""
        self._desk.cancel(self._entry)


class Compute(Protocol):
    """Something that runs jobs: worker processes here, or a cluster."""

    def submit(self, job: Job, owner: str) -> Ticket:
        """Takes a job. UserError (also Busy, QueueFull) says in a sentence why it cannot."""

    def ticket(self, id: str, owner: str) -> Ticket | None:
        """The owner's own ticket; None for an unknown one or someone else's."""

    def stats(self) -> dict[str, Any]:
        """Figures for the lecturer: workers, slots, jobs running, waiting and ended."""

    def close(self) -> None:
        """Ends every job and every worker."""
