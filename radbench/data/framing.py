"""From a film to the square that the editor works on, and from an edited square back to the film.

The square is the paper's preprocessing (supplement: short side to a size, centre crop, smallest and largest value to
0 and 255). Both steps are remembered, so that a change in the square can be put back in the film's own pixels and
units.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import GrayImage, Mask, Pixels
from radbench.data.geometry import Geometry, Plane


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
