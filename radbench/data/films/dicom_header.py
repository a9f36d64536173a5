"""What a DICOM header says of a film: attributes, millimetres, and what a person should look at.

Names, identifiers and dates are never read here.
"""

import math
import re
from typing import Any

from radbench.data.films.film import Stored

_RADIOGRAPHS = {"CR", "DX", "DR", "RG", "SC", "XC", "OT", "PX", "MG", "IO", "RF", "XA", ""}
_AGE = re.compile(r"(\d{1,3})([DWMY])")
_YEARS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12}


def describe(header: Any, stored: Stored) -> None:
    """Put the header's attributes, spacing and oddities into ``stored``."""
    stored.attributes.update(attributes(header))
    stored.spacing = spacing(header, stored)
    warn(header, stored)


def attributes(header: Any) -> dict[str, str | int | float]:
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


def spacing(header: Any, stored: Stored) -> tuple[float, float] | None:
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


def warn(header: Any, stored: Stored) -> None:
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


def _positive_pair(value: Any) -> tuple[float, float] | None:
    try:
        rows, columns = (float(part) for part in value)
    except (TypeError, ValueError):
        return None
    good = all(math.isfinite(part) and part > 0 for part in (rows, columns))
    return (rows, columns) if good else None
