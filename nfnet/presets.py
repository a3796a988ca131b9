"""Runs that have a name: for `python -m nfnet train --preset`, and what the labs begin from."""

from __future__ import annotations

from nfnet.run import RunConfig

PRESETS: dict[str, RunConfig] = {
    "shapes": RunConfig(),
    # harder shapes: the plain ones are learned by any net, so they would rank noise
    "clutter": RunConfig(dataset="clutter", clipping=0.01, steps=150),
    # the first 10,000 images, area-resized to 16 px: a minute's worth of CIFAR-10
    "cifar10": RunConfig(dataset="cifar10", steps=120),
    # grouped 3x3 convolutions, a second 3x3, squeeze-excite, GELU, skip gain: NFNet-F in small
    "nfnet_xs": RunConfig(
        architecture="nfnet",
        widths=(32, 64, 128),
        depths=(1, 1, 1),
        activation="gelu",
        skip_gain=0.0,
        clipping=0.01,
    ),
    # what benchmarks/train_cifar10_model.py trains and ships, in 40 minutes of one core
    "nf_cifar10": RunConfig(
        dataset="cifar10",
        resolution=32,
        train_images=50_000,
        widths=(40, 80, 160),
        steps=12 * 390,
        lr=0.8,
        warmup_steps=195,
        clipping=0.01,
        weight_decay=2e-5,  # at 5e-4 its filters shrank below the floor of scaled WS
        augment=True,
        evaluate_every=390,
        precision="mixed",
    ),
    # for a GPU: the whole of CIFAR-10 at its own 32 px
    "cifar10_gpu": RunConfig(
        dataset="cifar10",
        resolution=32,
        train_images=50_000,
        widths=(64, 128, 256),
        batch_size=1024,
        steps=500,
        warmup_steps=25,
        clipping=0.01,
        augment=True,
        evaluate_every=50,
    ),
}
