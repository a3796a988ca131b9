"""How far NFNet-F0's logits move if its strided convolutions are padded alike on both sides.

    python -m benchmarks.padding PHOTO [PHOTO ...]

PyTorch's `padding=1` in place of TensorFlow's SAME, which adds a row after and none before where
the side is even: a port that overlooks this runs, and answers a little wrong. The weights are
random (one seed), with residual branches that are off (skip gain 0, as a net begins), small or
whole; what is printed is the root mean square of the change over that of the logits.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from unittest.mock import patch

import torch
from torch import Tensor, nn

from nfnet import conv, create_model, fold
from nfnet.checkpoint import Preprocessing
from nfnet.images import read_file, read_image
from nfnet.predict import MARGIN, MEAN, STD, Classifier, square


def symmetric(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """What `nfnet.conv.same_padding` is replaced by."""
    return (kernel - 1) // 2, (kernel - 1) // 2


def random_f0(gain: float) -> nn.Module:
    torch.manual_seed(0)
    model = create_model("nfnet_f0", device="cpu").eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("skip_gain"):
                parameter.fill_(gain)
        nn.init.normal_(model.classifier.weight, std=0.01)  # it begins at zero
    return fold(model)


def logits(model: nn.Module, images: Tensor) -> Tensor:
    with torch.inference_mode():
        return model(images)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", metavar="PHOTO")
    photos = [read_image(read_file(path)) for path in parser.parse_args(arguments).photos]
    print("| skip gain | side, px | photos | change |\n|---|---|---|---|")
    for gain in (0.0, 0.2, 1.0):
        model = random_f0(gain)
        for side in (128, 192, 256):
            seen = Preprocessing(side, MEAN, STD, "squash", MARGIN)
            net = Classifier("nfnet_f0", model, (), seen)
            images = torch.cat([net.tensor(square(photo, seen)) for photo in photos])
            same = logits(model, images)
            with patch.object(conv, "same_padding", symmetric):
                change = logits(model, images) - same
            share = (change.square().mean() / same.square().mean()).sqrt()
            print(f"| {gain} | {side} | {len(photos)} | {share:.1%} |", flush=True)


if __name__ == "__main__":
    main()
