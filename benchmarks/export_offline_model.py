"""Measures a net that `train_offline_model` trained, and ships it with what was measured.

    python -m benchmarks.export_offline_model export --work build/nfnet_mini --data FOLDER
        [--photos FOLDER] [--cifar10 FOLDER]     # writes nfnet/models/nfnet_mini.safetensors
    python -m benchmarks.export_offline_model check --data FOLDER      # measures the files again
    python -m benchmarks.export_offline_model card     # writes nfnet/models/README.md from them

Choices (side, temperature, threshold) are made on held-out training pictures, figures are taken
from the validation pictures, which nothing was chosen or trained on. All of them are those of the
float16 weights as shipped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.offline_model_card import card
from benchmarks.train_offline_model import MEAN, STD, Recipe, standardized, to_pixels
from nfnet.calibration import (
    calibration_error,
    doubt_threshold,
    fit_temperature,
    probabilities,
    reliability,
)
from nfnet.checkpoint import Preprocessing, read_metadata
from nfnet.conv import fold
from nfnet.folder import PictureSet, load_pictures, read_sheet
from nfnet.images import read_file, read_image
from nfnet.predict import Classifier, load_classifier
from nfnet.procedural import shapes
from nfnet.relay import returned
from nfnet.run import UserError
from nfnet.variants import model_config
from nfnet.weights import build, save_weights

MODELS = Path(__file__).parents[1] / "nfnet" / "models"
SIDES = (48, 56, 64, 72)  # px to choose from: more than in training often helps
TERMS = (
    "Tiny ImageNet's pictures are ImageNet's and fall under its terms: research and education that "
    "is not commercial. Whether weights inherit such terms is unsettled; use these likewise."
)


@torch.inference_mode()
def logits_of(model: nn.Module, images: np.ndarray, side: int, mirror: bool = False) -> np.ndarray:
    """Logits (N, classes) of uint8 (N, S, S, 3) pictures seen at `side` px, in float32."""
    parts = []
    for start in range(0, len(images), 250):
        pixels = to_pixels(torch.from_numpy(images[start : start + 250].copy()))
        x = _resized(standardized(pixels), side)
        parts.append(model(x.flip(-1) if mirror else x))
    return torch.cat(parts).numpy()


def _resized(x: Tensor, side: int) -> Tensor:
    if x.shape[-1] == side:
        return x
    return F.interpolate(x, size=(side, side), mode="bicubic", antialias=True)


def top(logits: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of pictures whose label is among the k most probable classes."""
    best = np.argsort(-logits, axis=1)[:, :k]
    return float((best == labels[:, None]).any(1).mean())


def restore(work: Path, classes: int) -> tuple[nn.Module, Recipe, dict[str, Any]]:
    """The averaged weights of a training's checkpoint, rounded to float16; and its history."""
    try:
        state = torch.load(work / "checkpoint.pt", weights_only=True, map_location="cpu")
        lines = (work / "progress.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing; train first") from None
    recipe = Recipe.from_json(state["recipe"])
    model = build(model_config(recipe.model), classes)
    model.load_state_dict(state["ema"])
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    # a resumed run tells some steps twice; the later telling is the one that counts
    steps = {row["step"]: row for row in rows if "cpu_rate" in row and row["step"] <= state["step"]}
    told = {row["step"]: row for row in rows if "held_out" in row and row["step"] <= state["step"]}
    seconds, before = 0.0, 0
    for step in sorted(steps):
        seconds += (step - before) * recipe.batch_size / steps[step]["cpu_rate"]
        before = step
    history = {
        "steps": state["step"],
        "planned_steps": next(row["total"] for row in rows if "total" in row),
        "cpu_seconds": round(seconds),
        "environment": next(row["environment"] for row in rows if "environment" in row),
        "curve": [[round(told[step]["epoch"]), told[step]["held_out"]] for step in sorted(told)],
    }
    return model.half().float().eval(), recipe, history


def choose(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Side, temperature and threshold, all from held-out training pictures."""
    logits = {side: logits_of(model, images, side) for side in SIDES}
    accuracy = {side: top(logits[side], labels, 1) for side in SIDES}
    side = max(SIDES, key=lambda side: accuracy[side])
    temperature = fit_temperature(logits[side], labels)
    p = probabilities(logits[side], temperature)
    return {
        "side": side,
        "temperature": temperature,
        "threshold": doubt_threshold(p.max(1), p.argmax(1) == labels),
        "held_out": {"n": len(labels), "top1": {str(side): accuracy[side] for side in SIDES}},
    }


def measure(model: nn.Module, pictures: PictureSet, chosen: dict[str, Any]) -> dict[str, Any]:
    """Accuracy, calibration and doubt on the validation pictures."""
    side, labels = chosen["side"], np.asarray(pictures.val_labels)
    logits = logits_of(model, pictures.val_images, side)
    mirrored = logits_of(model, pictures.val_images, side, mirror=True)
    figures: dict[str, Any] = {"n": len(labels), "top1": top(logits, labels, 1)}
    figures["top5"] = top(logits, labels, 5)
    figures["top1_with_mirror_image"] = top(logits + mirrored, labels, 1)
    for name, temperature in (("raw", 1.0), ("calibrated", chosen["temperature"])):
        p = probabilities(logits, temperature)
        confidence, correct = p.max(1), p.argmax(1) == labels
        bins = reliability(confidence, correct)
        figures[f"calibration_error_{name}"] = calibration_error(bins)
    figures["reliability"] = [
        [row.count, row.confidence, row.accuracy] if row.count else [0, None, None] for row in bins
    ]
    doubted = confidence < chosen["threshold"]
    figures["doubted"] = {
        "of the right answers": _share(doubted[correct]),
        "of the wrong answers": _share(doubted[~correct]),
    }
    return figures


def _share(which: np.ndarray) -> list[float | int]:
    """Which share of (n,) is true, and n."""
    return [float(which.mean()) if which.size else 0.0, which.size]


def strangers(cifar10: Path | None, n: int = 1000) -> dict[str, np.ndarray]:
    """Pictures of none of the classes, uint8 (n, S, S, 3)."""
    rng = np.random.default_rng(0)
    drawn, _ = shapes(n, 64, seed=3)
    low, high = drawn.amin((1, 2, 3), keepdim=True), drawn.amax((1, 2, 3), keepdim=True)
    drawn = ((drawn - low) / (high - low) * 255).byte().permute(0, 2, 3, 1).numpy()
    found = {
        "noise": rng.integers(0, 256, (n, 64, 64, 3), dtype=np.uint8),
        "drawn shapes (`nfnet.procedural`)": drawn,
    }
    if cifar10 is not None:
        labels = np.load(cifar10 / "labels.npz")["y_test"]
        sheets = [read_sheet(cifar10 / f"test_{n:02d}.webp", 2500, 50) for n in range(4)]
        small = np.concatenate(sheets)
        for index, name in ((0, "airplanes"), (7, "horses")):
            found[f"CIFAR-10's {name}"] = small[labels == index]
    return found


def ask_photos(classifier: Classifier, folder: Path) -> dict[str, Any]:
    """Real photos: how many of known classes are named, how many of others are doubted."""
    indices = {wnid: index for index, (wnid, _) in enumerate(classifier.classes)}
    known: list[tuple[bool, bool, bool]] = []  # right, among five, doubted
    unknown: list[bool] = []
    for row in json.loads((folder / "labels.json").read_text(encoding="utf-8")):
        answers = classifier.classify(read_image(read_file(folder / row["file"])), 5)
        doubted = answers[0].probability < classifier.threshold
        if row["wnid"] in indices:
            ranks = [answer.index == indices[row["wnid"]] for answer in answers]
            known.append((ranks[0], any(ranks), doubted))
        else:
            unknown.append(doubted)
    right, among, doubts = (sum(column) for column in zip(*known, strict=True))
    return {
        "known": {"n": len(known), "right": right, "among_five": among, "doubted": doubts},
        "unknown": {"n": len(unknown), "doubted": sum(unknown)},
    }


def export(options: argparse.Namespace) -> None:
    pictures = load_pictures(options.data, options.cache or options.work / "cache")
    model, recipe, history = restore(options.work, len(pictures.classes))
    folded = fold(model).to(memory_format=torch.channels_last)
    _, held = pictures.split(recipe.held_out)
    chosen = choose(folded, pictures.train_images[held], pictures.train_labels[held])
    preprocessing = Preprocessing(chosen["side"], MEAN, STD, "short side", 0)
    validation = measure(folded, pictures, chosen)
    doubts = {}
    for name, images in strangers(options.cifar10).items():
        p = probabilities(logits_of(folded, images, chosen["side"]), chosen["temperature"])
        doubts[name] = [float((p.max(1) < chosen["threshold"]).mean()), len(images)]
    provenance = {
        "model": recipe.model,
        "data": "Tiny ImageNet (200 classes of ImageNet, 64 x 64 px)",
        "training_pictures": len(pictures.train_labels) - len(held),
        "terms": TERMS,
        "licence": "The project's licence covers its code; see the terms for these weights.",
        "date": date.today().isoformat(),
        "recipe": json.loads(json.dumps(vars(recipe))),
        **history,
        "held_out": chosen["held_out"],
        "validation": validation,
        "accuracy": validation["top1"],
        "n": validation["n"],
        "temperature": chosen["temperature"],
        "threshold": chosen["threshold"],
        "doubted_strangers": doubts,
    }
    if options.photos is not None:
        classifier = Classifier(
            recipe.model,
            folded,
            pictures.classes,
            preprocessing,
            chosen["threshold"],
            chosen["temperature"],
        )
        provenance["photos"] = ask_photos(classifier, options.photos)
    path = options.models / f"{recipe.model}.safetensors"
    save_weights(
        model,
        path,
        classes=pictures.classes,
        preprocessing=preprocessing,
        provenance=provenance,
        dtype=torch.float16,
    )
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    print(json.dumps({**validation, "photos": provenance.get("photos")}, indent=1))


def check(options: argparse.Namespace) -> None:
    """Measures the shipped files again; an exit status of 1 if one does not do what it says."""
    pictures = load_pictures(options.data, options.cache or options.work / "cache")
    failed = False
    for path in sorted(options.models.glob("*.safetensors")):
        if "validation" not in read_metadata(path).provenance:
            continue  # of another data set, which its own script measures
        began = time.perf_counter()
        classifier = returned(load_classifier(None, path, "cpu", "float32"))
        loaded = time.perf_counter()
        side = classifier.preprocessing.resolution
        logits_of(classifier.model, pictures.val_images[:1], side)
        answered = time.perf_counter()
        said = read_metadata(path).provenance["validation"]
        found = top(logits_of(classifier.model, pictures.val_images, side), pictures.val_labels, 1)
        failed |= abs(found - said["top1"]) > 1.5 / said["n"]  # one picture: other kernels
        print(
            f"{path.name}: top-1 {found:.4f} of {said['n']}, said {said['top1']:.4f}; loads in "
            f"{loaded - began:.2f} s, first answer {1000 * (answered - loaded):.0f} ms"
        )
    sys.exit(int(failed))


def write_card(options: argparse.Namespace) -> None:
    infos = {p.stem: read_metadata(p) for p in sorted(options.models.glob("*.safetensors"))}
    if "nfnet_mini" not in infos:
        raise UserError(f"{options.models} holds no nfnet_mini.safetensors; export it first")
    (options.models / "README.md").write_text(card(infos), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("export", "check", "card"))
    parser.add_argument("--work", type=Path, default=Path("build/nfnet_mini"))
    parser.add_argument("--data", type=Path, help="folder of Tiny ImageNet")
    parser.add_argument("--cache", type=Path, help="decoded pictures (default: in --work)")
    parser.add_argument("--photos", type=Path, help="photos with a labels.json: file, wnid")
    parser.add_argument("--cifar10", type=Path, help="CIFAR-10 as sheets of 50 x 50 tiles")
    parser.add_argument("--models", type=Path, default=MODELS, help="where the files lie")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.command != "card" and options.data is None:
        parser.error("--data is needed")
    torch.set_num_threads(options.threads)
    try:
        {"export": export, "check": check, "card": write_card}[options.command](options)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
