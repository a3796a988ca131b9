"""The vocabulary of a run: validation, limits, and the way to JSON and back."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfnet.controls import Control, Controls
from nfnet.events import (
    Diverged,
    Evaluation,
    Finished,
    Loading,
    Step,
    event_from_json,
    event_to_json,
)
from nfnet.presets import PRESETS
from nfnet.run import CLASSROOM, RunConfig, UserError


def test_defaults_are_the_live_preset() -> None:
    config = RunConfig()
    assert (config.dataset, config.resolution, config.widths, config.depths) == (
        "shapes",
        16,
        (16, 32, 64),
        (2, 2, 2),
    )
    assert (config.batch_size, config.steps, config.momentum, config.weight_decay) == (
        128,
        100,
        0.9,
        5e-4,
    )
    assert config.clipping is None and not config.augment and config.warmup_steps == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"norm": "layer"},
        {"without": ("alpha",)},
        {"without": "ws"},
        {"without": 3},
        {"norm": "batch", "without": ("ws",)},
        {"clip_by": "filter"},
        {"clipping_from": 0},
        {"se_ratio": 1.5},
        {"group_size": 0},
        {"expansion": math.nan},
        {"architecture": "nfnet", "widths": (24, 48, 96)},  # 12 channels hold no group of 16
        {"start": "../nf_cifar10"},
        {"norm": 3},
        {"lr": math.nan},
        {"lr": -1},
        {"lr": "1"},
        {"lr": True},
        {"steps": 0},
        {"steps": 1.5},
        {"steps": 10**9},
        {"batch_size": -4},
        {"clipping": 0.0},
        {"clipping": math.inf},
        {"widths": (16, 32)},
        {"widths": ()},
        {"widths": "abc"},
        {"widths": None},
        {"widths": (0, 32, 64)},
        {"depths": (1, 2, 3.0)},
        {"seed": -1},
        {"augment": "yes"},
        {"alpha": 0.0},
        {"dataset": "../etc"},
        {"device": "tpu"},
        {"architecture": "nfnet", "norm": "none"},
        {"steps": 1_000_000, "batch_size": 65_536},
        {"train_images": 0},
        {"skip_gain": math.nan},
    ],
)
def test_bad_values_get_one_sentence(changes) -> None:
    with pytest.raises(UserError) as error:
        RunConfig(**changes)
    assert "\n" not in str(error.value) and len(str(error.value)) < 160


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
FIELDS = [field.name for field in dataclasses.fields(RunConfig)]


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), JSON, max_size=4))
def test_hostile_settings_are_a_config_or_a_sentence(values) -> None:
    try:
        config = RunConfig.from_json(values)
    except UserError:
        return
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_the_classroom_is_smaller_than_the_command_line() -> None:
    config = RunConfig(steps=3000, batch_size=512)
    with pytest.raises(UserError, match="steps x batch_size is 1536000, and at most"):
        config.check(CLASSROOM)
    for name in ("shapes", "cifar10", "nfnet_xs"):
        PRESETS[name].check(CLASSROOM)


def test_a_wide_branch_counts_as_wide() -> None:
    wide = RunConfig(architecture="nfnet", widths=(64, 128), depths=(1, 1), expansion=2.0)
    with pytest.raises(UserError, match="width is 256, and at most 160"):
        wide.check(CLASSROOM)
    wide.replace(expansion=1.0).check(CLASSROOM)


def test_every_preset_goes_to_json_and_back() -> None:
    for config in PRESETS.values():
        assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


EVENTS = [
    Loading("CIFAR-10", 3, 10),
    Step(1, 2.3, 0.1, 1.0, None, 0.0, math.inf, {"stem": (0.1, 0.2, math.inf)}),
    Step(2, 2.2, 0.2, 0.9, 0.01, 0.5, 3.0, {}),
    Evaluation(20, 0.9, 0.3),
    Diverged(17, "non-finite", 16, 1e20, 0.1),
    Diverged(1, "non-finite", 0, None, None),
    Finished(100, 0.97, 0.1, True),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_go_to_json_and_back(event) -> None:
    line = json.dumps(event_to_json(event), allow_nan=False)
    assert line.startswith('{"event": "')
    assert event_from_json(json.loads(line)) == event


def test_levers() -> None:
    controls = Controls()
    assert controls.value("clipping", 0.3) == 0.3
    controls.clipping = 0.02
    controls.lr = 0.5
    assert (controls.value("clipping", 0.3), controls.value("lr", 1.0)) == (0.02, 0.5)
    controls.clipping = None  # off is a position too
    assert controls.value("clipping", 0.3) is None
    controls.pause()
    assert controls.paused
    controls.resume()
    controls.stop()
    assert not controls.paused and controls.stopped


@pytest.mark.parametrize(
    ("name", "value"),
    [("clipping", 0.0), ("clipping", math.nan), ("lr", None), ("lr", -1.0), ("seed", 1.0)],
)
def test_bad_controls(name, value) -> None:
    with pytest.raises(UserError):
        Control(name, value)


def test_ingredients_left_out_are_in_one_order_and_travel() -> None:
    config = RunConfig(without=["beta", "ws"])
    assert config.without == ("ws", "beta") and config == RunConfig(without=("ws", "beta"))
    assert RunConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
