"""Between a film and the square that the editor works on: one geometry for image, masks and boxes, and the way back.

The square is the paper's preprocessing (supplement, "resize such that the short side ... using bilinear
interpolation; centre-crop; map minimum and maximum intensity values"). All steps are remembered, so that a change in
the square can be put back in the film's own pixels and units.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from radbench.data.cohort import GrayImage, Mask, Pixels
from radbench.data.images import min_max
from radbench.errors import UsageError

Box: TypeAlias = tuple[float, float, float, float]
"""``(x, y, width, height)`` in pixels; pixel (row 0, column 0) covers x and y from 0 to 1."""
Plane: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Geometry:
    """Where each pixel of a ``[height, width]`` source goes in a ``[size, size]`` square.

    Everything that belongs to one image (its masks, its boxes) goes through the same object.
    """

    height: int
    width: int
    size: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.size) < 1:
            raise UsageError(
                f"Cannot resize {self.height} x {self.width} pixels to {self.size}: expected 1 or more."
            )

    @property
    def resized(self) -> tuple[int, int]:
        """Height and width after the resize, before the crop."""
        short = min(self.height, self.width)
        return (
            max(self.size, round(self.height * self.size / short)),
            max(self.size, round(self.width * self.size / short)),
        )

    @property
    def corner(self) -> tuple[int, int]:
        """Row and column of the crop's first pixel in the resized image."""
        rows, columns = self.resized
        return (rows - self.size) // 2, (columns - self.size) // 2

    def plane(self, pixels: npt.NDArray[Any]) -> Plane:
        """Resize and crop, keeping the units: any real ``[height, width]`` to ``float32 [size, size]``."""
        self._check(pixels.shape, (self.height, self.width))
        rows, columns = self.resized
        top, left = self.corner
        whole = _resize(pixels.astype(np.float32), rows, columns)
        return whole[top : top + self.size, left : left + self.size].copy()

    def image(self, pixels: npt.NDArray[Any]) -> GrayImage:
        """Resize, crop and map the crop's own range to 0..255: ``uint8 [size, size]``."""
        return self.image_and_window(pixels)[0]

    def image_and_window(self, pixels: npt.NDArray[Any]) -> tuple[GrayImage, tuple[float, float]]:
        """``image`` and the source values that became 0 and 255 (what ``undo_image`` needs)."""
        return min_max(self.plane(pixels))

    def mask(self, mask: Mask) -> Mask:
        """Resize and crop a mask: true where at least half of a pixel is covered. ``bool [size, size]``."""
        inside: Mask = self.plane(mask) >= 0.5
        return inside

    def box(self, box: Box) -> Box | None:
        """Move a box, clipped to the crop; None when nothing of it is left."""
        scale_x, scale_y, top, left = self._affine()
        x, y, width, height = box
        x0, x1 = (min(max(value * scale_x - left, 0.0), self.size) for value in (x, x + width))
        y0, y1 = (min(max(value * scale_y - top, 0.0), self.size) for value in (y, y + height))
        return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None

    def undo_box(self, box: Box) -> Box:
        """The box in source pixels of a box in the square."""
        scale_x, scale_y, top, left = self._affine()
        x, y, width, height = box
        return (x + left) / scale_x, (y + top) / scale_y, width / scale_x, height / scale_y

    def undo_mask(self, mask: Mask) -> Mask:
        """``bool [size, size]`` back to ``bool [height, width]``; false outside the crop."""
        inside: Mask = self._undo(mask.astype(np.float32), "constant") >= 0.5
        return inside

    def undo_image(self, image: GrayImage, window: tuple[float, float], source: npt.NDArray[Any]) -> Plane:
        """Put an edited square back into its source.

        Args:
            image: ``uint8 [size, size]``.
            window: the source values of 0 and 255, from ``image_and_window``.
            source: ``[height, width]``; its values stay outside the crop.

        Returns:
            ``float32 [height, width]`` in the source's units.
        """
        self._check(source.shape, (self.height, self.width))
        low, high = window
        values = low + image.astype(np.float32) * np.float32((high - low) / 255.0)
        return self.undo_plane(values, source.astype(np.float32))

    def undo_plane(self, plane: Plane, outside: Plane | float = 0.0) -> Plane:
        """A plane of the square, ``float32 [size, size]``, at the source's size; ``outside`` beyond the crop."""
        inside = self.undo_mask(np.ones((self.size, self.size), dtype=np.bool_))
        return np.where(inside, self._undo(plane, "edge"), outside).astype(np.float32)

    def _undo(self, plane: Plane, outside: Literal["constant", "edge"]) -> Plane:
        self._check(plane.shape, (self.size, self.size))
        rows, columns = self.resized
        top, left = self.corner
        padding = ((top, rows - self.size - top), (left, columns - self.size - left))
        padded = np.pad(plane, padding, mode="edge") if outside == "edge" else np.pad(plane, padding)
        return _resize(padded, self.height, self.width)

    def _affine(self) -> tuple[float, float, int, int]:
        rows, columns = self.resized
        top, left = self.corner
        return columns / self.width, rows / self.height, top, left

    def _check(self, found: tuple[int, ...], expected: tuple[int, int]) -> None:
        if tuple(found) != expected:
            raise UsageError(
                f"Expected {expected[0]} x {expected[1]} pixels, found {' x '.join(map(str, found))}."
            )


def _resize(plane: npt.NDArray[np.float32], rows: int, columns: int) -> Plane:
    """Bilinear in float32, widened by the scale when shrinking (no aliasing)."""
    if plane.shape == (rows, columns):
        return plane
    resized = Image.fromarray(plane).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32)


@dataclass(frozen=True)
class Framing:
    """How one film becomes a square.

    Attributes:
        geometry: where each pixel goes.
        low: the film's value that is 0 in the square.
        high: the film's value that is 255 in the square; equal to ``low`` for a film of one grey.
    """

    geometry: Geometry
    low: float
    high: float

    @classmethod
    def of(cls, film: Pixels, size: int) -> "Framing":
        """Return the framing of a film, ``[H, W]``, for squares of ``size`` pixels: the crop's own range."""
        geometry = Geometry(film.shape[0], film.shape[1], size)
        plane = geometry.plane(film)
        return cls(geometry, float(plane.min()), float(plane.max()))

    def square(self, film: npt.NDArray[Any]) -> GrayImage:
        """Return the square of a film of this framing, ``uint8 [S, S]``; values beyond the range are cut off."""
        plane = self.geometry.plane(film)
        if self.high <= self.low:
            return np.zeros(plane.shape, np.uint8)
        scaled = (plane.astype(np.float64) - self.low) * (255.0 / (self.high - self.low))
        return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)

    def mask(self, mask: Mask) -> Mask:
        """Return the square of a mask of the film's size, ``bool [S, S]``."""
        return self.geometry.mask(mask)

    def undo_mask(self, mask: Mask) -> Mask:
        """Return a mask of the square at the film's size, ``bool [H, W]``; false outside the crop."""
        return self.geometry.undo_mask(mask)

    def undo_change(self, change: npt.NDArray[Any]) -> Plane:
        """Return a change of the square's grey levels in the film's pixels and units.

        Args:
            change: ``[S, S]``, grey levels of 255.

        Returns:
            ``float32 [H, W]``, bilinear between the square's pixels; 0 outside the crop.
        """
        scale = np.float32((self.high - self.low) / 255.0)
        return self.geometry.undo_plane(change.astype(np.float32)) * scale

    def undo(self, square: GrayImage, film: Pixels) -> Pixels:
        """Return the film as it comes out of the square path: the square's values inside the crop, its own outside.

        Args:
            square: ``uint8 [S, S]``.
            film: the film, of its own type.
        """
        plane = self.geometry.undo_image(square, (self.low, self.high), film)
        return to_film(plane, film)


def to_film(plane: npt.NDArray[Any], like: Pixels) -> Pixels:
    """Round a plane to the type of a film and keep it within the type's range."""
    values: Pixels = np.clip(np.rint(plane), 0, np.iinfo(like.dtype).max).astype(like.dtype)
    return values
