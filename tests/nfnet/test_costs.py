"""What a step costs: the stopwatch against another account of the same step, and what is saved."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from app.compute import wire
from app.compute.jobs import Costs
from nfnet import costs
from nfnet.build import build_model
from nfnet.costs import compare, measure, parts, saved_bytes
from nfnet.run import CLASSROOM, RunConfig, UserError
from nfnet.stopwatch import OPERATIONS, CpuClock, Stopwatch

SMALL = RunConfig(widths=(8, 16), depths=(1, 2), batch_size=4, resolution=8)
NFNET = RunConfig(
    architecture="nfnet",
    widths=(32, 64),
    depths=(1, 1),
    activation="gelu",
    skip_gain=0.0,
    batch_size=4,
    resolution=8,
)


class Meter(TorchDispatchMode):
    """A clock that counts numbers instead of seconds: what each operation of PyTorch puts out.

    It also writes down its own account of them, by the operation's name alone.
    """

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self.total, self.account, self.batch_size = 0, {}, batch_size

    def read(self) -> int:
        return self.total

    def seconds(self, before: int, after: int) -> float:
        return float(after - before)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        results = result if isinstance(result, tuple) else (result,)
        tensors = [one for one in results if isinstance(one, torch.Tensor)]
        view = any(r.alias_info and not r.alias_info.is_write for r in func._schema.returns)
        size = 0 if view else sum(one.numel() for one in tensors)
        name = func._schema.name.removeprefix("aten::")
        if name == "add" and tensors[0].ndim == 4 and tensors[0].shape[0] == self.batch_size:
            name = "add of activations"  # weights have at least 8 filters
        self.total += size
        self.account[name] = self.account.get(name, 0) + size
        return result

    def of(self, *names: str) -> int:
        return sum(size for name, size in self.account.items() if name in names)


def watched(config: RunConfig) -> tuple[Meter, dict[str, float], dict[str, float]]:
    model = build_model(config, 10).train()
    images = torch.randn(config.batch_size, 3, config.resolution, config.resolution)
    labels = torch.zeros(config.batch_size, dtype=torch.long)
    meter = Meter(config.batch_size)
    stopwatch = Stopwatch(meter)
    with meter:
        with stopwatch.forward(model):
            loss = F.cross_entropy(model(images), labels)
        stopwatch.backward(loss)
    return meter, stopwatch.forward_seconds, stopwatch.backward_seconds


@pytest.mark.parametrize(
    "config",
    [*(SMALL.replace(norm=norm) for norm in ("nf", "batch", "none")), NFNET],
    ids=["nf", "batch", "none", "nfnet"],
)
def test_every_operation_is_put_where_its_name_says(config: RunConfig) -> None:
    meter, forward, backward = watched(config)
    both = {name: forward[name] + backward[name] for name in OPERATIONS}
    assert sum(both.values()) == meter.total  # nothing is lost, nothing counted twice
    normalizes = ("native_batch_norm", "native_batch_norm_backward", "_native_batch_norm_legit")
    activates = ("relu", "threshold_backward", "gelu", "gelu_backward")
    assert both["activation"] == meter.of(*activates) > 0
    assert both["addition"] == meter.of("add of activations") > 0
    convolves = meter.of("convolution", "convolution_backward", "constant_pad_nd")
    # what autograd's padding does backward has no name of its own
    assert convolves <= both["convolution"] <= 1.02 * convolves
    if config.norm == "batch":
        moved = meter.of(*normalizes)
        assert moved <= both["normalization"] <= 1.01 * moved  # and the count of batches
    if config.norm == "none":
        assert both["normalization"] == 0


def test_standardizing_costs_what_the_weights_are_many_whatever_the_batch() -> None:
    moved = []
    for batch_size in (4, 6):
        meter, forward, backward = watched(SMALL.replace(batch_size=batch_size))
        moved.append((forward["normalization"], backward["normalization"]))
    assert moved[0] == moved[1]
    weights = sum(
        module.weight.numel()
        for module in build_model(SMALL, 10).modules()
        if isinstance(module, nn.Conv2d)
    )
    # minus the mean, over the length, times the gain: three new sets of weights at least
    assert 3 * weights <= moved[0][0] < 4 * weights
    assert moved[0][1] > 3 * weights


def test_batch_normalization_costs_what_the_activations_are_many() -> None:
    moved = []
    for batch_size in (4, 8):
        _, forward, backward = watched(SMALL.replace(norm="batch", batch_size=batch_size))
        moved.append(forward["normalization"] + backward["normalization"])
    assert moved[1] / moved[0] == pytest.approx(2, rel=0.05)


def test_watching_changes_nothing_and_leaves_nothing_behind() -> None:
    gradients = []
    for watch in (False, True):
        model = build_model(SMALL.replace(norm="batch"), 10).train()
        images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        if watch:
            stopwatch = Stopwatch(CpuClock())
            with stopwatch.forward(model):
                loss = model(images).square().mean()
            stopwatch.backward(loss)
        else:
            model(images).square().mean().backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
        assert not any("forward" in module.__dict__ for module in model.modules())
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


class Bystander:
    """A hook of a node: alive as long as the node is."""

    def __call__(self, gradients: object) -> None: ...


def test_the_graph_of_a_watched_step_is_freed() -> None:
    model, seen = build_model(SMALL, 10).train(), []

    def stand_by(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        bystander = Bystander()
        output.grad_fn.register_prehook(bystander)
        seen.append(weakref.ref(bystander))

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(stand_by)
    stopwatch = Stopwatch(CpuClock())
    with stopwatch.forward(model):
        loss = model(torch.randn(4, 3, 8, 8)).mean()
    stopwatch.backward(loss)
    assert len(seen) > 3 and all(reference() for reference in seen)
    del loss
    gc.collect()
    assert not any(reference() for reference in seen)


def test_an_error_inside_leaves_the_net_as_it_was() -> None:
    model = build_model(SMALL, 10)
    with pytest.raises(RuntimeError), Stopwatch(CpuClock()).forward(model):
        model(torch.randn(4, 5, 8, 8))
    assert not any("effective_weight" in module.__dict__ for module in model.modules())
    assert model(torch.randn(4, 3, 8, 8)).shape == (4, 10)


# shares


def test_what_operations_leave_of_the_step_is_other() -> None:
    step = dict.fromkeys(OPERATIONS, 0.0)
    seen = [step | {"convolution": 0.006, "activation": a, "other": 9.9} for a in (1, 0.002, 0)]
    assert parts(seen, 0.010) == pytest.approx(
        {**step, "convolution": 6.0, "activation": 2.0, "other": 2.0}
    )
    # a watched step may be slower than the step itself: then all are scaled
    assert parts(seen, 0.004) == pytest.approx({**step, "convolution": 3.0, "activation": 1.0})


@pytest.mark.parametrize("norm", ["batch", "nf", "none"])
def test_shares_add_up_to_the_measured_step(norm: str) -> None:
    cost = measure(SMALL.replace(norm=norm), rounds=3)
    assert set(cost.forward_ms) == set(cost.backward_ms) == set(OPERATIONS)
    assert min(*cost.forward_ms.values(), *cost.backward_ms.values()) >= 0
    whole = sum(cost.forward_ms.values()) + sum(cost.backward_ms.values())
    assert whole == pytest.approx(cost.step_ms, rel=0.05)
    assert (cost.forward_ms["normalization"] > 0) == (norm != "none")


def test_shares_need_no_scaling_to_add_up_where_the_net_is_not_tiny() -> None:
    """The watched step takes what the step takes, within 5 %, as the clock is read seldom."""
    torch.set_num_threads(1)
    config = RunConfig(norm="batch", widths=(32, 64), depths=(1, 1), batch_size=128)
    ratios = []
    for _ in range(5):  # another program may slow one of the two down
        cost = measure(config, rounds=5)
        ratios.append(cost.watched_ms / cost.step_ms)
        if abs(ratios[-1] - 1) <= 0.05:
            return
    pytest.fail(f"watched step over step: {ratios}")


def test_costs_are_the_items_of_the_job() -> None:
    job = Costs(SMALL, (2, 4), ("nf", "none"))
    items = list(costs.costs(job.configs, rounds=1))
    assert [(item["batch_size"], item["norm"]) for item in items] == [
        (2, "nf"),
        (2, "none"),
        (4, "nf"),
        (4, "none"),
    ]
    assert wire.items_from_json(job, items) == items
    for config in Costs(RunConfig()).configs:
        config.check(CLASSROOM)


def test_a_device_that_is_not_there_is_said_in_a_sentence() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UserError, match="no CUDA device"):
        compare([SMALL.replace(device="cuda")])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU on this machine")
def test_the_gpu_is_timed_on_its_own_time_line() -> None:
    cost = measure(RunConfig(norm="batch", device="cuda"), rounds=5)
    assert cost.device == "cuda" and cost.forward_ms["convolution"] > 0


# memory


def test_saved_bytes_are_counted_by_hand() -> None:
    """A linear layer saves its input, a ReLU its output: which is the next one's input."""
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
    x = torch.randn(64, 16)
    assert saved_bytes(lambda: model(x).sum(), list(model.parameters())) == 4 * 64 * (16 + 32)
    assert saved_bytes(lambda: model(x).sum(), []) == 4 * (64 * (16 + 32) + 32 * 8)


def test_batch_normalization_keeps_its_input_too() -> None:
    """Each ReLU's output is kept in either net; BN keeps what it normalizes besides."""
    config = SMALL.replace(batch_size=16)
    sizes = {
        cost.norm: cost.saved_bytes
        for cost in compare([config.replace(norm=n) for n in ("batch", "none")], rounds=1)
    }
    model, inputs = build_model(config.replace(norm="batch"), 10).train(), []
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda _, x, y: inputs.append(4 * x[0].numel()))
    model(torch.randn(16, 3, 8, 8))
    statistics = sizes["batch"] - sizes["none"] - sum(inputs)
    assert 0 <= statistics < 0.01 * sizes["batch"]
