"""Reading gray images of 8 or 16 bits, writing PNG with the same bytes every time, and a digest of pixels."""

import hashlib
import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from radbench.data.cohort import GrayImage
from radbench.errors import UsageError

Pixels: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""``[H, W]`` as stored: 8 or 16 bits."""

_FORMATS = ("PNG", "JPEG")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
_WIDE_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def read_pixels(path: str | Path) -> Pixels:
    """Read a PNG or JPEG as stored, ``uint8 [H, W]`` or ``uint16 [H, W]``; colour becomes luminance (BT.601).

    Raises:
        UsageError: the file is missing, truncated, corrupt, or not a PNG or JPEG.
    """
    with _opened(Path(path)) as image:
        if image.mode in _WIDE_MODES:
            return np.asarray(image).astype(np.uint16)
        gray = (
            image.point(lambda value: 255 * value).convert("L") if image.mode == "1" else image.convert("L")
        )
        return np.asarray(gray, dtype=np.uint8).copy()


def read_image(path: str | Path) -> GrayImage:
    """Read a PNG or JPEG as ``uint8 [H, W]``; 16 bits are mapped from the image's own range to 0..255."""
    pixels = read_pixels(path)
    return pixels.astype(np.uint8) if pixels.dtype == np.uint8 else min_max(pixels)[0]


def image_shape(path: str | Path) -> tuple[int, int]:
    """Height and width in pixels, from the header alone."""
    source = Path(path)
    try:
        with Image.open(source, formats=_FORMATS) as image:
            return image.height, image.width
    except FileNotFoundError:
        raise _missing(source) from None
    except _BROKEN as error:
        raise _corrupt(source, error) from None


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
    """PNG bytes of ``uint8 [H, W]`` or ``bool [H, W]`` (written as 0 and 255), without metadata."""
    values = image.astype(np.uint8) * np.uint8(255) if image.dtype == np.bool_ else image
    if values.dtype != np.uint8 or values.ndim != 2:
        raise ValueError(f"Expected uint8 or bool [H, W], got {image.dtype} with {image.ndim} dimensions.")
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


def _opened(path: Path) -> Image.Image:
    """Open and decode wholly, so that a truncated file is found here and nowhere else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_FORMATS)
            image.load()
    except FileNotFoundError:
        raise _missing(path) from None
    except _BROKEN as error:
        raise _corrupt(path, error) from None
    return image


def _missing(path: Path) -> UsageError:
    return UsageError(f"The image {path} does not exist; check the path or put the file there.")


def _corrupt(path: Path, error: BaseException) -> UsageError:
    if isinstance(error, OSError) and error.errno is not None:
        return UsageError(f"The image {path} cannot be read ({error.strerror}); check its permissions.")
    detail = "not a PNG or JPEG" if type(error).__name__ == "UnidentifiedImageError" else str(error)
    return UsageError(
        f"The image {path} is corrupt or in another format ({detail}); "
        "expected a whole PNG or JPEG of 8 or 16 bits, so replace or convert it."
    )
