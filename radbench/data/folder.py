"""A cohort from a folder of image files and a ``manifest.csv``."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

from radbench.data.cohort import GrayImage, Mask, Pixels, Study, unknown_mask
from radbench.data.films import Film, film_shape, read_film
from radbench.data.framing import Framing
from radbench.data.geometry import Geometry
from radbench.data.manifest import Entry, Uncertain, read_manifest
from radbench.data.masks import MaskReference, read_mask
from radbench.errors import UsageError
from radbench.runtime import canonical_json, sha256_file

PREFIX = "folder:"
DEFAULT_IMAGE_SIZE = 128
_TABLES = (".csv", ".tsv", ".txt", ".parquet")


class FolderCohort:
    """Studies on disk: films as they were stored, and their squares of ``image_size`` pixels.

    A square is made as in the paper: short side to ``image_size``, centre crop, the crop's own range to 0 to 255.
    Images and masks of a study go through the same geometry; ``framing`` gives it, to undo it.
    """

    truth_known = False

    def __init__(self, manifest: Path, entries: Sequence[Entry], image_size: int) -> None:
        self.name = f"{PREFIX}{manifest.parent.name}"
        self.image_size = image_size
        self.manifest = manifest
        self._entries = {entry.study.study_id: entry for entry in entries}
        self._studies = tuple(entry.study for entry in entries)
        self._film = lru_cache(maxsize=4)(self._read)

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
                "masks": {name: _mask_digest(reference) for name, reference in entry.masks.items()},
            }
            for entry in self._entries.values()
        ]
        return hashlib.sha256(canonical_json({"image_size": self.image_size, "rows": rows})).hexdigest()

    def film(self, study: Study) -> Pixels:
        """The film as it was stored, ``uint8`` or ``uint16 [H, W]``; a corrupt file is a ``UsageError``."""
        return self.read(study).pixels

    def read(self, study: Study) -> Film:
        """The film with what its header says and what was done to it."""
        self._entry(study)
        return self._film(study.study_id)

    def framing(self, study: Study) -> Framing:
        """The way of the study's film into the square, and back."""
        return Framing.of(self.film(study), self.image_size)

    def image(self, study: Study) -> GrayImage:
        """``uint8 [image_size, image_size]``; a corrupt file is a ``UsageError``."""
        return self.framing(study).square(self.film(study))

    def mask(self, study: Study, name: str) -> Mask:
        """``bool [image_size, image_size]``; unknown, or of another size than its image: ``UsageError``."""
        mask = self.native_mask(study, name)
        return Geometry(mask.shape[0], mask.shape[1], self.image_size).mask(mask)

    def native_mask(self, study: Study, name: str) -> Mask:
        """``bool [H, W]`` of the film's size; unknown, or of another size than its film: ``UsageError``."""
        entry = self._entry(study)
        if name not in entry.masks:
            raise unknown_mask(self.name, study.study_id, name, sorted(entry.masks))
        reference = entry.masks[name]
        height, width = film_shape(entry.image)
        values = read_mask(reference, (height, width))
        if values.shape != (height, width):
            raise UsageError(
                f"{self.manifest}, row {entry.row}: the mask {reference.path or reference.text} has "
                f"{values.shape[0]} x {values.shape[1]} pixels (height x width) "
                f"and its image {entry.image} has {height} x {width}; make them the same size."
            )
        return values

    def spacing(self, study: Study) -> tuple[float, float] | None:
        """Millimetres a pixel of the film, as its header says; None where it does not."""
        return self.read(study).spacing

    def has_mask(self, study: Study, name: str) -> bool:
        """Whether the manifest names such a mask of the study."""
        return name in self._entry(study).masks

    def counterfactual(
        self, study: Study, labels: Mapping[str, int], attributes: Mapping[str, str] | None = None
    ) -> GrayImage | None:
        """None: nobody knows how a real patient would look otherwise."""
        del study, labels, attributes
        return None

    def _read(self, study_id: str) -> Film:
        return read_film(self._entries[study_id].image)

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
    columns: Mapping[str, str] | None = None,
    uncertain: Uncertain | None = None,
) -> FolderCohort:
    """Open ``folder:PATH`` (or just the path): a folder with a ``manifest.csv``, or the CSV file itself.

    Args:
        reference: the folder; a relative one is taken from the current folder.
        image_size: side of the squares that are edited, in pixels.
        split: keep the rows of this split; ignored by a manifest without a ``split`` column.
        size: at most this many studies, drawn by ``seed`` so that a smaller draw is a part of a larger one.
        seed: seed of the draw.
        columns: radbench's names of the manifest's columns to the table's own.
        uncertain: what a label of -1 means; None: it is refused.
    """
    path = Path(str(reference).removeprefix(PREFIX)).expanduser()
    manifest = path if path.suffix.lower() in _TABLES else path / "manifest.csv"
    if not manifest.exists() and (path / "manifest.parquet").is_file():
        manifest = path / "manifest.parquet"
    entries = _in_split(manifest, read_manifest(manifest, columns, uncertain), split)
    if size is not None and size < len(entries):
        drawn = {
            entry.study.study_id for entry in sorted(entries, key=lambda entry: _rank(entry, seed))[:size]
        }
        entries = [entry for entry in entries if entry.study.study_id in drawn]
    return FolderCohort(manifest, entries, image_size)


def _mask_digest(reference: MaskReference) -> list[str]:
    """Return what decides a mask: the cell as it is written, and the bytes of its file."""
    return [reference.text, "" if reference.path is None else sha256_file(reference.path)]


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
