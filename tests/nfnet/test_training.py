"""Training as a stream of events: what it promises, with small nets."""

import math
import threading
import time

import pytest
import torch

from nfnet.agc import adaptive_clip_grad_
from nfnet.checkpoint import Preprocessing
from nfnet.controls import Controls
from nfnet.data import load_dataset
from nfnet.events import Diverged, Evaluation, Finished, Loading, Step
from nfnet.gradients import gradient_units
from nfnet.presets import PRESETS
from nfnet.procedural import SHAPE_NAMES
from nfnet.run import RunConfig, UserError
from nfnet.training import NON_FINITE, STUCK, Trainer, is_stuck, lr_factor, train
from nfnet.turns import turns
from nfnet.weights import save_weights

TINY = RunConfig(
    widths=(8, 16),
    depths=(1, 1),
    steps=12,
    batch_size=16,
    train_images=256,
    resolution=8,
    lr=0.3,
    clipping=0.05,
    evaluate_every=5,
    device="cpu",
)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_trainer(config: RunConfig) -> Trainer:
    loading = load_dataset(config, "cpu")
    with pytest.raises(StopIteration) as done:
        next(loading)
    return Trainer(config, done.value.value, torch.device("cpu"))


@pytest.mark.parametrize("norm", ["nf", "batch", "none"])
def test_same_seed_same_events(norm: str) -> None:
    config = TINY.replace(norm=norm)
    first, second = list(train(config)), list(train(config))
    assert first == second
    assert first != list(train(config.replace(seed=1)))


def test_order_of_events() -> None:
    events = list(train(TINY))
    assert [e.step for e in events if isinstance(e, Step)] == list(range(1, 13))
    assert [e.step for e in events if isinstance(e, Evaluation)] == [5, 10, 12]
    assert isinstance(events[-1], Finished)
    assert events[-1].accuracy == events[-2].accuracy and 0 <= events[-1].accuracy <= 1
    step = events[0]
    assert step.images_per_second > 0 and step.lr == pytest.approx(0.3)
    assert set(step.ratios) == {
        "stem",
        "blocks.0.convs.0",
        "blocks.0.convs.1",
        "blocks.1.convs.0",
        "blocks.1.convs.1",
        "blocks.1.conv_shortcut",
    }
    assert all(low <= middle <= high for low, middle, high in step.ratios.values())


def test_the_first_loss_is_that_of_guessing() -> None:
    assert next(train(TINY)).loss == pytest.approx(math.log(10), abs=0.15)


def test_it_learns() -> None:
    config = TINY.replace(train_images=2000, steps=150, batch_size=64, resolution=16)
    config = config.replace(lr=1.0, clipping=0.01)
    *_, last = train(config)
    assert isinstance(last, Finished) and last.accuracy > 0.5


def test_divergence_is_told_with_the_last_good_values() -> None:
    *_, before, last = train(TINY.replace(clipping=None, lr=1000.0, steps=60))
    assert isinstance(before, Step | Evaluation) and isinstance(last, Diverged)
    assert last.reason == NON_FINITE and last.last_step == last.step - 1
    assert math.isfinite(last.last_loss)


def test_a_net_that_does_not_move_is_stuck_at_chance() -> None:
    *_, last = train(TINY.replace(lr=0.0))
    assert isinstance(last, Diverged) and last.reason == STUCK
    assert last.accuracy is not None and last.accuracy < 0.3


def test_stuck_is_one_percent_around_ln_classes_over_the_last_fifth() -> None:
    chance = math.log(10)
    assert is_stuck([0.1] * 80 + [chance * 1.009] * 20, chance)
    assert not is_stuck([chance] * 80 + [chance * 1.011] * 20, chance)
    assert not is_stuck([chance] * 80 + [chance * 0.98] * 20, chance)
    assert not is_stuck([], chance)


def test_schedule() -> None:
    assert lr_factor(0, 100) == 1.0 and lr_factor(50, 100) == pytest.approx(0.5)
    assert lr_factor(99, 100) < 1e-3
    assert lr_factor(0, 100, 5) == pytest.approx(0.2)


def test_levers_act_on_the_running_net() -> None:
    controls, shares = Controls(), {}
    for event in train(TINY.replace(clipping=None), controls):
        if isinstance(event, Step):
            shares[event.step] = event
            if event.step == 4:
                controls.clipping = 1e-5
            if event.step == 8:
                controls.clipping, controls.lr = None, 0.01
    assert shares[4].clipped_share == 0 and shares[4].clipping is None
    assert shares[5].clipped_share > 0.9 and shares[5].clipping == 1e-5
    assert shares[9].clipped_share == 0
    assert shares[9].lr == pytest.approx(0.01 * lr_factor(8, 12))


def test_stop_and_pause() -> None:
    controls = Controls()
    stream = train(TINY, controls)
    next(stream)
    controls.pause()
    threading.Timer(0.2, controls.resume).start()
    start = time.monotonic()
    assert next(stream).step == 2
    assert time.monotonic() - start >= 0.15
    controls.pause()
    controls.stop()
    *_, last = stream
    assert isinstance(last, Finished) and last.stopped and last.step == 2


def test_clipping_is_what_stands_between_backward_and_the_step() -> None:
    """One update by hand: clip, add weight decay, Nesterov (facts of the official optimizer)."""
    trainer = make_trainer(TINY)
    trainer.backward()
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    gradients = {name: p.grad.clone() for name, p in trainer.model.named_parameters()}
    trainer.update(0.1, 0.01)
    for name, parameter in trainer.model.named_parameters():
        copy = torch.nn.Parameter(before[name])
        copy.grad = gradients[name]
        if name != "classifier.weight":
            adaptive_clip_grad_([copy], 0.01)
        decayed = copy.grad + (5e-4 * before[name] if parameter.ndim > 1 else 0)
        expected = before[name] - 0.1 * (1 + 0.9) * decayed  # first step: momentum = gradient
        assert torch.allclose(parameter, expected, atol=1e-7), name


def test_gradients_are_unscaled_before_they_are_clipped() -> None:
    plain, scaled = make_trainer(TINY), make_trainer(TINY)
    scaled.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    for trainer in (plain, scaled):
        trainer.backward()
    assert (
        scaled.groups[0]["params"][0].grad.norm() > 1000 * plain.groups[0]["params"][0].grad.norm()
    )
    summaries = [trainer.update(0.1, 0.01) for trainer in (plain, scaled)]
    assert summaries[0].share == pytest.approx(summaries[1].share) and 0 < summaries[0].share
    pairs = zip(plain.model.parameters(), scaled.model.parameters(), strict=True)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in pairs)


def test_mixed_precision_trains() -> None:
    *_, last = train(TINY.replace(precision="mixed"))
    assert isinstance(last, Finished)


def test_nfnet_xs_learns() -> None:
    config = PRESETS["nfnet_xs"].replace(
        steps=4, batch_size=16, train_images=64, resolution=8, device="cpu"
    )
    events = list(train(config))
    assert isinstance(events[-1], Finished | Diverged)
    assert "blocks.0.conv1b" in events[0].ratios


def test_augmented_training_is_repeatable() -> None:
    config = TINY.replace(augment=True, steps=3)
    assert list(train(config)) == list(train(config)) != list(train(config.replace(augment=False)))


def test_a_missing_device_is_one_sentence() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no CUDA device; choose auto or cpu"):
            next(train(TINY.replace(device="cuda")))


def test_real_gradients_come_raw_and_whole() -> None:
    rows = list(gradient_units(TINY, (0, 3)))
    assert [row["step"] for row in rows] == [0, 3]
    layers = {layer["name"]: layer for layer in rows[0]["layers"]}
    assert len(layers["blocks.0.convs.0.weight"]["weight_norm"]) == 8
    assert len(layers["stem.bias"]["gradient_norm"]) == 1
    assert [name for name, layer in layers.items() if not layer["clipped"]] == ["classifier.weight"]
    trainer = make_trainer(TINY)
    trainer.backward()
    gradient = dict(trainer.model.named_parameters())["stem.weight"].grad
    expected = gradient.flatten(1).norm(dim=1).tolist()
    assert layers["stem.weight"]["gradient_norm"] == pytest.approx(expected)


@pytest.mark.parametrize("watch", [gradient_units, turns])
def test_data_on_its_way_is_told_before_the_first_item(monkeypatch, watch) -> None:
    def slowly(config, device):
        yield Loading("CIFAR-10", 1, 170)
        return (yield from load_dataset(config, device))

    monkeypatch.setattr("nfnet.training.load_dataset", slowly)
    fetched, item = watch(TINY, (1,))
    assert fetched == {"loading": {"what": "CIFAR-10", "done": 1, "total": 170}}
    assert item["step"] == 1


def test_a_filters_gradient_is_orthogonal_to_it_and_a_gains_need_not_be() -> None:
    (row,) = gradient_units(TINY, (3,))
    layers = {layer["name"]: layer for layer in row["layers"]}
    filters = [layer["cosine"] for layer in layers.values() if len(layer["shape"]) == 4]
    assert max(abs(cosine) for cosines in filters for cosine in cosines) < 1e-3
    (cosine,) = layers["stem.gain"]["cosine"]
    trainer = make_trainer(TINY)
    for step in range(4):
        trainer.backward()
        if step < 3:
            trainer.update(TINY.lr * lr_factor(step, TINY.steps), TINY.clipping)
    gain = dict(trainer.model.named_parameters())["stem.gain"]
    product = float((gain.detach() * gain.grad).sum())
    assert cosine == pytest.approx(product / float(gain.detach().norm() * gain.grad.norm()))
    assert abs(cosine) > 1e-3


def test_clipping_that_begins_later_leaves_what_was_before() -> None:
    free, forked = (
        [e for e in train(TINY.replace(clipping=clipping, clipping_from=start, lr=1.0))]
        for clipping, start in ((None, 1), (0.01, 7))
    )
    steps = [[e for e in run if isinstance(e, Step)] for run in (free, forked)]
    # the gradient of step 7 is the first that is clipped, and step 8 the first to feel it
    assert [e.loss for e in steps[0][:7]] == [e.loss for e in steps[1][:7]]
    assert [e.clipping for e in steps[1]] == [None] * 6 + [0.01] * 6
    assert steps[0][7].loss != steps[1][7].loss
    always = [e for e in train(TINY.replace(clipping=0.01, lr=1.0)) if isinstance(e, Step)]
    assert always[3].loss != steps[1][3].loss


@pytest.mark.parametrize("by", ["layer", "global"])
def test_other_ways_of_clipping_train_too(by: str) -> None:
    steps = [e for e in train(TINY.replace(clip_by=by)) if isinstance(e, Step)]
    assert any(e.clipped_share > 0 for e in steps)
    if by == "global":
        assert {e.clipped_share for e in steps} <= {0.0, 1.0}


def test_a_run_can_start_from_a_shipped_net(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("nfnet.training.SHIPPED", tmp_path)
    config = TINY.replace(widths=(40, 80, 160), depths=(2, 2, 2), start="nf_cifar10")
    with pytest.raises(UserError, match=r"nf_cifar10\.safetensors"):
        make_trainer(config)
    net = make_trainer(config.replace(start="random", seed=5)).model
    for classes, kept in ((SHAPE_NAMES, True), (SHAPE_NAMES[::-1], False)):
        save_weights(
            net,
            tmp_path / "nf_cifar10.safetensors",
            classes=[("", name) for name in classes],
            preprocessing=Preprocessing(32, (0.5,) * 3, (0.25,) * 3),
        )
        begun = make_trainer(config).model.state_dict()
        equal = {name: torch.equal(begun[name], value) for name, value in net.state_dict().items()}
        assert equal.pop("classifier.weight") == kept  # the biases are zero in any fresh net
        assert all(equal.values())
    with pytest.raises(UserError, match="widths"):
        make_trainer(config.replace(widths=(8, 16, 32)))
