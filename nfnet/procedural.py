"""A picture set made in memory: ten figures, random in everything but the class.

A figure is a signed distance: negative inside, positive outside, in units of the figure's size, at
points x, y of the figure's own frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from nfnet.run import UserError

MAX_PIXELS = 2**26  # images x resolution^2 of one set, 0.8 GB

Distance = Callable[[Tensor, Tensor], Tensor]


def _box(x: Tensor, y: Tensor, half_width: float, half_height: float) -> Tensor:
    return torch.maximum(x.abs() - half_width, y.abs() - half_height)


def _disc(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 1


def _square(x: Tensor, y: Tensor) -> Tensor:
    return _box(x, y, 0.85, 0.85)


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    left, right = 0.5 * y - 0.866 * x, 0.5 * y + 0.866 * x
    return torch.maximum(-y, torch.maximum(left, right)) - 0.6


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.75).abs() - 0.22


def _plus(x: Tensor, y: Tensor) -> Tensor:
    return torch.minimum(_box(x, y, 0.95, 0.28), _box(x, y, 0.28, 0.95))


def _frame(x: Tensor, y: Tensor) -> Tensor:
    return _box(x, y, 0.68, 0.68).abs() - 0.2


def _flower(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - (0.62 + 0.33 * torch.cos(5 * torch.atan2(y, x)))


def _bars(x: Tensor, y: Tensor) -> Tensor:
    return torch.minimum(_box(x, y - 0.5, 0.95, 0.22), _box(x, y + 0.5, 0.95, 0.22))


def _crescent(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(_disc(x, y), 0.55 - torch.hypot(x - 0.5, y))


def _dots(x: Tensor, y: Tensor) -> Tensor:
    return torch.minimum(torch.hypot(x - 0.5, y - 0.4), torch.hypot(x + 0.5, y + 0.4)) - 0.42


SHAPES: dict[str, Distance] = {
    "disc": _disc,
    "square": _square,
    "triangle": _triangle,
    "ring": _ring,
    "plus": _plus,
    "frame": _frame,
    "flower": _flower,
    "two bars": _bars,
    "crescent": _crescent,
    "two dots": _dots,
}
SHAPE_NAMES = tuple(SHAPES)
_AT_ONCE = 2000  # images drawn at a time, which bounds the memory in use


def shapes(
    count: int, resolution: int = 16, seed: int = 0, noise: float = 0.1
) -> tuple[Tensor, Tensor]:
    """Procedural pictures of ten figures, bright on a dark ground.

    Place, size, angle, colours and faint textures are random. Harder than it looks, on purpose:
    with noise 0.1 it separates the nets that the lecture compares.

    Args:
        count: how many images.
        resolution: px a side.
        seed: equal seeds give equal sets.
        noise: standard deviation of the Gaussian noise, where black is 0 and white 1.

    Returns:
        Images, float32 (count, 3, resolution, resolution), standardized; labels, int64 (count,).

    Raises:
        UserError: more images than fit in memory.
    """
    check_size(count, resolution)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, len(SHAPES), (count,), generator=generator)
    images = torch.empty(count, 3, resolution, resolution)
    for start in range(0, count, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        images[some] = _draw(labels[some], resolution, noise, generator)
    return (images.clamp_(-0.3, 1.3) - 0.36) / 0.27, labels


def _draw(labels: Tensor, resolution: int, noise: float, generator: torch.Generator) -> Tensor:
    n = len(labels)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=generator)

    def texture(strength: float) -> Tensor:
        """A faint wave in a random direction and colour: (n, 3, R, R)."""
        frequency, angle = uniform(2, 12, 1, 1, 1), uniform(0, math.pi, 1, 1, 1)
        phase = uniform(0, 6.28, 1, 1, 1)
        wave = torch.sin(frequency * (x * torch.cos(angle) + y * torch.sin(angle)) + phase)
        return strength * wave * uniform(-1, 1, 3, 1, 1)

    line = (torch.arange(resolution) + 0.5) / resolution * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")  # (R, R), from -1 to 1
    center_x, center_y = uniform(-0.25, 0.25, 1, 1), uniform(-0.25, 0.25, 1, 1)
    size, angle = uniform(0.5, 0.75, 1, 1), uniform(-0.4, 0.4, 1, 1)
    dx, dy = x - center_x, y - center_y  # (n, R, R)
    own_x = (dx * torch.cos(angle) + dy * torch.sin(angle)) / size
    own_y = (dy * torch.cos(angle) - dx * torch.sin(angle)) / size
    distance = torch.empty_like(own_x)
    for label, figure in enumerate(SHAPES.values()):
        mine = labels == label
        distance[mine] = figure(own_x[mine], own_y[mine])
    inside = torch.sigmoid(-distance * size * resolution * 0.9)[:, None]  # antialiased edge
    bright, dark = uniform(0.55, 1, 3, 1, 1), uniform(0, 0.45, 3, 1, 1)
    figure, ground = bright + texture(0.1), dark + texture(0.15)
    image = ground * (1 - inside) + figure * inside
    return image + noise * torch.randn(image.shape, generator=generator)


def check_size(count: int, side: int) -> None:
    if count * side**2 > MAX_PIXELS:
        raise UserError(
            f"{count} images of {side} x {side} px do not fit in memory here; "
            f"ask for at most {MAX_PIXELS // side**2} of this size"
        )
