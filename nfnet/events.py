"""What a training run tells, event by event, as objects and as JSON."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

RATIO_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Loading:
    """Data is being fetched: `done` of `total` bytes (total 0: not known)."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Step:
    """One update. Loss and accuracy are those of its batch, before the update."""

    step: int  # counted from 1
    loss: float
    accuracy: float
    lr: float  # the rate used, schedule included
    clipping: float | None  # AGC's threshold; None: off
    clipped_share: float  # share of the clippable units whose gradient was scaled down
    largest_ratio: float  # the largest ||G|| / ||W||* of a clippable unit; may be infinite
    ratios: dict[
        str, tuple[float, ...]
    ]  # layer -> RATIO_QUANTILES of ||G|| / ||W||* over its units
    images_per_second: float = field(compare=False, default=0.0)


@dataclass(frozen=True)
class Evaluation:
    """Accuracy and mean loss on the test set, in evaluation mode."""

    step: int
    accuracy: float
    loss: float


@dataclass(frozen=True)
class Diverged:
    """The run failed, which is a result. Ends the stream.

    `reason` is "non-finite" (the loss of `step` is not a number or infinite) or "stuck at chance"
    (over the last fifth of the run the loss stayed within 1 % of ln(classes), or of the loss of
    guessing by the classes' shares where these differ).
    """

    step: int
    reason: str
    last_step: int  # the last step whose loss was finite; 0: none
    last_loss: float | None
    last_accuracy: float | None
    accuracy: float | None = None  # on the test set; None: not measurable


@dataclass(frozen=True)
class Finished:
    """The run came to its end, or was stopped (`stopped`). Ends the stream."""

    step: int
    accuracy: float  # on the test set
    loss: float
    stopped: bool = False
    seconds: float = field(compare=False, default=0.0)


Event = Loading | Step | Evaluation | Diverged | Finished
_EVENTS = {kind.__name__.lower(): kind for kind in (Loading, Step, Evaluation, Diverged, Finished)}


def event_to_json(event: Event) -> dict[str, Any]:
    """A dict with only JSON values, `"event"` first; numbers that are not finite become None."""
    return {"event": type(event).__name__.lower(), **_finite(dataclasses.asdict(event))}


def event_from_json(values: dict[str, Any]) -> Event:
    """Inverse of `event_to_json` (numbers that were not finite come back as infinity)."""
    values = dict(values)
    kind = _EVENTS[values.pop("event")]
    if kind is Step:
        inf = math.inf
        values["ratios"] = {
            layer: tuple(inf if v is None else v for v in quantiles)
            for layer, quantiles in values["ratios"].items()
        }
        if values["largest_ratio"] is None:
            values["largest_ratio"] = inf
    return kind(**values)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value
