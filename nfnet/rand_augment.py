"""RandAugment (Cubuk et al. 2020, arXiv 1909.13719) of whole batches as tensor operations.

Each picture passes through some of the operations of `OPERATIONS`, drawn anew for each. All take
(n, 3, H, W) pixels in 0..1 and n strengths in -1..1, and give pixels in 0..1 of the same shape;
an operation that has no opposite uses the strength's size alone. The ranges at strength 1 are the
paper's. As in `nfnet.augment`, the choices come from a generator on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

GREY = 0.5  # of what moves in from outside the picture
LUMA = (0.299, 0.587, 0.114)  # shares of R, G and B in a pixel's brightness (ITU-R BT.601)


def rand_augment(
    images: Tensor, generator: torch.Generator, layers: int = 2, magnitude: float = 0.3
) -> Tensor:
    """Each picture changed by `layers` operations, one after another.

    Args:
        images: (N, 3, H, W) pixels in 0..1.
        layers: operations a picture; the NFNets were trained with 4.
        magnitude: strength of each, 0 to 1; 0.3 is the "9 of 30" that is usual.

    Returns:
        (N, 3, H, W) pixels in 0..1.

    Raises:
        ValueError: a magnitude outside of 0..1, or a negative number of layers.
    """
    if not 0 <= magnitude <= 1 or layers < 0:
        raise ValueError(f"layers {layers} and magnitude {magnitude}: give at least 0, and 0 to 1")
    for _ in range(layers):
        chosen = torch.randint(len(OPERATIONS), (len(images),), generator=generator)
        signs = 2.0 * torch.randint(2, (len(images),), generator=generator) - 1
        changed = images.clone()
        for number, operation in enumerate(OPERATIONS):
            index = (chosen == number).nonzero()[:, 0]
            if len(index):
                strength = (magnitude * signs[index]).to(images)
                index = index.to(images.device)
                changed[index] = operation(images[index], strength)
        images = changed
    return images


def identity(images: Tensor, strength: Tensor) -> Tensor:
    return images


def rotate(images: Tensor, strength: Tensor) -> Tensor:
    """By up to 30 degrees about the centre."""
    angle = strength * math.radians(30)
    # in pixels, not in shares of the sides: a picture that is not square must not be sheared
    ratio = images.shape[2] / images.shape[3]
    cos, sin = angle.cos(), angle.sin()
    return _moved(images, cos, -sin * ratio, sin / ratio, cos)


def shear_x(images: Tensor, strength: Tensor) -> Tensor:
    one = torch.ones_like(strength)
    return _moved(images, one, 0.3 * strength, 0 * one, one)


def shear_y(images: Tensor, strength: Tensor) -> Tensor:
    one = torch.ones_like(strength)
    return _moved(images, one, 0 * one, 0.3 * strength, one)


def translate_x(images: Tensor, strength: Tensor) -> Tensor:
    """By up to .45 of the width."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _moved(images, one, zero, zero, one, x=0.9 * strength)


def translate_y(images: Tensor, strength: Tensor) -> Tensor:
    """By up to .45 of the height."""
    one, zero = torch.ones_like(strength), torch.zeros_like(strength)
    return _moved(images, one, zero, zero, one, y=0.9 * strength)


def brightness(images: Tensor, strength: Tensor) -> Tensor:
    return _away_from(torch.zeros_like(images), images, strength)


def contrast(images: Tensor, strength: Tensor) -> Tensor:
    return _away_from(_grey(images).mean((2, 3), keepdim=True), images, strength)


def saturation(images: Tensor, strength: Tensor) -> Tensor:
    return _away_from(_grey(images), images, strength)


def sharpness(images: Tensor, strength: Tensor) -> Tensor:
    """Between the picture smoothed over 3 x 3 pixels and its opposite; the edge stays as it is."""
    kernel = torch.ones(3, 1, 3, 3).to(images)
    kernel[:, :, 1, 1] = 5
    smooth = images.clone()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel / 13, groups=3)
    return _away_from(smooth, images, strength)


def posterize(images: Tensor, strength: Tensor) -> Tensor:
    """The last bits of each pixel's 8 dropped, up to 4 of them."""
    levels = 2.0 ** (4 * strength.abs()).round()[:, None, None, None]
    return (images * 255).div(levels, rounding_mode="floor") * levels / 255


def solarize(images: Tensor, strength: Tensor) -> Tensor:
    """Pixels above a threshold, which falls from 1 to 0, turned into their negative."""
    threshold = 1 - strength.abs()[:, None, None, None]
    return torch.where(images > threshold, 1 - images, images)


def autocontrast(images: Tensor, strength: Tensor) -> Tensor:
    """Each channel stretched to the whole of 0..1, whatever the strength."""
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low).clamp(min=1e-6), images)


def equalize(images: Tensor, strength: Tensor) -> Tensor:
    """Each channel's 256 levels made about equally frequent, whatever the strength."""
    levels = (images * 255).round().long().flatten(2)  # (n, 3, H W)
    counts = torch.zeros(*levels.shape[:2], 256).to(images)
    counts.scatter_add_(2, levels, torch.ones_like(levels, dtype=images.dtype))
    below = counts.cumsum(2)
    lowest = below.gather(2, levels.amin(2, keepdim=True))
    rank = (below.gather(2, levels) - lowest) / (levels.shape[2] - lowest).clamp(min=1)
    flat = lowest == levels.shape[2]  # of one level alone
    return torch.where(flat, images.flatten(2), rank).view_as(images)


OPERATIONS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    identity,
    rotate,
    shear_x,
    shear_y,
    translate_x,
    translate_y,
    brightness,
    contrast,
    saturation,
    sharpness,
    posterize,
    solarize,
    autocontrast,
    equalize,
)


def _grey(images: Tensor) -> Tensor:
    return (images * torch.tensor(LUMA).to(images)[:, None, None]).sum(1, keepdim=True)


def _away_from(other: Tensor, images: Tensor, strength: Tensor) -> Tensor:
    """Blended with `other` by up to .9 (strength below 0), or pushed as far away from it."""
    return torch.lerp(other, images, 1 + 0.9 * strength[:, None, None, None]).clamp(0, 1)


def _moved(
    images: Tensor,
    xx: Tensor,
    xy: Tensor,
    yx: Tensor,
    yy: Tensor,
    x: Tensor | float = 0.0,
    y: Tensor | float = 0.0,
) -> Tensor:
    """The pictures seen through an affine map of their coordinates, -1 to 1; grey outside."""
    theta = torch.zeros(len(images), 2, 3).to(images)
    theta[:, 0, 0], theta[:, 0, 1], theta[:, 0, 2] = xx, xy, x
    theta[:, 1, 0], theta[:, 1, 1], theta[:, 1, 2] = yx, yy, y
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images - GREY, grid, align_corners=False) + GREY
