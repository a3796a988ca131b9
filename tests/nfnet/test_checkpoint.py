"""Our own weight files: what is written comes back, and what is made up is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from nfnet.checkpoint import FORMAT, Preprocessing, WeightsInfo, read_metadata
from nfnet.conv import fold
from nfnet.run import UserError
from nfnet.variants import MODELS, model_config
from nfnet.weights import build, create_model, load_weights, save_weights
from tests.nfnet.weight_files import raw_safetensors

NAME = "nfnet_xs"
CLASSES = [("", f"thing {n}") for n in range(10)]
SEEN = Preprocessing(64, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2), margin=8)
ORIGIN = {"data": "shapes", "accuracy": 0.5, "n": 1000, "threshold": 0.3, "temperature": 1.5}


def small(name: str = NAME, classes: int = 10) -> torch.nn.Module:
    torch.manual_seed(0)
    return build(model_config(name), classes)


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "folder" / "own.safetensors"
    save_weights(small(), path, classes=CLASSES, preprocessing=SEEN, provenance=ORIGIN)
    return path


@pytest.mark.parametrize("name", [NAME, "nf_resnet_small", "bn_resnet_small"])
def test_what_is_saved_comes_back(tmp_path, name):
    model, path = small(name), tmp_path / "own.safetensors"
    save_weights(model, path, classes=CLASSES, preprocessing=dataclasses.asdict(SEEN))
    info = read_metadata(path)
    assert info == WeightsInfo(model.config, tuple(CLASSES), SEEN, {})
    assert info.threshold is None and info.temperature == 1.0
    loaded = create_model(name, weights=path, device="cpu")
    assert not loaded.training
    images = torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.allclose(loaded(images), model.eval()(images), atol=1e-6)
    assert [file.name for file in tmp_path.iterdir()] == ["own.safetensors"]


def test_the_number_of_classes_is_the_file_s_own(path):
    assert create_model(NAME, weights=path, device="cpu").classifier.out_features == 10
    with pytest.raises(UserError, match="number of classes"):
        create_model(NAME, weights=path, num_classes=1000, device="cpu")


@pytest.mark.parametrize(("dtype", "size"), [(torch.float16, 0.5), (torch.bfloat16, 0.5)])
def test_half_precision_is_half_the_size_and_becomes_float32(path, dtype, size):
    model, half = small(), path.with_name("half.safetensors")
    save_weights(model, half, classes=CLASSES, preprocessing=SEEN, dtype=dtype)
    assert {x.dtype for x in load_file(half).values()} == {dtype}
    assert half.stat().st_size / path.stat().st_size == pytest.approx(size, abs=0.06)
    loaded = create_model(NAME, weights=half, device="cpu").state_dict()
    for name, tensor in model.state_dict().items():
        assert loaded[name].dtype == torch.float32
        assert torch.equal(loaded[name], tensor.to(dtype).float())


def test_a_number_that_half_precision_cannot_hold_is_told(tmp_path):
    model = small()
    with torch.no_grad():
        model.classifier.bias[3] = 1e6
    with pytest.raises(UserError, match="classifier.bias .*float16"):
        save_weights(
            model,
            tmp_path / "x",
            classes=CLASSES,
            preprocessing=SEEN,
            dtype=torch.float16,
        )
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_saved_is_told(tmp_path):
    with pytest.raises(UserError, match="folded"):
        save_weights(fold(small()), tmp_path / "x", classes=CLASSES, preprocessing=SEEN)
    with pytest.raises(UserError, match="9 classes where the net has 10"):
        save_weights(small(), tmp_path / "x", classes=CLASSES[1:], preprocessing=SEEN)
    with pytest.raises(UserError, match="unknown or missing"):
        save_weights(small(), tmp_path / "x", classes=CLASSES, preprocessing={"size": 1})
    with pytest.raises(UserError, match="provenance cannot hold a PosixPath"):
        save_weights(
            small(),
            tmp_path / "x",
            classes=CLASSES,
            preprocessing=SEEN,
            provenance={"from": [tmp_path]},
        )
    with pytest.raises(UserError, match="cannot be written"):
        save_weights(small(), Path("/proc/none/x"), classes=CLASSES, preprocessing=SEEN)
    assert list(tmp_path.iterdir()) == []


def test_another_net_of_the_same_shapes_is_told(path):
    other = build(dataclasses.replace(model_config(NAME), alpha=0.5), 10)
    with pytest.raises(UserError, match=r"its alpha is 0\.2, not 0\.5"):
        load_weights(other, path)
    with pytest.raises(UserError, match="another kind of net"):
        create_model("nf_resnet_small", weights=path, device="cpu")


@pytest.mark.parametrize("name", MODELS)
def test_every_model_s_description_comes_back(name):
    config = model_config(name)
    classes = tuple(("n0", "label") for _ in range(config.num_classes))
    info = WeightsInfo(config, classes, SEEN, ORIGIN)
    assert WeightsInfo.from_metadata(info.to_metadata()) == info


def test_foreign_files_say_nothing(tmp_path):
    save_file({"a": torch.ones(1)}, tmp_path / "timm", {"format": "pt"})
    save_file({"a": torch.ones(1)}, tmp_path / "bare")
    (tmp_path / "pickle").write_bytes(b"\x80\x04N.")
    for name in ("timm", "bare", "pickle"):
        assert read_metadata(tmp_path / name) is None
    with pytest.raises(UserError, match="cannot be read"):
        read_metadata(tmp_path / "none")


# ---- made-up metadata


def metadata() -> dict[str, str]:
    classes = tuple(CLASSES)
    return WeightsInfo(model_config(NAME), classes, SEEN, ORIGIN).to_metadata()


def with_field(part: str, field: str, value: object) -> dict[str, str]:
    texts = metadata()
    values = json.loads(texts[part])
    values[field] = value
    return texts | {part: json.dumps(values)}


LIES = {
    "format of the future": metadata() | {"format": "nfnet 2"},
    "no config": {k: v for k, v in metadata().items() if k != "config"},
    "no JSON": metadata() | {"config": "{"},
    "deep JSON": metadata() | {"classes": "[" * 200_000},
    "not a number": metadata() | {"provenance": '{"accuracy": NaN}'},
    "infinite": metadata() | {"provenance": '{"accuracy": 1e999}'},
    "a long number": metadata() | {"provenance": '{"accuracy": ' + "9" * 10_000 + "}"},
    "a list": metadata() | {"config": "[]"},
    "null": metadata() | {"preprocessing": "null"},
    "provenance a text": metadata() | {"provenance": '"me"'},
    "another kind": with_field("config", "kind", "transformer"),
    "a kind that is a list": with_field("config", "kind", ["nfnet"]),
    "unknown field": with_field("config", "__class__", 1),
    "widths a text": with_field("config", "widths", "32"),
    "width of a million": with_field("config", "widths", [10**6, 64, 128]),
    "width true": with_field("config", "widths", [True, 64, 128]),
    "width of half": with_field("config", "widths", [32.5, 64, 128]),
    "no stages": with_field("config", "widths", []),
    "too many blocks": with_field("config", "depths", [999, 999, 999]),
    "no group": with_field("config", "group_size", 0),
    "expansion a list": with_field("config", "expansion", [1]),
    "expansion negative": with_field("config", "expansion", -1),
    "alpha huge": with_field("config", "alpha", 10**400),
    "activation a number": with_field("config", "activation", 3),
    "classes a billion": with_field("config", "num_classes", 10**9),
    "other classes": with_field("config", "num_classes", 11),
    "test size negative": with_field("config", "test_size", -1),
    "classes an object": metadata() | {"classes": "{}"},
    "classes texts": metadata() | {"classes": json.dumps(["cat"] * 10)},
    "classes numbers": metadata() | {"classes": json.dumps([[1, 2]] * 10)},
    "classes triples": metadata() | {"classes": json.dumps([["n", "cat", "dog"]] * 10)},
    "a label of two lines": metadata() | {"classes": json.dumps([["n", "a\nb"]] * 10)},
    "an endless label": metadata() | {"classes": json.dumps([["n", "a" * 500]] * 10)},
    "resolution zero": with_field("preprocessing", "resolution", 0),
    "resolution huge": with_field("preprocessing", "resolution", 10**6),
    "mean of two": with_field("preprocessing", "mean", [0.5, 0.5]),
    "mean of texts": with_field("preprocessing", "mean", ["a", "b", "c"]),
    "std zero": with_field("preprocessing", "std", [0.2, 0.0, 0.2]),
    "resize unknown": with_field("preprocessing", "resize", "stretch"),
    "resize a list": with_field("preprocessing", "resize", []),
    "margin negative": with_field("preprocessing", "margin", -1),
    "threshold above one": with_field("provenance", "threshold", 2),
    "threshold a text": with_field("provenance", "threshold", "low"),
    "temperature zero": with_field("provenance", "temperature", 0),
    "an endless text": with_field("provenance", "recipe", "a" * 20_000),
    "an endless text, hidden": with_field("provenance", "recipe", {"a": [["b" * 20_000]]}),
}


@pytest.mark.parametrize("lie", LIES)
def test_hostile_metadata_is_one_sentence(tmp_path, lie):
    path = tmp_path / "own.safetensors"
    save_file({"a": torch.ones(1)}, path, LIES[lie])
    with pytest.raises(
        UserError, match="own.safetensors cannot be used: its metadata say"
    ) as error:
        read_metadata(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300
    with pytest.raises(UserError):
        load_weights(small(), path)


def test_metadata_that_are_too_large_are_not_even_read(tmp_path):
    path = tmp_path / "own.safetensors"
    header = {"__metadata__": {"format": FORMAT, "classes": "a" * 9_000_000}}
    path.write_bytes(raw_safetensors(header))
    with pytest.raises(UserError, match="is refused: its header claims 90"):
        read_metadata(path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=150)
@given(st.data())
def test_no_metadata_at_all_can_do_more_than_be_refused(data):
    texts = metadata()
    part = data.draw(st.sampled_from(["config", "classes", "preprocessing", "provenance"]))
    values = json.loads(texts[part])
    if isinstance(values, dict) and data.draw(st.booleans()):
        values[data.draw(st.sampled_from([*values, "new"]))] = data.draw(anything)
    else:
        values = data.draw(anything)
    try:
        info = WeightsInfo.from_metadata(texts | {part: json.dumps(values)})
    except UserError:
        return
    assert len(info.classes) == info.config.num_classes
    assert WeightsInfo.from_metadata(info.to_metadata()) == info
