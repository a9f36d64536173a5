"""Small drawing kit in patient coordinates: both axes run from -1 to 1, x to the image's right, y downwards."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.special import expit

Field: TypeAlias = NDArray[np.floating[Any]]
Point: TypeAlias = tuple[float, float]


class Stream:
    """A named random stream of one patient, yielding Python floats so that float32 fields stay float32."""

    def __init__(self, *key: int) -> None:
        self.generator = np.random.default_rng(list(key))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Draw one float in [low, high)."""
        return float(self.generator.uniform(low, high))

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        """Draw one Gaussian float."""
        return float(self.generator.normal(mean, sd))

    def integer(self, low: int, high: int) -> int:
        """Draw one integer in [low, high)."""
        return int(self.generator.integers(low, high))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return bool(self.generator.random() < probability)

    def noise(self, size: int, cells: int) -> Field:
        """Return smooth noise, float32 [size, size]: ``cells`` x ``cells`` Gaussian values, bicubically enlarged."""
        coarse = self.generator.standard_normal((cells, cells), dtype=np.float32)
        return np.asarray(
            Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32
        )

    def white(self, size: int) -> Field:
        """Return white Gaussian noise, float32 [size, size]."""
        return self.generator.standard_normal((size, size), dtype=np.float32)


@lru_cache(maxsize=8)
def grid(size: int) -> tuple[Field, Field]:
    """Return pixel-centre coordinates (x, y), float32 [size, size] in (-1, 1)."""
    axis = ((np.arange(size) + 0.5) / size * 2 - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    return x, y


def soft(value: Field, width: float) -> Field:
    """Return a smooth step: the logistic function of ``value / width``."""
    return np.asarray(expit(value / np.float32(width)), dtype=np.float32)


def ridge(distance: Field, width: float) -> Field:
    """Return a Gaussian ridge of the given width around ``distance == 0``."""
    return np.asarray(np.exp(-np.square(distance / np.float32(width))), dtype=np.float32)


def ellipse(x: Field, y: Field, centre: Point, radii: Point, softness: float) -> Field:
    """Return a soft-edged filled ellipse in [0, 1]."""
    distance = np.sqrt(((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2)
    return soft(1 - distance, softness)


def curve(start: Point, middle: Point, end: Point, points: int = 24) -> list[Point]:
    """Return points along a quadratic Bezier curve."""
    t = np.linspace(0, 1, points)
    x, y = (
        (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c for a, b, c in zip(start, middle, end, strict=True)
    )
    return list(zip(x.tolist(), y.tolist(), strict=True))


class Strokes:
    """Antialiased line drawing: supersampled, widths in pixels of a 128 pixel image."""

    def __init__(self, size: int, place: Callable[[float, float], Point], oversample: int = 4) -> None:
        self._size, self._place, self._oversample = size, place, oversample
        self._image = Image.new("L", (size * oversample, size * oversample), 0)
        self._draw = ImageDraw.Draw(self._image)

    def line(self, points: Sequence[Point], width: float, value: float = 1.0) -> None:
        """Draw a polyline through patient coordinates."""
        scale = self._size * self._oversample
        placed = [self._place(*point) for point in points]
        pixels = [((x + 1) / 2 * scale, (y + 1) / 2 * scale) for x, y in placed]
        thickness = max(1, round(width * scale / 128))
        self._draw.line(pixels, fill=int(255 * min(value, 1.0)), width=thickness, joint="curve")

    def field(self) -> Field:
        """Return the drawing, float32 [size, size] in [0, 1]."""
        return np.asarray(self._image.reduce(self._oversample), dtype=np.float32) / 255
