"""Arrays of pixels: gray images written as PNG with the same bytes every time, masks of one meaning, digests."""

import hashlib
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from radbench.data.cohort import GrayImage, Mask
from radbench.errors import UsageError
from radbench.runtime import atomic_write


def min_max(pixels: npt.NDArray[Any]) -> tuple[GrayImage, tuple[float, float]]:
    """Map the smallest value to 0 and the largest to 255; also return those two values.

    Args:
        pixels: any real dtype, ``[H, W]``. A constant image becomes all zeros.
    """
    low, high = float(pixels.min()), float(pixels.max())
    if high <= low:
        return np.zeros(pixels.shape, dtype=np.uint8), (low, high)
    scaled = (pixels.astype(np.float64) - low) * (255.0 / (high - low))
    return np.rint(scaled).astype(np.uint8), (low, high)


def encode_png(image: npt.NDArray[Any]) -> bytes:
    """PNG bytes of ``uint8``, ``uint16`` or ``bool [H, W]`` (written as 0 and 255), without metadata.

    The same pixels give the same bytes every time.
    """
    values = image.astype(np.uint8) * np.uint8(255) if image.dtype == np.bool_ else image
    if values.dtype not in {np.dtype(np.uint8), np.dtype(np.uint16)} or values.ndim != 2:
        raise ValueError(
            f"Expected uint8, uint16 or bool [H, W], got {image.dtype} with {image.ndim} dimensions."
        )
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def decode_png(data: bytes) -> npt.NDArray[Any]:
    """The ``uint8`` or ``uint16 [H, W]`` that ``encode_png`` wrote."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        if image.mode.startswith("I"):
            return np.asarray(image).astype(np.uint16)
        return np.asarray(image.convert("L"), dtype=np.uint8).copy()


def write_png(path: str | Path, image: npt.NDArray[Any]) -> None:
    """Write ``encode_png(image)`` atomically; an unwritable or full folder is a ``UsageError``."""
    atomic_write(Path(path), encode_png(image))


def array_digest(array: npt.NDArray[Any]) -> str:
    """SHA-256 (hex) of an array's dtype, shape and values."""
    header = f"{array.dtype.str} {'x'.join(map(str, array.shape))}\n".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()


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
