"""Gray images of 8 or 16 bits: read as stored, written as PNG with the same bytes every time, and digested."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from radbench.data.cohort import GrayImage
from radbench.data.films.film import Pixels


def read_pixels(path: str | Path) -> Pixels:
    """Read any image as stored and upright, ``uint8 [H, W]`` or ``uint16 [H, W]``; colour becomes luminance.

    Values keep their range, as masks and label maps need it; ``radbench.data.films.read_film`` brings a film
    to the whole range of its dtype and says what was done.

    Raises:
        UsageError: the file is missing, truncated, corrupt, or not a PNG, JPEG, TIFF or DICOM.
    """
    from radbench.data.films.reader import stored_values

    return stored_values(path)


def read_image(path: str | Path) -> GrayImage:
    """Read any image as ``uint8 [H, W]``; 16 bits are mapped from the image's own range to 0..255."""
    pixels = read_pixels(path)
    return pixels.astype(np.uint8) if pixels.dtype == np.uint8 else min_max(pixels)[0]


def image_shape(path: str | Path) -> tuple[int, int]:
    """Height and width in pixels, upright, from the header alone."""
    from radbench.data.films.reader import stored_shape

    return stored_shape(path)


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
    from radbench.runtime import atomic_write

    atomic_write(Path(path), encode_png(image))


def array_digest(array: npt.NDArray[Any]) -> str:
    """SHA-256 (hex) of an array's dtype, shape and values."""
    header = f"{array.dtype.str} {'x'.join(map(str, array.shape))}\n".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()
