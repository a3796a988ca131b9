"""Jobs as JSON, the classroom's limits, what a message may be, and how a race steps its lanes."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from multiprocessing import Pipe

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compute import jobs, tasks, wire
from app.compute.jobs import Costs, Fork, Gradients, Mates, Propagate, Race, Sweep, Turns, Unpack
from app.compute.worker import Cancelled, Channel
from nfnet.controls import Control
from nfnet.events import Diverged, Evaluation, Finished, Loading, Step
from nfnet.photo import MAX_BYTES
from nfnet.presets import PRESETS
from nfnet.run import CLASSROOM, RunConfig, UserError

EVENTS = (
    Loading("CIFAR-10", 1, 0),
    Step(1, math.inf, 0.1, 1.0, None, 0.5, math.inf, {"stem": (0.1, 1.0, math.inf)}, 9.0),
    Evaluation(20, 0.5, 2.0),
    Diverged(7, "non-finite", 6, 2.0, None),
    Finished(100, 0.9, 0.3, stopped=True, seconds=4.0),
)
LAYER = {"name": "a", "shape": [2], "clipped": True, "weight_norm": [1, 2.5], "gradient_norm": [0]}
LAYER["cosine"] = [0.5, -1]
GRADIENTS = {"step": 0, "loss": 2.3, "layers": [LAYER]}


@pytest.mark.parametrize(
    "job",
    [
        *(Race((config, config.replace(norm="nf"))) for config in PRESETS.values()),
        Fork(RunConfig(clipping=0.1, clipping_from=9)),
        Gradients(RunConfig(lr=0.1), at_steps=(0, 3)),
        Propagate(PRESETS["nfnet_xs"], images="shapes"),
        Costs(RunConfig(), (4, 8), ("nf",)),
        Mates(("goldfish", "noise-1"), "umbrella"),
        Mates((), "umbrella"),
        Turns(RunConfig(clipping=0.01), (1, 9)),
        Unpack(digest="0123456789abcdef"),
        Unpack(),
        Race((RunConfig(dataset="own:0123456789abcdef"), RunConfig(dataset="folder"))),
        Sweep((RunConfig(without=("ws",)), RunConfig(clip_by="global", clipping=1.0))),
    ],
)
def test_a_job_survives_json(job):
    again = jobs.job_from_json(json.loads(json.dumps(jobs.job_to_json(job))))
    assert again == job and hash(again) == hash(job)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Race(()), "1 to 4 lanes, not 0"),
        (lambda: Race((RunConfig(),) * 5), "1 to 4 lanes, not 5"),
        (lambda: Gradients(RunConfig(), ()), "1 to 20 step numbers"),
        (lambda: Gradients(RunConfig(), (-1,)), "1 to 20 step numbers"),
        (lambda: Gradients(RunConfig(), (10**9,)), "at most 3000"),
        (lambda: Turns(RunConfig(), ()), "1 to 20 step numbers"),
        (lambda: Costs(RunConfig(), ()), "1 to 6 batch sizes"),
        (lambda: Costs(RunConfig(), (0,)), "batch_size must be"),
        (lambda: Costs(RunConfig(), (4,), ("layer",)), "norm must be one of"),
        (lambda: Mates(("bus",) * 128, "bus"), "at most 127 others"),
        (lambda: Mates(("bus",)), "choose a picture for the first seat"),
        (lambda: Mates((3,), "bus"), "names"),
        (lambda: Mates(("bus",), image=b"x" * (MAX_BYTES + 1)), "make it smaller"),
        (lambda: Unpack(b"x" * (MAX_BYTES + 1)), "take fewer pictures"),
        (lambda: Unpack(digest="../0123456789abc"), "hexadecimal"),
        (lambda: Unpack(digest="0123456789abcde\n"), "hexadecimal"),
        (lambda: Sweep(()), "1 to 120 runs, not 0"),
        (lambda: Sweep((RunConfig(),) * 121), "1 to 120 runs, not 121"),
        (lambda: Sweep((RunConfig(),) * 79), "take fewer runs"),
    ],
)
def test_an_impossible_job_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()


def test_the_classroom_limits_depend_on_the_device():
    large = RunConfig(batch_size=CLASSROOM.batch_size * 2, steps=10)
    for job in (Race((RunConfig(), large)), Fork(large), Gradients(large), Propagate(large)):
        with pytest.raises(UserError, match="batch_size is 2048, and at most 1024"):
            jobs.check(job, "cpu")
        jobs.check(job, "cuda")
    with pytest.raises(UserError, match="batch_size"):
        jobs.check(Propagate(large.replace(device="cpu")), "cuda")


def test_events_survive_the_wire_even_where_json_has_no_word_for_them():
    job = Race((RunConfig(),) * 4)
    items = [(lane % 4, event) for lane, event in enumerate(EVENTS)]
    sent = json.loads(json.dumps([wire.item_to_json(item) for item in items]))
    received = wire.items_from_json(job, sent)
    assert received == items
    assert [e.images_per_second for _, e in received if isinstance(e, Step)] == [9.0]


def test_a_fork_has_the_events_of_two_runs():
    job = Fork(RunConfig(clipping=0.1))
    items = [(lane, event) for lane in (0, 1) for event in EVENTS]
    sent = json.loads(json.dumps([wire.item_to_json(item) for item in items]))
    assert wire.items_from_json(job, sent) == items
    with pytest.raises(wire.BadMessage):
        wire.items_from_json(job, [[2, change(EVENTS[2])]])


def change(event, **changes):
    return {**wire.item_to_json((0, event))[1], **changes}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        [0],
        [0, {}],
        [0, {"event": "unknown"}],
        [0, {"event": "evaluation", "step": 1}],
        [4, change(EVENTS[2])],
        [-1, change(EVENTS[2])],
        [True, change(EVENTS[2])],
        ["0", change(EVENTS[2])],
        [0, change(EVENTS[2], step=1.5)],
        [0, change(EVENTS[2], accuracy="<script>")],
        [0, change(EVENTS[2], extra=1)],
        [0, change(EVENTS[1], ratios=[1])],
        [0, change(EVENTS[1], ratios={"stem": "abc"})],
        [0, change(EVENTS[3], reason=None)],
        [0, change(EVENTS[4], stopped=1)],
    ],
)
def test_what_is_not_an_event_of_the_race_is_refused(value):
    wire.items_from_json(Race((RunConfig(),) * 4), [[3, change(EVENTS[2])]])
    with pytest.raises(wire.BadMessage):
        wire.items_from_json(Race((RunConfig(),) * 4), [value])


def test_items_of_short_jobs_are_checked_field_by_field():
    job = Gradients(RunConfig())
    assert wire.items_from_json(job, [GRADIENTS]) == [GRADIENTS]
    for broken in (
        {**GRADIENTS, "loss": None},
        {**GRADIENTS, "layers": [{**LAYER, "shape": [0.5]}]},
        {**GRADIENTS, "layers": [{**LAYER, "clipped": 1}]},
        {**GRADIENTS, "layers": [{k: v for k, v in LAYER.items() if k != "name"}]},
        {**GRADIENTS, "layers": {}},
        [],
    ):
        with pytest.raises(wire.BadMessage):
            wire.items_from_json(job, [broken])
    with pytest.raises(wire.BadMessage):
        wire.items_from_json(Propagate(RunConfig()), [GRADIENTS])


MATES = {
    "norm": "nf",
    "labels": ["goldfish", "bus"],
    **{name: [0.75, 0.25] for name in ("here", "first", "evaluation")},
    **{f"{name}_label": "goldfish" for name in ("here", "first", "evaluation")},
    **{"difference": 0.0, "alone": 1e-6, "gap": 0.0, "scale": 8.5, "reach": [1.5, 0.0], "seen": ""},
}


def test_an_answer_about_batch_mates_is_checked_before_a_page_shows_it():
    job = Mates(("noise-1",), "umbrella")
    jpeg = base64.b64encode(b"\xff\xd8\xff and so on").decode()
    for whole in (MATES, {**MATES, "seen": jpeg}):
        assert wire.items_from_json(job, [whole]) == [whole]
    for changes in (
        {"norm": "<b>"},
        {"labels": ["goldfish"]},
        {"labels": ["goldfish", "b" * 400]},
        {"here_label": "b" * 400},
        {"here": [1.5, 0.25]},
        {"first": [0.75, math.nan]},
        {"difference": math.inf},
        {"gap": -1.0},
        {"scale": None},
        {"reach": [1.5]},
        {"reach": [1.5, 0.0, 0.0]},
        {"reach": [math.nan, 0.0]},
        {"seen": "no base64!"},
        {"seen": base64.b64encode(b"<svg onload=").decode()},
        {"seen": base64.b64encode(b"\xff\xd8\xff" + bytes(3 << 20)).decode()},
    ):
        with pytest.raises(wire.BadMessage):
            wire.items_from_json(job, [{**MATES, **changes}])


@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda value: json.dumps(value).encode()),
        st.dictionaries(
            st.sampled_from(["type", "run", "items", "device", "outcome", "reason", "message"]),
            st.sampled_from(["ready", "ended", "items", "cpu", 1, 1.5, None, True, [], {}]),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_only_the_known_messages_are_heard(data):
    try:
        message = wire.unpack(data)
    except wire.BadMessage:
        return
    assert message["type"] in ("ready", "items", "heard", "ended")
    assert type(message.get("run", 0)) is int


def test_nesting_without_end_is_refused():
    with pytest.raises(wire.BadMessage):
        wire.unpack(b"[" * 200_000)


def test_a_worker_ignores_late_words_about_an_earlier_job():
    ours, theirs = Pipe()
    with ours, theirs:
        channel = Channel(theirs)
        for late in ("cancel", "controls"):
            ours.send_bytes(wire.pack(late, run=1, controls=[[0, "stop", None]]))
        ours.send_bytes(wire.pack("run", run=2, job={"job": "race"}, picture=False, gpu=0))
        assert channel.next_job() == ({"job": "race"}, b"", 0)
        for late in ("cancel", "controls"):
            ours.send_bytes(wire.pack(late, run=1, controls=[[0, "stop", None]]))
        assert channel.listen() == []
        ours.send_bytes(wire.pack("controls", run=2, controls=[[1, "lr", 0.5]]))
        assert channel.listen() == [(1, Control("lr", 0.5))]
        assert wire.unpack(ours.recv_bytes()) == {"type": "heard", "run": 2}
        ours.send_bytes(wire.pack("cancel", run=2))
        with pytest.raises(Cancelled):
            channel.listen()


# A race, without processes: `listen` plays the app


def lanes_of(items):
    return [lane for lane, _ in items]


def counting_train(config, controls):
    for number in range(1, config.steps + 1):
        assert not controls.paused, "a paused lane was stepped"
        if controls.stopped:
            yield Finished(number - 1, 0.5, 1.0, stopped=True)
            return
        yield dataclasses.replace(EVENTS[1], step=number, clipping=controls.value("clipping", None))
    yield Finished(config.steps, 0.5, 1.0)


def race(configs, script=()):
    """The items of a race. `script`: {number of items so far: the moves that arrive then}."""
    script, items = dict(script), []

    def listen(wait):
        moves = script.pop(len(items), [])
        if wait and not moves:
            assert script, "the race waits, and nobody will ever move"
            moves = script.pop(min(script))
        return moves

    for item in tasks.race(configs, counting_train, listen):
        items.append(item)
    return items


def test_lanes_are_stepped_in_turn_and_an_ended_lane_is_dropped():
    items = race([RunConfig(steps=n) for n in (1, 3, 2)])
    assert lanes_of(items) == [0, 1, 2, 0, 1, 2, 1, 2, 1]
    assert [event.step for lane, event in items if lane == 1] == [1, 2, 3, 3]


def test_a_paused_lane_is_not_stepped_and_the_others_go_on():
    items = race(
        [RunConfig(steps=3)] * 2,
        {2: [(0, Control("pause"))], 5: [(0, Control("resume"))]},
    )
    assert lanes_of(items) == [0, 1, 1, 1, 1, 0, 0, 0]


def test_where_all_lanes_are_paused_the_worker_waits_for_a_move():
    items = race(
        [RunConfig(steps=2)] * 2,
        {
            2: [(0, Control("pause")), (1, Control("pause"))],
            100: [(1, Control("stop"))],
            101: [(0, Control("resume"))],
        },
    )
    assert items[2] == (1, Finished(1, 0.5, 1.0, stopped=True))
    assert lanes_of(items) == [0, 1, 1, 0, 0]


def test_a_control_reaches_its_lane_only():
    items = race([RunConfig(steps=3)] * 2, {2: [(1, Control("clipping", 0.25))]})
    clipping = [(lane, e.clipping) for lane, e in items if isinstance(e, Step)]
    assert clipping == [(0, None), (1, None), (0, None), (1, 0.25), (0, None), (1, 0.25)]


def test_stopping_ends_a_lane_even_where_a_pause_follows():
    items = race([RunConfig(steps=9)], {1: [(0, Control("stop")), (0, Control("pause"))]})
    assert items[-1] == (0, Finished(1, 0.5, 1.0, stopped=True))


def test_a_worker_checks_the_limits_again():
    large = RunConfig(steps=CLASSROOM.steps + 1, batch_size=1)
    library = tasks.Library("cpu", counting_train, {})
    with pytest.raises(UserError, match="steps is 3001, and at most 3000"):
        next(tasks.compute(Race((large,)), library, lambda wait: []))


def test_an_uploaded_picture_counts_by_its_content():
    first, again = (Mates(("bus",), image=b"picture") for _ in range(2))
    other = Mates(("bus",), image=b"other")
    assert first == again != other
    sent = jobs.job_from_json(json.loads(json.dumps(jobs.job_to_json(first))), b"picture")
    assert sent == first and sent.image == b"picture"
    assert jobs.without_picture(first) == first and not jobs.without_picture(first).image


def test_a_net_that_is_only_looked_through_may_be_deep():
    deep = RunConfig(depths=(200,), widths=(16,))
    jobs.check(Propagate(deep), "cpu")
    with pytest.raises(UserError, match="blocks is 201, and at most 200"):
        jobs.check(Propagate(deep.replace(depths=(201,))), "cpu")
    with pytest.raises(UserError, match="blocks is 200, and at most 24"):
        jobs.check(Sweep((RunConfig(), deep)), "cpu")


def test_a_sweep_tells_of_each_run_in_turn_and_of_its_end(monkeypatch):
    monkeypatch.setattr(tasks, "TELL_SECONDS", 0.0)
    ends = {
        0: Finished(2, 0.9, 0.3, seconds=4.0),
        1: Diverged(2, "non-finite", 1, 2.0, None),
        2: Diverged(2, "stuck at chance", 2, 2.3, 0.1, 0.1),
    }

    def train(config, controls):
        if config.seed == 0:
            yield EVENTS[0]
        for number in (1, 2):
            yield dataclasses.replace(EVENTS[1], step=number, clipped_share=number / 4)
        yield Evaluation(2, 0.5, 2.0)
        yield ends[config.seed]

    configs = tuple(RunConfig(seed=seed) for seed in ends)
    library = tasks.Library("cpu", train, {})
    fetched, *items = tasks.compute(Sweep(configs), library, lambda wait: [])
    assert fetched == {"loading": {"what": "CIFAR-10", "done": 1, "total": 0}}
    assert [item["cell"] for item in items] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [(item["fate"], item["accuracy"]) for item in items if item["fate"]] == [
        ("finished", 0.9),
        ("non-finite", None),
        ("stuck at chance", 0.1),
    ]
    assert items[2]["clipped_share"] == pytest.approx(0.375)
    sent = json.loads(json.dumps([wire.item_to_json(item) for item in (fetched, *items)]))
    assert wire.items_from_json(Sweep(configs), sent) == [fetched, *items]
    with pytest.raises(wire.BadMessage):
        wire.items_from_json(Sweep(configs), [{**items[0], "cell": "0"}])


def test_a_sweep_can_be_cancelled_within_a_run():
    steps = []

    def train(config, controls):
        for number in range(1, 100):
            steps.append(number)
            yield dataclasses.replace(EVENTS[1], step=number)

    def listen(wait):
        if len(steps) == 5:
            raise Cancelled
        return []

    with pytest.raises(Cancelled):
        list(tasks.compute(Sweep((RunConfig(),)), tasks.Library("cpu", train, {}), listen))
    assert len(steps) == 5


OWN = {"dataset": "own:0123456789abcdef", "classes": ["a", "b"], "counts": [10, 12], "skipped": 0}


def test_one_s_own_pictures_are_told_in_words_that_a_page_may_show():
    job = Unpack(b"a zip")
    assert job.digest == Unpack(b"a zip").digest != Unpack(b"another").digest
    assert "image" not in jobs.job_to_json(job) and not jobs.is_shared(job)
    assert jobs.job_from_json(jobs.job_to_json(job), b"a zip") == job
    items = [{"loading": {"what": "Your pictures", "done": 1, "total": 2}}, OWN]
    assert wire.items_from_json(job, items) == items
    assert wire.items_from_json(Unpack(), [OWN | {"dataset": "folder"}])


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "own:0123456789abcdef\n"},
        {"dataset": "shapes"},
        {"classes": ["a"]},
        {"classes": ["a"], "counts": [10]},
        {"classes": ["a", "b\u202e"]},
        {"classes": ["a", "b" * 41]},
        {"classes": ["a", ""]},
        {"classes": list("abcdefghijklmnopqrstu"), "counts": [10] * 21},
        {"counts": [10, 0]},
        {"counts": [10, 10.5]},
        {"skipped": -1},
    ],
)
def test_pictures_that_no_page_may_show_are_refused(change):
    with pytest.raises(wire.BadMessage):
        wire.items_from_json(Unpack(), [OWN | change])
