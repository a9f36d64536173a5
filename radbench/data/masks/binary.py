"""One meaning for every way of writing a mask, and Euclidean dilation."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Mask
from radbench.errors import UsageError


def as_bool(mask: npt.NDArray[Any], name: str = "the mask") -> Mask:
    """Return ``bool [H, W]`` for a mask written as bool, 0/1, 0/255, 0/65535 or as a share in [0, 1].

    The threshold is half of full scale, inclusive (0.5, 128, 32768), so a mask softened by JPEG or resizing
    keeps its outline. An empty mask stays empty.

    Raises:
        UsageError: not two-dimensional, not finite, negative, or a label map (largest value from 2 to 127).
    """
    values = np.asarray(mask)
    if values.ndim != 2:
        raise UsageError(f"Expected {name} to have two dimensions, found shape {list(values.shape)}.")
    if values.dtype == np.bool_:
        return values.copy()
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not (math.isfinite(low) and math.isfinite(high)) or low < 0:
        raise UsageError(f"Expected {name} to hold 0/1 or 0/255, found values from {low:g} to {high:g}.")
    if 1 < high < 128:
        raise UsageError(
            f"Expected {name} to hold 0/1 or 0/255, found a largest value of {high:g}; "
            "a label map has to be split into one mask a structure."
        )
    scale = 1.0 if high <= 1 else 255.0 if high <= 255 else 65535.0
    inside: Mask = values >= scale / 2
    return inside


def dilate(mask: Mask, radius: float) -> Mask:
    """Grow a mask by a Euclidean distance: every pixel whose centre is at most ``radius`` from one inside.

    Args:
        mask: ``bool [H, W]``.
        radius: pixels, any number >= 0. Below 1 nothing changes; from 1 the four neighbours join, from
            sqrt(2) the diagonal ones.

    Returns:
        ``bool [H, W]``, a new array that contains ``mask``.
    """
    if not (math.isfinite(radius) and radius >= 0):
        raise UsageError(f"Expected a dilation radius of 0 or more pixels, found {radius:g}.")
    if radius < 1 or not mask.any():
        return mask.copy()
    from scipy.ndimage import distance_transform_edt

    distance = np.asarray(distance_transform_edt(~mask))
    grown: Mask = distance <= radius
    return grown
