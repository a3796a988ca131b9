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
    count: int,
    resolution: int = 16,
    seed: int = 0,
    noise: float | None = None,
    clutter: bool = False,
) -> tuple[Tensor, Tensor]:
    """Procedural pictures of ten figures, bright on a dark ground.

    Place, size, angle, colours and faint textures are random. Harder than it looks, on purpose:
    with noise 0.1 it separates the nets that the lecture compares. With `clutter` it is harder
    still, so that larger nets do better: any angle, less contrast, and two small figures lie about
    that do not count.

    Args:
        count: how many images.
        resolution: px a side.
        seed: equal seeds give equal sets.
        noise: standard deviation of the Gaussian noise, where black is 0 and white 1; if not
            given 0.1, or 0.15 with clutter.
        clutter: see above; the class is that of the large figure.

    Returns:
        Images, float32 (count, 3, resolution, resolution), standardized; labels, int64 (count,).

    Raises:
        UserError: more images than fit in memory.
    """
    check_size(count, resolution)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, len(SHAPES), (count,), generator=generator)
    images = torch.empty(count, 3, resolution, resolution)
    if noise is None:
        noise = 0.15 if clutter else 0.1
    for start in range(0, count, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        page = _Page(len(labels[some]), resolution, generator)
        clean = page.cluttered(labels[some]) if clutter else page.plain(labels[some])
        images[some] = clean + noise * torch.randn(clean.shape, generator=generator)
    return (images.clamp_(-0.3, 1.3) - 0.36) / 0.27, labels


class _Page:
    """n pictures that are drawn at once; what is random in them comes from one generator."""

    def __init__(self, n: int, resolution: int, generator: torch.Generator) -> None:
        self.n, self.resolution, self.generator = n, resolution, generator
        line = (torch.arange(resolution) + 0.5) / resolution * 2 - 1
        self.y, self.x = torch.meshgrid(line, line, indexing="ij")  # (R, R), from -1 to 1

    def plain(self, labels: Tensor) -> Tensor:
        """One figure a picture: (n, 3, R, R)."""
        x, y = self.uniform(-0.25, 0.25, 1, 1), self.uniform(-0.25, 0.25, 1, 1)
        size, angle = self.uniform(0.5, 0.75, 1, 1), self.uniform(-0.4, 0.4, 1, 1)
        inside = self.inside(labels, x, y, size, angle)
        bright, dark = self.uniform(0.55, 1, 3, 1, 1), self.uniform(0, 0.45, 3, 1, 1)
        figure, ground = bright + self.texture(0.1), dark + self.texture(0.15)
        return ground * (1 - inside) + figure * inside

    def cluttered(self, labels: Tensor) -> Tensor:
        """A figure off the middle, and two small ones of any class on its far side."""
        turn = self.uniform(0, 2 * math.pi, 1, 1)
        x, y = 0.22 * torch.cos(turn), 0.22 * torch.sin(turn)
        size, angle = self.uniform(0.45, 0.65, 1, 1), self.uniform(-math.pi, math.pi, 1, 1)
        inside = self.inside(labels, x, y, size, angle)
        bright, dark = self.uniform(0.45, 1, 3, 1, 1), self.uniform(0, 0.5, 3, 1, 1)
        image = (dark + self.texture(0.15)) * (1 - inside) + (bright + self.texture(0.1)) * inside
        for _ in range(2):
            others = torch.randint(0, len(SHAPES), (self.n,), generator=self.generator)
            away = turn + math.pi + self.uniform(-0.9, 0.9, 1, 1)
            x, y = 0.72 * torch.cos(away), 0.72 * torch.sin(away)
            size, angle = self.uniform(0.2, 0.32, 1, 1), self.uniform(-math.pi, math.pi, 1, 1)
            inside = self.inside(others, x, y, size, angle)
            paint = self.uniform(0.3, 1, 3, 1, 1) + self.texture(0.1)
            image = image * (1 - inside) + paint * inside
        return image

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(self.n, *shape, generator=self.generator)

    def texture(self, strength: float) -> Tensor:
        """A faint wave in a random direction and colour: (n, 3, R, R)."""
        frequency, angle = self.uniform(2, 12, 1, 1, 1), self.uniform(0, math.pi, 1, 1, 1)
        phase = self.uniform(0, 6.28, 1, 1, 1)
        along = self.x * torch.cos(angle) + self.y * torch.sin(angle)
        return strength * torch.sin(frequency * along + phase) * self.uniform(-1, 1, 3, 1, 1)

    def inside(self, labels: Tensor, x: Tensor, y: Tensor, size: Tensor, angle: Tensor) -> Tensor:
        """1 inside each picture's figure, 0 outside, between at its edge: (n, 1, R, R)."""
        dx, dy = self.x - x, self.y - y  # (n, R, R)
        own_x = (dx * torch.cos(angle) + dy * torch.sin(angle)) / size
        own_y = (dy * torch.cos(angle) - dx * torch.sin(angle)) / size
        distance = torch.empty_like(own_x)
        for label, figure in enumerate(SHAPES.values()):
            mine = labels == label
            distance[mine] = figure(own_x[mine], own_y[mine])
        return torch.sigmoid(-distance * size * self.resolution * 0.9)[:, None]


def check_size(count: int, side: int) -> None:
    if count * side**2 > MAX_PIXELS:
        raise UserError(
            f"{count} images of {side} x {side} px do not fit in memory here; "
            f"ask for at most {MAX_PIXELS // side**2} of this size"
        )
