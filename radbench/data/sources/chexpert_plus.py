"""CheXpert Plus (Stanford, 2024): CheXpert's films as PNG or DICOM, with reports and who the patients are.

``df_chexpert_plus_240401.csv`` has a row a film, with ``path_to_image`` (``train/.../view1_frontal.jpg`` although the
files are PNG), the split (``train``, ``valid``) and the report by sections. ``chexbert_labels`` holds
files of one JSON object a line: labels by CheXbert of the impression (taken here as the labels), and of the whole
report (``report_``), which tells of earlier films and of the history too. Those of the findings section are left out:
most reports have none, and CheXbert calls nothing ``No Finding``. Chambon et al. 2024, arXiv:2405.19538.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from radbench.data.sources.chexpert import person
from radbench.data.sources.chexpert_films import CheXpertFilms, read_path, view_in
from radbench.data.sources.chexpert_findings import (
    FINDINGS,
    WORDS,
    columns_in,
    labels_of,
    pack,
    prefixed,
    unpack,
)
from radbench.data.sources.source import FilmRow, Kind, Problems, look
from radbench.data.sources.tables import open_text, rows_of
from radbench.errors import UsageError

_TABLE: Final = "df_chexpert_plus_240401.csv"
_LABELS: Final[Mapping[str, str]] = {"": "impression_fixed.json", "report_": "report_fixed.json"}
_SPLITS: Final = {"train": "train", "valid": "val"}
_COLUMNS: Final = ("path_to_image", "deid_patient_id", "split", "section_impression")
_MORE: Final = ("ap_pa", "age", "sex", "race", "ethnicity")
_NO_TABLE: Final = "files of labels that are not there, so nothing of them is known"
_NO_IMPRESSION: Final = "films whose report has no impression, their report left empty"


class CheXpertPlus(CheXpertFilms):
    """CheXpert Plus: PNG films with impressions, CheXbert's labels, and race and ethnicity of the patients."""

    name = "chexpert-plus"
    title = "CheXpert Plus"
    url = "https://stanfordaimi.azurewebsites.net/datasets/5158c524-d3ab-4e02-96e9-6ee9efc110a1"
    licence = "Stanford University Dataset Research Use Agreement"
    download = (_TABLE, "PNG/ (or the DICOM files)", "chexbert_labels/ (for the labels)")
    labels = (*FINDINGS, *prefixed("report_"))
    words = WORDS
    attributes: ClassVar[Mapping[str, Kind]] = {"sex": str, "age": int, "race": str, "ethnicity": str}
    overlaps = ("chexpert",)
    folders: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "train": (
            "PNG/train",
            "PNG/PNG/train",
            "PNG*/train",
            "PNG*/*/train",
            "PNG_train",
            "train",
            "*/train",
        ),
        "val": ("PNG/valid", "PNG/PNG/valid", "PNG*/valid", "PNG*/*/valid", "PNG_valid", "valid", "*/valid"),
    }
    suffixes = (".png", ".dcm", ".jpg")

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the table of films, and the files of labels that are there."""
        del host
        table = self.find(root, *(f"{folder}{_TABLE}{end}" for folder in ("", "*/") for end in ("", ".gz")))
        return (table, *(path for path in self._labelled(root).values() if path is not None))

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a row for every film of the table."""
        table = self.tables(root, host)[0]
        labels = {prefix: self._labels(path, problems) for prefix, path in self._labelled(root).items()}
        for number, row in rows_of(table, _COLUMNS, optional=_MORE):
            where = f"{table}, row {number}"
            if row["split"] not in _SPLITS:
                raise UsageError(
                    f"{where}: the split is '{row['split']}', expected train or valid; download it again."
                )
            path = read_path(row["path_to_image"], where)
            report = " ".join(row["section_impression"].split())
            if not report:
                problems.add(_NO_IMPRESSION, path.key)
            more = {name: row[name] for name in ("race", "ethnicity") if row[name]}
            split = _SPLITS[row["split"]]
            yield FilmRow(
                study_id=path.key,
                patient_id=row["deid_patient_id"] or path.patient,
                image=self.image(split, path),
                view=view_in(path, row["ap_pa"], problems),
                split=split,
                labels=_of_film(path.key, labels, problems),
                attributes={**person(row["sex"], row["age"], path, problems), **more},
                report=report,
            )

    def describe(self, row: FilmRow) -> FilmRow:
        """Return the row as it is: a film without an impression has no report."""
        return row

    def _labelled(self, root: Path) -> dict[str, Path | None]:
        """By prefix the file of the labels."""
        folders = ("chexbert_labels/", "", "*/")
        return {
            prefix: look(root, *(folder + name for folder in folders)) for prefix, name in _LABELS.items()
        }

    def _labels(self, path: Path | None, problems: Problems) -> dict[str, bytes]:
        """Packed labels by film."""
        if path is None:
            problems.add(_NO_TABLE, "impression_fixed.json or report_fixed.json")
            return {}
        found: dict[str, bytes] = {}
        columns: dict[str, str] = {}
        for number, row in _lines(path):
            columns = columns or columns_in(path, list(row))
            film = read_path(str(row.get("path_to_image", "")), f"{path}, line {number}")
            cells = {column: _cell(row.get(column)) for column in columns.values()}
            found.setdefault(film.key, pack(labels_of(path, number, cells, columns)))
        return found


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file of JSON lines with their numbers."""
    try:
        with open_text(path) as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError(f"line {number} is no object")  # noqa: TRY004 (one sentence for all)
                yield number, row
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(
            f"The labels {path} cannot be read ({error}); expected one JSON object a line. Download them again."
        ) from None


def _cell(value: object) -> str:
    """A value as a table would have it: null and NaN are blank."""
    return "" if value is None or value != value else str(value)  # noqa: PLR0124 (NaN is not itself)


def _of_film(key: str, labels: Mapping[str, Mapping[str, bytes]], problems: Problems) -> dict[str, int]:
    found: dict[str, int] = {}
    for prefix, by_film in labels.items():
        if key in by_film:
            found |= unpack(by_film[key], prefix)
        elif by_film:
            problems.add(f"films without labels in {_LABELS[prefix]}", key)
    return found
