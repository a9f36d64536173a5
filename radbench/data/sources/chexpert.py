"""CheXpert v1.0 (Stanford): 223,414 films of 64,540 patients, labelled from their reports.

``train.csv`` and ``valid.csv`` with ``Path,Sex,Age,Frontal/Lateral,AP/PA`` and 14 findings, and ``train/`` and
``valid/`` beside them; of the full size the films come as folders ``CheXpert-v1.0 batch 2 (train 1)`` and so on. The
test set (and the validation set again) is in the download of CheXlocalize, as ``CheXpert/test_labels.csv`` and
``CheXpert/test/``, without sex, age and AP/PA. Irvin et al. 2019, arXiv:1901.07031.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.chexpert_films import CheXpertFilms, CheXpertPath, read_path, view_in
from radbench.data.sources.chexpert_findings import FINDINGS, WORDS, columns_in, labels_of
from radbench.data.sources.source import FilmRow, Kind, Problems, look
from radbench.data.sources.tables import age_of, rows_of, sex_of

_TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "train": ("train.csv",),
    "val": ("valid.csv", "val_labels.csv"),
    "test": ("test.csv", "test_labels.csv"),
}
_NO_TABLE: Final = "tables that are not there, so nothing of their split is known"
_NO_SEX: Final = "films of unknown sex"
_NO_AGE: Final = "films whose age is blank or 0 (the next is 18), of unknown age"


class CheXpert(CheXpertFilms):
    """CheXpert: JPEG films; labels by its labeller, in validation and test set by radiologists."""

    name = "chexpert"
    title = "CheXpert v1.0, of full size or small"
    url = "https://stanfordaimi.azurewebsites.net/datasets/8cbd9ed4-2eb9-4565-affc-111cf4f7ebe2"
    licence = "Stanford University School of Medicine CheXpert Dataset Research Use Agreement"
    download = (
        "train.csv and train/ (or the folders 'CheXpert-v1.0 batch 1 (validate & csv)' to 'batch 4 (train 3)')",
        "valid.csv and valid/",
        "CheXpert/test_labels.csv and CheXpert/test/ of CheXlocalize (optional)",
    )
    labels = FINDINGS
    words = WORDS
    attributes: ClassVar[Mapping[str, Kind]] = {"sex": str, "age": int}
    done_to_films = (
        "the films are JPEG of 8 bits that the publisher made of DICOM",
        "those of CheXpert-v1.0-small are scaled to about 390 x 320 pixels",
    )
    overlaps = ("chexpert-plus",)
    folders: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "train": ("train", "*/train", "*batch*"),
        "val": ("valid", "*/valid", "val", "*/val"),
        "test": ("test", "*/test"),
    }
    suffixes = (".jpg", ".png")

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the tables that are there, that of the training set first."""
        del host
        found = tuple(path for path in self._tables(root).values() if path is not None)
        if not found:
            raise self.missing(root, [name for names in _TABLES.values() for name in names])
        return found

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a row for every film of every table."""
        self.tables(root, host)
        for split, table in self._tables(root).items():
            if table is None:
                problems.add(_NO_TABLE, " or ".join(_TABLES[split]))
            else:
                yield from self._films(table, split, problems)

    def _tables(self, root: Path) -> dict[str, Path | None]:
        """The table of each split."""
        folders = ("", "*/")
        return {
            split: look(
                root, *(f"{folder}{name}{end}" for folder in folders for name in names for end in ("", ".gz"))
            )
            for split, names in _TABLES.items()
        }

    def _films(self, table: Path, split: str, problems: Problems) -> Iterator[FilmRow]:
        columns = columns_in(table)
        for number, row in rows_of(table, ["Path", *columns.values()], optional=["Sex", "Age", "AP/PA"]):
            path = read_path(row["Path"], f"{table}, row {number}")
            yield FilmRow(
                study_id=path.key,
                patient_id=path.patient,
                image=self.image(split, path),
                view=view_in(path, row["AP/PA"], problems),
                split=split,
                labels=labels_of(table, number, row, columns),
                attributes=person(row["Sex"], row["Age"], path, problems),
            )


def person(sex: str, age: str, path: CheXpertPath, problems: Problems) -> dict[str, str | int | float]:
    """Return sex and age as far as they are known; the youngest in CheXpert is 18, and 0 stands for no age."""
    known_sex, known_age = sex_of(sex), age_of(age)
    if known_sex is None:
        problems.add(_NO_SEX, path.key)
    if not known_age:
        problems.add(_NO_AGE, path.key)
    told: dict[str, str | int | float | None] = {"sex": known_sex, "age": known_age or None}
    return {name: value for name, value in told.items() if value is not None}
