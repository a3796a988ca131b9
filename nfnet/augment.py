"""Augmentation of whole batches as tensor operations: random crops, mixup, CutMix.

The choices come from a `torch.Generator` on the CPU, so that they are the same on every device.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def random_crops(
    images: Tensor,
    side: int,
    generator: torch.Generator,
    area: tuple[float, float] = (0.08, 1.0),
    aspect: float = 4 / 3,
) -> Tensor:
    """A random part of each image, resized (bilinear), mirrored or not: "Inception crops".

    Args:
        images: (N, C, H, W) float.
        side: pixels of the result.
        area: smallest and largest share of the picture that is kept; uniform between them.
        aspect: the part's width over its height lies between 1 / aspect and aspect.

    Returns:
        (N, C, side, side)
    """
    n = len(images)
    share, ratio, x, y, mirror = torch.rand(5, n, generator=generator)
    share = area[0] + (area[1] - area[0]) * share
    ratio = torch.exp((2 * ratio - 1) * math.log(aspect))
    width = (share * ratio).sqrt().clamp(max=1.0)
    height = (share / ratio).sqrt().clamp(max=1.0)
    # where the result's coordinates, -1 to 1, lie in the picture; a negative width mirrors
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.where(mirror < 0.5, -width, width)
    theta[:, 1, 1] = height
    theta[:, 0, 2] = (2 * x - 1) * (1 - width)
    theta[:, 1, 2] = (2 * y - 1) * (1 - height)
    grid = F.affine_grid(theta.to(images), [n, images.shape[1], side, side], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def mixup(
    images: Tensor, targets: Tensor, generator: torch.Generator, concentration: float = 0.2
) -> tuple[Tensor, Tensor]:
    """Each image and target blended with another's (Zhang et al. 2018, arXiv 1710.09412).

    Args:
        images: (N, C, H, W).
        targets: (N, classes) probabilities.
        concentration: of the symmetric Beta distribution that the shares are drawn from.
    """
    partner = torch.randperm(len(images), generator=generator).to(images.device)
    share = _beta(len(images), concentration, generator).to(images)
    return (
        torch.lerp(images[partner], images, share[:, None, None, None]),
        torch.lerp(targets[partner], targets, share[:, None]),
    )


def cutmix(images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A rectangle of each image replaced by another's (Yun et al. 2019, arXiv 1905.04899).

    The rectangle has the picture's aspect, a uniform share of its area and a uniform centre; what
    sticks out is cut off, and targets are mixed by the pixels that really changed hands.
    """
    n, _, height, width = images.shape
    partner = torch.randperm(n, generator=generator).to(images.device)
    area, x, y = torch.rand(3, n, generator=generator)
    half = area.sqrt()[:, None] / 2
    rows = (torch.arange(height) + 0.5) / height
    columns = (torch.arange(width) + 0.5) / width
    inside_rows = (rows - y[:, None]).abs() < half  # (N, H)
    inside_columns = (columns - x[:, None]).abs() < half  # (N, W)
    mask = (inside_rows[:, :, None] & inside_columns[:, None])[:, None].to(images.device)
    kept = 1 - mask.float().mean((1, 2, 3)).to(targets)
    return (
        torch.where(mask, images[partner], images),
        torch.lerp(targets[partner], targets, kept[:, None]),
    )


def mix(images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One half of the batch by mixup, the other by CutMix, as the NFNets were trained."""
    half = len(images) // 2
    blended = mixup(images[:half], targets[:half], generator)
    cut = cutmix(images[half:], targets[half:], generator)
    return torch.cat([blended[0], cut[0]]), torch.cat([blended[1], cut[1]])


def _beta(n: int, concentration: float, generator: torch.Generator) -> Tensor:
    """n samples of Beta(c, c). Jöhnk's method, in logarithms: torch's has no generator."""
    samples = torch.empty(n)
    missing = torch.ones(n, dtype=torch.bool)
    while missing.any():
        a, b = torch.rand(2, n, generator=generator, dtype=torch.float64).log() / concentration
        accepted = missing & (torch.logaddexp(a, b) <= 0)
        samples[accepted] = torch.sigmoid(a - b)[accepted].float()
        missing &= ~accepted
    return samples
