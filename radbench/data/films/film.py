"""What a film is, and how the depth that it was stored in becomes a full one of 8 or 16 bits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Pixels

DEPTHS: Final = (8, 10, 12, 14, 16)
"""Depths in bits that films come in; where a file says only its container's, the smallest that fits is taken."""


@dataclass(frozen=True, eq=False)
class Film:
    """One radiograph as it was stored.

    Attributes:
        pixels: ``uint8`` or ``uint16 [H, W]``; 0 is black, the type's largest value is white.
        spacing: millimetres a pixel, by row and by column; None where the file does not say.
        attributes: what the header says: ``view_position``, ``patient_sex``, ``patient_age`` in years. Never a name.
        provenance: what was done to the stored values, one clause each.
        warnings: what a person should look at.
    """

    pixels: Pixels
    spacing: tuple[float, float] | None = None
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    provenance: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def full_depth(
    values: npt.NDArray[Any], bits: int | None = None, counted: npt.NDArray[np.bool_] | None = None
) -> tuple[Pixels, tuple[str, ...]]:
    """Bring whole numbers of some depth to 8 or 16 full bits; the way is reversible.

    Args:
        values: whole numbers ``[H, W]``, 0 or more.
        bits: the depth that the file declares; None where it declares no more than its container, and the smallest
            depth of ``DEPTHS`` that holds the largest value is taken.
        counted: where values count for that; None for everywhere.

    Returns:
        The pixels, and what was done: 8 bits and 16 bits stay as they are, others are multiplied by
        65535 / (2**bits - 1) and rounded.
    """
    seen = values if counted is None or not counted.any() else values[counted]
    largest = int(seen.max())
    found = next((depth for depth in DEPTHS if largest < 1 << depth), 16)
    depth = found if bits is None or largest >= 1 << bits else bits
    if depth <= 8:
        scale = 255 / ((1 << depth) - 1)
        pixels: Pixels = np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)
    elif depth == 16:
        pixels = np.clip(values, 0, 65535).astype(np.uint16)
    else:
        pixels = np.clip(np.rint(values * (65535 / ((1 << depth) - 1))), 0, 65535).astype(np.uint16)
    said = "declared" if bits == depth else "found by the largest value"
    return pixels, () if depth == 16 else (f"{depth} bits ({said}) brought to full scale",)


def luminance(colour: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Return one channel of ``[H, W, 3]`` (BT.601) in the same type, and what was done; equal channels stay exact."""
    red, green, blue = (colour[..., channel] for channel in range(3))
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return red, ("one of three equal channels taken",)
    mixed = 0.299 * red.astype(np.float64) + 0.587 * green + 0.114 * blue
    return np.rint(mixed).astype(colour.dtype), ("colour turned to luminance (BT.601)",)


def own_range(
    values: npt.NDArray[Any], counted: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float64]:
    """Return values ``[H, W]`` mapped from their own smallest and largest to shares of white; 0 for one grey."""
    seen = values if counted is None or not counted.any() else values[counted]
    low, high = float(seen.min()), float(seen.max())
    if high <= low:
        return np.zeros(values.shape)
    shares: npt.NDArray[np.float64] = np.clip((values.astype(np.float64) - low) / (high - low), 0.0, 1.0)
    return shares


def sixteen(shares: npt.NDArray[Any]) -> Pixels:
    """Return shares of white, 0 to 1, as ``uint16``."""
    pixels: npt.NDArray[np.uint16] = np.rint(np.clip(shares, 0.0, 1.0) * 65535).astype(np.uint16)
    return pixels


def inverted(pixels: Pixels) -> Pixels:
    """Return the negative: white minus every value, in the same type."""
    white = np.iinfo(pixels.dtype).max
    negative: Pixels = np.subtract(white, pixels, dtype=pixels.dtype)
    return negative
