"""Raw films: pixels and nothing else in the file, so that a dataset has to say what they are.

JSRT is published so: 2048 x 2048 values of 16 bits, big-endian, of which 12 are used.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radbench.data.films import flatness
from radbench.data.films.film import Film, Stored, check_shape
from radbench.data.films.gray import to_pixels
from radbench.errors import UsageError


@dataclass(frozen=True)
class RawLayout:
    """What a raw file holds.

    Attributes:
        height: pixels.
        width: pixels.
        dtype: of one value as NumPy writes it, such as ``>u2``; unsigned.
        bits: that are used of a value.
        inverted: 0 is white, as in a file of optical densities.
        spacing: millimetres from row to row and from column to column, None where nobody says.
    """

    height: int
    width: int
    dtype: str
    bits: int
    inverted: bool = False
    spacing: tuple[float, float] | None = None

    @property
    def size(self) -> int:
        """Bytes of a whole file."""
        return self.height * self.width * np.dtype(self.dtype).itemsize


def raw_shape(path: Path, layout: RawLayout) -> tuple[int, int]:
    """Return height and width, known by the number of bytes.

    Raises:
        UsageError: the file is missing or has another number of bytes.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UsageError(f"The image {path} cannot be read ({error.strerror}); check the path.") from None
    if size != layout.size:
        raise UsageError(
            f"The image {path} has {size:,} bytes; expected {layout.size:,} ({layout.height} x {layout.width} raw "
            f"values of {8 * np.dtype(layout.dtype).itemsize} bits), so copy it again or replace it."
        )
    check_shape(path, layout.height, layout.width)
    return layout.height, layout.width


def read_raw(path: Path, layout: RawLayout) -> Film:
    """Read a raw film, ``uint8`` or ``uint16 [H, W]``: 0 black, the largest value white.

    Raises:
        UsageError: as ``raw_shape``; or a value needs more bits than the layout says, which another byte order does.
    """
    raw_shape(path, layout)
    try:
        values = np.fromfile(path, dtype=layout.dtype).reshape(layout.height, layout.width)
    except (OSError, ValueError) as error:
        raise UsageError(f"The image {path} cannot be read ({error}); check it.") from None
    native = values.astype(values.dtype.newbyteorder("="))
    if int(native.max()) >> layout.bits:
        raise UsageError(
            f"The image {path} holds a value of {int(native.max())}; expected {layout.bits} bits, at most "
            f"{(1 << layout.bits) - 1}, so its bytes were exchanged or it was converted: take the published file."
        )
    stored = Stored(native, bits=layout.bits, inverted=layout.inverted)
    pixels, bits = to_pixels(stored)
    flat = flatness(pixels)
    inverted = ("inverted (0 is white in the file)",) if layout.inverted else ()
    return Film(
        pixels=pixels,
        spacing=layout.spacing,
        provenance=(f"read from raw values ({layout.dtype})", *stored.provenance, *inverted),
        warnings=(*stored.warnings, *([flat] if flat else [])),
        bits=bits,
    )
