"""Gray images: min-max, PNG with the same bytes every time, and a digest of pixels."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from radbench.data.cohort import GrayImage


def read_image(path: str | Path) -> GrayImage:
    """Read a film as ``uint8 [H, W]``; 16 bits are mapped from the image's own range to 0..255."""
    from radbench.data.films import read_film

    pixels = read_film(path).pixels
    return pixels.astype(np.uint8) if pixels.dtype == np.uint8 else min_max(pixels)[0]


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
    """PNG bytes of ``uint8``, ``uint16`` or ``bool [H, W]`` (written as 0 and 255), without metadata."""
    values = image.astype(np.uint8) * np.uint8(255) if image.dtype == np.bool_ else image
    if values.dtype not in (np.uint8, np.uint16) or values.ndim != 2:
        raise ValueError(
            f"Expected uint8, uint16 or bool [H, W], got {image.dtype} with {image.ndim} dimensions."
        )
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def decode_png(data: bytes) -> GrayImage:
    """The ``uint8 [H, W]`` that ``encode_png`` wrote."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        return np.asarray(image.convert("L"), dtype=np.uint8).copy()


def write_png(path: str | Path, image: npt.NDArray[Any]) -> None:
    """Write ``encode_png(image)`` atomically; an unwritable or full folder is a ``UsageError``."""
    from radbench.runtime import atomic_write

    atomic_write(Path(path), encode_png(image))


def array_digest(array: npt.NDArray[Any]) -> str:
    """SHA-256 (hex) of an array's dtype, shape and values."""
    header = f"{array.dtype.str} {'x'.join(map(str, array.shape))}\n".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()
