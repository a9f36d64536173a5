"""PadChest (BIMCV and Hospital San Juan de Alicante, 2019): 160,861 films with 194 labels of their Spanish reports.

``PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv``: one row a film, the first column without a name, ``nan`` or
``None`` for nothing; ``Labels`` is a list as Python writes it. Films are PNG of 16 bits, in the folders ``0`` to ``54``
of their zip files or all in one.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.films import read_film
from radbench.data.films.film import Film
from radbench.data.sources.padchest_findings import (
    EXCLUDE,
    PADCHEST,
    STATEMENTS,
    UNCHANGED,
    labels_of,
    names_of,
    report_of,
    told_by,
)
from radbench.data.sources.source import NO_FILE, DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import number_or_none, rows_of, sex_of
from radbench.data.sources.trees import BROKEN_PNG, is_whole_png
from radbench.errors import UsageError, did_you_mean

_COLUMNS: Final = (
    "ImageID", "ImageDir", "StudyDate_DICOM", "PatientID", "PatientBirth", "PatientSex_DICOM", "Projection",
    "MethodProjection", "Pediatric", "Modality_DICOM", "Manufacturer_DICOM", "MethodLabel", "Labels",
)  # fmt: skip
_VIEWS: Final = {
    "PA": "PA",
    "AP": "AP",
    "AP_horizontal": "AP",
    "L": "lateral",
    "COSTAL": "other",
    "EXCLUDE": "other",
    "UNK": "unknown",
}
_NOTHING: Final = {"", "nan", "None"}
_NO_LABELS: Final = "films without a list of labels, whose labels are all unknown"
_DEPTHS: Final = (10, 12, 16)
_KNOWN: Final = frozenset((*PADCHEST, *STATEMENTS))


class PadChest(DatasetSource):
    """PadChest: one PNG, the labels of its study, no splits and no masks."""

    name = "padchest"
    title = "PadChest"
    url = "https://bimcv.cipf.es/bimcv-projects/padchest/"
    licence = "PadChest dataset research use agreement"
    download = (
        "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv (or .csv.gz)",
        "the films: 0.zip to 54.zip, each unzipped into its folder (0/ to 54/) or all into images/",
    )
    labels = names_of(PADCHEST)
    words: ClassVar[Mapping[str, str]] = told_by(PADCHEST)
    attributes: ClassVar[Mapping[str, Kind]] = {
        "sex": str,
        "age": int,
        "projection": str,
        "projection_by": str,
        "method_label": str,
        "report_note": str,
        "pediatric": int,
        "modality": str,
        "manufacturer": str,
    }
    done_to_films = (
        (
            "the films were written as PNG of 16 bits; those whose values stay below 1024 or 4096 are read as 10 or 12 "
            "bits, and the window of the table is not applied"
        ),
        (
            "labels of 121,808 films come from a recurrent network that read the reports, those of 39,053 from "
            "physicians (attribute method_label)"
        ),
    )

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the one table."""
        del host
        names = [f"{place}PADCHEST*160K*.csv{end}" for place in ("", "*/") for end in ("", ".gz")]
        return (self.find(root, *names, what="the labels"),)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a film for every row of the table."""
        (table,) = self.tables(root, host)
        for number, row in rows_of(table, _COLUMNS):
            view = _VIEWS.get(row["Projection"])
            if view is None:
                raise UsageError(
                    f"The table {table}, row {number} has the Projection {row['Projection']!r}; expected one of "
                    f"{', '.join(_VIEWS)}. It is of another version than this reader knows."
                )
            listed = _listed(table, number, row["Labels"])
            if listed is None:
                problems.add(_NO_LABELS, row["ImageID"])
            yield FilmRow(
                study_id=row["ImageID"].removesuffix(".png"),
                patient_id=row["PatientID"],
                image=f"{row['ImageDir']}/{row['ImageID']}",
                view=view,
                labels={} if listed is None else labels_of(listed, PADCHEST, row["ImageID"], problems),
                attributes=_attributes(row, listed or ()),
                report=report_of(listed or ()),
            )

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Find the film's file in the folder of its zip file, or where all of them are; one cut short is left out."""
        name = row.image.rpartition("/")[2]
        places = [f"{folder}{inside}" for folder in _folders(root) for inside in (row.image, name)]
        image = next((place for place in places if (root / place).is_file()), None)
        if image is None:
            problems.add(NO_FILE, name)
            return None
        if not is_whole_png(root / image):
            problems.add(BROKEN_PNG, image)
            return None
        return replace(row, image=image)

    def describe(self, row: FilmRow) -> FilmRow:
        """Return the row as it is: a film whose list is missing or open has no report, instead of "No findings"."""
        return row

    def read(self, path: Path) -> Film:
        """Read a film; its depth is 10, 12 or 16 bits."""
        return read_film(path, depths=_DEPTHS)


def _folders(root: Path) -> list[str]:
    """Return where films may be, relative to the root and with a slash behind: the root itself, its ``image...``."""
    return ["", *(f"{folder.name}/" for folder in sorted(root.glob("image*")) if folder.is_dir())]


def _listed(table: Path, number: int, cell: str) -> tuple[str, ...] | None:
    """Return the words of a cell, stripped, without empty ones; None where there is no list."""
    if cell in _NOTHING:
        return None
    try:
        words = _words(cell)
    except (ValueError, SyntaxError, TypeError, AttributeError, MemoryError, RecursionError):
        raise UsageError(
            f"The table {table}, row {number} has the Labels {cell[:80]!r}; expected a list such as ['pneumonia']; "
            "download it again (a spreadsheet program may have spoilt it)."
        ) from None
    for word in words:
        if word not in _KNOWN:
            raise UsageError(
                f"The table {table}, row {number} has the label {word!r}, which is none of PadChest's 194; it is of "
                f"another version than this reader knows.{did_you_mean(word, sorted(_KNOWN))}"
            )
    return words


@lru_cache(maxsize=4096)
def _words(cell: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in ast.literal_eval(cell) if word.strip())


def _attributes(row: Mapping[str, str], listed: Sequence[str]) -> dict[str, str | int | float]:
    birth, taken = number_or_none(row["PatientBirth"]), number_or_none(row["StudyDate_DICOM"][:4])
    age = int(taken - birth) if birth is not None and taken is not None else None
    told: dict[str, str | int | float | None] = {
        "sex": sex_of(row["PatientSex_DICOM"]),
        "age": age if age is not None and 0 <= age < 120 else None,
        "projection": row["Projection"],
        "projection_by": row["MethodProjection"],
        "method_label": row["MethodLabel"],
        "report_note": next((word for word in (UNCHANGED, EXCLUDE) if word in listed), ""),
        "pediatric": int(row["Pediatric"] == "PED"),
        "modality": row["Modality_DICOM"],
        "manufacturer": row["Manufacturer_DICOM"],
    }
    return {name: value for name, value in told.items() if value is not None and value not in _NOTHING}
