"""What workers send back: the items of each kind of job, as JSON objects with checked types."""

from __future__ import annotations

from typing import TypedDict


class LayerGradients(TypedDict):
    name: str
    shape: list[int]
    clipped: bool  # whether AGC may clip this weight (False: the classifier's)
    weight_norm: list[float]  # one a unit
    gradient_norm: list[float]
    cosine: list[float]  # of the angle between a unit's weight and its gradient


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
    """`nfnet.events.Loading` as JSON."""

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


class CostsItem(TypedDict):
    """What a training step of one net costs at one batch size, on the worker's device."""

    norm: str
    batch_size: int
    step_ms: float  # forward and backward together, of a step that nobody looks into
    watched_ms: float  # the same, while the clock is read between all operations
    forward_ms: dict[str, float]  # by operation; all parts together are the step
    backward_ms: dict[str, float]
    saved_bytes: int  # of activations kept for the backward pass
    threads: int
    device: str


class MatesItem(TypedDict):
    """`nfnet.mates.Answer` as JSON: what one net says to a picture in one company."""

    norm: str  # "batch" or "nf"
    labels: list[str]  # the most probable classes
    here: list[float]  # their probabilities in this company, in training mode
    first: list[float]  # the same in the first company
    evaluation: list[float]  # the same in evaluation mode
    here_label: str
    first_label: str
    evaluation_label: str
    difference: float  # largest change of a logit against the first company
    alone: float  # the same against the picture by itself
    gap: float  # the same against evaluation mode
    scale: float  # the largest logit
    reach: list[float]  # for each seat: norm of the gradient of the own loss by that seat's pixels
    seen: str  # an uploaded picture, as a JPEG in base64; "" for a named one


class TurnsItem(TypedDict):
    """By how many degrees one training step turned each filter."""

    step: int
    loss: float
    lr: float
    layers: list[TurnedLayer]


class TurnedLayer(TypedDict):
    """One number a filter, angles in degrees; NaN for the angle of a gradient of zero."""

    name: str
    shape: list[int]
    ratio: list[float]  # ||G|| / ||W||* before clipping
    gradient_angle: list[float]  # between a filter less its mean and its gradient
    turned: list[float]  # between a filter before and after the step
    away: list[float]  # between a filter after the step and the one it began as


class SweepItem(TypedDict):
    """Where one run of a sweep stands."""

    cell: int  # index of its configuration
    step: int
    accuracy: float | None  # on the test set, when the run has ended; None: not yet, or dead
    fate: str  # "" while it runs, then "finished", "non-finite" or "stuck at chance"
    clipped_share: float  # mean over the steps so far
    seconds: float


class UnpackItem(TypedDict):
    """What one's own pictures are: the set's name for a run, its classes and their sizes."""

    dataset: str
    classes: list[str]
    counts: list[int]  # pictures of each class, those for the test included
    skipped: int  # files that were no pictures or could not be read
