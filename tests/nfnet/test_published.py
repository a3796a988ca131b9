"""Which file is taken for which model, without a network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nfnet import published
from nfnet.published import PUBLISHED, find_weights, weights_folder
from nfnet.run import UserError
from nfnet.variants import MODELS, model_config
from nfnet.weights import blank, build, create_model, save_weights
from tests.nfnet.weight_files import timm_tensors


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    for name in ("NFNET_WEIGHTS", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NFNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(published, "SHIPPED", tmp_path / "shipped")


def put(path: Path, content: bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def outline(path: Path, name: str) -> Path:
    """A file with the names of timm's model, the right biases, and hardly any bytes."""
    config = model_config(name)
    whole = blank(config).state_dict()
    tensors = timm_tensors({n: torch.empty(x.shape[:1]) for n, x in whole.items()}, config.depths)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path


def test_the_table_fits_the_models():
    for name, row in PUBLISHED.items():
        number = name.removeprefix("nfnet_")
        assert row.repository == f"timm/dm_nfnet_{number}.dm_in1k"
        assert row.parameters == sum(p.numel() for p in blank(model_config(name)).parameters())
        assert row.bytes == 4 * row.parameters
        assert row.revision is None or len(row.revision) == 40
        assert row.sha256 is None or len(row.sha256) == 64


def test_nothing_is_found_where_nothing_is():
    for name in MODELS:
        assert find_weights(name) is None
    with pytest.raises(UserError, match="unknown model"):
        find_weights("nfnet_f9")


@pytest.mark.parametrize(
    "file",
    [
        "nfnet_f3.safetensors",
        "dm_nfnet_f3.safetensors",
        "dm_nfnet_f3.dm_in1k.safetensors",
        "F3_haiku.npz",
        "dm_nfnet_f3.dm_in1k/model.safetensors",
        "nfnet_f3/model.safetensors",
    ],
)
def test_files_are_known_by_their_names(monkeypatch, tmp_path, file):
    by_hand = put(weights_folder() / file)
    assert find_weights("nfnet_f3") == by_hand
    given = put(tmp_path / "given" / file)
    monkeypatch.setenv("NFNET_WEIGHTS", str(given))
    assert find_weights("nfnet_f3") == given
    monkeypatch.setenv("NFNET_WEIGHTS", str(tmp_path / "given"))
    assert find_weights("nfnet_f3") == given
    for other in set(MODELS) - {"nfnet_f3"}:
        assert find_weights(other) is None


def test_a_plus_is_another_model():
    path = put(weights_folder() / "nfnet_f3+.safetensors")
    assert find_weights("nfnet_f3+") == path and find_weights("nfnet_f3") is None


@pytest.mark.parametrize("folder", [True, False])
def test_timm_s_own_name_is_looked_into(monkeypatch, tmp_path, folder):
    path = outline(tmp_path / "given" / "model.safetensors", "nfnet_f1")
    monkeypatch.setenv("NFNET_WEIGHTS", str(path.parent if folder else path))
    assert [name for name in MODELS if find_weights(name)] == ["nfnet_f1"]


def test_a_file_of_our_own_is_looked_into(monkeypatch, tmp_path):
    path = tmp_path / "mine.safetensors"
    save_weights(
        build(model_config("nf_resnet_small"), 2),
        path,
        classes=[("", "a"), ("", "b")],
        preprocessing={"resolution": 16, "mean": [0.5] * 3, "std": [0.2] * 3},
    )
    monkeypatch.setenv("NFNET_WEIGHTS", str(path))
    assert [name for name in MODELS if find_weights(name)] == ["nf_resnet_small"]
    model = create_model("nf_resnet_small", weights="pretrained", device="cpu")
    assert model.classifier.out_features == 2 and not model.training


@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"PK\x03\x04"])
def test_a_file_that_says_nothing_is_for_no_model(monkeypatch, tmp_path, content):
    monkeypatch.setenv("NFNET_WEIGHTS", str(put(tmp_path / "some file", content)))
    assert [name for name in MODELS if find_weights(name)] == []


def test_the_order_of_the_places(monkeypatch, tmp_path):
    revision = PUBLISHED["nfnet_f0"].revision
    cache = tmp_path / "xdg" / "huggingface" / "hub" / "models--timm--dm_nfnet_f0.dm_in1k"
    newest = put(cache / "snapshots" / "abc" / "model.safetensors")
    assert find_weights("nfnet_f0") is None, "nothing says that this snapshot is the newest"
    put(cache / "refs" / "main", b"abc\n")
    assert find_weights("nfnet_f0") == newest
    pinned = put(cache / "snapshots" / revision / "model.safetensors")
    assert find_weights("nfnet_f0") == pinned
    shipped = put(published.SHIPPED / "nfnet_f0.safetensors")
    assert find_weights("nfnet_f0") == shipped
    by_hand = put(weights_folder() / "nfnet_f0.safetensors")
    assert find_weights("nfnet_f0") == by_hand
    given = put(tmp_path / "given" / "nfnet_f0.safetensors")
    monkeypatch.setenv("NFNET_WEIGHTS", str(given.parent))
    assert find_weights("nfnet_f0") == given
    given.unlink()
    assert find_weights("nfnet_f0") == by_hand


@pytest.mark.parametrize(("variable", "below"), [("HF_HUB_CACHE", ""), ("HF_HOME", "hub")])
def test_the_hub_s_cache_may_be_elsewhere(monkeypatch, tmp_path, variable, below):
    monkeypatch.setenv(variable, str(tmp_path / "hf"))
    cache = tmp_path / "hf" / below / "models--timm--dm_nfnet_f4.dm_in1k"
    path = put(cache / "snapshots" / PUBLISHED["nfnet_f4"].revision / "model.safetensors")
    assert find_weights("nfnet_f4") == path


def test_a_mistyped_variable_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("NFNET_WEIGHTS", os.fspath(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="NFNET_WEIGHTS names .*nowhere, which does not exist"):
        find_weights("nfnet_f0")


def test_a_damaged_file_is_told_where_it_was_named_and_hides_nothing_elsewhere(
    monkeypatch, tmp_path
):
    damaged = put(tmp_path / "given" / "model.safetensors", b"\x10" + b"\0" * 7 + b"{")
    by_hand = put(weights_folder() / "nfnet_f0.safetensors")
    monkeypatch.setenv("NFNET_WEIGHTS", str(damaged.parent))
    assert find_weights("nfnet_f0") == by_hand
    monkeypatch.setenv("NFNET_WEIGHTS", str(damaged))
    with pytest.raises(UserError, match="model.safetensors is damaged"):
        find_weights("nfnet_f0")
