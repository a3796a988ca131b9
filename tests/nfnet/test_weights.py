"""Official weights: the name map in both directions, and refusals that leave the model alone."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from nfnet.devices import pick_device
from nfnet.haiku import haiku_name
from nfnet.model import NFNet
from nfnet.pickles import read_pickle
from nfnet.resnet import ResNet
from nfnet.run import UserError
from nfnet.variants import NFNetConfig
from nfnet.weights import create_model, load_weights

GOLDEN = Path(__file__).parent.parent / "golden"
# A few tensors of the published NFNet-F0, with their shapes there and here.
F0 = {
    "stem.0.weight": ("NFNet/~/stem_conv0", "w", (3, 3, 3, 16), (16, 3, 3, 3)),
    "stem.3.gain": ("NFNet/~/stem_conv3", "gain", (128,), (128,)),
    "blocks.0.conv_shortcut.bias": ("NFNet/~/nf_block/~/conv_shortcut", "bias", (256,), (256,)),
    "blocks.0.skip_gain": ("NFNet/~/nf_block", "skip_gain", (), ()),
    "blocks.1.conv1b.weight": (
        "NFNet/~/nf_block_1/~/conv1b",
        "w",
        (3, 3, 128, 256),
        (256, 128, 3, 3),
    ),
    "blocks.11.squeeze_excite.linear0.weight": (
        "NFNet/~/nf_block_11/~/squeeze_excite/~/linear",
        "w",
        (1536, 768),
        (768, 1536),
    ),
    "blocks.11.squeeze_excite.linear1.bias": (
        "NFNet/~/nf_block_11/~/squeeze_excite/~/linear_1",
        "b",
        (1536,),
        (1536,),
    ),
    "final_conv.weight": ("NFNet/~/final_conv", "w", (1, 1, 1536, 3072), (3072, 1536, 1, 1)),
    "classifier.weight": ("NFNet/~/linear", "w", (3072, 1000), (1000, 3072)),
    "classifier.bias": ("NFNet/~/linear", "b", (1000,), (1000,)),
}


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


@pytest.mark.parametrize("parameter", F0)
def test_names_and_shapes_of_the_published_f0(parameter):
    module, leaf, _, shape = F0[parameter]
    assert haiku_name(parameter, is_nfnet=True) == (module, leaf)
    with torch.device("meta"):
        model = create_model("nfnet_f0", device=torch.device("meta"))
    assert tuple(model.state_dict()[parameter].shape) == shape


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
