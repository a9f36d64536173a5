"""SIIM-FISABIO-RSNA COVID-19 detection (Kaggle, 2021): the labels and boxes of the paper's acquisition shift.

``train_study_level.csv``: ``id`` (``<study>_study``) and four columns of 0 and 1, one of which is 1.
``train_image_level.csv``: ``id`` (``<image>_image``), ``boxes`` (a list as Python writes it, in pixels of the DICOM
film; empty for none), ``label`` (the same boxes by their corners, ``none 1 0 0 1 1`` for none), ``StudyInstanceUID``.
Films: ``train/<study>/<series>/<image>.dcm``. ``covid`` is Appendix B of Pérez-García et al. 2024 (arXiv:2312.12865):
typical and indeterminate appearance are 1, atypical appearance and negative for pneumonia are 0.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.source import NO_FILE, DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import number_or_none, rows_of
from radbench.data.sources.trees import files_by_stem, with_header
from radbench.errors import UsageError

_APPEARANCES: Final = {
    "negative_for_pneumonia": "Negative for Pneumonia",
    "typical": "Typical Appearance",
    "indeterminate": "Indeterminate Appearance",
    "atypical": "Atypical Appearance",
}
_COVID: Final = {"negative_for_pneumonia": 0, "atypical": 0, "typical": 1, "indeterminate": 1}
_IMAGES: Final = ("id", "boxes", "label", "StudyInstanceUID")
_SIDES: Final = ("x", "y", "width", "height")
_WORDS_A_BOX: Final = 6
_NO_STUDY: Final = "films whose study is not in train_study_level.csv, left out"
_NO_ROW: Final = "films without a row in train_image_level.csv, left out"
_UNMARKED: Final = (
    "films of a study with an opacity but without a box (it may be on another film of the study)"
)
_UNLIKE: Final = "films whose boxes are not as many as their label says, the boxes taken"


class SiimFisabio(DatasetSource):
    """SIIM-FISABIO-RSNA COVID-19: one DICOM film, the appearance of its study, boxes around its opacities."""

    name = "siim-fisabio-covid19"
    title = "SIIM-FISABIO-RSNA COVID-19 Detection"
    url = "https://www.kaggle.com/c/siim-covid19-detection"
    licence = "competition rules of Kaggle; films by BIMCV (CC BY-NC-ND) and MIDRC-RICORD (CC BY-NC)"
    download = ("train_study_level.csv", "train_image_level.csv", "train/ (the DICOM films)")
    labels = ("covid", *_APPEARANCES)
    words: ClassVar[Mapping[str, str]] = {
        "typical": "Typical appearance",
        "indeterminate": "Indeterminate appearance",
        "atypical": "Atypical appearance",
    }
    attributes: ClassVar[Mapping[str, Kind]] = {"sex": str, "age": int, "study": str}
    masks = ("covid_boxes",)
    done_to_films = (
        (
            "the films come from BIMCV-COVID19 and MIDRC-RICORD, and the tables say neither which is whose nor "
            "which came from BIMCV-COVID19+ and which from BIMCV-COVID19-"
        ),
        "the test films have no labels, so that there are no splits",
    )
    overlaps = ("bimcv-covid19-positive", "bimcv-covid19-negative")

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the table of the films and that of the studies."""
        del host
        films = self.find(root, "train_image_level.csv", "*/train_image_level.csv", what="boxes of the films")
        studies = self.find(
            root, "train_study_level.csv", "*/train_study_level.csv", what="labels of the studies"
        )
        return films, studies

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a film for every row that has a file; its study is its patient until the header names one."""
        images, studies = self.tables(root, host)
        files = self._files(root, images.parent)
        appearances = _appearances(studies)
        named = set()
        for number, row in rows_of(images, _IMAGES):
            image, study = row["id"].removesuffix("_image"), row["StudyInstanceUID"].removesuffix("_study")
            named.add(image)
            if image not in files:
                problems.add(NO_FILE, image)
            elif study not in appearances:
                problems.add(_NO_STUDY, image)
            else:
                found = appearances[study]
                boxes = _boxes(images, number, row)
                _compare(boxes, row["label"], found, image, problems)
                yield FilmRow(
                    study_id=image,
                    patient_id=study,
                    image=files[image].relative_to(root).as_posix(),
                    view="frontal",
                    labels={"covid": _COVID[found], **{name: int(name == found) for name in _APPEARANCES}},
                    attributes={"study": study},
                    masks={"covid_boxes": ";".join(boxes)} if boxes else {},
                )
        for image in files.keys() - named:
            problems.add(_NO_ROW, files[image].name)

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Complete a row by patient, sex, age and view of the DICOM header."""
        return with_header(root, row, problems, patient=True)

    def _files(self, root: Path, base: Path) -> dict[str, Path]:
        folder = self.find(
            root, *(f"{place}train" for place in ("", f"{base.relative_to(root)}/")), what="the films"
        )
        files = files_by_stem(folder, (".dcm", ".dicom"))
        if not files and files_by_stem(folder, (".png", ".jpg", ".jpeg")):
            raise UsageError(
                f"{self.name}: {folder} holds films as PNG or JPEG; expected the DICOM films of {self.url}, because "
                "the boxes count in their pixels and a mirror's films are smaller."
            )
        return files


def _appearances(table: Path) -> dict[str, str]:
    """Return the appearance of each study."""
    found = {}
    for number, row in rows_of(table, ["id", *_APPEARANCES.values()]):
        values = {name: number_or_none(row[column]) for name, column in _APPEARANCES.items()}
        if sorted(values.values(), key=str) != sorted((0.0, 0.0, 0.0, 1.0), key=str):
            raise UsageError(
                f"The table {table}, row {number} has {', '.join(row[column] for column in _APPEARANCES.values())} for "
                f"{', '.join(_APPEARANCES.values())}; expected one 1 and three 0."
            )
        found[row["id"].removesuffix("_study")] = next(name for name, value in values.items() if value == 1)
    return found


def _boxes(table: Path, number: int, row: Mapping[str, str]) -> list[str]:
    """Return the boxes of a row, ``x,y,width,height`` each in pixels; the cell is never run as code."""
    if row["boxes"].lower() in {"", "nan"}:
        return []
    try:
        items = ast.literal_eval(row["boxes"])
        boxes = [[float(item[side]) for side in _SIDES] for item in items]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise UsageError(
            f"The table {table}, row {number} has the boxes {row['boxes'][:80]!r}; expected a list such as "
            "[{'x': 789.3, 'y': 582.4, 'width': 1026.7, 'height': 1917.3}]; download it again."
        ) from None
    return [",".join(f"{value:.10g}" for value in box) for box in boxes]


def _compare(boxes: list[str], label: str, appearance: str, image: str, problems: Problems) -> None:
    """Note a film whose two columns differ, and one of a study with an opacity that has no box."""
    told = sum(word == "opacity" for word in label.split()[::_WORDS_A_BOX])
    if label and told != len(boxes):
        problems.add(_UNLIKE, image)
    if not boxes and appearance != "negative_for_pneumonia":
        problems.add(_UNMARKED, image)
