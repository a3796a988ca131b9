"""The shipped nets' training: killed at any moment it ends with the same bits as left alone."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.train_offline_model import Recipe, Training, main, run, save
from nfnet.folder import load_pictures
from nfnet.run import UserError
from nfnet.variants import MODELS
from nfnet.weights import create_model

ROOT = Path(__file__).parents[2]
TRAIN, VAL, SIDE = 22, 3, 24  # of which 10 are held out: 48 remain, 4 batches of 12
SMALL = {"model": "nfnet_xs", "epochs": 3, "batch_size": 12, "sides": (12, 16)}
STEPS = 12


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sheets of four classes: noise on four colours."""
    folder, rng = tmp_path_factory.mktemp("data") / "set", np.random.default_rng(0)
    folder.mkdir()
    rows = []
    for index, colour in enumerate([(200, 60, 60), (60, 200, 60), (60, 60, 200), (128, 128, 128)]):
        sheet = np.array(colour) + rng.normal(0, 25, (SIDE, 25 * SIDE, 3))
        sheet = Image.fromarray(sheet.clip(0, 255).astype(np.uint8))
        sheet.save(folder / f"{index:03d}_n{index}.webp", lossless=True)
        row = {"index": index, "wnid": f"n{index}", "label": f"colour {index}"}
        rows.append(row | {"train": TRAIN, "val": VAL})
    (folder / "classes.json").write_text(json.dumps(rows))
    return folder


def training(folder: Path, **changes) -> Training:
    pictures = load_pictures(folder, folder.parent / "cache")
    return Training(Recipe(**{**SMALL, **changes}), pictures, torch.device("cpu"))


def arguments(folder: Path, work: Path) -> list[str]:
    return [
        *("--data", str(folder), "--work", str(work), "--cache", str(folder.parent / "cache")),
        *("--model", "nfnet_xs", "--epochs", "3", "--batch-size", "12", "--sides", "12", "16"),
        *("--checkpoint-seconds", "0"),
    ]


def read(work: Path) -> dict:
    return torch.load(work / "checkpoint.pt", weights_only=True)


def assert_same(one: dict, other: dict) -> None:
    """Equal to the last bit: weights, averages, momentum, place in the run."""
    assert (one["step"], one["recipe"]) == (other["step"], other["recipe"])
    for part in ("model", "ema"):
        assert one[part].keys() == other[part].keys()
        for name, value in one[part].items():
            assert torch.equal(value, other[part][name]), f"{part} {name}"
    momenta = [state["optimizer"]["state"] for state in (one, other)]
    assert momenta[0].keys() == momenta[1].keys() and momenta[0]
    for index, values in momenta[0].items():
        assert torch.equal(values["momentum_buffer"], momenta[1][index]["momentum_buffer"])


DIES_WHILE_WRITING = """
import os, torch
from benchmarks import train_offline_model as script
write, count = torch.save, 0
def half(state, file):
    global count
    count += 1
    write(state, file)
    if count == 3:
        file.truncate(file.tell() // 2)
        os._exit(9)
torch.save = half
script.main()
"""


def test_killed_while_writing_and_killed_between_it_ends_as_if_left_alone(
    folder: Path, tmp_path: Path
) -> None:
    main(arguments(folder, tmp_path / "alone"))
    work = tmp_path / "killed"
    command = [sys.executable, "-c", DIES_WHILE_WRITING, *arguments(folder, work)]
    assert subprocess.run(command, cwd=ROOT).returncode == 9
    assert (work / "checkpoint.part").exists() and read(work)["step"] == 2

    command = [sys.executable, "-m", "benchmarks.train_offline_model", *arguments(folder, work)]
    process = subprocess.Popen(command, cwd=ROOT)
    before, deadline = (work / "checkpoint.pt").stat().st_mtime_ns, time.monotonic() + 120
    while (work / "checkpoint.pt").stat().st_mtime_ns == before:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 2 < read(work)["step"] <= STEPS

    main(arguments(folder, work))
    assert_same(read(work), read(tmp_path / "alone"))
    assert read(work)["step"] == STEPS


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_new_process_needs_nothing_but_the_state(folder: Path, tmp_path: Path, stop: int) -> None:
    """Also with mixed and changed pictures, whose choices are the step's."""
    whole = training(folder, mixing=0.5, rand_layers=2)
    while whole.step < whole.total:
        if whole.step == stop:
            save(whole.state(), tmp_path / "checkpoint.pt")
        whole.advance()
    torch.manual_seed(123)  # whatever happened in between
    resumed = training(folder, mixing=0.5, rand_layers=2)
    resumed.restore(read(tmp_path))
    assert resumed.step == stop
    while resumed.step < resumed.total:
        resumed.advance()
    assert_same(resumed.state(), whole.state())


def test_each_epoch_shows_every_picture_once_and_never_a_held_out_one(folder: Path) -> None:
    one = training(folder)
    orders = []
    for epoch in range(2):
        seen, sides = [], set()
        for step in range(epoch * one.per_epoch, (epoch + 1) * one.per_epoch):
            one.step = step
            index, crops, _ = one.batch()
            seen += index.tolist()
            sides.add(crops.shape[-1])
        assert sorted(seen) == sorted(one.train.tolist()) and len(sides) == 1
        assert not set(seen) & set(one.held.tolist())
        orders.append(seen)
    assert orders[0] != orders[1]
    assert len(one.images) == 4 * TRAIN  # the validation pictures are not even there


def test_the_rate_warms_up_linearly_and_ends_at_zero_as_half_a_cosine() -> None:
    recipe = Recipe(epochs=10, lr=0.4, warmup_epochs=2)
    rates = [recipe.lr_at(step, 50) for step in range(500)]
    assert rates[0] == pytest.approx(0.4 / 100) and rates[49] == pytest.approx(0.2)
    assert max(rates) == rates[99] == pytest.approx(0.4)
    assert rates[300] == pytest.approx(0.2) and rates[200] == pytest.approx(
        0.4 * 0.853553, rel=1e-4
    )
    assert 0 < rates[-1] < 1e-4


def test_pictures_grow_in_equal_parts_of_the_run() -> None:
    recipe = Recipe(epochs=6, sides=(32, 40, 48))
    assert [recipe.side(epoch) for epoch in range(6)] == [32, 32, 40, 40, 48, 48]


def test_it_learns(folder: Path, tmp_path: Path) -> None:
    one = training(folder, epochs=25, sides=(16,), ema=0.9)
    run(one, tmp_path, every=1e9)
    rows = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    curve = [row["held_out"] for row in rows if "held_out" in row]
    assert len(curve) == 25 and curve[-1] > 0.9
    assert rows[0]["recipe"]["model"] == "nfnet_xs" and rows[0]["environment"]["threads"] == 1


def test_a_checkpoint_of_another_recipe_is_refused(folder: Path, tmp_path: Path) -> None:
    save(training(folder).state(), tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="another lr, area; choose a new --work"):
        run(training(folder, lr=0.3, area=(0.5, 1.0)), tmp_path, every=0)
    with pytest.raises(UserError, match="do not fill one batch"):
        training(folder, batch_size=49)
    with pytest.raises(SystemExit, match="error: .* neither classes.json"):
        main(["--data", str(tmp_path), "--work", str(tmp_path / "w")])


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence(folder: Path) -> None:
    one = training(folder)
    with torch.no_grad():
        one.model.classifier.weight.fill_(torch.nan)
    with pytest.raises(UserError, match="nan at step 1; lower --lr"):
        one.advance()


def test_the_twin_differs_in_the_normalizer_alone() -> None:
    mini, twin = MODELS["nfnet_mini"], MODELS["bn_nfnet_mini"]
    assert dataclasses.replace(mini, norm="batch") == twin
    nf, bn = (
        create_model(name, num_classes=200, device="cpu") for name in MODELS if "mini" in name
    )
    assert sum(p.numel() for p in nf.parameters()) == sum(p.numel() for p in bn.parameters())
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    others = torch.cat([images[:1], 2 * images[1:]])
    for net, alone in ((nf.train(), True), (bn.train(), False)):
        torch.nn.init.normal_(net.classifier.weight)
        same = torch.allclose(net(images)[0], net(others)[0], rtol=1e-4, atol=1e-4)
        assert same is alone, "batch mates count with BatchNorm, and only there"
