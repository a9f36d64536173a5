"""Files of a dataset found by their names, and rows completed by DICOM headers; no pixel is read."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from radbench.data.sources.source import NO_FILE, FilmRow, Problems
from radbench.data.sources.tables import age_of, sex_of

_BROKEN: Final = "films whose DICOM header cannot be read, left out"
_TAGS: Final = ("PatientID", "PatientSex", "PatientAge", "ViewPosition", "Rows", "Columns")
BROKEN_PNG: Final = "films whose PNG is cut short, left out"
_PNG_END: Final = b"IEND\xaeB`\x82"
_VIEWS: Final = {
    "PA": "PA",
    "AP": "AP",
    "LL": "lateral",
    "RL": "lateral",
    "LATERAL": "lateral",
    "LAT": "lateral",
}


def walk(folder: Path) -> Iterator[Path]:
    """Yield every file under a folder in the order of its path; names that begin with a dot are passed over."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith((".", "__MACOSX")):
            continue
        if entry.is_dir():
            yield from walk(Path(entry.path))
        else:
            yield Path(entry.path)


def files_by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Return the files under a folder by their name without a suffix; where two have one, the first path."""
    found: dict[str, Path] = {}
    for path in walk(folder):
        if path.suffix.lower() in suffixes:
            found.setdefault(path.stem, path)
    return found


def first_of(folder: Path, *names: str) -> Path | None:
    """Return the first of several files or folders that is there; a name may be a pattern. None: none is."""
    for name in names:
        found = sorted(folder.glob(name)) if any(letter in name for letter in "*?[") else [folder / name]
        if found and found[0].exists():
            return found[0]
    return None


def view_of(text: str) -> str:
    """Return a view of ``radbench.specs.source.View`` for what a DICOM header or a table says."""
    return _VIEWS.get(text.strip().upper(), "unknown")


def is_whole_png(path: Path) -> bool:
    """Return whether a PNG ends as a PNG ends; a file of another kind is taken for whole."""
    with path.open("rb") as file:
        if not file.read(8).startswith(b"\x89PNG"):
            return file.tell() > 0
        file.seek(-min(len(_PNG_END), file.seek(0, os.SEEK_END)), os.SEEK_END)
        return file.read() == _PNG_END


def with_header(root: Path, row: FilmRow, problems: Problems, *, patient: bool = False) -> FilmRow | None:
    """Return a row completed by sex, age and view of its film's DICOM header; None where there is no such film.

    What the row says already stays, but a view of ``frontal`` or ``unknown`` becomes the header's, and with ``patient``
    the patient becomes the header's, where it names one. A file that is no DICOM stays as it is.
    """
    path = root / row.image
    if not path.is_file():
        problems.add(NO_FILE, row.image)
        return None
    with path.open("rb") as file:
        if file.read(132)[128:] != b"DICM":
            return row
    header = _header(path)
    if header is None or not header.get("Rows"):
        problems.add(_BROKEN, row.image)
        return None
    told = {
        "sex": sex_of(str(header.get("PatientSex", ""))),
        "age": age_of(str(header.get("PatientAge", ""))),
    }
    more = {name: value for name, value in told.items() if value is not None and name not in row.attributes}
    view = view_of(str(header.get("ViewPosition", "")))
    said = row.view if view == "unknown" or row.view not in {"frontal", "unknown"} else view
    named = str(header.get("PatientID", "") or "").strip() if patient else ""
    return replace(row, view=said, patient_id=named or row.patient_id, attributes={**row.attributes, **more})


def _header(path: Path) -> Any:
    import pydicom

    from radbench.data.films.film import DECODER_ERRORS, quiet

    try:
        with quiet("pydicom"):
            return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    except (*DECODER_ERRORS, pydicom.errors.InvalidDicomError):
        return None
