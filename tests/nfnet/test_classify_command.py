"""python -m nfnet classify, as a person or a script meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nfnet import __main__ as command
from nfnet.checkpoint import Preprocessing
from nfnet.variants import MODELS
from nfnet.weights import build, save_weights
from tests.nfnet import picture_files as files

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "own.safetensors"
    classes = [("", f"label {n}") for n in range(10)]
    preprocessing = Preprocessing(16, (0.5,) * 3, (0.25,) * 3)
    save_weights(build(MODELS["nfnet_xs"]), path, classes=classes, preprocessing=preprocessing)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    (tmp_path / "photo.jpg").write_bytes(files.good()["jpeg"])
    return tmp_path / "photo.jpg"


@pytest.fixture(autouse=True)
def no_weights_elsewhere(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("NFNET_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    monkeypatch.delenv("NFNET_WEIGHTS", raising=False)


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_lines(weights, photo, capsys) -> None:
    options = ["classify", str(photo), str(photo), "--weights", str(weights), "--top", "3"]
    assert command.main([*options, "--json"]) == 0
    rows = lines(capsys.readouterr().out)
    assert len(rows) == 2 and rows[0] == rows[1] and rows[0].keys() == {"file", "predictions"}
    assert rows[0]["file"] == str(photo) and len(rows[0]["predictions"]) == 3
    probabilities = [p["probability"] for p in rows[0]["predictions"]]
    assert probabilities == sorted(probabilities, reverse=True) and 0 < sum(probabilities) <= 1
    for prediction in rows[0]["predictions"]:
        assert prediction.keys() == {"index", "label", "probability"}
        assert prediction["label"] == f"label {prediction['index']}"


def test_for_people(weights, photo, capsys) -> None:
    assert command.main(["classify", str(photo), "--weights", str(weights), "--top", "2"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == str(photo) and len(out) == 3 and "%  label " in out[1]


def test_every_file_gets_its_line(weights, photo, tmp_path, capsys) -> None:
    for name, data in {"empty.png": b"", "page.jpg": b"<html>"}.items():
        (tmp_path / name).write_bytes(data)
    given = [tmp_path / "missing.jpg", tmp_path, tmp_path / "empty.png", photo]
    given += [tmp_path / "page.jpg", tmp_path / "two\nlines.jpg"]
    options = ["classify", *map(str, given), "--weights", str(weights)]
    assert command.main([*options, "--json"]) == 2
    rows = lines(capsys.readouterr().out)
    assert ["error" in row for row in rows] == [True, True, True, False, True, True]
    assert all(row.keys() == {"file", "error"} for row in rows if "error" in row)
    assert command.main(options) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 5 and captured.out.startswith(str(photo))
    assert all(line.startswith("nfnet: ") for line in captured.err.splitlines())


def test_without_weights_it_says_what_to_do(photo, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("NFNET_WEIGHTS", str(tmp_path / "nowhere"))
    assert command.main(["classify", str(photo), str(photo), "--json"]) == 2
    rows = lines(capsys.readouterr().out)
    assert len(rows) == 2 and all("NFNET_WEIGHTS" in row["error"] for row in rows)


def test_the_small_model_answers_where_the_default_is_missing(
    photo, tmp_path, monkeypatch, capsys
) -> None:
    torch.manual_seed(0)
    folder = tmp_path / "folder"
    classes = [("", f"small {n}") for n in range(MODELS["nfnet_mini"].num_classes)]
    preprocessing = Preprocessing(64, (0.5,) * 3, (0.25,) * 3)
    model = build(MODELS["nfnet_mini"])
    path = folder / "nfnet_mini.safetensors"
    save_weights(model, path, classes=classes, preprocessing=preprocessing)
    monkeypatch.setenv("NFNET_WEIGHTS", str(folder))
    assert command.main(["classify", str(photo), "--json"]) == 0
    captured = capsys.readouterr()
    assert lines(captured.out)[0]["predictions"][0]["label"].startswith("small ")
    assert "nfnet_mini answers" in captured.err and captured.err.count("\n") == 1
    # one that is asked for by name is not replaced
    monkeypatch.setattr(command, "_follow", lambda loading: pytest.fail("must not load"))
    loaded = []
    monkeypatch.setattr("nfnet.predict.load_classifier", lambda *given: loaded.append(given))
    with pytest.raises(pytest.fail.Exception):
        command.main(["classify", str(photo), "--model", "nfnet_f0"])
    assert loaded == [("nfnet_f0", None)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["classify"], "name at least one picture"),
        (["classify", "a.jpg", "--top", "0"], "top must be a whole number from 1 to 1000"),
        (["download", "nfnet_f9"], "unknown model 'nfnet_f9'"),
    ],
)
def test_bad_options_are_one_line(arguments, words, capsys) -> None:
    assert command.main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_models_say_what_is_on_disk(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "nfnet_f1.safetensors").write_bytes(b"")
    monkeypatch.setenv("NFNET_WEIGHTS", str(tmp_path))
    assert command.main(["models"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "on disk" in rows["nfnet_f1"] and "to download: 286 MB" in rows["nfnet_f0"]
    assert "on disk" not in rows["nf_resnet50"] and "download" not in rows["nf_resnet50"]


def test_a_real_process_leaves_no_traceback(weights, photo, tmp_path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\xfe.png"
    with open(odd, "wb") as file:
        file.write(files.good()["png"])
    done = subprocess.run(
        [sys.executable, "-m", "nfnet", "classify", photo, odd, "nowhere", "--json", "--weights"]
        + [weights],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2 and done.stderr == ""
    rows = lines(done.stdout)
    assert [row.get("error") for row in rows[:2]] == [None, None] and "error" in rows[2]
