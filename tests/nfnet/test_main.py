"""The command line, as a person or a script meets it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nfnet.__main__ import main

QUICK = ["--steps", "3", "--batch-size", "16", "--train-images", "64", "--resolution", "8"]


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_train_streams_events_as_json(capsys) -> None:
    assert main(["train", "--norm", "nf", "--clipping", "0.01", "--json", *QUICK]) == 0
    events = lines(capsys)
    assert [e["event"] for e in events] == ["step"] * 3 + ["evaluation", events[-1]["event"]]
    assert events[0]["clipping"] == 0.01 and 0 <= events[-1]["accuracy"] <= 1


def test_divergence_is_a_result(capsys) -> None:
    options = ["train", "--lr", "9999", "--json", *QUICK, "--steps", "40"]
    assert main(options) == 0
    last = lines(capsys)[-1]
    assert last["event"] == "diverged" and last["reason"] == "non-finite"
    assert main([option for option in options if option != "--json"]) == 0
    assert "diverged at step" in capsys.readouterr().out


def test_clipping_off_overrides_a_preset(capsys) -> None:
    options = ["train", "--preset", "nfnet_xs", "--clipping", "off", "--json", *QUICK]
    assert main(options) == 0
    assert lines(capsys)[0]["clipping"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--lr", "nan"], "lr must be a number from 0 to 10000, not nan"),
        (["train", "--batch-size", "0"], "batch_size must be a whole number from 1"),
        (["train", "--dataset", "folder"], "name one with --pictures"),
        (["train", "--pictures", "nowhere"], "the folder of pictures cannot be read"),
        (["train", "--threads", "0"], "threads must be a whole number"),
        (["train", "--batch-size", "128", "--train-images", "64"], "larger than the training set"),
    ],
)
def test_bad_options_are_one_line(arguments, words, capsys, monkeypatch) -> None:
    monkeypatch.setenv("NFNET_PICTURES", "")
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_missing_data_is_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("NFNET_DATA", str(tmp_path / "nowhere"))
    assert main(["train", "--dataset", "cifar10"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("nfnet: ") and error.count("\n") == 1


def test_models_lists_every_name(capsys) -> None:
    assert main(["models"]) == 0
    assert "nfnet_f7+" in capsys.readouterr().out


def test_a_reader_that_leaves_early_sees_no_traceback() -> None:
    command = f"{sys.executable} -m nfnet train --json {' '.join(QUICK)} | head -n 1"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert json.loads(done.stdout)["event"] == "step" and done.stderr == ""
