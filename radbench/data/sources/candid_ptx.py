"""CANDID-PTX (Auckland, 2021): 19,237 films with reports and outlines of pneumothoraces, drains and rib fractures.

``Pneumothorax_reports.csv``: ``SOPInstanceUID, StudyInstanceUID, filename, EncodedPixels, Report``, one row an outline;
``-1`` is none, an empty cell unknown; ``filename`` begins with the patient, ``P0012_``. ``chest_tube.csv`` and
``acute_rib_fracture.csv`` (later ``Rib_fracture_mask_rle.csv``): ``anon_SOPUID``, a number, ``mask_rle``, one row an
outline; they name the films that have one. Run lengths are as in SIIM-ACR: relative, down the columns of 1024 x 1024
pixels. Films are ``dataset/<SOPInstanceUID>``, DICOM without a suffix.

Feng et al. 2021, doi:10.1148/ryai.2021210136.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.source import NO_FILE, UNCERTAIN, DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import rows_of
from radbench.data.sources.trees import first_of, walk, with_header

_RUNS: Final = "#rle=relative,order=column,size=1024x1024"
_FOLDERS: Final = ("dataset", "dataset1/dataset", "chest_radiographs", "images", "png", "*/dataset")
_SUFFIX: Final = re.compile(r"\.(dcm|dicom|png|jpe?g)$", re.IGNORECASE)
_PATIENT: Final = re.compile(r"P0*(\d+)_", re.IGNORECASE)
_REPORTS: Final = "Pneumothorax_reports.csv"
_OUTLINED: Final[Mapping[str, tuple[str, ...]]] = {
    "drain": ("chest_tube.csv",),
    "rib_fracture": ("acute_rib_fracture.csv", "Rib_fracture_mask_rle.csv"),
}
_NO_ROW: Final = f"films without a row in {_REPORTS}, left out"
_TWO: Final = "films that are listed under several patients, left out"
_ALONE: Final = "films whose 'filename' names no patient, each taken for a patient of its own"
_BOTH: Final = "films with -1 beside outlines, the outlines taken"


@dataclass
class _Film:
    """What the rows of a film say."""

    patients: set[str] = field(default_factory=set)
    outlines: list[str] = field(default_factory=list)
    none: bool = False
    report: str = ""


class CandidPtx(DatasetSource):
    """CANDID-PTX: one DICOM film, a report, and masks of pneumothorax, chest drain and acute rib fracture."""

    name = "candid-ptx"
    title = "CANDID-PTX"
    url = "https://doi.org/10.17608/k6.auckland.14173982"
    licence = "data use agreement of the University of Auckland, after an ethics course; not to be shared"
    download = (
        "dataset/ (the films)",
        _REPORTS,
        "chest_tube.csv",
        "acute_rib_fracture.csv or Rib_fracture_mask_rle.csv",
    )
    labels = ("pneumothorax", "drain", "rib_fracture")
    words: ClassVar[Mapping[str, str]] = {
        "pneumothorax": "Pneumothorax",
        "rib_fracture": "Acute rib fracture",
        "drain": "Chest tube",
    }
    attributes: ClassVar[Mapping[str, Kind]] = {"sex": str, "age": int}
    masks = ("pneumothorax", "drain", "rib_fracture")
    done_to_films = (
        "the films are scaled to 1024 x 1024 pixels of 8 bits",
        "the reports are anonymised",
        "a film whose header names no view is taken for a frontal one",
    )

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the table of reports, then those of drains and rib fractures that are there."""
        del host
        reports = self.find(root, _REPORTS, f"*/{_REPORTS}", what="outlines of pneumothoraces, and reports")
        others = (first_of(reports.parent, *names) for names in _OUTLINED.values())
        return reports, *(path for path in others if path is not None)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a film for every ``SOPInstanceUID`` that has a file and one patient."""
        reports = self.tables(root, host)[0]
        films = _films(reports, problems)
        outlined = {
            label: _outlined(first_of(reports.parent, *names), films, label, problems)
            for label, names in _OUTLINED.items()
        }
        folder = self.find(reports.parent, *_FOLDERS, what="the films")
        files = {_SUFFIX.sub("", path.name): path for path in walk(folder)}
        for name in sorted(films.keys() - files.keys()):
            problems.add(NO_FILE, name)
        for name, path in files.items():
            film = films.get(name)
            if film is None:
                problems.add(_NO_ROW, path.name)
            elif len(film.patients) > 1:
                problems.add(_TWO, f"{name} ({', '.join(sorted(film.patients))})")
            else:
                yield _row(name, path.relative_to(root).as_posix(), film, outlined, problems)

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Complete a row by view, sex and age of the DICOM header."""
        return with_header(root, row, problems)

    def describe(self, row: FilmRow) -> FilmRow:
        """Return the row with its report; a film without one, of which pneumothorax is unknown, has none."""
        return super().describe(row) if row.report or "pneumothorax" in row.labels else row


def _films(reports: Path, problems: Problems) -> dict[str, _Film]:
    films: dict[str, _Film] = {}
    required = ("SOPInstanceUID", "filename", "EncodedPixels")
    for _, row in rows_of(reports, required, optional=("Report",)):
        film = films.setdefault(row["SOPInstanceUID"], _Film())
        named = _PATIENT.match(row["filename"])
        if named:
            film.patients.add(named[1])
        runs = row["EncodedPixels"]
        if runs == "-1":
            film.none = True
        elif runs:
            film.outlines.append(runs)
        film.report = film.report or " ".join(row["Report"].split())
    for name, film in films.items():
        if film.none and film.outlines:
            problems.add(_BOTH, name)
    return films


def _outlined(
    path: Path | None, films: Mapping[str, _Film], label: str, problems: Problems
) -> dict[str, list[str]] | None:
    """Return a table's outlines by film, an empty list for ``-1`` alone; None where there is no table."""
    if path is None:
        names = " or ".join(_OUTLINED[label])
        problems.add(f"tables that are not there, so that {label} is unknown of every film", names)
        return None
    found: dict[str, list[str]] = {}
    for _, row in rows_of(path, ("anon_SOPUID", "mask_rle")):
        outlines = found.setdefault(row["anon_SOPUID"], [])
        if row["mask_rle"] not in {"-1", ""}:
            outlines.append(row["mask_rle"])
    for name in found:
        if name not in films:
            problems.add(f"films of {path.name} without a row in {_REPORTS}, left out", name)
    return found


def _row(
    name: str,
    image: str,
    film: _Film,
    outlined: Mapping[str, dict[str, list[str]] | None],
    problems: Problems,
) -> FilmRow:
    labels: dict[str, int] = {}
    masks: dict[str, str] = {}
    if film.outlines or film.none:
        labels["pneumothorax"] = int(bool(film.outlines))
        masks["pneumothorax"] = (";".join(film.outlines) or "-1") + _RUNS
    for label, found in outlined.items():
        if found is None:
            continue
        outlines = found.get(name)
        if outlines is None:
            problems.add(f"films in which nobody outlined a {label}, taken as without one", name)
        if outlines == []:
            problems.add(f"films with a row of {label} but no outline of it (-1), taken as uncertain", name)
            labels[label] = UNCERTAIN
            continue
        labels[label] = int(bool(outlines))
        masks[label] = (";".join(outlines or ()) or "-1") + _RUNS
    if not film.patients:
        problems.add(_ALONE, name)
    patient = next(iter(film.patients), name)
    return FilmRow(name, patient, image, "frontal", labels=labels, report=film.report, masks=masks)
