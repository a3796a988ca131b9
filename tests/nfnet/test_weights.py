"""Weights put into nets: the name maps, the forms' agreement, refusals that leave the net alone."""

from __future__ import annotations

import ast
import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from nfnet.conv import fold
from nfnet.devices import pick_device
from nfnet.haiku import haiku_name
from nfnet.model import NFNet
from nfnet.pickles import read_pickle
from nfnet.resnet import ResNet
from nfnet.run import UserError
from nfnet.timm_names import timm_name, timm_shape
from nfnet.variants import NFNetConfig, model_config
from nfnet.weights import blank, create_model, load_weights
from tests.nfnet.weight_files import (
    random_state,
    raw_safetensors,
    timm_tensors,
    write_haiku,
    write_timm,
)

GOLDEN = Path(__file__).parent.parent / "golden"


def small_nfnet(**changes) -> NFNet:
    settings = dict(widths=(32, 64, 96, 96), depths=(1, 2, 2, 1), group_size=8, num_classes=10)
    return NFNet(NFNetConfig(**{**settings, **changes}))


def small_resnet(norm: str = "nf") -> ResNet:
    return ResNet(
        (3, 4, 6, 3),
        (64, 128, 256, 512),
        norm,
        block="bottleneck",
        stem="imagenet",
        shortcut="strided",
        skip_gain=0.0,
    )


NETS = {
    "nfnet_small_params.pkl": (small_nfnet, True),
    "nf_resnet50_w1_params.pkl": (small_resnet, False),
}


def test_names_and_shapes_of_the_published_f0_in_timm_s_form():
    """The list is that of timm's own model."""
    lines = (GOLDEN / "nfnet_f0_timm_keys.txt").read_text().splitlines()
    published = {name: ast.literal_eval(shape) for name, shape in (x.split(" ", 1) for x in lines)}
    state = blank(model_config("nfnet_f0")).state_dict()
    ours = {timm_name(n, (1, 2, 6, 3)): timm_shape(n, tensor.shape) for n, tensor in state.items()}
    assert len(state) == 233 and ours == published


def test_names_and_shapes_of_the_published_f0_in_the_official_form():
    """The list is that of the official code."""
    lines = (GOLDEN / "nfnet_f0_haiku_keys.txt").read_text().splitlines()
    published = {
        (m, leaf): ast.literal_eval(shape) for m, leaf, shape in (x.split("\t") for x in lines)
    }
    ours = {}
    for name, tensor in blank(model_config("nfnet_f0")).state_dict().items():
        shape = tuple(tensor.shape)
        if len(shape) == 4:
            shape = (*shape[2:], shape[1], shape[0])
        ours[haiku_name(name, is_nfnet=True)] = shape[::-1] if len(shape) == 2 else shape
    assert ours == published


@pytest.mark.parametrize(
    ("parameter", "there"),
    [
        ("blocks.0.skip_gain", "stages.0.0.skipinit_gain"),
        ("blocks.2.conv1b.gain", "stages.1.1.conv2b.gain"),
        ("blocks.11.squeeze_excite.linear1.bias", "stages.3.2.attn_last.fc2.bias"),
        ("blocks.3.conv_shortcut.weight", "stages.2.0.downsample.conv.weight"),
        ("blocks.0.convs.0.weight", None),
        ("final_norm.weight", None),
    ],
)
def test_timm_names(parameter, there):
    assert timm_name(parameter, (1, 2, 6, 3)) == there


@pytest.mark.parametrize("file", NETS)
def test_every_official_tensor_has_one_place(file):
    make, is_nfnet = NETS[file]
    tree = read_pickle(GOLDEN / file)
    official = {(module, leaf) for module, leaves in tree.items() for leaf in leaves}
    ours = [haiku_name(name, is_nfnet) for name in make().state_dict()]
    assert len(ours) == len(set(ours)) == len(official)
    assert set(ours) == official


@pytest.mark.parametrize("file", NETS)
def test_every_value_arrives_in_our_layout(file):
    make, is_nfnet = NETS[file]
    model = make()
    load_weights(model, GOLDEN / file)
    tree = read_pickle(GOLDEN / file)
    for name, tensor in model.state_dict().items():
        module, leaf = haiku_name(name, is_nfnet)
        official = tree[module][leaf]
        if official.ndim == 4:
            official = np.einsum("hwio->oihw", official)
        elif official.ndim == 2:
            official = np.einsum("io->oi", official)
        assert np.array_equal(tensor.numpy(), official), name


def write(tmp_path: Path, tree) -> Path:
    path = tmp_path / "weights.npz"
    path.write_bytes(pickle.dumps(tree, 4))
    return path


def break_tree(tree: dict, how: str) -> object:
    block = tree["NFNet/~/nf_block_5/~/conv0"]
    if how == "module missing":
        del tree["NFNet/~/nf_block_5/~/conv0"]
    elif how == "tensor missing":
        del block["gain"]
    elif how == "module left over":
        tree["NFNet/~/nf_block_6/~/conv0"] = dict(block)
    elif how == "tensor left over":
        block["offset"] = block["gain"]
    elif how == "other shape":
        block["gain"] = block["gain"][:-1]
    elif how == "not transposed":
        block["w"] = np.einsum("hwio->oihw", block["w"])
    elif how == "other type":
        block["gain"] = block["gain"].astype(np.float64)
    elif how == "flat":
        return block
    elif how == "a list":
        return list(tree)
    elif how == "three levels":
        return {"model": tree}
    return tree


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("module missing", "lacks NFNet/~/nf_block_5/~/conv0"),
        ("tensor missing", "lacks NFNet/~/nf_block_5/~/conv0 gain"),
        ("module left over", "also has NFNet/~/nf_block_6/~/conv0"),
        ("tensor left over", "also has NFNet/~/nf_block_5/~/conv0 offset"),
        ("other shape", "needs"),
        ("not transposed", "needs"),
        ("other type", "float64"),
        ("flat", "holds no weights"),
        ("a list", "holds no weights"),
        ("three levels", "holds no weights"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(tmp_path, how, told):
    tree = copy.deepcopy(read_pickle(GOLDEN / "nfnet_small_params.pkl"))
    path = write(tmp_path, break_tree(tree, how))
    model = small_nfnet()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(UserError, match=told) as error:
        load_weights(model, path)
    assert "\n" not in str(error.value)
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_another_net_s_weights_are_told():
    with pytest.raises(UserError, match="belongs to another model"):
        load_weights(small_resnet(), GOLDEN / "nfnet_small_params.pkl")
    with pytest.raises(UserError, match="number of classes"):
        load_weights(small_nfnet(num_classes=11), GOLDEN / "nfnet_small_params.pkl")
    with pytest.raises(UserError, match="norm 'nf'"):
        load_weights(small_resnet("batch"), GOLDEN / "nf_resnet50_w1_params.pkl")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x40\x00\x00\x00\x00\x00\x00\x00" + b'{"a":', "damaged or incomplete"),
        (b"PK\x03\x04 a zip", "a format"),
        (b"", "a format"),
        (b"<html>not found</html>", "a format"),
        (b"\x80\x04garbage", "damaged|refused"),
    ],
)
def test_other_formats_are_told(tmp_path, content, told):
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=told):
        load_weights(small_nfnet(), path)


# ---- timm's form


SMALL = small_nfnet().config.depths


@pytest.fixture
def small_file(tmp_path) -> Path:
    return write_timm(tmp_path / "model.safetensors", random_state(small_nfnet()), SMALL)


def test_every_value_of_timm_s_form_arrives(small_file):
    model = small_nfnet()
    load_weights(model, small_file)
    state = random_state(model)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_loading_in_place_keeps_the_parameters_that_an_optimizer_holds(small_file):
    model = small_nfnet()
    held = model.classifier.bias
    load_weights(model, small_file)
    assert model.classifier.bias is held and torch.equal(
        held, random_state(model)["classifier.bias"]
    )


def break_tensors(tensors: dict, how: str) -> None:
    if how == "tensor missing":
        del tensors["stages.2.1.conv2b.gain"]
    elif how == "tensor left over":
        tensors["head.norm.weight"] = torch.ones(3)
    elif how == "block left over":
        block = {name: x for name, x in tensors.items() if name.startswith("stages.3.0")}
        tensors |= {name.replace("3.0", "3.1", 1): x.clone() for name, x in block.items()}
    elif how == "other type":
        tensors["stem.conv1.bias"] = tensors["stem.conv1.bias"].double()
    elif how == "half precision":
        tensors["stem.conv1.bias"] = tensors["stem.conv1.bias"].half()
    elif how == "gain without axes":
        tensors["stem.conv1.gain"] = tensors["stem.conv1.gain"].flatten()
    elif how == "linear for a convolution":
        name = "stages.0.0.attn_last.fc1.weight"
        tensors[name] = tensors[name].flatten(1).contiguous()
    elif how == "other classes":
        tensors["head.fc.bias"] = tensors["head.fc.bias"][:-1].clone()
    elif how == "nothing":
        tensors.clear()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("tensor missing", r"lacks stages\.2\.1\.conv2b\.gain"),
        ("tensor left over", r"also has head\.norm\.weight"),
        ("block left over", r"also has stages\.3\.1"),
        ("other type", "is F64, and F32 is expected"),
        ("half precision", "is F16, and F32 is expected"),
        ("gain without axes", r"has the shape \(16,\) and the model needs \(16, 1, 1, 1\)"),
        ("linear for a convolution", r"needs \(16, 32, 1, 1\)"),
        ("other classes", "or number of classes"),
        ("nothing", "lacks stem"),
    ],
)
def test_safetensors_that_do_not_fit_change_nothing(tmp_path, how, told):
    tensors = timm_tensors(random_state(small_nfnet()), SMALL)
    break_tensors(tensors, how)
    save_file(tensors, tmp_path / "model.safetensors")
    model = small_nfnet()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(UserError, match=told) as error:
        load_weights(model, tmp_path / "model.safetensors")
    assert "\n" not in str(error.value)
    assert all(torch.equal(before[name], x) for name, x in model.state_dict().items())


def test_other_nets_refuse_timm_s_form(small_file):
    with pytest.raises(UserError, match="timm's hold NFNets only"):
        load_weights(small_resnet(), small_file)
    with pytest.raises(UserError, match="belongs to another model"):
        load_weights(fold(small_nfnet()), small_file)


ONE = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


@pytest.mark.parametrize(
    "content",
    [
        raw_safetensors(ONE, b"1234"),
        raw_safetensors(ONE, b"12345678more"),
        raw_safetensors(ONE, b"12345678", length=2**63),
        raw_safetensors(ONE, b"12345678", length=90_000_000),
        raw_safetensors(ONE, b"12345678", length=3),
        raw_safetensors(ONE | {"b": ONE["a"]}, b"12345678"),
        raw_safetensors({"a": ONE["a"] | {"data_offsets": [4, 12]}}, b"123456789012"),
        raw_safetensors({"a": ONE["a"] | {"data_offsets": [8, 0]}}, b"12345678"),
        raw_safetensors({"a": ONE["a"] | {"dtype": "F64"}}, b"12345678"),
        raw_safetensors({"a": ONE["a"] | {"dtype": "OBJECT"}}, b"12345678"),
        raw_safetensors({"a": ONE["a"] | {"shape": [2**62, 2**62]}}, b"12345678"),
        raw_safetensors({"a": ONE["a"] | {"shape": [-2]}}, b"12345678"),
        raw_safetensors({"a": []}, b""),
        raw_safetensors(b"{" * 100_000, b""),
        raw_safetensors(b'{"a": ' * 50_000, b""),
        raw_safetensors(b"{\xff\xfe}", b""),
        raw_safetensors({"__metadata__": {"format": 1}}, b""),
        raw_safetensors({"__metadata__": ["format"]}, b""),
    ],
)
def test_hostile_safetensors_are_one_sentence(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged or incomplete|is refused") as error:
        load_weights(small_nfnet(), path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kept", [0, 7, 8, 9, 1000, 0.5, -1])
def test_truncated_safetensors_are_one_sentence(tmp_path, small_file, kept):
    content = small_file.read_bytes()
    kept = int(kept * len(content)) if isinstance(kept, float) else kept
    small_file.write_bytes(content[:kept])
    with pytest.raises(UserError, match="damaged or incomplete|of a format that is not read"):
        load_weights(small_nfnet(), small_file)


def test_no_damage_to_the_header_does_more_than_be_refused(small_file):
    content, random = small_file.read_bytes(), np.random.default_rng(0)
    header = 8 + int.from_bytes(content[:8], "little")
    model, refused = blank(small_nfnet().config), 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in random.integers(0, header, random.integers(1, 4)):
            damaged[place] = random.integers(0, 256)
        small_file.write_bytes(damaged)
        try:
            load_weights(model, small_file)
        except UserError:
            refused += 1
    assert refused > 200


def test_data_that_are_not_aligned_are_read(small_file):
    """Safetensors of early 2023 may begin their data anywhere."""
    content = small_file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].rstrip() + b" "
    header += b" " * ((len(header) + 8) % 4 == 0)
    small_file.write_bytes(raw_safetensors(header, content[8 + length :]))
    model = blank(small_nfnet().config)
    load_weights(model, small_file)
    state = random_state(small_nfnet())
    for name, tensor in model.state_dict().items():
        assert tensor.data_ptr() % 4 == 0 and torch.equal(tensor, state[name])


# ---- the full-size F0, in both published forms


@pytest.fixture(scope="session")
def full_size(tmp_path_factory):
    """F0 files of 286 MB each; gone when the tests are over."""
    folder = tmp_path_factory.mktemp("f0")
    state = random_state(blank(model_config("nfnet_f0")))
    timm = write_timm(folder / "model.safetensors", state, (1, 2, 6, 3))
    yield timm, write_haiku(folder / "F0_haiku.npz", state), state
    for path in folder.iterdir():
        path.unlink()


def test_both_published_forms_give_the_same_net(full_size):
    """The same to the bit in every parameter; kernels round by where in memory a tensor lies."""
    timm, haiku, state = full_size
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain = blank(model_config("nfnet_f0")).eval()
    plain.load_state_dict(state, assign=True)
    models = [create_model("nfnet_f0", weights=path, device="cpu") for path in (timm, haiku)]
    with torch.no_grad():
        logits = plain(images)
        assert logits.std() > 1e-3
        for model in models:
            assert not model.training and all(p.requires_grad for p in model.parameters())
            assert all(torch.equal(state[name], x) for name, x in model.state_dict().items())
            error = (model(images) - logits).square().mean().sqrt() / logits.square().mean().sqrt()
            assert error < 1e-6


def test_mapped_weights_can_be_trained_and_the_file_stays(full_size):
    timm, _, state = full_size
    model = create_model("nfnet_f0", weights=timm, device="cpu")
    before = timm.stat()
    with torch.no_grad():
        model.classifier.bias += 1.0
    assert torch.equal(model.classifier.bias, state["classifier.bias"] + 1.0)
    again = create_model("nfnet_f0", weights=timm, device="cpu")
    assert torch.equal(again.classifier.bias, state["classifier.bias"])
    assert timm.stat().st_mtime_ns == before.st_mtime_ns


def test_loading_costs_hardly_any_memory_and_no_compiler(full_size):
    """Nothing is initialised or copied; torch._dynamo alone would take 2 s to import."""
    code = """
import resource, sys, torch
from nfnet.weights import create_model
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = create_model("nfnet_f0", weights=sys.argv[1], device="cpu")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert "torch._dynamo" not in sys.modules
print(grown)  # KiB
"""
    command = [sys.executable, "-c", code, str(full_size[0])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=GOLDEN.parents[1])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100_000


def test_timm_agrees(full_size):
    """timm's F0 with the official epsilon and GELU; its own would move the logits by 3 %."""
    pytest.importorskip("timm", exc_type=ImportError)
    from timm.models import nfnet as timm_nfnet

    theirs = timm_nfnet.dm_nfnet_f0().eval()
    theirs.load_state_dict(timm_tensors(full_size[2], (1, 2, 6, 3)))
    for module in theirs.modules():
        if hasattr(module, "gain"):
            module.eps = 1e-12
        if isinstance(module, timm_nfnet.GammaAct):
            module.act_fn = lambda x, inplace: F.gelu(x, approximate="tanh")
    ours = create_model("nfnet_f0", weights=full_size[0], device="cpu")
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = theirs(images)
        error = (ours(images) - logits).square().mean().sqrt() / logits.square().mean().sqrt()
    assert error < 1e-5


# ---- models by name


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        load_weights(small_nfnet(), tmp_path / "none.npz")
    with pytest.raises(UserError, match="cannot be read"):
        load_weights(small_nfnet(), tmp_path)


def test_create_model():
    model = create_model("nfnet_xs", num_classes=7, device="cpu", dtype=torch.bfloat16)
    assert model.classifier.weight.shape[0] == 7
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert create_model("bn_resnet_small", num_classes=10, device="cpu").config.norm == "batch"
    with pytest.raises(UserError, match="unknown model"):
        create_model("nfnet_f9")


def test_devices():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type in ("cuda", "mps", "cpu")
    with pytest.raises(UserError, match="must be one of"):
        pick_device("tpu")
    for name in ("cuda", "mps"):
        if pick_device("auto").type == "cpu":
            with pytest.raises(UserError, match="has no"):
                pick_device(name)
