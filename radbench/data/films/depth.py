"""From stored values to ``uint8`` or ``uint16`` over the whole range, by declared or inferred depth.

The rules, in this order:

1. A file of 8 bits is kept to the bit.
2. A depth that the file declares (DICOM BitsStored below BitsAllocated, PNG sBIT, TIFF MaxSampleValue or
   BitsPerSample) is trusted, unless a value is larger than it allows.
3. Else the smallest of 8, 10, 12, 14 and 16 bits that holds the film's largest value is taken.
4. A depth of 8 gives ``uint8``; 16 stays to the bit; any other is brought to 0..65535 by
   ``round(v * 65535 / (2**bits - 1))``, which can be undone exactly.

Values that mean no light (padding) take no part in this and become black.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.films.film import Pixels, Stored

_STEPS = (8, 10, 12, 14, 16)


def depth_for(largest: int) -> int:
    """The smallest of 8, 10, 12, 14 and 16 bits (or the bits themselves above 16) that holds ``largest``."""
    needed = max(int(largest), 0).bit_length()
    return next((step for step in _STEPS if step >= needed), needed)


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


def _inside(stored: Stored, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if stored.outside is None or stored.outside.all():
        return values.ravel()
    return np.asarray(values[~stored.outside])


def _bits(stored: Stored, values: npt.NDArray[Any]) -> int:
    largest = int(_inside(stored, values).max())
    if stored.bits is not None and largest < 2**stored.bits:
        found = stored.bits
    else:
        found = depth_for(largest)
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
    inside = _inside(stored, values)
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
    inside = _inside(stored, values)
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
