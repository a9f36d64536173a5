"""Artefact measures: what changed where it should, or should not, have changed."""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def masked_error(first: Image, second: Image, mask: Mask) -> float | None:
    """Return the mean absolute difference inside ``mask`` as a fraction of the grey range.

    Args:
        first: uint8 [H, W].
        second: uint8 [H, W].
        mask: bool [H, W].

    Returns:
        0 to 1, or None where the mask is empty.

    Raises:
        ValueError: the three differ in size.
    """
    if not first.shape == second.shape == mask.shape:
        raise ValueError(f"Sizes differ: images {first.shape} and {second.shape}, mask {mask.shape}.")
    if not mask.any():
        return None
    return float(np.abs(first[mask].astype(np.int16) - second[mask]).mean() / 255)


def contrast(image: Image, mask: Mask, *, margin: int = 2, ring: int = 2) -> float | None:
    """Return how much brighter a thin object is than what lies around it.

    The surroundings are a ring ``ring`` pixels wide that begins ``margin`` pixels outside the mask, so that
    the object's soft border counts for neither.

    Args:
        image: uint8 [H, W].
        mask: bool [H, W], the object.
        margin: pixels left out around the object.
        ring: width of the surroundings in pixels.

    Returns:
        Mean inside less mean of the ring, as a fraction of the grey range (-1 to 1); None if either is empty.
    """
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return None
    distance = distance_transform_edt(~mask)
    around = (distance > margin) & (distance <= margin + ring)
    if not around.any():
        return None
    return float(image[mask].mean() - image[around].mean()) / 255


def contrast_retained(before: Image, after: Image, mask: Mask, *, faint: float = 0.01) -> float | None:
    """Return the share of an object's contrast that survived an edit: 1 all of it, 0 none, below 0 reversed.

    Args:
        before: uint8 [H, W].
        after: uint8 [H, W].
        mask: bool [H, W], the object, e.g. a chest drain.
        faint: contrast in ``before`` under which the share would say nothing.

    Returns:
        The share, or None where the object is missing or too faint to begin with.
    """
    first, second = contrast(before, mask), contrast(after, mask)
    if first is None or second is None or abs(first) < faint:
        return None
    return second / first
