"""What the two releases of MIMIC-CXR share: one row a film, labels by study, reports beside the films.

The tables are those of MIMIC-CXR-JPG. They keep the name 2.0.0 in release 2.1.0, and are zipped or not. Films are
joined by ``dicom_id``, labels by ``study_id``; a film has one row whatever the tables repeat.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.chexpert_findings import (
    FINDINGS,
    WORDS,
    columns_in,
    labels_of,
    pack,
    prefixed,
    unpack,
)
from radbench.data.sources.mimic_reports import Reports, find_zip, impression
from radbench.data.sources.source import DatasetSource, FilmRow, Kind, Problems, look
from radbench.data.sources.tables import rows_of
from radbench.data.sources.trees import view_of
from radbench.errors import UsageError

METADATA: Final = "mimic-cxr-2.0.0-metadata"
SPLIT: Final = "mimic-cxr-2.0.0-split"
CHEXPERT: Final = "mimic-cxr-2.0.0-chexpert"
NEGBIO: Final = "mimic-cxr-2.0.0-negbio"
RADIOLOGIST: Final = "mimic-cxr-2.1.0-test-set-labeled"
LABELLERS: Final[Mapping[str, str]] = {"": CHEXPERT, "negbio_": NEGBIO, "radiologist_": RADIOLOGIST}
"""Prefix of a labeller's findings to its table."""
_SPLITS: Final = {"train": "train", "validate": "val", "test": "test"}
_CODES: Final = {"postero-anterior": "PA", "antero-posterior": "AP"}
_VIEW: Final = "ViewPosition"
_CODE: Final = "ViewCodeSequence_CodeMeaning"
_PROCEDURE: Final = "PerformedProcedureStepDescription"
_ORIENTATION: Final = "PatientOrientationCodeSequence_CodeMeaning"
_BY_CODE: Final = "films without a ViewPosition, their view taken from the view code"
_NO_SPLIT: Final = f"films that {SPLIT} does not name, of no split"
_NO_TABLE: Final = "tables that are not there, so nothing of them is known"
_TWICE: Final = "studies with several rows in a table of labels, the first one taken"
_NO_REPORT: Final = (
    "films without a report file, their report left empty (put mimic-cxr-reports.zip of MIMIC-CXR beside the tables, "
    "then run 'radbench data index' with --again)"
)
_NO_IMPRESSION: Final = "films whose report has no impression, their report left empty"


class Mimic(DatasetSource):
    """A release of MIMIC-CXR: its films, splits, labels and impressions.

    Class attributes:
        suffix: of the films.
        required: tables without which it is half a download.
    """

    licence = "PhysioNet Credentialed Health Data License 1.5.0"
    labels = (*FINDINGS, *prefixed("negbio_"), *prefixed("radiologist_"))
    words = WORDS
    attributes: ClassVar[Mapping[str, Kind]] = {"study": str, "procedure": str, "orientation": str}
    suffix: ClassVar[str]
    required: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self._reports: dict[Path, Reports] = {}

    @abstractmethod
    def list_of_films(self, root: Path) -> Path:
        """Return the table with a row a film."""

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the list of films, the other tables that are there, and the zip file of the reports."""
        del host
        first = self.list_of_films(root)
        rest = [self.table(root, name) for name in (SPLIT, *LABELLERS.values())]
        return (first, *(path for path in (*rest, find_zip(root)) if path is not None))

    def table(self, root: Path, name: str) -> Path | None:
        """Return a table, zipped or not, in the root or one folder deeper; None where it is not there.

        Raises:
            UsageError: it is not there and is required.
        """
        names = [f"{folder}{name}{suffix}" for folder in ("", "*/") for suffix in (".csv.gz", ".csv")]
        return self.find(root, *names) if name in self.required else look(root, *names)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a row for every film; labels are those of its study."""
        del host
        table, folder = self.list_of_films(root), self.files(root).relative_to(root).as_posix()
        splits = self._splits(root, problems)
        labels = {prefix: self._labels(root, name, problems) for prefix, name in LABELLERS.items()}
        optional = [_VIEW, _CODE, _PROCEDURE, _ORIENTATION]
        for number, row in rows_of(table, ["dicom_id", "subject_id", "study_id"], optional=optional):
            dicom, subject, study = row["dicom_id"], row["subject_id"], row["study_id"]
            _check_numbers(table, number, row)
            if splits and dicom not in splits:
                problems.add(_NO_SPLIT, dicom)
            yield FilmRow(
                study_id=dicom,
                patient_id=subject,
                image=f"{folder}/p{subject[:2]}/p{subject}/s{study}/{dicom}{self.suffix}",
                view=_view(row, problems),
                split=splits.get(dicom, ""),
                labels=_of_study(study, labels, problems),
                attributes=_attributes(row),
            )

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Ask whether the film is there, and read the impression of its report."""
        found = super().probe(root, row, problems)
        return None if found is None else self.with_report(root, found, problems)

    def with_report(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow:
        """Return the row with the impression of its study's report; "" where there is none."""
        if root not in self._reports:
            self._reports[root] = Reports(root, self.files(root))
        text = self._reports[root].text(row.patient_id, str(row.attributes["study"]))
        found = "" if text is None else impression(text)
        if not found:
            problems.add(_NO_REPORT if text is None else _NO_IMPRESSION, row.image)
        return replace(row, report=found)

    def describe(self, row: FilmRow) -> FilmRow:
        """Return the row as it is: a film without an impression has no report (Section 5.1)."""
        return row

    def files(self, root: Path) -> Path:
        """Return the folder of the films: beside the list of films, or in the root."""
        beside = look(self.list_of_films(root).parent, "files")
        return self.find(root, "files", what="the films") if beside is None else beside

    def _splits(self, root: Path, problems: Problems) -> dict[str, str]:
        """Split by film."""
        table = self.table(root, SPLIT)
        if table is None:
            problems.add(_NO_TABLE, SPLIT)
            return {}
        found: dict[str, str] = {}
        for number, row in rows_of(table, ["dicom_id", "split"]):
            if row["split"] not in _SPLITS:
                raise UsageError(
                    f"{table}, row {number}: the split is '{row['split']}', expected train, validate or test; download "
                    "the table again."
                )
            found[row["dicom_id"]] = _SPLITS[row["split"]]
        return found

    def _labels(self, root: Path, name: str, problems: Problems) -> dict[str, bytes]:
        """Packed labels by study."""
        table = self.table(root, name)
        if table is None:
            problems.add(_NO_TABLE, name)
            return {}
        columns, found = columns_in(table), dict[str, bytes]()
        for number, row in rows_of(table, ["study_id", *columns.values()]):
            packed = pack(labels_of(table, number, row, columns))
            if found.setdefault(row["study_id"], packed) is not packed:
                problems.add(_TWICE, f"{name}, row {number}")
        return found


def _of_study(study: str, labels: Mapping[str, Mapping[str, bytes]], problems: Problems) -> dict[str, int]:
    """Return a study's labels of all labellers; the radiologist's cover the test set alone."""
    found: dict[str, int] = {}
    for prefix, by_study in labels.items():
        if study in by_study:
            found |= unpack(by_study[study], prefix)
        elif by_study and LABELLERS[prefix] != RADIOLOGIST:
            problems.add(
                f"films whose study has no row in {LABELLERS[prefix]}, its labels unknown", f"s{study}"
            )
    return found


def _view(row: Mapping[str, str], problems: Problems) -> str:
    """The view by ``ViewPosition``, by the view code where that is blank; decubitus and oblique films are ``other``."""
    said, code = row[_VIEW].upper(), row[_CODE].lower()
    if said:
        known = "lateral" if said.endswith("LATERAL") else view_of(said)
        return "other" if known == "unknown" else known
    if not code:
        return "unknown"
    problems.add(_BY_CODE, row["dicom_id"])
    return _CODES.get(code, "lateral" if "lateral" in code else "other")


def _attributes(row: Mapping[str, str]) -> dict[str, str]:
    told = {
        "study": row["study_id"],
        "procedure": row[_PROCEDURE],
        "orientation": row[_ORIENTATION].lower(),
    }
    return {name: value for name, value in told.items() if value}


def _check_numbers(table: Path, number: int, row: Mapping[str, str]) -> None:
    for name in ("subject_id", "study_id"):
        if not row[name].isdigit():
            raise UsageError(
                f"{table}, row {number}: {name} is '{row[name]}', expected digits such as 10000032; download the table "
                "again (a spreadsheet may have changed it)."
            )
