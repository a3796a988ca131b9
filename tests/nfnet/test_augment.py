"""Crops against closed forms, and mixing against the pixels and shares it must keep."""

import numpy as np
import pytest
import torch

from nfnet.augment import cutmix, mix, mixup, random_crops
from nfnet.ema import WeightAverage, ema_decay


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ramp(side: int) -> torch.Tensor:
    """(1, 2, side, side): each pixel's own x and y, from 0 to 1 between the picture's edges."""
    line = (torch.arange(side) + 0.5) / side
    return torch.stack([line.expand(side, side), line[:, None].expand(side, side)])[None]


def test_the_whole_picture_at_its_own_size_is_itself_or_its_mirror_image() -> None:
    images = torch.rand(32, 3, 12, 12, generator=generator())
    crops = random_crops(images, 12, generator(), area=(1.0, 1.0), aspect=1.0)
    mirrored = 0
    for crop, image in zip(crops, images, strict=True):
        is_mirrored = torch.allclose(crop, image.flip(-1), atol=1e-5)
        assert is_mirrored or torch.allclose(crop, image, atol=1e-5)
        mirrored += is_mirrored
    assert 6 < mirrored < 26


def test_crops_keep_their_share_of_area_and_aspect_and_stay_inside() -> None:
    """On a ramp a crop's pixels tell which part of the picture they come from."""
    n, side = 400, 16
    images = ramp(64).expand(n, -1, -1, -1)
    crops = random_crops(images, side, generator(), area=(0.25, 0.6), aspect=4 / 3)
    first, last = crops[:, :, 0, 0], crops[:, :, -1, -1]
    extent = (last - first) * side / (side - 1)  # (N, 2): width, signed; height
    width, height = extent.abs().T
    assert extent[:, 1].min() > 0 and (extent[:, 0] < 0).float().mean() == pytest.approx(
        0.5, abs=0.1
    )
    area, aspect = width * height, width / height
    assert area.min() > 0.24 and area.max() < 0.61
    assert area.mean() == pytest.approx((0.25 + 0.6) / 2, abs=0.02)
    assert aspect.min() > 0.74 and aspect.max() < 1.35
    assert np.log(aspect.numpy()).mean() == pytest.approx(0, abs=0.03)
    centre = (first + last) / 2
    low, high = centre - extent.abs() / 2, centre + extent.abs() / 2
    assert low.min() > -0.01 and high.max() < 1.01
    assert low.min() < 0.02 and high.max() > 0.98  # and the edges are reached


def test_crops_follow_the_generator_alone() -> None:
    images = torch.rand(8, 3, 16, 16)
    same = [random_crops(images, 8, generator(3)) for _ in range(2)]
    assert torch.equal(*same)
    assert not torch.equal(same[0], random_crops(images, 8, generator(4)))


def constant_images(n: int, side: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Image i holds the number i everywhere, and its target is class i."""
    return torch.arange(n).float()[:, None, None, None].expand(n, 3, side, side), torch.eye(n)


@pytest.mark.parametrize("mixing", [mixup, cutmix, mix])
def test_targets_say_how_much_of_each_picture_is_there(mixing) -> None:
    n = 64
    images, targets = constant_images(n)
    mixed, shares = mixing(images, targets, generator())
    assert mixed.shape == images.shape
    assert torch.allclose(shares.sum(1), torch.ones(n))
    # the mean pixel is the share-weighted mean of the two numbers, whichever way they were mixed
    expected = shares @ torch.arange(n).float()
    assert torch.allclose(mixed.mean((1, 2, 3)), expected, atol=1e-3)
    assert not torch.equal(mixed, images)


def test_cutmix_takes_pixels_whole_and_mixup_never() -> None:
    images, targets = constant_images(64)
    cut, _ = cutmix(images, targets, generator())
    assert torch.equal(cut, cut.round())
    blended, _ = mixup(images, targets, generator(), concentration=5.0)
    assert all(len(image.unique()) == 1 for image in blended)


@pytest.mark.parametrize("concentration", [0.2, 1.0])
def test_mixup_draws_from_the_beta_distribution(concentration: float) -> None:
    n = 4000
    images, targets = torch.zeros(n, 1, 1, 1), torch.zeros(n, 2)
    targets[:, 0] = torch.arange(n)  # not probabilities: only to read the shares off
    partner = torch.randperm(n, generator=generator(1))
    _, mixed = mixup(images, targets, generator(1), concentration)
    own, other = targets[:, 0].double(), targets[partner, 0].double()
    far = (own - other).abs() > 50
    shares = ((mixed[:, 0].double() - other) / (own - other))[far]
    assert shares.min() > -0.01 and shares.max() < 1.01
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(1 / (4 * (2 * concentration + 1)), rel=0.1)


def test_average_follows_the_warm_up_and_averages_statistics_too() -> None:
    assert [ema_decay(t, 0.999) for t in (0, 1, 10**6)] == pytest.approx([0.1, 2 / 11, 0.999])
    net = torch.nn.BatchNorm1d(1)
    average = WeightAverage(net, 0.9)
    expected_weight, expected_mean = 1.0, 0.0
    for step in range(4):
        with torch.no_grad():
            net.weight.fill_(float(step))
            net.running_mean.fill_(10.0 * step)
            net.num_batches_tracked.fill_(step)
        average.update(net, step)
        decay = (1 + step) / (10 + step)
        expected_weight = decay * expected_weight + (1 - decay) * step
        expected_mean = decay * expected_mean + (1 - decay) * 10 * step
    assert average.model.weight.item() == pytest.approx(expected_weight, rel=1e-5)
    assert average.model.running_mean.item() == pytest.approx(expected_mean, rel=1e-5)
    assert average.model.num_batches_tracked.item() == 3
    assert not average.model.training and not average.model.weight.requires_grad
