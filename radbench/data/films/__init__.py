"""The one room that reads films: PNG, JPEG, TIFF and DICOM as they come.

This module reads any of them: told by content, refused in one sentence where it is none, brought to 8 or 16 bits.

``film``      what a film is, what a file is by its first bytes, which sizes cannot be a film
``rasters``   PNG, JPEG, TIFF
``dicom``     DICOM and its header; ``dicom_values`` its windows and lookup tables
``raw``       pixels without a header, for a dataset that says what they are
``beside``    a PNG of a DICOM's values with the header beside it
``gray``      orientation, colour, alpha; how many bits are used, and how they are brought to 8 or 16
``survey``    what a person should look at in a whole cohort: twins, inverted, sideways, mixed depths
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radbench.data.cohort import GrayImage, Pixels
from radbench.data.films.beside import apply_header
from radbench.data.films.dicom import dicom_shape, read_dicom
from radbench.data.films.film import DICOM, JPEG, PNG, TIFF, Film, Stored, check_shape, kind_of
from radbench.data.films.gray import to_pixels
from radbench.data.films.rasters import jpeg_shape, png_shape, read_jpeg, read_png, read_tiff, tiff_shape
from radbench.data.images import min_max

_CONTAINERS: dict[str, tuple[Callable[[Path], tuple[int, int]], Callable[[Path], Stored]]] = {
    PNG: (png_shape, read_png),
    JPEG: (jpeg_shape, read_jpeg),
    TIFF: (tiff_shape, read_tiff),
    DICOM: (dicom_shape, read_dicom),
}
"""What tells the shape of a file of each kind, and what reads it."""
_SAMPLES = 200_000
_NEARLY, _SHARE = 0.01, 0.99


def read_film(path: str | Path, *, header: Any = None, depths: Sequence[int] = ()) -> Film:
    """Read a PNG, JPEG, TIFF or DICOM as it is: its own size, 8 or 16 bits, 0 black, the largest white.

    The kind is told by content. 8 bits are kept to the bit; the depth of wider files is as declared or
    inferred (see ``gray``); an alpha channel is left out; colour becomes luminance (BT.601); an EXIF
    orientation is applied. Everything done is in ``provenance``.

    Args:
        path: the file.
        header: a DICOM header (``pydicom.Dataset``) that lies beside a PNG, JPEG or TIFF of stored values: window,
            LUT, depth and direction are its own (see ``beside``).
        depths: bits that a file of undeclared depth may have, ascending, where it is known which.

    Raises:
        UsageError: the file is missing, a pointer (Git LFS), truncated, corrupt, of another format, has
            several pages or frames, needs a decoder that is not installed, or cannot be a film (a side under
            16 pixels, one side over 8 times the other, over 200 megapixels).
    """
    source = Path(path)
    kind = kind_of(source)
    shape_of, read = _CONTAINERS[kind]
    check_shape(source, *shape_of(source))
    stored = read(source)
    stored.depths = tuple(depths)
    if header is not None and kind != DICOM:
        apply_header(header, stored)
    pixels, bits = to_pixels(stored)
    flat = flatness(pixels)
    if flat:
        stored.warnings.append(flat)
    return Film(
        pixels=pixels,
        spacing=stored.spacing,
        attributes=dict(stored.attributes),
        provenance=(f"read from {kind}", *stored.provenance),
        warnings=tuple(stored.warnings),
        bits=bits,
    )


def film_shape(path: str | Path) -> tuple[int, int]:
    """Height and width of the film that ``read_film`` would give, from the header alone.

    Raises:
        UsageError: as ``read_film``, as far as the header shows it.
    """
    height, width = image_shape(path)
    check_shape(Path(path), height, width)
    return height, width


def image_shape(path: str | Path) -> tuple[int, int]:
    """Height and width in pixels, upright, from the header alone, whether the image can be a film or not."""
    source = Path(path)
    shape_of, _ = _CONTAINERS[kind_of(source)]
    return shape_of(source)


def read_pixels(path: str | Path) -> Pixels:
    """Read any image as stored and upright, ``uint8 [H, W]`` or ``uint16 [H, W]``; colour becomes luminance.

    The gray values of an unsigned 8- or 16-bit PNG, JPEG or TIFF keep their range, as masks and label maps need it.
    Whatever is stored otherwise (DICOM, floats, signed values, white as 0) gives its film's pixels.

    Raises:
        UsageError: the file is missing, truncated, corrupt, or not a PNG, JPEG, TIFF or DICOM.
    """
    source = Path(path)
    kind = kind_of(source)
    _, read = _CONTAINERS[kind]
    stored = read(source)
    plain = kind != DICOM and not stored.inverted and stored.values.dtype in {np.dtype("u1"), np.dtype("u2")}
    return stored.values if plain else to_pixels(stored)[0]


def read_image(path: str | Path) -> GrayImage:
    """Read any image as ``uint8 [H, W]``; 16 bits are mapped from the image's own range to 0..255."""
    pixels = read_pixels(path)
    return pixels.astype(np.uint8) if pixels.dtype == np.uint8 else min_max(pixels)[0]


def flatness(pixels: Pixels) -> str | None:
    """A sentence where a film shows (nearly) nothing: 99 % of its pixels within 1 % of the range."""
    low, high = int(pixels.min()), int(pixels.max())
    if low == high:
        return f"The film is constant: every pixel is {low}."
    flat = pixels.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLES)]
    edge = (1 - _SHARE) / 2
    first, last = np.quantile(sample, [edge, 1 - edge])
    if last - first <= _NEARLY * np.iinfo(pixels.dtype).max:
        return f"The film is nearly constant: {100 * _SHARE:.0f} % of its pixels are from {first:.0f} to {last:.0f}."
    return None
