"""DICOM radiographs: from stored values to what a viewer shows, in the standard's order.

Stored values; modality LUT or rescale; padding set aside; VOI LUT or window (the first one); MONOCHROME1 inverted
(DICOM PS3.3 C.7.6.3, C.11.1, C.11.2 and C.11.6). Where a file has no VOI, black and white are those of its depth.
Names and numbers of patients never leave this module.
"""

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Pixels
from radbench.data.films.film import Film, full_depth, inverted, luminance, own_range, sixteen
from radbench.errors import UsageError

_RADIOGRAPHS: Final = ("CR", "DX", "RG", "DR", "RF", "XA", "SC", "OT", "MG", "PX", "")
_AGE: Final = re.compile(r"(\d{3})([DWMY])")
_YEARS: Final = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_FAILED: Final = (AttributeError, KeyError, NotImplementedError, OSError, RuntimeError, TypeError, ValueError)


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins so (at least 132 bytes) is DICOM with its preamble."""
    return head[128:132] == b"DICM"


def read_dicom(path: Path, *, force: bool = False) -> Film:
    """Read a DICOM radiograph.

    Args:
        path: the file.
        force: also read one without a preamble.

    Raises:
        UsageError: several frames, no pixels, a damaged file, or a codec that is not installed.
    """
    data = _dataset(path, force=force, pixels=True)
    stored = _stored(path, data)
    done: tuple[str, ...] = ()
    if stored.ndim == 3:
        gray, done = luminance(stored)
        return _film(data, *full_depth(gray.astype(np.int64), _declared_bits(data)), done)
    counted = _counted(data, stored)
    pixels, said, warnings = _shown(data, stored, counted)
    if _inverted(data):
        pixels, said = inverted(pixels), (*said, "inverted (MONOCHROME1)")
    if counted is not None and not counted.all():
        pixels = pixels.copy()
        pixels[~counted] = 0
        said = (*said, f"{int((~counted).sum())} pixels of padding set to black")
    return _film(data, pixels, said, done, warnings)


def dicom_shape(path: Path, *, force: bool = False) -> tuple[int, int]:
    """Return height and width from the header alone."""
    data = _dataset(path, force=force, pixels=False)
    return int(data.Rows), int(data.Columns)


def _dataset(path: Path, *, force: bool, pixels: bool) -> Any:
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        data = pydicom.dcmread(path, force=force, stop_before_pixels=not pixels)
    except (InvalidDicomError, EOFError, *_FAILED) as error:
        raise UsageError(f"The film {path} cannot be read as DICOM ({_short(error)}); replace it.") from None
    if "Rows" not in data or "Columns" not in data or (pixels and "PixelData" not in data):
        what = "is no image" if "Rows" not in data else "has no pixels"
        raise UsageError(f"The DICOM file {path} {what}; expected a radiograph with PixelData.")
    frames = int(data.get("NumberOfFrames") or 1)
    if frames > 1:
        raise UsageError(
            f"The DICOM file {path} has {frames} frames; expected one, so export the frame that is meant."
        )
    return data


def _stored(path: Path, data: Any) -> npt.NDArray[Any]:
    from pydicom.uid import UID, ImplicitVRLittleEndian

    meta = getattr(data, "file_meta", None)
    if meta is None or "TransferSyntaxUID" not in meta:
        from pydicom.dataset import FileMetaDataset

        data.file_meta = meta if meta is not None else FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    syntax = UID(data.file_meta.TransferSyntaxUID)
    try:
        return np.asarray(data.pixel_array)
    except _FAILED as error:
        missing = "install" in str(error) or ("missing" in str(error).lower() and "dependenc" in str(error))
        mend = 'install the codecs with pip install "radbench[dicom]"' if missing else "replace or convert it"
        raise UsageError(
            f"The DICOM file {path} ({syntax.name}) cannot be decoded ({_short(error)}); {mend}."
        ) from None


def _counted(data: Any, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_] | None:
    """Return where a pixel is no padding; None where the file declares no padding."""
    padding = data.get("PixelPaddingValue")
    if padding is None:
        return None
    limit = data.get("PixelPaddingRangeLimit")
    ends = sorted((int(padding), int(padding if limit is None else limit)))
    inside: npt.NDArray[np.bool_] = (stored < ends[0]) | (stored > ends[1])
    return inside


def _shown(
    data: Any, stored: npt.NDArray[Any], counted: npt.NDArray[np.bool_] | None
) -> tuple[Pixels, tuple[str, ...], tuple[str, ...]]:
    """Return the pixels before any inversion, what was done, and warnings."""
    from pydicom.pixels import apply_modality_lut

    values = np.asarray(apply_modality_lut(stored, data))
    changed = not np.array_equal(values, stored)
    said: tuple[str, ...] = ("modality LUT or rescale applied",) if changed else ()
    if data.get("VOILUTSequence") or data.get("WindowWidth") is not None:
        shares, how = _voi(data, values)
        return sixteen(shares), (*said, how), ()
    whole = np.rint(values)
    if np.array_equal(whole, values) and float(values.min()) >= 0 and float(values.max()) <= 65535:
        bits = None if changed else _declared_bits(data)
        pixels, deep = full_depth(whole.astype(np.int64), bits, counted)
        return pixels, (*said, *deep), ()
    bits = _declared_bits(data)
    if bits is not None and "ModalityLUTSequence" not in data:
        slope, intercept = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
        lowest = -(1 << (bits - 1)) if int(data.PixelRepresentation) else 0
        ends = sorted(slope * end + intercept for end in (lowest, lowest + (1 << bits) - 1))
        shares = (values - ends[0]) / (ends[1] - ends[0])
        return (
            sixteen(shares),
            (*said, f"{bits} bits, {ends[0]:g} to {ends[1]:g}, taken as black to white"),
            (),
        )
    low, high = float(values.min()), float(values.max())
    words = f"its own range, {low:g} to {high:g}, taken as black to white"
    guess = f"no window, and values from {low:g} to {high:g}: which is black and which white is a guess"
    return sixteen(own_range(values, counted)), (*said, words), (guess,)


def _voi(data: Any, values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], str]:
    """Return shares of white, 0 to 1, by the first VOI LUT or window."""
    if data.get("VOILUTSequence"):
        from pydicom.pixels import apply_voi

        descriptor = data.VOILUTSequence[0].LUTDescriptor
        shown = np.asarray(apply_voi(values.astype(np.int64), data, index=0), np.float64)
        return shown / ((1 << int(descriptor[2])) - 1), "VOI LUT applied"
    centre, width = _first(data.WindowCenter), _first(data.WindowWidth)
    function = str(data.get("VOILUTFunction", "LINEAR") or "LINEAR")
    exact = values.astype(np.float64)
    if function == "SIGMOID":
        shares = 1 / (1 + np.exp(-4 * (exact - centre) / width))
    elif function == "LINEAR_EXACT":
        shares = (exact - centre) / width + 0.5
    else:
        shares = (exact - (centre - 0.5)) / max(width - 1, 1e-9) + 0.5
    return np.clip(shares, 0, 1), f"window {centre:g} / {width:g} applied ({function})"


def _declared_bits(data: Any) -> int | None:
    """Return the depth that the file declares; None where that is no more than its container's 16."""
    bits = int(data.get("BitsStored", 0) or 0)
    return bits if 0 < bits < 16 else None


def _inverted(data: Any) -> bool:
    shape = str(data.get("PresentationLUTShape", "") or "")
    return str(data.get("PhotometricInterpretation", "")) == "MONOCHROME1" or shape == "INVERSE"


def _film(
    data: Any, pixels: Pixels, said: tuple[str, ...], done: tuple[str, ...], warnings: tuple[str, ...] = ()
) -> Film:
    spacing, of = _spacing(data)
    modality = str(data.get("Modality", "") or "")
    if modality not in _RADIOGRAPHS:
        warnings = (*warnings, f"modality {modality} is no radiograph")
    if str(data.get("BurnedInAnnotation", "") or "").upper() == "YES":
        warnings = (*warnings, "burnt-in annotation is declared: words in the pixels may name a patient")
    known: dict[str, str | int | float] = {}
    for name, keyword in (("view_position", "ViewPosition"), ("patient_sex", "PatientSex")):
        if value := str(data.get(keyword, "") or "").strip():
            known[name] = value
    if (age := _AGE.fullmatch(str(data.get("PatientAge", "") or "").strip())) is not None:
        years = int(age[1]) * _YEARS[age[2]]
        known["patient_age"] = int(years) if age[2] == "Y" else round(years, 3)
    return Film(pixels.copy(), spacing, known, ("DICOM", *done, *said, *of), warnings)


def _spacing(data: Any) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        found = data.get(keyword)
        if found is not None and len(found) == 2 and min(map(float, found)) > 0:
            factor = 1.0
            if keyword == "ImagerPixelSpacing":
                factor = float(data.get("EstimatedRadiographicMagnificationFactor") or 1.0)
            rows, columns = (float(value) / factor for value in found)
            at = " at the detector" if keyword == "ImagerPixelSpacing" and factor == 1.0 else ""
            return (rows, columns), (f"{keyword} {rows:g} x {columns:g} mm{at}",)
    return None, ()


def _first(value: Any) -> float:
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
