"""From what a radiographer's console called a series to a view: ``TÓRAX PA H``, ``W034 TÓRAX LAT. *``, ``PORTÁTIL AP``.

The hospitals of BIMCV-COVID19 have some seventy spellings, a few mis-encoded (``TÃ²RAX AP``). They are compared word
by word, without accents, so that one more spelling needs no entry.
"""

import re
import unicodedata
from typing import Final

_LATERAL: Final = {"LAT", "LATERAL", "PERFIL", "LL"}
_BOTH: Final = {"FRENTE", "PA", "AP"}
_PORTABLE: Final = {"PORTATIL", "PORTABLE", "CAMILLA"}
_ELSEWHERE: Final = {"ABDOMEN", "ESCAPULA", "LUMBAR", "COSTAL", "HOMBRO", "COLUMNA", "PELVIS", "MANO"}
_CHEST: Final = {"TORAX", "CHEST", "PECHO"}
_SUPINE: Final = {"SUPINO", "SUPINE", "SUP", "HORIZONTAL"}
_SITTING: Final = {"SEDE", "SEDESTACION"}
_ERECT: Final = {"ERECT", "BIPE", "VERTICAL", "BIPEDESTACION"}
_NAMED: Final = re.compile(r"_vp-(ll|rl|lat|lateral)_")
_PART: Final = re.compile(r"_bp-(?!chest)")


def words_of(description: str) -> set[str]:
    """Return a description's words in capitals without accents; UTF-8 that was read as Latin-1 is mended."""
    try:
        mended = description.encode("latin-1").decode("utf-8")
    except UnicodeError:
        mended = description
    plain = unicodedata.normalize("NFKD", mended).encode("ascii", "ignore").decode().upper()
    return set(re.findall(r"[A-Z0-9]+", plain))


def view_in(description: str) -> str:
    """Return the view that a description names: ``PA``, ``AP``, ``lateral``, ``other`` (no chest), ``unknown``.

    One that names several views, or a horizontal PA, is ``unknown``. A portable or stretcher film is AP.
    """
    words = words_of(description)
    if words & _ELSEWHERE and not words & _CHEST:
        return "other"
    if words & _LATERAL:
        return "unknown" if words & _BOTH else "lateral"
    if {"PA", "AP"} <= words or {"PA", "HORIZONTAL"} <= words:
        return "unknown"
    if "PA" in words:
        return "PA"
    return "AP" if words & {"AP", *_PORTABLE} else "unknown"


def position_in(description: str) -> str | None:
    """Return ``supine``, ``sitting`` or ``erect`` where a description says so; ``AP H`` (horizontal) is supine."""
    words = words_of(description)
    if words & _SUPINE or {"AP", "H"} <= words:
        return "supine"
    if words & _SITTING:
        return "sitting"
    return "erect" if words & _ERECT else None


def view_of_name(name: str) -> str:
    """Return the view that a file's name can be believed for: ``lateral``, ``other`` (no chest), else ``unknown``.

    ``vp-pa`` and ``vp-ap`` stand on lateral films too; every film with ``vp-ll`` or ``vp-lateral`` that was looked at
    is lateral.
    """
    if _PART.search(name):
        return "other"
    return "lateral" if _NAMED.search(name) else "unknown"
