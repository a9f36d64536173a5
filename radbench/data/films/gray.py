"""From what a container stores to one gray plane: orientation, colour and alpha."""

from typing import Any

import numpy as np
import numpy.typing as npt

# ITU-R BT.601 luma in 16-bit fixed point; the weights sum to 65536, so that gray stays gray to the bit.
_RED, _GREEN, _BLUE = 19595, 38470, 7471
_STRONG = 0.1


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
