"""From stored DICOM values to the film on the screen (PS3.3, C.7.6.3, C.11.1, C.11.2; PS3.14).

In the standard's order: padding is set aside, the modality LUT or rescale is applied, then the first VOI LUT,
else the first window, else the whole stored depth; MONOCHROME1 (or PresentationLUTShape INVERSE, which says the
same: the two do not cancel out) turns white and black round; padding becomes black.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.films.film import Stored
from radbench.data.films.gray import depth_for

_CUT = 0.5
_DULL = 1 / 8
_MAX_TABLE_BITS = 16


def render(header: Any, values: npt.NDArray[Any], stored: Stored) -> None:
    """Put the film's values, depth, padding and direction into ``stored``."""
    stored.outside = _padding(header, values)
    if stored.outside is not None:
        share = 100 * float(stored.outside.mean())
        stored.provenance.append(f"pixel padding ({share:.2g} % of the film) set to black")
    _direction(header, stored)
    lookup = _first(header, "ModalityLUTSequence")
    measured, top = _modality(header, values, lookup, stored)
    if _voi(header, measured, stored, values):
        return
    if lookup is not None and top is not None:
        stored.values, stored.bits = measured.astype(np.uint16), top
    elif values.dtype.kind == "f":
        stored.values = measured
    else:
        _whole_depth(header, values, stored)


def _padding(header: Any, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
    """Where the stored values are PixelPaddingValue (to PixelPaddingRangeLimit), or None without padding."""
    first = _pixel_value(header, "PixelPaddingValue", values)
    if first is None:
        return None
    last = _pixel_value(header, "PixelPaddingRangeLimit", values)
    low, high = min(first, first if last is None else last), max(first, first if last is None else last)
    outside = (values >= low) & (values <= high)
    return outside if outside.any() else None


def _pixel_value(header: Any, name: str, values: npt.NDArray[Any]) -> float | None:
    """A header value in the pixels' own sign: 63536 means -2000 where pixels are signed, and back."""
    value = getattr(header, name, None)
    if isinstance(value, bytes) and len(value) >= 2:
        value = int.from_bytes(value[:2], "little")
    if value is None or not isinstance(value, int):
        return None
    if values.dtype.kind == "i" and value > np.iinfo(values.dtype).max:
        return value - (1 << 8 * values.dtype.itemsize)
    if values.dtype.kind == "u" and value < 0:
        return value + (1 << 8 * values.dtype.itemsize)
    return value


def _direction(header: Any, stored: Stored) -> None:
    inverse = text(header, "PresentationLUTShape").upper() == "INVERSE"
    monochrome1 = text(header, "PhotometricInterpretation") == "MONOCHROME1"
    stored.inverted = monochrome1 or inverse
    if monochrome1:
        stored.provenance.append("MONOCHROME1 inverted")
    elif inverse:
        stored.provenance.append("PresentationLUTShape INVERSE inverted")
        stored.warnings.append(
            "The DICOM says both MONOCHROME2 and PresentationLUTShape INVERSE, which the standard does not "
            "allow together for radiographs; it is inverted, so look whether bone is white."
        )


def _modality(
    header: Any, values: npt.NDArray[Any], lookup: Any, stored: Stored
) -> tuple[npt.NDArray[Any], int | None]:
    """Values after the modality LUT or rescale, and the LUT's depth in bits (None for a rescale)."""
    if lookup is not None:
        table, first, bits = _table(header, lookup, values.dtype.kind == "i")
        stored.provenance.append("modality LUT applied")
        return _looked_up(values, table, first), bits
    slope, intercept = _rescale(header)
    if (slope, intercept) == (1.0, 0.0):
        return values, None
    stored.provenance.append(f"rescale slope {slope:.6g} and intercept {intercept:.6g}")
    return values * slope + intercept, None


def _rescale(header: Any) -> tuple[float, float]:
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    return (slope or 1.0), (0.0 if intercept is None else intercept)


def _voi(header: Any, measured: npt.NDArray[Any], stored: Stored, values: npt.NDArray[Any]) -> bool:
    """Apply the first VOI LUT or window that serves; false where there is none."""
    lookup = _first(header, "VOILUTSequence")
    if lookup is not None:
        entries, start, depth = _table(header, lookup, bool(measured.min() < 0))
        looked_up = _looked_up(np.rint(measured), entries, start)
        stored.provenance.append("VOI LUT applied (the first)")
        stored.values, stored.bits = looked_up.astype(np.uint16), depth
        _look(looked_up / (2**depth - 1), stored, "VOI LUT")
        return True
    centre, width = number(header, "WindowCenter"), number(header, "WindowWidth")
    if centre is None or width is None:
        return False
    function = text(header, "VOILUTFunction").upper() or "LINEAR"
    if width <= 0 or (function == "LINEAR" and width < 1):
        stored.warnings.append(
            f"The window's width is {width:.6g}, which shows nothing; the window is left out."
        )
        return False
    shown = _window(measured.astype(np.float64), centre, width, function)
    name = f"window centre {centre:.6g}, width {width:.6g}"
    stored.provenance.append(f"{name} applied ({function}, the first)")
    _look(shown, stored, name)
    bits = stored_bits(header, values)
    eight = values.dtype == np.uint8 and function == "LINEAR" and (centre, width) == (128, 256)
    if eight and _rescale(header) == (1.0, 0.0):
        stored.values, stored.exact = values, True
    else:
        stored.values, stored.unit, stored.source_bits = shown, True, bits if bits < 16 else None
        if bits >= 16 and values.dtype.kind in "iu":
            inside = stored.inside(values)
            stored.source_bits = depth_for(int(inside.max()) - min(int(inside.min()), 0))
    return True


def _window(values: npt.NDArray[Any], centre: float, width: float, function: str) -> npt.NDArray[np.float64]:
    """Values to [0, 1] as PS3.3, C.11.2.1.2 and C.11.2.1.3 write it."""
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _look(shown: npt.NDArray[Any], stored: Stored, name: str) -> None:
    """Warn of a window that does not fit the film: most of it cut away, or hardly a step of it used."""
    inside = stored.inside(shown)
    cut = float(np.mean((inside <= 0) | (inside >= 1)))
    if cut > _CUT:
        stored.warnings.append(f"The {name} makes {100 * cut:.0f} % of the film wholly black or white.")
    elif float(inside.max() - inside.min()) < _DULL:
        stored.warnings.append(f"The {name} leaves less than an eighth of the range to the film.")


def _whole_depth(header: Any, values: npt.NDArray[Any], stored: Stored) -> None:
    """Without LUT and window, black and white are the ends of the stored depth.

    A linear rescale does not move them, but it says where signed values start.
    """
    allocated = 8 * values.dtype.itemsize
    bits = stored_bits(header, values)
    slope, intercept = _rescale(header)
    stored.inverted ^= slope < 0
    stored.values = values
    if values.dtype.kind == "u":
        stored.exact = values.dtype == np.uint8 and bits >= 8
        stored.bits = bits if bits < allocated and not stored.exact else None
        return
    offset = intercept / slope
    wide = values.astype(np.int64)
    inside = stored.inside(wide)
    half = 1 << (bits - 1)
    if offset == int(offset) and offset != 0 and int(inside.min()) + offset >= 0:
        stored.values = _narrow(np.maximum(wide + int(offset), 0))
        stored.bits = bits if offset == half and bits < allocated else None
    elif bits < allocated and int(inside.min()) < 0:
        stored.values, stored.bits = _narrow(wide + half), bits
        stored.provenance.append(f"signed values moved by {half}, half of their {bits} bits")
    # else signed values that are not negative, or that nothing explains: ``gray`` decides and says so.


def _narrow(values: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    return values.astype(np.uint16 if int(values.max()) <= 65535 else np.uint32)


def _first(header: Any, name: str) -> Any:
    sequence = getattr(header, name, None)
    return sequence[0] if sequence is not None and len(sequence) else None


def _table(header: Any, item: Any, signed: bool) -> tuple[npt.NDArray[np.int64], int, int]:
    """A LUT's entries, the value that its first stands for, and its depth in bits (PS3.3, C.11.1.1)."""
    count, first, bits = (int(part) for part in item.LUTDescriptor)
    count = count or 65536
    first = first - 65536 if signed and first >= 32768 else first
    data = item.LUTData
    if isinstance(data, bytes):
        wide = len(data) >= 2 * count
        order = "<" if header.original_encoding[1] in {None, True} else ">"
        data = np.frombuffer(data, dtype=f"{order}u2" if wide else np.uint8)
    table = np.atleast_1d(np.asarray(data, dtype=np.int64))[:count] & 0xFFFF
    if table.size < count:
        raise ValueError(f"a LUT of {table.size} entries that declares {count}")
    largest = int(table.max())
    deeper = not 1 <= bits <= _MAX_TABLE_BITS or largest >= 2**bits
    return table, first, depth_for(largest) if deeper or bits == _MAX_TABLE_BITS else bits


def _looked_up(values: npt.NDArray[Any], table: npt.NDArray[np.int64], first: int) -> npt.NDArray[np.int64]:
    return table[np.clip(values.astype(np.int64) - first, 0, table.size - 1)]


def stored_bits(header: Any, values: npt.NDArray[Any]) -> int:
    """BitsStored, or where the header does not say, all bits of the values."""
    return int(header.get("BitsStored", 0) or 8 * values.dtype.itemsize)


def text(header: Any, name: str) -> str:
    """A header's value as stripped text, empty where absent; the first of several."""
    value = getattr(header, name, None)
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__len__"):
        value = value[0] if len(value) else ""
    return str(value).strip()


def number(header: Any, name: str) -> float | None:
    """A header's value as a finite float, None where absent or not one; the first of several."""
    try:
        value = float(text(header, name))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
