"""Messages between the app and its workers: JSON, checked on arrival, never pickles.

A worker reads files that came from strangers, so the app believes nothing it sends: a message that
is not exactly one of those below ends the worker.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import functools
import json
import math
import types
from typing import (
    Any,
    Literal,
    TypedDict,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from app.compute.items import (
    AnswerItem,
    CostsItem,
    GradientsItem,
    LoadingItem,
    MatesItem,
    ModelsItem,
    PropagateItem,
    SweepItem,
    TurnsItem,
    UnpackItem,
)
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
)
from nfnet.events import Event, event_from_json
from nfnet.photo import Answer, Prediction
from nfnet.run import FOLDER, is_own

MAX_BYTES = 16 << 20  # a message's
MAX_SEEN = 2 << 20  # bytes of the picture in an answer
MAX_GRID = 64  # rows or columns of a heat map
MAX_LABEL = 300  # characters
MAX_CLASSES, MAX_CLASS = 20, 40  # of one's own pictures: how many, and characters of a name
_JPEG = b"\xff\xd8\xff"


class BadMessage(Exception):
    """The other side said something it may not say."""


class Ready(TypedDict):
    device: Literal["cpu", "cuda", "mps"]
    gpus: int  # that CUDA finds on this machine


class Items(TypedDict):
    run: int
    items: list


class Heard(TypedDict):
    """The controls sent last are applied: the next may come."""

    run: int


class Ended(TypedDict):
    run: int
    outcome: Literal["done", "failed", "cancelled"]
    reason: Literal["", "invalid", "error", "out of memory"]
    message: str
    retiring: bool  # the worker ends too and wants to be replaced


_FROM_WORKER = {"ready": Ready, "items": Items, "heard": Heard, "ended": Ended}


def pack(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, **fields}, separators=(",", ":")).encode()


def unpack(data: bytes) -> dict[str, Any]:
    """A worker's message, of one of the kinds above, and no other field. Raises BadMessage."""
    try:
        message = json.loads(data)
        known = _FROM_WORKER[message["type"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadMessage(f"not a message: {data[:80]!r}") from error
    if not fits(message, known):
        raise BadMessage(f"a wrong {message['type']!r} message: {data[:80]!r}")
    return {name: message[name] for name in ("type", *_hints(known))}


def item_to_json(item: Item) -> Any:
    """What `items_from_json` reads. Infinities and NaN stay what they are: both ends are Python."""
    if not isinstance(item, tuple):
        return item
    lane, event = item
    return [lane, {"event": type(event).__name__.lower(), **dataclasses.asdict(event)}]


def items_from_json(job: Job, values: list) -> list[Item]:
    """The items of `job`, each with the fields and types that jobs.py promises, else BadMessage."""
    if isinstance(job, Race):
        return [_lane_event(value, len(job.configs)) for value in values]
    if isinstance(job, Fork):
        return [_lane_event(value, 2) for value in values]
    kind = _ITEMS[type(job)]
    for value in values:
        if not fits(value, kind):
            raise BadMessage(f"not an item of a {type(job).__name__}: {str(value)[:80]}")
        if isinstance(job, Classify) and "answer" in value:
            _check_answer(value["answer"])
        if isinstance(job, Mates):
            _check_mates(value, len(job.company) + 1)
        if isinstance(job, Unpack) and "dataset" in value:
            _check_own(value)
    return values


_ITEMS = {
    Gradients: LoadingItem | GradientsItem,
    Propagate: PropagateItem,
    Classify: LoadingItem | AnswerItem,
    Models: ModelsItem,
    Download: LoadingItem,
    Costs: CostsItem,
    Mates: MatesItem,
    Turns: LoadingItem | TurnsItem,
    Sweep: LoadingItem | SweepItem,
    Unpack: LoadingItem | UnpackItem,
}


def _check_answer(values: dict[str, Any]) -> None:
    """BadMessage unless the values are an answer whose picture a page may show."""
    try:
        answer = Answer.from_json(values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadMessage(f"not an answer: {str(values)[:80]}") from error
    parts = (answer, *answer.predictions)
    if not all(fits(getattr(p, n), h) for p in parts for n, h in _ANSWER[type(p)].items()):
        raise BadMessage(f"not an answer: {str(values)[:80]}")
    grid = answer.heat_map or [[0.0]]
    if (
        not answer.seen.startswith(_JPEG)
        or len(answer.seen) > MAX_SEEN
        or any(len(p.label) > MAX_LABEL or not 0 <= p.probability <= 1 for p in answer.predictions)
        or not 1 <= len(grid) <= MAX_GRID
        or not 1 <= len(grid[0]) <= MAX_GRID
        or any(len(row) != len(grid[0]) or not all(0 <= v <= 1 for v in row) for row in grid)
    ):
        raise BadMessage(f"an answer that no page may show: {str(values)[:80]}")


def _check_mates(item: MatesItem, seats: int) -> None:
    """BadMessage unless the item is one that a page may show beside this many pictures."""
    shares = [item[name] for name in ("here", "first", "evaluation")]
    labels = [*item["labels"], *(item[f"{n}_label"] for n in ("here", "first", "evaluation"))]
    numbers = [*item["reach"], *(item[name] for name in ("difference", "alone", "gap", "scale"))]
    try:
        seen = base64.b64decode(item["seen"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadMessage(f"not a picture: {item['seen'][:80]}") from error
    if (
        item["norm"] not in ("batch", "nf")
        or any(len(each) != len(item["labels"]) for each in shares)
        or not all(0 <= value <= 1 for each in shares for value in each)
        or any(len(label) > MAX_LABEL for label in labels)
        or not all(math.isfinite(value) and value >= 0 for value in numbers)
        or len(item["reach"]) != seats
        or len(seen) > MAX_SEEN
        or (seen and not seen.startswith(_JPEG))
    ):
        raise BadMessage(f"an item that no page may show: {str(item)[:80]}")


def _check_own(item: UnpackItem) -> None:
    """BadMessage unless these are classes that a page may show and a run may name."""
    names, counts = item["classes"], item["counts"]
    if (
        not (is_own(item["dataset"]) or item["dataset"] == FOLDER)
        or not 2 <= len(names) == len(counts) <= MAX_CLASSES
        or not all(name.isprintable() and 1 <= len(name) <= MAX_CLASS for name in names)
        or min(*counts, item["skipped"] + 1) < 1
    ):
        raise BadMessage(f"pictures that no page may show: {str(item)[:80]}")


def _lane_event(value: Any, lanes: int) -> tuple[int, Event]:
    try:
        lane, fields = value
        event = event_from_json(fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadMessage(f"not an event: {str(value)[:80]}") from error
    right = fits(lane, int) and 0 <= lane < lanes
    if not right or not all(fits(getattr(event, n), h) for n, h in _EVENTS[type(event)].items()):
        raise BadMessage(f"not an event of this race: {str(value)[:80]}")
    return lane, event


_EVENTS = {kind: get_type_hints(kind) for kind in get_args(Event)}
_ANSWER = {kind: get_type_hints(kind) for kind in (Answer, Prediction)}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value read from JSON has the type that an annotation names."""
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if is_typeddict(hint):
        wanted = _hints(hint)
        return isinstance(value, dict) and all(
            name in value and fits(value[name], inner) for name, inner in wanted.items()
        )
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, option) for option in inner)
    if origin is Literal:
        return value in inner
    if origin in (list, tuple):
        return isinstance(value, origin) and all(fits(part, inner[0]) for part in value)
    if origin is dict:
        return isinstance(value, dict) and all(
            fits(key, inner[0]) and fits(part, inner[1]) for key, part in value.items()
        )
    return isinstance(value, hint)


_hints = functools.cache(get_type_hints)
