"""Every demo of the registry and every preset keeps its promises, without being named here."""

import dataclasses
import re
import sys
import types

import pytest
from streamlit.testing.v1 import AppTest

from app.demos import DEMOS, fresh, recorded
from app.demos.cold_open import RECORDED, lane
from app.demos.curves import Curve, fate, gather, standing, story
from app.demos.presets import BATCHES, LAMBDAS, PRESETS, STORIES, Lane, find, lanes_at
from app.demos.recorded import Recorded
from app.theme import COLOURS, recipe_key
from benchmarks import record_runs
from nfnet.events import Diverged, Finished, Loading
from nfnet.run import CLASSROOM, RunConfig, UserError
from tests.app.scripted_compute import ScriptedCompute, died, evaluated, finished, step, stuck


def draw(demo: str, compact: bool) -> None:
    from app.demos import DEMOS

    DEMOS[demo].render(DEMOS[demo].read({}), compact)


@pytest.fixture(autouse=True)
def compute(monkeypatch) -> ScriptedCompute:
    fake = ScriptedCompute()
    monkeypatch.setattr("app.compute.get_compute", lambda workers=None: fake)
    return fake


@pytest.mark.parametrize("compact", [True, False], ids=["compact", "whole"])
@pytest.mark.parametrize("demo", DEMOS)
def test_every_demo_draws_compact_and_whole(demo: str, compact: bool) -> None:
    at = AppTest.from_function(draw, args=(demo, compact), default_timeout=30).run()
    assert not at.exception
    assert at.main.children


@pytest.mark.parametrize("compact", [True, False], ids=["compact", "whole"])
@pytest.mark.parametrize("demo", DEMOS)
def test_every_demo_draws_without_its_recorded_runs(demo, compact, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    at = AppTest.from_function(draw, args=(demo, compact), default_timeout=30).run()
    assert not at.exception
    words = " ".join(e.value for e in (*at.info, *at.caption))
    assert "recorded" in words or demo in ("cold_open", "models", "photos", "published")


@pytest.mark.parametrize("demo", DEMOS.values(), ids=DEMOS)
def test_every_demo_has_a_title_a_page_and_defaults_that_it_accepts(demo) -> None:
    assert DEMOS[demo.id] is demo and demo.title
    assert (recorded.FOLDER.parents[1] / "app" / demo.page).is_file()
    assert set(demo.defaults) == set(demo.parameters)
    assert demo.read({}) == dict(demo.defaults)
    assert demo.read(demo.read({})) == demo.read({})  # what was read can be read again


@pytest.mark.parametrize(
    ("demo", "params", "about"),
    [
        ("race", {"colour": "red"}, "no parameter 'colour'; it has preset"),
        ("race", {"preset": "evil"}, "preset must be one of four, batch-16"),
        ("race", {"controls": "clipping+wheel"}, "must be one of clipping, lr, batch"),
        ("race", {"seed": "-1"}, "whole number from 0 to 9999"),
        ("race", {"seed": "1e3"}, "whole number"),
        ("race", {"key": "a b"}, "small letters"),
        ("clipping", {"step": 21}, "must be one of 0, 20, 60"),
        ("clipping", {"clipping": True}, "must be one of 0.0001"),
    ],
)
def test_a_wrong_parameter_is_refused_in_a_sentence(demo, params, about) -> None:
    with pytest.raises(UserError, match=re.escape(about)):
        DEMOS[demo].read(params)


def test_numbers_and_lists_are_read_as_a_slide_writes_them() -> None:
    assert DEMOS["clipping"].read({"clipping": 0.01, "step": 20})["clipping"] == "0.01"
    assert DEMOS["race"].read({"controls": ["clipping", "lr"]})["controls"] == ("clipping", "lr")
    assert DEMOS["race"].read({"controls": "none"})["controls"] == ()


# presets


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_fits_a_classroom_and_its_lanes_are_told_apart(preset) -> None:
    labels = [lane.label for lane in preset.lanes]
    assert 1 <= len(labels) <= 4 and len(set(labels)) == len(labels)
    for net in preset.lanes:
        net.config.check(CLASSROOM)
        assert net.recipe in COLOURS
        assert net.recipe == recipe_key(net.config.norm, net.config.clipping is not None)
        assert net.config.seed == 0
    shared = {(n.config.dataset, n.config.batch_size, n.config.steps) for n in preset.lanes}
    assert len(shared) == 1
    assert find(preset.story, preset.batch_size, preset.dataset) is preset
    assert STORIES[preset.story] == preset.title


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_the_numbers_of_a_caption_are_the_presets_own(preset) -> None:
    """Thresholds, rates, batches and steps named in a caption stand in the configurations."""
    configs = [lane.config for lane in preset.lanes]
    text = f"{preset.caption} {preset.finding}"
    # "outliers" compares itself with the headline setting
    known = configs + ([lane.config for lane in PRESETS["four"].lanes] * ("outliers" == preset.id))
    for value in re.findall(r"λ (?:of )?([\d.]*\d)", text):
        assert float(value) in {c.clipping for c in known}
    for value in re.findall(r"[Rr]ate ([\d.]*\d)", text):
        assert float(value) in {round(c.lr, 6) for c in known}
    for value in re.findall(r"[Bb]atch (\d+)", text):
        assert int(value) in {c.batch_size for c in configs}
    for value in re.findall(r"(\d+) steps", text):
        assert int(value) in {c.steps for c in configs}


def test_the_thresholds_of_the_presets_are_stops_of_the_slider() -> None:
    assert LAMBDAS[-1] == "off" and list(map(float, LAMBDAS[:-1])) == sorted(
        map(float, LAMBDAS[:-1])
    )
    for preset in PRESETS.values():
        for net in preset.lanes:
            assert net.config.clipping is None or f"{net.config.clipping:g}" in LAMBDAS


def test_the_rate_grows_with_the_batch_where_there_is_no_preset() -> None:
    for story_ in STORIES:
        for size, steps in BATCHES.items():
            nets = lanes_at(story_, size)
            assert {net.config.batch_size for net in nets} == {size}
            assert {net.config.steps for net in nets} == {steps}
            for net, at128 in zip(nets, lanes_at(story_, 128), strict=True):
                assert net.config.lr == pytest.approx(at128.config.lr * size / 128)
            for net in lanes_at(story_, size, "cifar10"):
                net.config.check(CLASSROOM)
                assert net.config.dataset == "cifar10"


# recorded runs


@pytest.mark.parametrize("path", sorted(recorded.FOLDER.glob("*.json")), ids=lambda p: p.stem)
def test_a_recorded_run_that_ships_fits_what_shows_it(path) -> None:
    was = recorded.load(path.stem)
    assert was.name == path.stem
    assert {"device", "cpu", "threads", "torch", "command"} <= set(was.conditions)
    if path.stem == "gradients":
        assert [item["step"] for item in was.items] == [0, 20, 60]
        return
    if path.stem == "gradients-trained":
        assert was.configs == (fresh.TRAINED_CONFIG,) and len(was.items) == 1
        return
    if path.stem in PRESETS:
        nets = PRESETS[path.stem].lanes
    else:
        stops = {name: stop for stop, name in RECORDED.items()}
        stop = stops[path.stem]
        nets = (lane(0, None if stop == "off" else float(stop)),)
    assert was.configs == tuple(net.config for net in nets)
    assert all(curve.end for curve in gather(nets, was.items))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"name": "four"}', '{"configs": [{"norm": "x"}]}']
)
def test_a_damaged_recording_is_one_sentence(text, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    (tmp_path / "four.json").write_text(text)
    with pytest.raises(UserError, match="four.json cannot be read; make it again"):
        recorded.load("four")


def test_the_label_of_a_recording_says_how_it_was_made() -> None:
    conditions = {"device": "cpu", "cpu": "EPYC", "threads": 1, "torch": "2.13.0"}
    was = Recorded("x", "2026-11-23", conditions, (RunConfig(seed=7),), ())
    assert was.label == "Recorded 2026-11-23 on EPYC, 1 thread, PyTorch 2.13.0, seed 7."


# what a race becomes in words


def curve(*events) -> Curve:
    net = Lane("NF", "nf", RunConfig())
    return gather((net,), [(0, event) for event in events])[0]


def test_events_become_curves() -> None:
    one = curve(
        Loading("CIFAR-10", 5, 10), step(1, 2.3), step(2, 1.5, 0.01, 0.7), evaluated(2, 0.4)
    )
    assert (one.steps, one.losses, one.shares) == ([1, 2], [2.3, 1.5], [0.0, 0.7])
    assert one.tests == [(2, 0.4)] and one.loading is None and one.clips
    one.add(finished(2, 0.5))
    assert one.tests == [(2, 0.5)]  # the last test, once


def test_a_divergence_is_explained_where_it_happens() -> None:
    dead = story(curve(step(16, 4321.0), died(17)))
    assert "step 17: the loss is no longer a number (at step 16 it was 4,320)" in dead
    at_once = Diverged(1, "non-finite", 0, None, None)
    assert "step 1: the loss is no longer a number." in story(curve(at_once))
    assert "stuck at chance" in story(curve(stuck())) and "ln 10 = 2.30" in story(curve(stuck()))
    assert fate(died(17)) == "no longer a number at step 17" and fate(finished()) == ""


def test_an_ending_is_told_with_its_test_accuracy() -> None:
    assert story(curve(finished(100, 0.968))) == (
        "**NF**: 96.8% of the test images right, after 100 steps."
    )
    assert "after 100 steps, no better than guessing." in story(curve(finished(100, 0.105)))
    assert "stopped at step 40" in story(curve(Finished(40, 0.5, 1.0, stopped=True)))
    assert story(curve(step(1))) == ""
    assert standing(curve(step(3, 1.5, 0.01, 0.62))) == (
        "**NF**: loss 1.5, λ 0.01, 62% of units clipped."
    )
    now_off = curve(step(1, 2.0, 0.01, 0.6), dataclasses.replace(step(2, 1.5), clipping=None))
    assert "λ off" in standing(now_off)


def test_what_is_recorded_can_be_loaded_again(monkeypatch, tmp_path) -> None:
    nets = PRESETS["outliers"].lanes
    events = [step(n, 2.123456 / n, 0.01, 0.5) for n in range(1, 12)] + [finished(11, 0.9612)]
    training = types.ModuleType("nfnet.training")
    training.train = lambda config, controls: (event for event in events)
    monkeypatch.setitem(sys.modules, "nfnet.training", training)
    configs = [net.config for net in nets]
    recording = {
        "name": "small",
        "made": "2026-11-23",
        "conditions": {"cpu": "EPYC"},
        "configs": [config.to_json() for config in configs],
        "items": list(record_runs.items(configs)),
    }
    monkeypatch.setattr(recorded, "FOLDER", tmp_path)
    (tmp_path / "small.json").write_text(record_runs.dumps(recording), encoding="utf-8")
    was = recorded.load("small")
    assert was.configs == tuple(configs)
    one, two = gather(nets, was.items)
    assert one.losses == two.losses == [float(f"{2.123456 / n:.4g}") for n in range(1, 12)]
    assert one.ratios == step(10).ratios  # infinity comes back
    assert one.end == finished(11, 0.9612)
    kept = [event.step for lane_, event in was.items if lane_ == 0 and getattr(event, "ratios", 0)]
    assert kept == [1, 5, 10]
