"""Source pixels put back in the keep region after decoding.

Latents that were kept exactly still decode to pixels that differ from the source: the autoencoder is lossy.
The feather lies outside the keep mask, so the region itself is the source exactly. Keep it narrow: a wide
feather spreads source pixels, and with them the finding, into the edited region beside the kept structure.
"""

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError

_REACH = 3.0
"""Standard deviations after which the feather ends."""


def keep_weight(keep: NDArray[np.bool_], feather: float) -> NDArray[np.float32]:
    """Return the share of the source in every pixel: 1 in the keep mask, a Gaussian of the distance outside.

    Args:
        keep: bool [H, W].
        feather: standard deviation of the fall-off in pixels; 0 for a hard edge.

    Returns:
        float32 [H, W] in [0, 1]; zero beyond three standard deviations.

    Raises:
        UsageError: a negative feather.
    """
    if not feather >= 0:
        raise UsageError(f"The feather is {feather} pixels; expected 0 or more.")
    weight = keep.astype(np.float32)
    if feather == 0 or not keep.any():
        return weight
    from scipy.ndimage import distance_transform_edt

    distance = np.asarray(distance_transform_edt(~keep))
    near = distance <= _REACH * feather
    falloff = np.zeros_like(distance)
    falloff[near] = np.exp(-0.5 * (distance[near] / feather) ** 2)
    return np.maximum(weight, falloff.astype(np.float32))


def paste_back(
    edited: NDArray[np.float32], source: NDArray[np.float32], keep: NDArray[np.bool_], feather: float
) -> NDArray[np.float32]:
    """Return the edited image with the source in the keep region.

    Args:
        edited: float32 [..., H, W].
        source: float32 [..., H, W].
        keep: bool [H, W].
        feather: see ``keep_weight``.

    Returns:
        float32 [..., H, W]; equal to ``source`` in the keep region and to ``edited`` beyond the feather.
    """
    weight = keep_weight(keep, feather)
    mixed = edited + weight * (source - edited)
    return np.where(weight == 1, source, np.where(weight == 0, edited, mixed)).astype(np.float32)
