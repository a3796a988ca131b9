"""A trained net is shipped with true figures, and a file that does not do what it says is told."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from benchmarks import export_offline_model as script
from benchmarks.offline_model_card import card
from benchmarks.train_offline_model import Recipe, Training, run
from nfnet.checkpoint import read_metadata
from nfnet.folder import load_pictures
from nfnet.published import SHIPPED
from nfnet.weights import create_model, save_weights

COLOURS = [(200, 60, 60), (60, 200, 60), (60, 60, 200), (128, 128, 128)]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, work, photos and models, after training and exporting."""
    home, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(0)
    (home / "set").mkdir()
    (home / "photos").mkdir()
    rows, photos = [], []
    for index, colour in enumerate(COLOURS):
        tiles = (np.array(colour) + rng.normal(0, 25, (48, 25 * 24, 3))).clip(0, 255)
        sheet = Image.fromarray(tiles.astype(np.uint8))
        sheet.save(home / "set" / f"{index:03d}_n{index}.webp", lossless=True)
        row = {"index": index, "wnid": f"n{index}", "label": f"colour {index}"}
        rows.append(row | {"train": 40, "val": 10})
        Image.new("RGB", (90, 60), colour).save(home / "photos" / f"{index}.png")
        photos.append({"file": f"{index}.png", "wnid": f"n{index}" if index < 3 else "other"})
    (home / "set" / "classes.json").write_text(json.dumps(rows))
    (home / "photos" / "labels.json").write_text(json.dumps(photos))
    recipe = Recipe("nfnet_xs", epochs=12, batch_size=12, sides=(16,), ema=0.9)
    (home / "work").mkdir()
    threads = torch.get_num_threads()
    training = Training(recipe, load_pictures(home / "set", home / "c"), torch.device("cpu"))
    run(training, home / "work", every=1e9)
    script.main(
        [
            *("export", "--work", f"{home / 'work'}", "--data", f"{home / 'set'}"),
            *("--cache", f"{home / 'c'}", "--photos", f"{home / 'photos'}"),
            *("--models", f"{home / 'models'}"),
        ]
    )
    torch.set_num_threads(threads)
    return home


def arguments(home: Path) -> list[str]:
    options = ["--data", str(home / "set"), "--cache", str(home / "c")]
    return ["check", *options, "--models", str(home / "models")]


def test_the_file_says_what_it_is_and_does_what_it_says(
    shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shipped / "models" / "nfnet_xs.safetensors"
    info = read_metadata(path)
    said = info.provenance
    assert said["accuracy"] == said["validation"]["top1"] > 0.5
    assert (said["n"], said["held_out"]["n"], said["training_pictures"]) == (40, 40, 120)
    assert said["steps"] == said["planned_steps"] == 120 and said["cpu_seconds"] > 0
    assert [epoch for epoch, _ in said["curve"]] == list(range(1, 13))
    assert said["photos"]["known"]["n"] == 3 and said["photos"]["unknown"]["n"] == 1
    assert sum(row[0] for row in said["validation"]["reliability"]) == 40
    assert 0 < info.threshold <= 1 and info.classes[2] == ("n2", "colour 2")
    with safe_open(path, "pt") as file:
        assert file.get_tensor("classifier.weight").dtype == torch.float16
    with pytest.raises(SystemExit) as done:
        script.main(arguments(shipped))
    assert done.value.code == 0 and f"said {said['accuracy']:.4f}" in capsys.readouterr().out


def test_a_file_whose_weights_are_not_those_measured_fails_the_check(
    shipped: Path, tmp_path: Path
) -> None:
    (tmp_path / "set").symlink_to(shipped / "set")
    (tmp_path / "c").symlink_to(shipped / "c")
    (tmp_path / "models").mkdir()
    path = shipped / "models" / "nfnet_xs.safetensors"
    tensors = load_file(path)
    tensors["classifier.weight"].neg_()
    with safe_open(path, "pt") as file:
        save_file(tensors, tmp_path / "models" / path.name, file.metadata())
    with pytest.raises(SystemExit) as done:
        script.main(arguments(tmp_path))
    assert done.value.code == 1


def test_the_card_repeats_the_files(shipped: Path) -> None:
    info = read_metadata(shipped / "models" / "nfnet_xs.safetensors")
    text = card({"nfnet_mini": info})
    assert f"| top-1, validation | {100 * info.provenance['accuracy']:.1f} % |" in text
    assert "the 4 classes" in text and "AGC 0.16 with" in text
    recipe = info.provenance["recipe"] | {"first_clipping": [9, 0.5]}
    info = dataclasses.replace(info, provenance=info.provenance | {"recipe": recipe})
    text = card({"nfnet_mini": info, "bn_nfnet_mini": info})
    assert "AGC 0.5 for 9 updates and then 0.16" in text and "--first-clipping 9 0.5" in text
    assert "| `nfnet_mini` | `bn_nfnet_mini` (BatchNorm) |" in text
    assert "nf_cifar10" not in text


def test_the_card_tells_of_the_net_of_the_labs_too(shipped: Path) -> None:
    mini = read_metadata(shipped / "models" / "nfnet_xs.safetensors")
    info = read_metadata(SHIPPED / "nf_cifar10.safetensors")
    text = card({"nfnet_mini": mini, "nf_cifar10": info})
    assert f"It names {100 * info.provenance['accuracy']:.1f} % of the 10,000" in text
    assert info.provenance["accuracy"] > 0.8 and "Tiny Images" in text


def test_the_twin_survives_float16_with_its_statistics(tmp_path: Path) -> None:
    net = create_model("bn_nfnet_mini", num_classes=3, device="cpu")
    net(torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    path = tmp_path / "bn_nfnet_mini.safetensors"
    save_weights(
        net,
        path,
        classes=[("", f"class {n}") for n in range(3)],
        preprocessing={"resolution": 32, "mean": (0.5,) * 3, "std": (0.25,) * 3},
        dtype=torch.float16,
    )
    again = create_model("bn_nfnet_mini", weights=path, device="cpu")
    assert again.stem[0].norm.num_batches_tracked == 1
    images = torch.randn(2, 3, 32, 32)
    assert torch.allclose(again(images), net.eval()(images), atol=1e-3)
