"""DICOM by pydicom: one frame, decoded, and handed on as the film that a viewer would show, with its header's words.

Names, identifiers and dates are never read here.
"""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.films.dicom_values import number, render, stored_bits, text
from radbench.data.films.film import DECODER_ERRORS, DICOM, Stored, check_area, corrupt, quiet
from radbench.data.films.gray import luminance, palette_depth
from radbench.errors import UsageError

_ERRORS = (*DECODER_ERRORS, BytesWarning)
_DIRECTORY = "1.2.840.10008.1.3.10"
_NO_FILMS = {
    "1.2.840.10008.5.1.4.1.1.66.4": "a segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "a label map segmentation",
    "1.2.840.10008.5.1.4.1.1.66": "raw data",
    "1.2.840.10008.5.1.4.1.1.30": "a parametric map",
    "1.2.840.10008.5.1.4.1.1.481.2": "a radiotherapy dose",
}
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_MONOCHROME = {"MONOCHROME1", "MONOCHROME2"}
_EXTENDED = "1.2.840.10008.1.2.4.51"
_IMPLICIT, _EXPLICIT, _BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
_RADIOGRAPHS = {"CR", "DX", "DR", "RG", "SC", "XC", "OT", "PX", "MG", "IO", "RF", "XA", ""}
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12}


def dicom_shape(path: Path) -> tuple[int, int]:
    """Rows and columns from the header."""
    with _guarded(path):
        return _shape(path, _read(path, pixels=False))


def read_dicom(path: Path) -> Stored:
    """Read the one film of a DICOM file (see ``dicom_values`` for what happens to its values).

    Raises:
        UsageError: no pixels, several frames, a directory or another object than a film, a missing
            decoder, or a file that is corrupt or cut short.
    """
    stored = Stored(np.zeros((0, 0)))
    with _guarded(path):
        header = _read(path, pixels=True)
        _refuse(path, header)
        check_area(path, *_shape(path, header))
        values = _decoded(path, header, stored)
        stored.attributes.update(_attributes(header))
        stored.spacing = spacing_of(header, stored)
        _warn(header, stored)
        if text(header, "PhotometricInterpretation") in _MONOCHROME and values.ndim == 2:
            render(header, values, stored)
        else:
            _colour(header, values, stored)
    return stored


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Whatever pydicom or a decoder says of a broken file, in one sentence."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    try:
        with quiet("pydicom"):
            yield
    except (*_ERRORS, BytesLengthException, InvalidDicomError) as error:
        raise corrupt(path, DICOM, error) from None


def _read(path: Path, *, pixels: bool) -> Any:
    import pydicom

    header = pydicom.dcmread(path, force=True, stop_before_pixels=not pixels)
    meta = getattr(header, "file_meta", None)
    kind = str(header.get("SOPClassUID", "") or getattr(meta, "MediaStorageSOPClassUID", ""))
    if kind == _DIRECTORY or "DirectoryRecordSequence" in header:
        raise UsageError(f"{path} is a DICOMDIR, a list of files; name the films that it lists instead.")
    if not kind and "Rows" not in header:
        raise UsageError(
            f"The image {path} is no DICOM that can be read (it names no kind of object and no rows); "
            "copy it again or replace it."
        )
    return header


def _shape(path: Path, header: Any) -> tuple[int, int]:
    rows, columns = header.get("Rows"), header.get("Columns")
    if not isinstance(rows, int) or not isinstance(columns, int) or rows < 1 or columns < 1:
        raise UsageError(
            f"The DICOM {path} (modality {text(header, 'Modality') or 'unknown'}) has no rows and columns; "
            "expected a film with pixels, so leave it out."
        )
    return rows, columns


def _refuse(path: Path, header: Any) -> None:
    modality = text(header, "Modality") or "unknown"
    kind = _NO_FILMS.get(str(header.get("SOPClassUID", "")))
    if kind is not None:
        raise UsageError(f"The DICOM {path} is {kind} (modality {modality}), not a film; leave it out.")
    frames = text(header, "NumberOfFrames")
    if frames.isdigit() and int(frames) > 1:
        raise UsageError(
            f"The DICOM {path} has {frames} frames; expected one film a file, so write the frame to its own."
        )
    if not any(name in header for name in _PIXELS):
        raise UsageError(
            f"The DICOM {path} (modality {modality}) holds no pixel data; expected a film, so fetch the whole "
            "file (some archives send headers only) or leave it out."
        )


def _decoded(path: Path, header: Any, stored: Stored) -> npt.NDArray[Any]:
    """Stored values, ``[H, W]`` or, in colour, ``[H, W, 3]`` RGB."""
    syntax = _transfer_syntax(header)
    try:
        values = _pixel_array(header, stored)
    except _ERRORS as error:
        missing = _missing_decoder(path, syntax, error)
        raise (missing or error) from None
    if syntax.is_compressed:
        lossy = text(header, "LossyImageCompression") == "01"
        stored.provenance.append(f"decoded from {syntax.name}" + (" (lossy by its header)" if lossy else ""))
    shape = (int(header.Rows), int(header.Columns))
    if values.shape[:2] != shape or values.ndim not in {2, 3}:
        raise corrupt(path, DICOM, f"its pixels are {values.shape} and its header says {shape}")
    return values


def _transfer_syntax(header: Any) -> Any:
    """The file's transfer syntax; without a file meta group, the one it was parsed by."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    if getattr(header, "file_meta", None) is None:
        header.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in header.file_meta:
        implicit, little = header.original_encoding
        header.file_meta.TransferSyntaxUID = UID(_IMPLICIT if implicit else _EXPLICIT if little else _BIG)
    return header.file_meta.TransferSyntaxUID


def _pixel_array(header: Any, stored: Stored) -> npt.NDArray[Any]:
    from pydicom.encaps import get_frame
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    if any(name in header for name in _PIXELS[1:]):
        return np.asarray(header.pixel_array)
    syntax = header.file_meta.TransferSyntaxUID
    allocated = int(header.get("BitsAllocated", 0))
    bits = int(header.get("BitsStored", 0) or allocated)
    if syntax == _EXTENDED and bits > 8 and int(header.get("SamplesPerPixel", 1)) == 1:
        import imagecodecs

        return np.asarray(imagecodecs.jpeg_decode(get_frame(header.PixelData, 0, number_of_frames=1)))
    unused = 0 < bits < allocated and not syntax.is_compressed
    if unused and text(header, "PhotometricInterpretation") in _MONOCHROME:
        raw = np.asarray(pixel_array(header, correct_unused_bits=False))
        moved = _high_or_deeper(header, raw, bits, stored)
        if moved is not None:
            return moved
    values = np.asarray(pixel_array(header))
    if text(header, "PhotometricInterpretation") == "PALETTE COLOR":
        values = np.asarray(apply_color_lut(values, header))
        values = palette_depth(values) if values.dtype == np.uint16 else values
        stored.provenance.append("palette applied")
    return values


def _high_or_deeper(header: Any, raw: npt.NDArray[Any], bits: int, stored: Stored) -> npt.NDArray[Any] | None:
    """Values in the upper bits (HighBit), or deeper than declared; None where BitsStored can be believed."""
    shift = int(header.get("HighBit", bits - 1)) + 1 - bits
    if shift > 0:
        stored.provenance.append(f"values moved down by {shift} bits (HighBit {bits + shift - 1})")
        return raw >> shift
    embedded = any(element.tag.group >> 8 == 0x60 and element.tag.element == 0x0102 and element.value
                   for element in header if element.tag.group >> 8 == 0x60)  # fmt: skip
    if raw.dtype.kind != "u" or embedded:
        return None
    return raw if int(raw.max()) >= 2**bits else None


def _missing_decoder(path: Path, syntax: Any, error: BaseException) -> UsageError | None:
    said = str(error)
    if "dependencies" not in said and "plugins are missing" not in said and "no available" not in said:
        return None
    return UsageError(
        f"The DICOM {path} is stored as {syntax.name}, and no decoder for it is installed; "
        'run `pip install "radbench[dicom]"`.'
    )


def _colour(header: Any, values: npt.NDArray[Any], stored: Stored) -> None:
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=-1)
    bits = stored_bits(header, values)
    if text(header, "PhotometricInterpretation") == "PALETTE COLOR":
        bits = 8 * values.dtype.itemsize
    stored.exact = values.dtype == np.uint8
    stored.bits = bits if bits < 8 * values.dtype.itemsize and not stored.exact else None
    white = float(2 ** (stored.bits or 8 * values.dtype.itemsize) - 1)
    stored.values = luminance(values[..., :3], stored.provenance, stored.warnings, white)


def _attributes(header: Any) -> dict[str, str | int | float]:
    """``view_position``, ``patient_sex`` and ``patient_age`` in years, as far as the header has them."""
    found: dict[str, str | int | float] = {}
    view, sex = text(header, "ViewPosition").upper(), text(header, "PatientSex").upper()
    if view:
        found["view_position"] = view
    if sex:
        found["patient_sex"] = sex
    age = _AGE.fullmatch(text(header, "PatientAge").upper())
    if age:
        number, unit = int(age[1]), age[2]
        found["patient_age"] = number if unit == "Y" else round(number * _YEARS[unit], 3)
    return found


def spacing_of(header: Any, stored: Stored) -> tuple[float, float] | None:
    """Millimetres per row and per column in the patient, as well as the header lets one say.

    PixelSpacing is taken first, then ImagerPixelSpacing over EstimatedRadiographicMagnificationFactor, then
    NominalScannedPixelSpacing (DICOM PS3.3, 10.7.1.3).
    """
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        if getattr(header, name, None) is None:
            continue
        pair = _positive_pair(getattr(header, name))
        if pair is None:
            stored.warnings.append(f"{name} is not two positive numbers; no millimetres are given.")
            continue
        how = name
        if name == "ImagerPixelSpacing":
            factor = number(header, "EstimatedRadiographicMagnificationFactor")
            if factor is not None and factor > 0:
                pair = (pair[0] / factor, pair[1] / factor)
                how = f"{name} over a magnification of {factor:.6g}"
            else:
                how = f"{name}, at the detector, not corrected for magnification"
        stored.provenance.append(f"pixel spacing {pair[0]:.6g} x {pair[1]:.6g} mm from {how}")
        if abs(pair[0] - pair[1]) > 0.01 * max(pair):
            stored.warnings.append(f"Pixels are not square: {pair[0]:.6g} x {pair[1]:.6g} mm.")
        return pair
    return None


def _warn(header: Any, stored: Stored) -> None:
    """What in the header a person should look at."""
    modality = text(header, "Modality").upper()
    if modality not in _RADIOGRAPHS:
        stored.warnings.append(
            f"The DICOM's modality is {modality}; expected a radiograph (CR, DX or alike)."
        )
    if text(header, "BurnedInAnnotation").upper() == "YES":
        stored.warnings.append(
            "The header says that annotation is burnt into the film (BurnedInAnnotation YES); "
            "it may name the patient, and a model may read it."
        )
    if text(header, "PresentationIntentType").upper() == "FOR PROCESSING":
        stored.warnings.append("The film is raw detector data (FOR PROCESSING), not made to be looked at.")
    if any(group in header for group in ((0x6000, 0x3000), (0x6002, 0x3000))):
        stored.warnings.append("The DICOM has overlay planes; they are not drawn on the film.")
    directions = list(getattr(header, "PatientOrientation", None) or [])
    if len(directions) == 2 and all(directions):
        along, down = str(directions[0])[0], str(directions[1])[0]
        if down != "F":
            stored.warnings.append(
                f"PatientOrientation {along}\\{down} says that the film is not upright; it is read as stored."
            )
        elif along == "R":
            stored.warnings.append(
                "PatientOrientation R\\F says that the film is mirrored; it is read as stored."
            )


def _positive_pair(value: Any) -> tuple[float, float] | None:
    try:
        rows, columns = (float(part) for part in value)
    except (TypeError, ValueError):
        return None
    good = all(math.isfinite(part) and part > 0 for part in (rows, columns))
    return (rows, columns) if good else None
