"""ChestX-ray14 (NIH Clinical Center): 112,120 frontal films of 30,805 patients, 14 findings mined from reports.

``Data_Entry_2017_v2020.csv`` (before 2020: ``Data_Entry_2017.csv``) has commas in its last names,
``OriginalImage[Width,Height]``; the seven columns that are read stand before them. ``Finding Labels`` has ``|`` between
whole words. ``train_val_list.txt`` and ``test_list.txt`` are the official splits. ``BBox_List_2017.csv`` is read by
position: its names end in three blanks. Its boxes are in pixels of 1024 x 1024; in a copy of another size they are
refused. Films are ``images_001/images/*.png`` to ``images_012``, or all in ``images``. Google's labels of 4,376 films
by several readers (Majkowska et al. 2020, doi:10.1148/radiol.2019191293) are read where they are in the same folder.

Wang et al. 2017, doi:10.1109/CVPR.2017.369.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.boxes import box_reference, box_text
from radbench.data.sources.source import UNCERTAIN, DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import age_of, check_columns, header_of, number_or_none, rows_of, sex_of
from radbench.data.sources.trees import files_by_stem, first_of, view_of
from radbench.errors import UsageError

_WORDS: Final = {
    "atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "consolidation": "Consolidation",
    "edema": "Edema",
    "pleural_effusion": "Effusion",
    "emphysema": "Emphysema",
    "fibrosis": "Fibrosis",
    "hernia": "Hernia",
    "infiltration": "Infiltration",
    "mass": "Mass",
    "nodule": "Nodule",
    "pleural_thickening": "Pleural thickening",
    "pneumonia": "Pneumonia",
    "pneumothorax": "Pneumothorax",
}
_FINDINGS: Final = {word.replace(" t", "_T"): label for label, word in _WORDS.items()}
_BOXED: Final = {**_FINDINGS, "Infiltrate": "infiltration"}
_MASKED: Final = (
    "atelectasis",
    "cardiomegaly",
    "infiltration",
    "mass",
    "nodule",
    "pleural_effusion",
    "pneumonia",
    "pneumothorax",
)
_NONE: Final = "No Finding"
_COLUMNS: Final = (
    "Image Index",
    "Finding Labels",
    "Follow-up #",
    "Patient ID",
    "Patient Age",
    "Patient Gender",
    "View Position",
)
_BOX: Final = ("image", "finding", "x", "y", "w", "h")
_TABLES: Final = (
    "Data_Entry_2017_v2020.csv",
    "Data_Entry_2017*.csv",
    "Data_Entry_2017*.csv.gz",
    "*/Data_Entry_2017_v2020.csv",
    "*/Data_Entry_2017*.csv",
)
_LISTS: Final = {"train": "train_val_list*.txt", "test": "test_list*.txt"}
_BOXES: Final = ("BBox_List_2017*.csv", "BBox_List_2017*.csv.gz")
_READ: Final = {
    "Fracture": "adjudicated_fracture",
    "Pneumothorax": "adjudicated_pneumothorax",
    "Airspace opacity": "adjudicated_airspace_opacity",
    "Nodule or mass": "adjudicated_nodule_or_mass",
}
_READ_TABLES: Final = {
    "": ("google2019_nih-chest-xray-labels.csv", "google2019_nih-chest-xray-labels.csv.gz"),
    "val": (
        "four_findings_expert_labels/validation_labels.csv",
        "four_findings_expert_labels_validation_labels.csv",
    ),
    "test": ("four_findings_expert_labels/test_labels.csv", "four_findings_expert_labels_test_labels.csv"),
}
_SAID: Final = {"YES": 1, "NO": 0, "HEDGE": UNCERTAIN}
_AGE: Final = "ages that cannot be (120 years and more, or no number), taken as unknown"
_NO_SPLIT: Final = "films that neither list of the official splits names, without a split"


class ChestXray14(DatasetSource):
    """ChestX-ray14: one PNG film a row; official splits by patient; boxes of 880 films."""

    name = "chestx-ray14"
    title = "NIH ChestX-ray14 (ChestX-ray8 with 14 findings)"
    url = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
    licence = "no limits of use; cite Wang et al. 2017 and name the NIH Clinical Center"
    download = (
        "Data_Entry_2017_v2020.csv",
        "images_001 to images_012, unpacked (images_001/images/*.png), or images/*.png",
        "train_val_list.txt and test_list.txt (the official splits)",
        "BBox_List_2017.csv (boxes)",
        "Google's four_findings_expert_labels/ (labels of several readers; may be left out)",
    )
    labels = (*_WORDS, "no_finding", *_READ.values())
    words: ClassVar[Mapping[str, str]] = _WORDS
    attributes: ClassVar[Mapping[str, Kind]] = {
        "sex": str,
        "age": int,
        "follow_up": int,
        "adjudicated_set": str,
    }
    masks = tuple(f"box_{label}" for label in _MASKED)
    done_to_films = (
        "the films are scaled to 1024 x 1024 pixels of 8 bits, by the window of their DICOM header",
        "the scale is not the same along both sides of a film; some PNG files have colour and alpha channels",
        "the findings were mined from reports; a finding that a report does not name is taken as absent",
    )
    overlaps = ("rsna-pneumonia", "siim-acr")

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the table of films, then the lists of splits, boxes and labels of readers that are there."""
        del host
        table = self.find(root, *_TABLES, what="findings, ages and views")
        further = (
            [_LISTS["train"]],
            [_LISTS["test"]],
            _BOXES,
            *_READ_TABLES.values(),
        )
        found = (_near(root, table, *names) for names in further)
        return table, *(path for path in found if path is not None)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a film a row of the table, with the file of its name wherever it lies."""
        table = self.tables(root, host)[0]
        splits = self._splits(root, table)
        boxes = _boxes(_near(root, table, *_BOXES), problems)
        read = _adjudicated(root, table)
        files = {
            stem: path.relative_to(root).as_posix()
            for folder in self._folders(root, table)
            for stem, path in files_by_stem(folder, (".png",)).items()
        }
        for number, cells in rows_of(table, _COLUMNS):
            stem = cells["Image Index"].removesuffix(".png")
            if splits and stem not in splits:
                problems.add(_NO_SPLIT, stem)
            labels, attributes = read.get(stem, ({}, {}))
            yield FilmRow(
                study_id=stem,
                patient_id=cells["Patient ID"].lstrip("0") or "0",
                image=files.get(stem, f"images/{stem}.png"),
                view=view_of(cells["View Position"]),
                split=splits.get(stem, ""),
                labels={**_labels(cells["Finding Labels"], table, number), **labels},
                attributes={**_attributes(cells, problems), **attributes},
                masks={
                    f"box_{label}": box_reference(texts, "xywh", "1024x1024")
                    for label, texts in boxes.pop(stem, {}).items()
                },
            )
        for stem in boxes:
            problems.add("films of BBox_List_2017.csv that the table of films does not name, left out", stem)

    def _folders(self, root: Path, table: Path) -> list[Path]:
        """Return the folders of films; those of a scaled copy (``images-224``) only where there is no other."""
        for place in dict.fromkeys((table.parent, root)):
            found = [path for path in sorted(place.glob("images*")) if path.is_dir()]
            whole = [path for path in found if re.fullmatch(r"images(_\d+)?", path.name)]
            if found:
                return whole or found
        raise self.missing(root, ("images_001/images", "images"), "the films, unpacked")

    def _splits(self, root: Path, table: Path) -> dict[str, str]:
        """Return the official split of each film; nothing where neither list is there."""
        found = {split: _near(root, table, name) for split, name in _LISTS.items()}
        lists = {split: path for split, path in found.items() if path is not None}
        if len(lists) == 1:
            lacking = next(name for split, name in _LISTS.items() if split not in lists)
            raise self.missing(root, (lacking.replace("*", ""),), "one list of the splits without the other")
        splits: dict[str, str] = {}
        for split, path in lists.items():
            for stem in _lines(path):
                if splits.setdefault(stem, split) != split:
                    raise UsageError(
                        f"{path} names {stem}, which train_val_list.txt names too; download both lists again."
                    )
        return splits


def _near(root: Path, table: Path, *names: str) -> Path | None:
    return first_of(table.parent, *names) or first_of(root, *names)


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The list {path} cannot be read ({error}); download it again.") from None
    return [line.strip().removesuffix(".png") for line in text.splitlines() if line.strip()]


def _labels(cell: str, table: Path, number: int) -> dict[str, int]:
    """Return 1 or 0 for every finding of the whole words in a cell."""
    words = [word.strip() for word in cell.split("|")]
    unknown = [word for word in words if word not in _FINDINGS and word != _NONE]
    if unknown or (_NONE in words and len(words) > 1):
        raise UsageError(
            f"The table {table}, row {number} has the findings {cell!r}; expected {_NONE!r} alone, or some of "
            f"{', '.join(_FINDINGS)} with '|' between them."
        )
    return {
        **{label: int(word in words) for word, label in _FINDINGS.items()},
        "no_finding": int(_NONE in words),
    }


def _attributes(cells: Mapping[str, str], problems: Problems) -> dict[str, str | int | float]:
    age, follow_up = age_of(cells["Patient Age"]), number_or_none(cells["Follow-up #"])
    if age is None and cells["Patient Age"]:
        problems.add(_AGE, f"{cells['Image Index']} ({cells['Patient Age']})")
    known = {
        "sex": sex_of(cells["Patient Gender"]),
        "age": age,
        "follow_up": None if follow_up is None else int(follow_up),
    }
    return {name: value for name, value in known.items() if value is not None}


def _boxes(path: Path | None, problems: Problems) -> dict[str, dict[str, list[str]]]:
    """Return by film and finding its boxes ``x,y,w,h``."""
    found: dict[str, dict[str, list[str]]] = {}
    if path is None:
        return found
    header = header_of(path)
    check_columns(path, header, ("Image Index", "Finding Label"))
    names = [*_BOX, *(f"_{place}" for place in range(len(_BOX), len(header)))]
    for number, row in rows_of(path, _BOX, names=names):
        if row["finding"] not in _BOXED:
            raise UsageError(
                f"The table {path}, row {number} has a box of {row['finding']!r}; expected one of {', '.join(_BOXED)}."
            )
        if text := box_text(row, _BOX[2:], "xywh", path, number, problems):
            film = found.setdefault(row["image"].removesuffix(".png"), {})
            film.setdefault(_BOXED[row["finding"]], []).append(text)
    return found


def _adjudicated(root: Path, table: Path) -> dict[str, tuple[dict[str, int], dict[str, str]]]:
    """Return by film what several readers agreed on, and in which of their sets it is."""
    found = {}
    for name, paths in _READ_TABLES.items():
        path = _near(root, table, *paths)
        for number, row in rows_of(path, ("Image Index", *_READ), optional=("Set Id",)) if path else ():
            wrong = [f"{column} {row[column]!r}" for column in _READ if row[column] not in _SAID]
            if wrong:
                raise UsageError(
                    f"The table {path}, row {number} has {wrong[0]}; expected one of {', '.join(_SAID)}."
                )
            labels = {label: _SAID[row[column]] for column, label in _READ.items()}
            kept = row["Set Id"] or name
            found[row["Image Index"].removesuffix(".png")] = (
                labels,
                {"adjudicated_set": kept} if kept else {},
            )
    return found
