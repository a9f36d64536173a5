"""SIIM-ACR Pneumothorax Segmentation (Kaggle, 2019): films of ChestX-ray14 with outlines of pneumothoraces.

``train-rle.csv``: ``ImageId, EncodedPixels`` (with a space before the second name), ``-1`` for none, one row an
outline; an image may have ten. The runs are relative (pixels skipped since the last run, length), down the columns of
1024 x 1024 pixels. Images lie somewhere under ``dicom-images-train``, named by ``ImageId``.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from radbench.data.sources.source import NO_FILE, DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import rows_of
from radbench.data.sources.trees import files_by_stem, with_header

_RUNS = "#rle=relative,order=column,size=1024x1024"
_NO_ROW = "films without a row in train-rle.csv, left out"


class SiimAcr(DatasetSource):
    """SIIM-ACR Pneumothorax: one DICOM film, one label, one mask."""

    name = "siim-acr"
    title = "SIIM-ACR Pneumothorax Segmentation"
    url = "https://www.kaggle.com/c/siim-acr-pneumothorax-segmentation"
    licence = "competition rules of Kaggle; films by the NIH Clinical Center"
    download = ("train-rle.csv", "dicom-images-train/ (or the PNG files of a mirror)")
    labels = ("pneumothorax",)
    words: ClassVar[Mapping[str, str]] = {"pneumothorax": "Pneumothorax"}
    attributes: ClassVar[Mapping[str, Kind]] = {"sex": str, "age": int}
    masks = ("pneumothorax",)
    done_to_films = ("the films are those of ChestX-ray14, scaled to 1024 x 1024 pixels of 8 bits",)
    overlaps = ("chestx-ray14", "rsna-pneumonia")

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the table of outlines; mirrors call it by other names."""
        del host
        return (
            self.find(root, "train-rle.csv", "stage_2_train.csv", "*/train-rle.csv", what="the outlines"),
        )

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield a film for every ``ImageId`` that has a file; each is taken for a patient of its own."""
        runs: dict[str, list[str]] = {}
        (table,) = self.tables(root, host)
        for _, row in rows_of(table, ["ImageId", "EncodedPixels"]):
            found = runs.setdefault(row["ImageId"], [])
            if row["EncodedPixels"] != "-1":
                found.append(row["EncodedPixels"])
        folder = self.find(
            root, "dicom-images-train", "train", "images", "*/dicom-images-train", what="the films"
        )
        files = files_by_stem(folder, (".dcm", ".png", ".jpg"))
        for image in runs.keys() - files.keys():
            problems.add(NO_FILE, image)
        for image, path in files.items():
            if image not in runs:
                problems.add(_NO_ROW, path.name)
                continue
            outlines = runs[image]
            yield FilmRow(
                study_id=image,
                patient_id=image,
                image=path.relative_to(root).as_posix(),
                view="frontal",
                labels={"pneumothorax": int(bool(outlines))},
                masks={"pneumothorax": ";".join(outlines) + _RUNS}
                if outlines
                else {"pneumothorax": "-1" + _RUNS},
            )

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Complete a row by view, sex and age of the DICOM header."""
        return with_header(root, row, problems)
