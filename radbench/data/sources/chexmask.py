"""CheXmask (Gaggion et al. 2024, PhysioNet, open): lungs and heart of the films of five datasets, by a model.

``OriginalResolution/<dataset>.csv``: an id, ``Dice RCA (Mean)``, ``Dice RCA (Max)``, ``Landmarks``, ``Left Lung``,
``Right Lung``, ``Heart``, ``Height``, ``Width``. The id's column has another name in each, and their order differs. A
mask is run lengths (first pixel counted from 1, length) along the rows of Height x Width pixels, the film's own size.

- ``Preprocessed/`` is of films cut, padded and scaled to 1024 x 1024 and fits no film.
- In PadChest's table Max is below Mean in many rows (the names are exchanged), and Height and Width are blank in some.
- The authors' scripts write Height and Width exchanged for some tables (``back_chexpert.py`` reads a height that
  ``chexpert.py`` wrote as the width): ``radbench.data.masks.runs`` says what ``turned`` does with such a row.
- The masks of CheXpert are those of its full-size films, not of CheXpert-v1.0-small.

Source: doi 10.1038/s41597-024-03358-1; columns as in github.com/ngaggion/CheXmask-Database.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.source import DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import long_rows_of, number_or_none
from radbench.errors import UsageError

_CHEXPERT: Final = ("CheXpert", "Path")
_MIMIC: Final = ("MIMIC-CXR-JPG", "dicom_id")
_TABLES: Final[Mapping[str, tuple[str, str]]] = {
    "candid-ptx": ("CANDID-PTX", "ImageID"),
    "chestx-ray14": ("ChestX-Ray8", "Image Index"),
    "chexpert": _CHEXPERT,
    "chexpert-plus": _CHEXPERT,
    "mimic-cxr": _MIMIC,
    "mimic-cxr-jpg": _MIMIC,
    "padchest": ("Padchest", "ImageID"),
    "vindr-cxr": ("VinDr-CXR", "image_id"),
}
"""Host to the table's name and its column of ids."""
_MEAN, _MAX = "Dice RCA (Mean)", "Dice RCA (Max)"
_ORGANS: Final = {"lung_left": "Left Lung", "lung_right": "Right Lung", "heart": "Heart"}
_IMAGE = re.compile(r"\.(png|jpe?g|dicom|dcm)$", re.IGNORECASE)
_PLACES: Final = ("", "*/", "*/*/", "physionet.org/files/*/*/")
_NO_SIZE = "rows without Height and Width, the film's own size taken"
_NO_RUNS = "rows without the run lengths of a lung or the heart, which have no such mask"
_EXCHANGED = "rows whose Dice RCA (Max) is below Dice RCA (Mean) (the names are exchanged), the smaller taken"
_NO_DICE = "rows without a Dice RCA (Mean), which have no chexmask_dice"


class Chexmask(DatasetSource):
    """CheXmask: masks of other datasets' films, with an estimate of how good each is."""

    name = "chexmask"
    title = "CheXmask Database"
    url = "https://physionet.org/content/chexmask-cxr-segmentation-data/"
    licence = "CC BY 4.0, open access"
    download = ("OriginalResolution/<dataset>.csv of the datasets that are used (not Preprocessed/)",)
    attributes: ClassVar[Mapping[str, Kind]] = {"chexmask_dice": float}
    masks = ("lung_left", "lung_right", "heart", "lungs")
    done_to_films = (
        "the masks are a model's (HybridGNet), not a reader's",
        "its authors take masks of an estimated Dice of at least 0.7 ('select: {chexmask_dice: \">=0.7\"}')",
        "the lungs leave out what lies behind the heart and the diaphragm",
    )
    hosts = tuple(_TABLES)
    at_once = 500

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the host's table at original resolution, plain or gzip."""
        stem, _ = _TABLES[host]
        names = (f"{stem}.csv", f"{stem}.csv.gz")
        found = _first(root, "OriginalResolution", names)
        if found is None and root.name.lower() != "preprocessed":
            found = _first(root, "", names)
        if found is not None:
            return (found,)
        wrong = _first(root, "Preprocessed", names) or _first(root, "", names)
        if wrong is not None:
            raise UsageError(
                f"chexmask: {wrong} is of films cut, padded and scaled to 1024 x 1024, and its masks do not fit the "
                f"films of {host}; download OriginalResolution/{stem}.csv of {self.url} into {root}."
            )
        raise self.missing(root, [f"OriginalResolution/{name}" for name in names], f"the masks of {host}")

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a row for every film of the host's table; gigabytes of run lengths pass by one at a time."""
        _, key = _TABLES[host]
        (table,) = self.tables(root, host)
        rows = long_rows_of(table, [key, _MEAN, *_ORGANS.values()], optional=[_MAX, "Height", "Width"])
        for number, row in rows:
            if not row[key]:
                problems.add("rows without a film's id, left out", f"row {number}")
                continue
            study = _study(row[key], key)
            size = _size(table, number, row, problems, study)
            dice = _dice(row, problems, study)
            yield FilmRow(
                study_id=study,
                patient_id="",
                image="",
                view="",
                attributes={} if dice is None else {"chexmask_dice": dice},
                masks=_masks(row, size, problems, study),
            )


def _first(root: Path, folder: str, names: tuple[str, ...]) -> Path | None:
    """Return a table in a folder of that name at or below the root; letters of either case."""
    wanted = [name.lower() for name in names]
    for place in _PLACES if folder else ("",):
        for where in sorted(root.glob(f"{place}{folder}")) if folder else [root]:
            files = {path.name.lower(): path for path in where.iterdir()} if where.is_dir() else {}
            for name in wanted:
                if name in files:
                    return files[name]
    return None


def _study(cell: str, key: str) -> str:
    """Return what the host calls the film of a cell such as ``train/patient00001/study1/view1_frontal.jpg``."""
    name = _IMAGE.sub("", cell.replace("\\", "/"))
    return "_".join(name.split("/")[-3:]) if key == "Path" else name.rsplit("/", 1)[-1]


def _size(table: Path, number: int, row: Mapping[str, str], problems: Problems, study: str) -> str:
    """Return the ``size=`` of a row's run lengths.

    Raises:
        UsageError: a height or width is no whole number.
    """
    cells = row["Height"], row["Width"]
    if not any(cells):
        problems.add(_NO_SIZE, study)
        return "film"
    sides = [number_or_none(cell) for cell in cells]
    if any(side is None or side < 1 or not side.is_integer() for side in sides):
        raise UsageError(
            f"{table}, row {number} ({study}): Height and Width are {cells[0]!r} and {cells[1]!r}; expected whole "
            "numbers of pixels, or both blank, so download the table again."
        )
    return "x".join(str(int(side or 0)) for side in sides) + "|turned"


def _dice(row: Mapping[str, str], problems: Problems, study: str) -> float | None:
    mean, most = number_or_none(row[_MEAN]), number_or_none(row[_MAX])
    if mean is None:
        problems.add(_NO_DICE, study)
        return None
    if most is not None and most < mean:
        problems.add(_EXCHANGED, study)
        return most
    return mean


def _masks(row: Mapping[str, str], size: str, problems: Problems, study: str) -> dict[str, str]:
    words = f"#rle=absolute,order=row,size={size}"
    runs = {name: row[column] for name, column in _ORGANS.items() if row[column] not in {"", "-1"}}
    if len(runs) < len(_ORGANS):
        problems.add(_NO_RUNS, study)
    sides = {"lung_left": ",side=left", "lung_right": ",side=right"}
    found = {name: f"{text}{words}{sides.get(name, '')}" for name, text in runs.items()}
    if "lung_left" in runs and "lung_right" in runs:
        found["lungs"] = f"{runs['lung_left']};{runs['lung_right']}{words}"
    return found
