"""The DICOM header beside a film of BIMCV-COVID19: a file in DICOM's JSON model (PS3.18, Annex F).

The PNG were written by SimpleITK, which had applied the rescale; LUT, window and direction are still to be applied.
"""

import base64
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from radbench.data.sources.tables import number_or_none

_TEXTS: Final = {
    "00280004": "PhotometricInterpretation",
    "00281056": "VOILUTFunction",
    "20500020": "PresentationLUTShape",
}
_WHOLE: Final = {
    "00280101": "BitsStored",
    "00280120": "PixelPaddingValue",
    "00280121": "PixelPaddingRangeLimit",
}
_REAL: Final = {
    "00281050": "WindowCenter",
    "00281051": "WindowWidth",
    "00280030": "PixelSpacing",
    "00181164": "ImagerPixelSpacing",
}
_TABLES: Final = {"00283010": "VOILUTSequence", "00283000": "ModalityLUTSequence"}
_DESCRIPTOR, _DATA = "00283002", "00283006"
_DESCRIPTION, _PROCEDURE, _MEANING = "0008103E", "00081032", "00080104"


def read_sidecar(path: Path) -> Mapping[str, Any] | None:
    """Return the header by tag (``"00280004"``); None where there is no file, or no JSON object in it."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def values_of(header: Mapping[str, Any], tag: str) -> list[Any]:
    """Return an element's values; none where it is absent or not as the model says."""
    element = header.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else [] if values is None else [values]


def text_of(header: Mapping[str, Any], tag: str) -> str:
    """Return an element's first value as stripped text, "" for none."""
    values = values_of(header, tag)
    return str(values[0]).strip() if values and values[0] is not None else ""


def description_of(header: Mapping[str, Any]) -> str:
    """Return what the series is called; where it has no name, what the procedure is called."""
    found = text_of(header, _DESCRIPTION)
    if found:
        return found
    procedures = [item for item in values_of(header, _PROCEDURE) if isinstance(item, dict)]
    return text_of(procedures[0], _MEANING) if procedures else ""


def shown_by(header: Mapping[str, Any]) -> str:
    """Return what makes the film of its stored values: ``lut``, ``window`` or (neither) ``depth``."""
    if _lookup(header, "00283010") is not None:
        return "lut"
    windows = (number_or_none(text_of(header, tag)) for tag in ("00281050", "00281051"))
    return "depth" if None in windows else "window"


def dataset_of(header: Mapping[str, Any]) -> Any:
    """Return what shows the film, as a ``pydicom.Dataset``; an element that is not as it should be is left out."""
    from pydicom.dataset import Dataset

    found = Dataset()
    for tag, name in _TEXTS.items():
        if text_of(header, tag):
            setattr(found, name, text_of(header, tag).upper())
    for names, kind in ((_WHOLE, int), (_REAL, float)):
        for tag, name in names.items():
            numbers = _numbers(values_of(header, tag))
            if numbers:
                setattr(
                    found, name, [kind(value) for value in numbers] if len(numbers) > 1 else kind(numbers[0])
                )
    for tag, name in _TABLES.items():
        lookup = _lookup(header, tag)
        if lookup is not None:
            setattr(found, name, [lookup])
    return found


def _lookup(header: Mapping[str, Any], tag: str) -> Any:
    """Return the first table of a sequence as a ``pydicom.Dataset``, None where there is none that is whole."""
    from pydicom.dataset import Dataset

    items = [item for item in values_of(header, tag) if isinstance(item, dict)]
    if not items:
        return None
    descriptor = [int(value) for value in _numbers(values_of(items[0], _DESCRIPTOR))]
    data: list[int] | bytes = [int(value) for value in _numbers(values_of(items[0], _DATA))] or _binary(
        items[0]
    )
    if len(descriptor) != 3 or not data:
        return None
    lookup = Dataset()
    lookup.LUTDescriptor, lookup.LUTData = descriptor, data
    return lookup


def _binary(item: Mapping[str, Any]) -> bytes:
    element = item.get(_DATA)
    try:
        return base64.b64decode(element["InlineBinary"]) if isinstance(element, dict) else b""
    except (KeyError, ValueError, TypeError):
        return b""


def _numbers(values: Iterable[Any]) -> list[float]:
    """Return the numbers among the values; none of them where one is no number."""
    found = [number_or_none(str(value)) for value in values]
    return [] if None in found else [value for value in found if value is not None]
