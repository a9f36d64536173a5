"""A cohort from a folder of image files and a ``manifest.csv``."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from radbench.data.cohort import GrayImage, Mask, Study, unknown_mask
from radbench.data.geometry import Geometry
from radbench.data.images import image_shape, read_pixels
from radbench.data.manifest import Entry, read_manifest
from radbench.data.masks import as_bool
from radbench.errors import UsageError
from radbench.runtime import canonical_json, sha256_file

PREFIX = "folder:"
DEFAULT_IMAGE_SIZE = 128


class FolderCohort:
    """Studies on disk, brought to one size: short side to ``image_size``, centre crop, per-image min-max.

    Images and masks of a study go through the same geometry; ``geometry`` gives it, to undo it.
    """

    truth_known = False

    def __init__(self, manifest: Path, entries: Sequence[Entry], image_size: int) -> None:
        self.name = f"{PREFIX}{manifest.parent.name}"
        self.image_size = image_size
        self.manifest = manifest
        self._entries = {entry.study.study_id: entry for entry in entries}
        self._studies = tuple(entry.study for entry in entries)

    @property
    def studies(self) -> Sequence[Study]:
        """The studies in the manifest's order."""
        return self._studies

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the size, every row and every file's bytes."""
        rows = [
            {
                "study_id": entry.study.study_id,
                "patient_id": entry.study.patient_id,
                "labels": dict(entry.study.labels),
                "attributes": dict(entry.study.attributes),
                "report": entry.study.report,
                "image": sha256_file(entry.image),
                "masks": {name: sha256_file(path) for name, path in entry.masks.items()},
            }
            for entry in self._entries.values()
        ]
        return hashlib.sha256(canonical_json({"image_size": self.image_size, "rows": rows})).hexdigest()

    def geometry(self, study: Study) -> Geometry:
        """The way of the study's pixels into the square, and back."""
        return Geometry(*image_shape(self._entry(study).image), self.image_size)

    def image(self, study: Study) -> GrayImage:
        """``uint8 [image_size, image_size]``; a corrupt file is a ``UsageError``."""
        pixels = read_pixels(self._entry(study).image)
        return Geometry(pixels.shape[0], pixels.shape[1], self.image_size).image(pixels)

    def mask(self, study: Study, name: str) -> Mask:
        """``bool [image_size, image_size]``; unknown, or of another size than its image: ``UsageError``."""
        entry = self._entry(study)
        if name not in entry.masks:
            raise unknown_mask(self.name, study.study_id, name, sorted(entry.masks))
        path = entry.masks[name]
        values = as_bool(read_pixels(path), f"the mask {path}")
        height, width = image_shape(entry.image)
        if values.shape != (height, width):
            raise UsageError(
                f"{self.manifest}, row {entry.row}: the mask {path} has "
                f"{values.shape[0]} x {values.shape[1]} pixels (height x width) "
                f"and its image {entry.image} has {height} x {width}; make them the same size."
            )
        return Geometry(height, width, self.image_size).mask(values)

    def has_mask(self, study: Study, name: str) -> bool:
        """Whether the manifest names such a mask of the study."""
        return name in self._entry(study).masks

    def counterfactual(
        self, study: Study, labels: Mapping[str, int], attributes: Mapping[str, str] | None = None
    ) -> GrayImage | None:
        """None: nobody knows how a real patient would look otherwise."""
        del study, labels, attributes
        return None

    def _entry(self, study: Study) -> Entry:
        if study.study_id not in self._entries:
            raise UsageError(f"The cohort {self.name!r} has no study {study.study_id!r}.")
        return self._entries[study.study_id]


def open_folder_cohort(
    reference: str | Path,
    *,
    image_size: int = DEFAULT_IMAGE_SIZE,
    split: str | None = None,
    size: int | None = None,
    seed: int = 0,
) -> FolderCohort:
    """Open ``folder:PATH`` (or just the path): a folder with a ``manifest.csv``, or the CSV file itself.

    Args:
        reference: the folder; a relative one is taken from the current folder.
        image_size: side of the square that every image is brought to, in pixels.
        split: keep the rows of this split; ignored by a manifest without a ``split`` column.
        size: at most this many studies, drawn by ``seed`` so that a smaller draw is a part of a larger one.
        seed: seed of the draw.
    """
    path = Path(str(reference).removeprefix(PREFIX)).expanduser()
    manifest = path if path.suffix.lower() == ".csv" else path / "manifest.csv"
    entries = _in_split(manifest, read_manifest(manifest), split)
    if size is not None and size < len(entries):
        drawn = {
            entry.study.study_id for entry in sorted(entries, key=lambda entry: _rank(entry, seed))[:size]
        }
        entries = [entry for entry in entries if entry.study.study_id in drawn]
    return FolderCohort(manifest, entries, image_size)


def _in_split(manifest: Path, entries: list[Entry], split: str | None) -> list[Entry]:
    found = sorted({entry.split for entry in entries if entry.split})
    if split is None or not found:
        return entries
    kept = [entry for entry in entries if entry.split == split]
    if not kept:
        raise UsageError(f"{manifest} has no row of split {split!r}; its splits are: {', '.join(found)}.")
    return kept


def _rank(entry: Entry, seed: int) -> str:
    return hashlib.sha256(f"{seed}\n{entry.study.study_id}".encode()).hexdigest()
