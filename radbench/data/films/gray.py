"""From stored values to gray pixels: orientation, colour and alpha, then the depth in bits.

The depth, by these rules in this order:

1. A file of 8 bits is kept to the bit.
2. A depth that the file declares (DICOM BitsStored below BitsAllocated, PNG sBIT, TIFF MaxSampleValue or
   BitsPerSample) is trusted, unless a value is larger than it allows.
3. Else the smallest of 8, 10, 12, 14 and 16 bits (or of those that a dataset has) that holds the film's largest
   value is taken.
4. A depth of 8 gives ``uint8``; 16 stays to the bit; any other is brought to 0..65535 by
   ``round(v * 65535 / (2**bits - 1))``, which can be undone exactly.

Values that mean no light (padding) take no part in this and become black.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Pixels
from radbench.data.films.film import Stored

# ITU-R BT.601 luma in 16-bit fixed point; the weights sum to 65536, so that gray stays gray to the bit.
_RED, _GREEN, _BLUE = 19595, 38470, 7471
_STRONG = 0.1
_STEPS = (8, 10, 12, 14, 16)


def upright(values: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Apply an EXIF (or TIFF) orientation, 1 to 8, to ``[H, W, ...]``; anything else changes nothing."""
    if orientation in {5, 6, 7, 8}:
        values = np.swapaxes(values, 0, 1)
    if orientation in {2, 3, 6, 7}:
        values = values[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        values = values[::-1]
    return np.ascontiguousarray(values)


def upright_shape(height: int, width: int, orientation: int) -> tuple[int, int]:
    """The shape that ``upright`` gives."""
    return (width, height) if orientation in {5, 6, 7, 8} else (height, width)


def oriented(values: npt.NDArray[Any], orientation: int, provenance: list[str]) -> npt.NDArray[Any]:
    """``upright``, noted in ``provenance`` where it changed something."""
    if orientation not in range(2, 9):
        return values
    provenance.append(f"EXIF orientation {orientation} applied")
    return upright(values, orientation)


def palette_depth(colours: npt.NDArray[np.uint16]) -> npt.NDArray[Any]:
    """A palette's 16-bit colours as ``uint8`` where they are 8-bit colours spread or moved to 16, else as given."""
    if not (colours % 257).any() or not (colours & 0xFF).any():
        return (colours >> 8).astype(np.uint8)
    return colours


def luminance(
    colour: npt.NDArray[Any], provenance: list[str], warnings: list[str], white: float | None = None
) -> npt.NDArray[Any]:
    """``[H, W, 3]`` to ``[H, W]`` of the same dtype: the one plane where all three are alike, else BT.601.

    Args:
        colour: red, green and blue; unsigned integers or floats.
        provenance: gains a clause where the film is not gray.
        warnings: gains a sentence where colours are strong, as in a drawing over the film.
        white: largest value a channel can take; by default the dtype's (1 for floats).
    """
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return np.ascontiguousarray(red)
    provenance.append("colour brought to luminance (ITU-R BT.601)")
    whole = np.issubdtype(colour.dtype, np.integer)
    top = white if white is not None else float(np.iinfo(colour.dtype).max) if whole else 1.0
    low, high = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    strong = float(np.mean(high - low > _STRONG * top))
    if strong > 0:
        warnings.append(
            f"{100 * strong:.2g} % of the pixels are strongly coloured; look for drawings or text on the film."
        )
    if not whole:
        return np.asarray((_RED * red + _GREEN * green + _BLUE * blue) / 65536, dtype=colour.dtype)
    wide = np.uint32 if colour.dtype.itemsize <= 2 else np.uint64  # 65536 * 65535 + 0x8000 is below 2**32
    total = np.multiply(red, wide(_RED), dtype=wide)
    total += np.multiply(green, wide(_GREEN), dtype=wide)
    total += np.multiply(blue, wide(_BLUE), dtype=wide)
    return np.asarray((total + wide(0x8000)) >> wide(16), dtype=colour.dtype)


def without_alpha(alpha: npt.NDArray[Any], provenance: list[str], warnings: list[str]) -> None:
    """Note that an alpha channel is left out: the film is what lies under it, as stored."""
    provenance.append("alpha channel left out")
    white = np.iinfo(alpha.dtype).max if np.issubdtype(alpha.dtype, np.integer) else 1
    clear = float(np.mean(alpha < white))
    if clear > 0:
        warnings.append(
            f"The alpha channel hides {100 * clear:.2g} % of the film wholly or partly; "
            "it is left out, and the gray values under it are read as stored."
        )


def depth_for(largest: int, depths: Sequence[int] = ()) -> int:
    """The smallest of 8, 10, 12, 14 and 16 bits, or of ``depths`` (or the bits themselves), that holds ``largest``."""
    needed = max(int(largest), 0).bit_length()
    return next((step for step in depths or _STEPS if step >= needed), needed)


def to_pixels(stored: Stored) -> tuple[Pixels, int | None]:
    """Bring ``stored`` to the whole range of 8 or 16 bits; notes go to its provenance and warnings.

    Returns:
        ``uint8`` or ``uint16 [H, W]`` with 0 as black, and the bits that the stored values use.
    """
    if stored.values.dtype == np.bool_:
        stored.values, stored.exact = stored.values.astype(np.uint8) * np.uint8(255), True
    if stored.unit:
        return _finished(stored, _fractions(stored.values)), stored.source_bits
    if np.issubdtype(stored.values.dtype, np.floating):
        whole = _whole_numbers(stored)
        if whole is None:
            return _finished(stored, _fractions(_floats(stored))), None
        stored.values = whole
    if stored.exact and stored.values.dtype == np.uint8:
        return _finished(stored, stored.values), 8
    values = _unsigned(stored)
    bits = _bits(stored, values)
    return _finished(stored, _scaled(values, bits)), bits


def _finished(stored: Stored, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if stored.inverted:
        pixels = np.iinfo(pixels.dtype).max - pixels
    if stored.outside is not None and stored.outside.any():
        pixels = np.where(stored.outside, pixels.dtype.type(0), pixels)
    return np.ascontiguousarray(pixels)


def _bits(stored: Stored, values: npt.NDArray[Any]) -> int:
    largest = int(stored.inside(values).max())
    if stored.bits is not None and largest < 2**stored.bits:
        found = stored.bits
    else:
        found = depth_for(largest, stored.depths)
        if stored.bits is not None:
            stored.warnings.append(
                f"The file declares {stored.bits} bits but holds a value of {largest}; read as {found} bits."
            )
    container = 8 * stored.values.dtype.itemsize
    if found != container:
        why = "declared" if found == stored.bits else f"largest value {largest}"
        stored.provenance.append(f"{found} of {container} bits used ({why})")
    if found > 16:
        stored.warnings.append(f"The film uses {found} bits; they are brought to 16, which rounds them.")
    return found


def _scaled(values: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    white = 2**bits - 1
    clipped = np.clip(values, 0, white)
    top, dtype = (255, np.uint8) if bits <= 8 else (65535, np.uint16)
    if white == top:
        scaled: npt.NDArray[Any] = clipped.astype(dtype)
    elif bits > 16:
        scaled = np.rint(clipped.astype(np.float64) * (top / white)).astype(dtype)
    else:
        scaled = np.rint(np.arange(white + 1) * (top / white)).astype(dtype)[clipped]
    return scaled


def _unsigned(stored: Stored) -> npt.NDArray[Any]:
    """Signed values moved so that none is negative: by a power of two where one serves, else by the least."""
    if not np.issubdtype(stored.values.dtype, np.signedinteger):
        return stored.values
    values = stored.values.astype(np.int64)
    inside = stored.inside(values)
    low, high = int(inside.min()), int(inside.max())
    if low >= 0:
        return np.maximum(values, 0)
    power = 1 << (-low - 1).bit_length()
    moved = power if depth_for(high + power) == depth_for(high - low) else -low
    stored.provenance.append(f"signed values moved by {moved}")
    stored.warnings.append(
        f"The stored values are signed and start at {low}, and nothing says what black is; "
        f"{-moved} is taken as black."
    )
    return np.maximum(values + moved, 0)


def _fractions(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(np.rint(np.clip(values, 0, 1).astype(np.float64) * 65535).astype(np.uint16))


def _whole_numbers(stored: Stored) -> npt.NDArray[Any] | None:
    """The values as integers, where a float file holds nothing but whole numbers from 0 to 65535."""
    values = stored.values
    if not np.isfinite(values).all() or values.min() < 0 or not 1 < values.max() <= 65535:
        return None
    whole = values.astype(np.uint16)
    if not np.array_equal(whole, values):
        return None
    stored.provenance.append("floats that are whole numbers read as 16-bit values")
    return whole


def _floats(stored: Stored) -> npt.NDArray[np.float64]:
    """Floats to [0, 1]: as they are where they lie there, else from the film's own least and largest."""
    values = stored.values.astype(np.float64)
    known = np.isfinite(values)
    if not known.all():
        outside = ~known if stored.outside is None else stored.outside | ~known
        stored.outside = outside
        stored.warnings.append(
            f"{100 * float(np.mean(~known)):.2g} % of the pixels are not a number or infinite; read as black."
        )
        values = np.where(known, values, 0.0)
    inside = stored.inside(values)
    low, high = float(inside.min()), float(inside.max())
    if low >= 0 and high <= 1:
        stored.provenance.append("floats in [0, 1] scaled to 16 bits")
        return values
    stored.provenance.append(f"floats from {low:.6g} to {high:.6g} brought to black and white")
    stored.warnings.append(
        f"The file holds floats from {low:.6g} to {high:.6g} and nothing says what black and white are; "
        "the film's own least and largest values are taken, which differ from film to film."
    )
    return (values - low) / ((high - low) or 1.0)
