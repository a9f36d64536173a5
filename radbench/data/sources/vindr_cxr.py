"""VinDr-CXR (Hanoi, 2018 to 2020): 18,000 PA films, 28 findings and diagnoses, boxes by radiologists.

PhysioNet 1.0.0: ``annotations/image_labels_train.csv`` has one row a film and reader (three of 17 read each film),
``image_labels_test.csv`` one row a film, the consensus of five; ``Other diseases`` is ``Other disease`` there.
``annotations_train.csv`` and ``annotations_test.csv`` have one row a box: ``image_id, class_name, x_min, y_min, x_max,
y_max``. Kaggle (VinBigData, 2021): ``train.csv`` has those rows for 14 findings and ``No finding`` of the films of the
training part. Films are ``train/<image_id>.dicom``; boxes are in their pixels.

The label of a film is what most of its readers say, ``any_`` what one of them says, ``all_`` what all say. A mask is
the union of the boxes of all readers, also of those in the minority.

Nguyen et al. 2022, doi:10.1038/s41597-022-01498-w.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.boxes import box_reference, box_text
from radbench.data.sources.source import NO_FILE, UNCERTAIN, DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import check_columns, header_of, number_or_none, rows_of
from radbench.data.sources.trees import files_by_stem, first_of, with_header
from radbench.errors import UsageError

_LOCAL: Final = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Nodule/Mass",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
)
_GLOBAL: Final = ("COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases")
_NONE: Final = "No finding"
_KAGGLE: Final = (
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Consolidation",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Nodule/Mass",
    "Other lesion",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    _NONE,
)


def _label(word: str) -> str:
    return word.lower().replace("/", "_").replace(" ", "_")


_WORDS: Final = {_label(word): word for word in (*_LOCAL, *_GLOBAL)}
_NAMES: Final = {word: label for label, word in _WORDS.items()} | {
    _NONE: "no_finding",
    "Other disease": "other_diseases",
}
_PRIMARY: Final = (*_WORDS, "no_finding")
_CORNERS: Final = ("x_min", "y_min", "x_max", "y_max")
_READERS: Final = ("rad_id", "rad_ID")
_FILMS: Final = (".dicom", ".dcm")


@dataclass
class _Votes:
    """How many readers say yes and no of each finding, and the boxes by finding."""

    readers: set[str] = field(default_factory=set)
    yes: Counter[str] = field(default_factory=Counter)
    no: Counter[str] = field(default_factory=Counter)
    boxes: dict[str, list[str]] = field(default_factory=dict)


class VindrCxr(DatasetSource):
    """VinDr-CXR: one DICOM film, the majority of three readers, their boxes as one mask a finding."""

    name = "vindr-cxr"
    title = "VinDr-CXR (PhysioNet 1.0.0, or VinBigData on Kaggle)"
    url = "https://physionet.org/content/vindr-cxr/1.0.0/"
    licence = "PhysioNet credentialed data use agreement; not to be shared"
    download = (
        "annotations/ (image_labels_train.csv, image_labels_test.csv, annotations_train.csv, annotations_test.csv)",
        "train/ and test/ (*.dicom)",
        "or of Kaggle's vinbigdata-chest-xray-abnormalities-detection: train.csv and train/ (*.dicom)",
    )
    labels = tuple(f"{readers}{label}" for readers in ("", "any_", "all_") for label in _PRIMARY)
    words: ClassVar[Mapping[str, str]] = _WORDS
    attributes: ClassVar[Mapping[str, Kind]] = {"sex": str, "age": int}
    masks = tuple(f"box_{_label(word)}" for word in _LOCAL)
    done_to_films = (
        "no table names patients; each film is taken for a patient of its own",
        "labels of the training part are those of most of three readers, those of the test part a consensus of five",
        "masks are the union of all readers' boxes, also of those in the minority",
    )

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the tables of labels and boxes that are there; Kaggle's where PhysioNet's are not."""
        del host
        folder = _annotations(root)
        if folder is None:
            return (self.find(root, "train.csv", "*/train.csv", "annotations", what="labels and boxes"),)
        kinds = ("image_labels", "annotations")
        found = (_table(folder, kind, split) for kind in kinds for split in ("train", "test"))
        return tuple(path for path in found if path is not None)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield the films of the training part, then those of the test part."""
        tables = self.tables(root, host)
        folder = _annotations(root)
        base = tables[0].parent if folder is None or folder == root else folder.parent
        if not any((base / split).is_dir() for split in ("train", "test")):
            raise self.missing(base, ("train", "test"), "the films")
        if folder is None:
            films = self.find(base, "train", what="the films")
            yield from self._films(root, films, "train", _kaggle(tables[0], problems), problems)
            return
        for split in ("train", "test"):
            votes = _physionet(folder, split, problems)
            if not votes:
                problems.add(
                    "tables of labels that are not there, their films left out", f"image_labels_{split}.csv"
                )
            elif not (base / split).is_dir():
                problems.add("folders of films that are not there, their films left out", split)
            else:
                yield from self._films(root, base / split, split, votes, problems)

    def _films(
        self, root: Path, folder: Path, split: str, votes: Mapping[str, _Votes], problems: Problems
    ) -> Iterator[FilmRow]:
        files = files_by_stem(folder, _FILMS)
        if not files and files_by_stem(folder, (".png", ".jpg", ".jpeg")):
            raise UsageError(
                f"{self.name}: {folder} holds pictures, expected DICOM films (*.dicom): the boxes are in pixels of "
                "those, and a scaled copy does not say how large they were; download the films themselves."
            )
        for image, found in votes.items():
            if image not in files:
                problems.add(NO_FILE, f"{split}/{image}.dicom")
                continue
            if split == "train" and len(found.readers) != 3:
                problems.add("films of the training part read by other than three readers, kept", image)
            yield FilmRow(
                study_id=image,
                patient_id=image,
                image=files[image].relative_to(root).as_posix(),
                view="frontal",
                split=split,
                labels=_labels(found, several=split == "train"),
                masks={f"box_{label}": box_reference(boxes, "xyxy") for label, boxes in found.boxes.items()},
            )

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Complete a row by sex and age of the DICOM header, and its view; PA, as published, where it says none."""
        found = with_header(root, row, problems)
        return replace(found, view="PA") if found is not None and found.view == "frontal" else found


def _annotations(root: Path) -> Path | None:
    """Return the folder of PhysioNet's tables; None where there is none."""
    names = [
        f"{folder}image_labels_{split}.csv*"
        for folder in ("annotations/", "", "*/annotations/")
        for split in ("train", "test")
    ]
    found = first_of(root, *names)
    return None if found is None else found.parent


def _table(folder: Path, kind: str, split: str) -> Path | None:
    return first_of(folder, f"{kind}_{split}.csv", f"{kind}_{split}.csv.gz")


def _labels(votes: _Votes, *, several: bool) -> dict[str, int]:
    """Return the majority, and of several readers also what one and what all of them say."""
    labels = {}
    for label in _PRIMARY:
        yes, no = votes.yes[label], votes.no[label]
        if yes + no:
            labels[label] = UNCERTAIN if yes == no else int(yes > no)
            if several:
                labels |= {f"any_{label}": int(yes > 0), f"all_{label}": int(no == 0)}
    return labels


def _physionet(folder: Path, split: str, problems: Problems) -> dict[str, _Votes]:
    """Return the votes of PhysioNet's labels with its boxes; nothing where there is no table of labels."""
    path, boxes = _table(folder, "image_labels", split), _table(folder, "annotations", split)
    if path is None:
        return {}
    found: dict[str, _Votes] = {}
    header = header_of(path)
    columns = {_NAMES[name]: name for name in header if name in _NAMES}
    check_columns(path, [_WORDS.get(label, _NONE) for label in columns], [*_WORDS.values(), _NONE])
    for number, row in rows_of(path, ("image_id", *columns.values()), optional=_READERS):
        votes = found.setdefault(row["image_id"], _Votes())
        reader = _reader(row)
        if reader in votes.readers:
            problems.add(
                "rows of a film and reader that another row is about, left out", f"{path.name} row {number}"
            )
            continue
        votes.readers.add(reader)
        _count(votes, row, columns, path, number)
    if boxes is None:
        problems.add(
            "tables of boxes that are not there, their films without masks", f"annotations_{split}.csv"
        )
    else:
        _add_boxes(boxes, found, problems)
    return found


def _reader(row: Mapping[str, str]) -> str:
    return next((row[name] for name in _READERS if row[name]), "")


def _count(
    votes: _Votes, row: Mapping[str, str], columns: Mapping[str, str], path: Path, number: int
) -> None:
    for label, column in columns.items():
        said = number_or_none(row[column]) if row[column] else None
        if row[column] and said not in {0.0, 1.0}:
            raise UsageError(
                f"The table {path}, row {number} has {column} {row[column]!r}; expected 0, 1 or an empty cell."
            )
        if said is not None:
            (votes.yes if said else votes.no)[label] += 1


def _kaggle(path: Path, problems: Problems) -> dict[str, _Votes]:
    """Return the votes of a table of boxes in which every reader of a film has a row: a finding, or none."""
    found: dict[str, _Votes] = {}
    named: dict[tuple[str, str], set[str]] = {}
    for _, row in _box_rows(path, [*_CORNERS, "rad_id"]):
        found.setdefault(row["image_id"], _Votes()).readers.add(row["rad_id"])
        named.setdefault((row["image_id"], row["rad_id"]), set()).add(_NAMES[row["class_name"]])
    for (image, _), labels in named.items():
        votes = found[image]
        votes.yes.update(labels)
        votes.no.update(_NAMES[word] for word in _KAGGLE if _NAMES[word] not in labels)
    _add_boxes(path, found, problems)
    return found


def _add_boxes(path: Path, found: Mapping[str, _Votes], problems: Problems) -> None:
    for number, row in _box_rows(path, _CORNERS):
        text = box_text(row, _CORNERS, "xyxy", path, number, problems)
        label = _NAMES[row["class_name"]]
        if not text or f"box_{label}" not in VindrCxr.masks:
            continue
        if row["image_id"] not in found:
            problems.add(f"boxes of {path.name} of films without labels, left out", row["image_id"])
            continue
        found[row["image_id"]].boxes.setdefault(label, []).append(text)


def _box_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, row in rows_of(path, ("image_id", "class_name", *columns)):
        if row["class_name"] not in _NAMES:
            raise UsageError(
                f"The table {path}, row {number} has the finding {row['class_name']!r}; expected one of "
                f"{', '.join(_NAMES)}."
            )
        yield number, row
