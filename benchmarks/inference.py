"""How fast NFNet-F0 answers about one picture here, beside timm's F0 with the same weights.

    python -m benchmarks.inference [--rounds 10] [--cold-rounds 5]

Both arms run in one process and in turns; medians and quartiles of wall time, and the ratio of the
medians. The weights are random, one file in each form, and the gate comes first: timm's logits,
with its epsilon and GELU set to the official ones, must equal ours. Cold starts are processes of
their own, from nothing to the first top-5. Without timm only our own arms run. To have it:

    python -m pip install timm torch==2.13.0     # without the version pip may take another torch

The torchvision that this brings need not fit a torch without CUDA; `import_timm` gets over it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.step_cost import conditions
from nfnet.conv import fold
from nfnet.packed import pack
from nfnet.predict import Classifier, gains_by_bfloat16, halve, load_classifier
from nfnet.relay import returned
from nfnet.timm_names import timm_name, timm_shape
from nfnet.variants import MODELS
from nfnet.weights import build, create_model

NAME, TIMM_NAME = "nfnet_f0", "dm_nfnet_f0"
SIZES = (192, 256)  # px: where F0 was trained, and where it was tested
TOLERANCE = 1e-5  # of the logits' root mean square

# timm from nothing to a top-5, prepared as the official evaluation does
TIMM_COLD = """
import sys, torch
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import timm, numpy as np
from PIL import Image
model = timm.create_model("dm_nfnet_f0", pretrained=False)
model.load_state_dict(torch.load(sys.argv[1], weights_only=True))
model.eval()
image = Image.open(sys.argv[2]).convert("RGB").resize((288, 288), Image.Resampling.BICUBIC)
pixels = np.asarray(image.crop((16, 16, 272, 272)), np.float32) / 255
pixels = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
batch = torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32)
with torch.inference_mode():
    print(model(batch)[0].softmax(0).topk(5).indices.tolist())
"""


def import_timm() -> ModuleType | None:
    """timm, or None where it is not installed.

    torchvision's operators are compiled for CUDA; declaring the two that it asks for when imported
    is enough, since no NFNet calls them.
    """
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    try:
        import timm
    except ImportError:
        return None
    timm.kept = library  # its destructor would take the declarations back
    return timm


def make_weights(folder: Path) -> tuple[Path, Path]:
    """Random F0 weights in timm's names, as safetensors and as a pickle of torch."""
    torch.manual_seed(0)
    model = build(MODELS[NAME])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("skip_gain"):  # at its start, 0, a block would be an identity
                parameter.fill_(0.5)
            elif name == "classifier.weight":  # answers that differ from picture to picture
                parameter.normal_(std=0.1)
            elif name.endswith("bias"):
                parameter.normal_(std=0.1)
            elif name.endswith("gain"):
                parameter.uniform_(0.5, 1.5)
    depths = model.config.depths
    state = {
        timm_name(name, depths): tensor.reshape(timm_shape(name, tensor.shape)).contiguous()
        for name, tensor in model.state_dict().items()
    }
    safetensors, pickle = folder / f"{NAME}.safetensors", folder / f"{NAME}.pth"
    save_file(state, safetensors)
    torch.save(state, pickle)
    return safetensors, pickle


def load_timm(timm: ModuleType, pickle: Path) -> nn.Module:
    model = timm.create_model(TIMM_NAME, pretrained=False)
    model.load_state_dict(torch.load(pickle, weights_only=True))
    return model.eval()


def make_official(model: nn.Module) -> nn.Module:
    """timm's net with the official epsilon (none, for such weights) and the official GELU."""
    for module in model.modules():
        if hasattr(module, "gain") and hasattr(module, "eps"):
            module.eps = 1e-12
        if type(module).__name__ == "GammaAct":
            module.act_fn = lambda x, inplace=False: F.gelu(x, approximate="tanh")
    return model


def load_ours(path: Path, precision: str = "float32") -> Classifier:
    return returned(load_classifier(NAME, path, "cpu", precision))


def in_turns(arms: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each arm in each round; a first round warms up and is not counted."""
    times: dict[str, list[float]] = {name: [] for name in arms}
    for n in range(rounds + 1):
        for name, arm in arms.items():
            began = time.perf_counter()
            arm()
            if n:
                times[name].append(1e3 * (time.perf_counter() - began))
    return times


def report(title: str, times: dict[str, list[float]]) -> None:
    """A row an arm; the first arm is what the others are compared with."""
    rounds = len(next(iter(times.values())))
    print(f"\n{title}, {rounds} rounds\n{'':34} median ms   quartiles  ratio")
    first = statistics.median(next(iter(times.values())))
    for name, values in times.items():
        low, middle, high = np.percentile(values, (25, 50, 75))
        print(f"{name:34} {middle:9.1f}  {low:.1f}-{high:.1f}  {first / middle:.2f}", flush=True)


def relative_error(one: Tensor, other: Tensor) -> float:
    return ((one - other).norm() / other.norm()).item()


def pictures(count: int) -> list[Image.Image]:
    """Smooth colours from a seed: something that differs from picture to picture."""
    draw = np.random.default_rng(0)
    small = draw.integers(0, 256, (count, 6, 8, 3), dtype=np.uint8)
    return [Image.fromarray(one).resize((400, 300), Image.Resampling.BICUBIC) for one in small]


def gate(theirs: nn.Module, ours: nn.Module) -> None:
    """Ends the program unless both nets compute the same function."""
    images = torch.randn(2, 3, 192, 192)
    with torch.inference_mode():
        error = relative_error(ours(images), theirs(images))
    print(f"gate: logits of timm's F0, made official, and ours differ by {error:.1e} relative RMS")
    if error > TOLERANCE:
        sys.exit(f"the two nets differ by more than {TOLERANCE}: no ratio would mean anything")


def compare_speed(theirs: nn.Module | None, raw: nn.Module, rounds: int) -> None:
    exact = fold(raw).to(memory_format=torch.channels_last)
    half = fold(raw).to(memory_format=torch.channels_last)
    halve(half)
    asked = partial(Classifier, NAME, classes=(("", ""),) * 1000, preprocessing=None)
    for size in SIZES:
        images = torch.randn(1, 3, size, size).contiguous(memory_format=torch.channels_last)
        arms: dict[str, Callable[[], object]] = {}
        with torch.inference_mode():
            if theirs is not None:
                arms["timm, float32"] = partial(theirs, images.contiguous())
            arms["ours as trained, float32"] = partial(raw, images)
            arms["ours folded, float32"] = partial(asked(model=exact).run, images)
            arms["ours packed, float32"] = partial(asked(model=pack(exact)).run, images)
            arms["ours packed, bfloat16"] = partial(asked(model=pack(half)).run, images.bfloat16())
            report(f"batch 1 at {size} px", in_turns(arms, rounds))
    print(f"bfloat16 is chosen here by itself: {gains_by_bfloat16(torch.device('cpu'))}")


def compare_precisions(path: Path, count: int = 40) -> None:
    exact, half = load_ours(path), load_ours(path, "bfloat16")
    same, moved = 0, 0.0
    for image in pictures(count):
        one, other = exact.classify(image, 1)[0], half.classify(image, 1)[0]
        same += one.index == other.index
        moved = max(moved, abs(one.probability - other.probability))
    print(
        f"\nbfloat16 against float32: the same top-1 on {same} of {count} generated pictures, the "
        f"best probability moves by {moved:.3f} at most ({path.name})"
    )


def compare_loading(timm: ModuleType | None, safetensors: Path, pickle: Path, rounds: int) -> None:
    arms: dict[str, Callable[[], object]] = {}
    if timm is not None:
        arms["timm: create, torch.load, copy"] = partial(load_timm, timm, pickle)
    arms["ours: create_model(weights=…)"] = partial(
        create_model, NAME, weights=safetensors, device="cpu"
    )
    arms["ours: ready to answer, folded"] = partial(load_ours, safetensors)
    report("loading, files in the page cache", in_turns(arms, rounds))


def compare_cold(with_timm: bool, safetensors: Path, pickle: Path, rounds: int) -> None:
    """Processes of their own, as a person starts them."""
    photo = safetensors.with_name("photo.jpg")
    pictures(1)[0].save(photo, quality=95)
    ours = [sys.executable, "-m", "nfnet", "classify", photo, "--json"]
    ours += ["--model", NAME, "--weights", safetensors]
    commands = {"ours: python -m nfnet classify": ours}
    if with_timm:
        theirs = {"timm": [sys.executable, "-c", TIMM_COLD, pickle, photo]}
        commands = theirs | commands
    answers = {
        name: subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for name, command in commands.items()
    }
    arms = {
        name: partial(subprocess.run, command, capture_output=True, check=True)
        for name, command in commands.items()
    }
    report("a cold process to its first top-5", in_turns(arms, rounds))
    *first, last = answers.values()
    indices = [prediction["index"] for prediction in json.loads(last)["predictions"]]
    if first:
        print(f"top-5 of timm as it is {json.loads(first[0])}, ours {indices}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--cold-rounds", type=int, default=5)
    parser.add_argument("--gate-only", action="store_true", help="compare logits, measure nothing")
    options = parser.parse_args(arguments)
    print(conditions())
    timm = import_timm()
    print(
        f"timm {timm.__version__}"
        if timm
        else "timm is not installed and its arms are left out; to have them: "
        "python -m pip install timm torch==2.13.0"
    )
    with tempfile.TemporaryDirectory() as folder:
        safetensors, pickle = make_weights(Path(folder))
        raw = create_model(NAME, weights=safetensors, device="cpu")
        theirs = None
        if timm is not None:
            gate(make_official(load_timm(timm, pickle)), raw)
            theirs = load_timm(timm, pickle)
        if not options.gate_only:
            compare_speed(theirs, raw, options.rounds)
            compare_precisions(safetensors)
            del theirs, raw
            compare_loading(timm, safetensors, pickle, options.rounds)
            compare_cold(timm is not None, safetensors, pickle, options.cold_rounds)
    print(f"\nat the end: {conditions()}")


if __name__ == "__main__":
    main()
