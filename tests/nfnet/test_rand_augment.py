"""RandAugment against Pillow's operations, and its choices against the generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from nfnet import rand_augment as ra


def picture(seed: int = 0, height: int = 20, width: int = 24) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float()[None] / 255


def strength(value: float) -> Tensor:
    return torch.tensor([value])


@pytest.mark.parametrize("value", [-0.7, 0.0, 0.5])
@pytest.mark.parametrize(
    ("ours", "pillows"),
    [
        (ra.brightness, ImageEnhance.Brightness),
        (ra.contrast, ImageEnhance.Contrast),
        (ra.saturation, ImageEnhance.Color),
        (ra.sharpness, ImageEnhance.Sharpness),
    ],
)
def test_colours_are_pillows(ours, pillows, value):
    expected = tensor(pillows(picture()).enhance(1 + 0.9 * value))
    # Pillow rounds its grey and its smooth picture to whole levels, then truncates the blend
    assert (ours(tensor(picture()), strength(value)) - expected).abs().max() < 2.5 / 255


@pytest.mark.parametrize(("value", "bits"), [(0.0, 8), (0.5, 6), (-0.5, 6), (1.0, 4)])
def test_posterize_is_pillows(value, bits):
    expected = tensor(ImageOps.posterize(picture(), bits))
    assert torch.allclose(ra.posterize(tensor(picture()), strength(value)), expected, atol=1e-6)


def test_solarize_is_pillows():
    expected = tensor(ImageOps.solarize(picture(), threshold=128))
    assert torch.allclose(ra.solarize(tensor(picture()), strength(0.5)), expected, atol=1e-6)


def test_autocontrast_is_pillows():
    expected = tensor(ImageOps.autocontrast(picture()))
    assert (ra.autocontrast(tensor(picture()), strength(1)) - expected).abs().max() < 1.5 / 255


def test_equalize_spreads_the_levels_evenly():
    dark = tensor(picture()) * 0.3
    result = ra.equalize(dark, strength(1)).flatten(2)
    uniform = torch.linspace(0, 1, result.shape[2]).expand_as(result)
    assert (result.sort(2).values - uniform).abs().max() < 0.05
    assert (dark.flatten(2).sort(2).values - uniform).abs().max() > 0.5  # it was far from even


def test_equalize_keeps_the_order_of_pixels():
    before, after = tensor(picture())[0, 0].flatten(), None
    after = ra.equalize(tensor(picture()), strength(1))[0, 0].flatten()
    assert (after[before.argsort(stable=True)].diff() >= -1e-6).all()


@pytest.mark.parametrize("operation", [ra.autocontrast, ra.equalize])
def test_a_picture_of_one_colour_stays(operation):
    flat = torch.full((1, 3, 8, 8), 0.4)
    assert torch.equal(operation(flat, strength(1)), flat)


def test_translation_by_whole_pixels():
    image = tensor(picture(width=20))
    moved = ra.translate_x(image, strength(2 * 5 / 20 / 0.9))  # 5 of 20 pixels
    assert torch.allclose(moved[..., :15], image[..., 5:], atol=1e-5)
    assert torch.allclose(moved[..., 15:], torch.full((1, 3, 20, 5), ra.GREY), atol=1e-5)
    down = ra.translate_y(image, strength(2 * 5 / 20 / 0.9))
    assert torch.allclose(down[..., :15, :], image[..., 5:, :], atol=1e-5)


def test_a_rotation_and_a_shear_are_pillows():
    image, (height, width) = picture(height=20, width=24), (20, 24)
    angle = 24.0
    turned = tensor(image.rotate(angle, Image.Resampling.BILINEAR))
    ours = ra.rotate(tensor(image), strength(angle / 30))
    back = ra.rotate(tensor(image), strength(-angle / 30))
    inner = (slice(None), slice(None), slice(6, 14), slice(6, 18))
    errors = [(result - turned)[inner].abs().max() for result in (ours, back)]
    assert min(errors) < 2 / 255 < 20 / 255 < max(errors)

    share = 0.3 * 0.5 * width / height  # of our coordinates, in pixels a pixel
    centre = -share * height / 2
    sheared = image.transform(
        image.size,
        Image.Transform.AFFINE,
        (1, share, centre, 0, 1, 0),
        Image.Resampling.BILINEAR,
    )
    ours = ra.shear_x(tensor(image), strength(0.5))
    assert (ours - tensor(sheared))[inner].abs().max() < 2 / 255


@pytest.mark.parametrize("operation", ra.OPERATIONS)
@pytest.mark.parametrize("value", [-1.0, -0.3, 0.3, 1.0])
def test_every_operation_keeps_shape_and_range(operation, value):
    images = torch.cat([tensor(picture(seed)) for seed in range(3)])
    result = operation(images, strength(value).expand(3))
    assert result.shape == images.shape
    assert result.min() >= -1e-6 and result.max() <= 1 + 1e-6


@pytest.mark.parametrize("operation", ra.OPERATIONS[:10])
def test_strength_zero_changes_nothing(operation):
    image = tensor(picture())
    assert torch.allclose(operation(image, strength(0.0)), image, atol=1e-5)


def test_no_layer_and_no_magnitude_leave_pictures_alone():
    images = torch.rand(6, 3, 8, 8)
    assert torch.equal(ra.rand_augment(images, torch.Generator(), layers=0), images)


def test_the_generator_alone_decides():
    images = torch.cat([tensor(picture(seed)) for seed in range(16)])
    results = [
        ra.rand_augment(images, torch.Generator().manual_seed(seed), 2, 0.5) for seed in (0, 0, 1)
    ]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_pictures_are_changed_one_by_one():
    """What a picture becomes does not depend on the others of its batch."""
    first, others = tensor(picture(0)), [tensor(picture(seed)) for seed in range(1, 16)]
    one = ra.rand_augment(torch.cat([first, *others]), torch.Generator().manual_seed(0), 3, 0.6)
    two = ra.rand_augment(
        torch.cat([first, *reversed(others)]), torch.Generator().manual_seed(0), 3, 0.6
    )
    assert torch.allclose(one[0], two[0], atol=1e-5)


def test_each_operation_is_drawn_about_equally_often(monkeypatch):
    counts = torch.zeros(len(ra.OPERATIONS))

    def counting(number):
        def operation(images, strengths):
            counts[number] += len(images)
            return images

        return operation

    monkeypatch.setattr(ra, "OPERATIONS", tuple(map(counting, range(len(counts)))))
    ra.rand_augment(torch.zeros(14_000, 3, 1, 1), torch.Generator().manual_seed(0), 1)
    assert counts.sum() == 14_000
    assert (counts - 1000).abs().max() < 150  # five standard deviations of 30.5


@pytest.mark.parametrize(("layers", "magnitude"), [(-1, 0.3), (2, -0.1), (2, 1.1)])
def test_nonsense_is_refused(layers, magnitude):
    with pytest.raises(ValueError, match="give at least 0"):
        ra.rand_augment(torch.zeros(1, 3, 4, 4), torch.Generator(), layers, magnitude)
