"""RSNA Pneumonia Detection Challenge (Kaggle, 2018): 26,684 films of ChestX-ray14 with boxes of lung opacities.

``stage_2_train_labels.csv``: ``patientId, x, y, width, height, Target``, one row a box, blanks where Target is 0.
``stage_2_detailed_class_info.csv``: ``patientId, class``, which tells normal films from those with another finding.
``stage_2_train_images/<patientId>.dcm``: 1024 x 1024 pixels of 8 bits; sex, age and view are in the header. A patientId
is a film's; whose film it is, is in the RSNA's ``pneumonia-challenge-dataset-mappings_2018.json``, a list of
``subset_img_id`` and ``img_id`` (the name in ChestX-ray14).

Shih et al. 2019, doi:10.1148/ryai.2019180041.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.boxes import box_reference, box_text
from radbench.data.sources.source import DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import rows_of
from radbench.data.sources.trees import files_by_stem, first_of, with_header
from radbench.errors import UsageError

_LABELS: Final = "stage_2_train_labels.csv"
_CLASSES: Final = "stage_2_detailed_class_info.csv"
_MAPPING: Final = "pneumonia-challenge-dataset-mappings_2018.json"
_FOLDER: Final = "stage_2_train_images"
_BOX: Final = ("x", "y", "width", "height")
_OPACITY, _NORMAL, _OTHER = "Lung Opacity", "Normal", "No Lung Opacity / Not Normal"
_ALONE: Final = f"films without a row in {_MAPPING}, each taken for a patient of its own though it may not be"


class RsnaPneumonia(DatasetSource):
    """RSNA pneumonia challenge: one DICOM film, the label of the challenge, its boxes as one mask."""

    name = "rsna-pneumonia"
    title = "RSNA Pneumonia Detection Challenge 2018"
    url = "https://www.kaggle.com/c/rsna-pneumonia-detection-challenge"
    licence = "competition rules of Kaggle; films by the NIH Clinical Center"
    download = (
        f"{_LABELS}",
        f"{_FOLDER}/ (the films; those of the test have no labels)",
        f"{_CLASSES} (which films are normal)",
        f"{_MAPPING} from https://www.rsna.org (whose film each is)",
    )
    labels = ("pneumonia", "no_finding")
    words: ClassVar[Mapping[str, str]] = {"pneumonia": _OPACITY}
    attributes: ClassVar[Mapping[str, Kind]] = {
        "sex": str,
        "age": int,
        "detailed_class": str,
        "chestx_ray14": str,
    }
    masks = ("box_pneumonia",)
    done_to_films = (
        "the films are those of ChestX-ray14 (1024 x 1024 pixels of 8 bits) as DICOM files compressed by JPEG",
        "pneumonia is an opacity of the lung that readers found suspicious of pneumonia; no report or test says more",
    )
    overlaps = ("chestx-ray14", "siim-acr")

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the table of boxes, then those of classes and of patients that are there."""
        del host
        labels = self.find(
            root, _LABELS, f"{_LABELS}.zip", f"{_LABELS}.gz", f"*/{_LABELS}", what="labels and boxes"
        )
        return labels, *(path for path in (_classes_at(labels), _mapping_at(labels)) if path is not None)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a film for every ``patientId``, in the order of the table."""
        table = self.tables(root, host)[0]
        classes = _classes(_classes_at(table))
        origins = _origins(_mapping_at(table))
        folder = self.find(table.parent, _FOLDER, f"*/{_FOLDER}", f"{_FOLDER}*", what="the films")
        files = files_by_stem(folder, (".dcm", ".png", ".jpg"))
        for name, boxes in _boxes(table, problems).items():
            kind = classes.get(name, "")
            if kind and (kind == _OPACITY) != bool(boxes):
                raise UsageError(
                    f"{_CLASSES} says {kind!r} of {name}, which has {len(boxes)} boxes in {table}; expected "
                    f"{_OPACITY!r} for films with boxes and no others; download both tables again."
                )
            if classes and not kind:
                problems.add(f"films without a row in {_CLASSES}, of unknown class", name)
            origin = origins.get(name, "")
            if not origin:
                problems.add(_ALONE, name)
            path = files.get(name, folder / f"{name}.dcm")
            yield FilmRow(
                study_id=name,
                patient_id=origin.split("_")[0].lstrip("0") or name,
                image=path.relative_to(root).as_posix(),
                view="frontal",
                labels={
                    "pneumonia": int(bool(boxes)),
                    **({"no_finding": int(kind == _NORMAL)} if kind else {}),
                },
                attributes={
                    **({"detailed_class": kind} if kind else {}),
                    **({"chestx_ray14": origin} if origin else {}),
                },
                report="" if boxes or kind == _NORMAL else f"{kind or 'No Lung Opacity'}.",
                masks={"box_pneumonia": box_reference(boxes, "xywh", "1024x1024")} if boxes else {},
            )

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Complete a row by view, sex and age of the DICOM header."""
        return with_header(root, row, problems)


def _classes_at(table: Path) -> Path | None:
    return first_of(table.parent, _CLASSES, f"{_CLASSES}.zip", f"{_CLASSES}.gz")


def _mapping_at(table: Path) -> Path | None:
    return first_of(table.parent, _MAPPING)


def _boxes(table: Path, problems: Problems) -> dict[str, list[str]]:
    """Return the boxes of every film; none where Target is 0."""
    found: dict[str, list[str]] = {}
    for number, row in rows_of(table, ("patientId", *_BOX, "Target")):
        text = box_text(row, _BOX, "xywh", table, number, problems)
        if row["Target"] not in {"0", "1"} or (row["Target"] == "1") != bool(text):
            raise UsageError(
                f"The table {table}, row {number} has Target {row['Target']!r} and the box {text!r}; expected 1 with a "
                "box, or 0 without one."
            )
        boxes = found.setdefault(row["patientId"], [])
        if text:
            boxes.append(text)
    return found


def _classes(path: Path | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, row in rows_of(path, ("patientId", "class")) if path else ():
        if row["class"] not in {_OPACITY, _NORMAL, _OTHER}:
            raise UsageError(
                f"The table {path}, row {number} has the class {row['class']!r}; expected {_NORMAL!r}, {_OPACITY!r} or "
                f"{_OTHER!r}."
            )
        if found.setdefault(row["patientId"], row["class"]) != row["class"]:
            raise UsageError(
                f"The table {path}, row {number} says {row['class']!r} of {row['patientId']}, and "
                f"{found[row['patientId']]!r} before; download it again."
            )
    return found


def _origins(path: Path | None) -> dict[str, str]:
    """Return the name in ChestX-ray14 of every film that the RSNA's mapping has."""
    if path is None:
        return {}
    try:
        items = json.loads(path.read_text(encoding="utf-8-sig"))
        return {str(item["subset_img_id"]): str(item["img_id"]).removesuffix(".png") for item in items}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} cannot be read ({type(error).__name__}: {error}); expected a list of groups with "
            "'subset_img_id' and 'img_id'; download it again."
        ) from None
