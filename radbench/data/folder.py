"""A cohort from a folder of image files and a ``manifest.csv``."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property, lru_cache
from pathlib import Path

from radbench.data.cohort import GrayImage, Mask, Pixels, Study, unknown_mask
from radbench.data.films import film_shape, read_film
from radbench.data.films.film import Film
from radbench.data.geometry import Framing, Geometry
from radbench.data.manifest import Entry, LabelRule, read_manifest
from radbench.data.masks import MaskReading, read_mask
from radbench.data.table import PARQUET
from radbench.errors import UsageError
from radbench.runtime import canonical_json, sha256_file

PREFIX = "folder:"
DEFAULT_IMAGE_SIZE = 128


class FolderCohort:
    """Studies on disk: films as they were stored, and their squares of ``image_size`` pixels.

    A square is made as in the paper: short side to ``image_size``, centre crop, the crop's own range to 0 to 255.
    Films and masks of a study go through the same geometry; ``framing`` gives it, to undo it. ``notes`` say what was
    assumed or left out when the manifest was read, sentences for a report.

    A dataset's films come this way too: with its own ``name``, a ``read`` and ``shape`` for films that need more than
    their header, and a ``file_digest`` that does not read terabytes.
    """

    truth_known = False

    def __init__(
        self,
        manifest: Path,
        entries: Sequence[Entry],
        image_size: int,
        *,
        declared: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
        elsewhere: Sequence[Entry] = (),
        name: str = "",
        read: Callable[[Path], Film] = read_film,
        shape: Callable[[Path], tuple[int, int]] = film_shape,
        file_digest: Callable[[Path], str] = sha256_file,
    ) -> None:
        own = manifest.parent.name if manifest.stem == "manifest" else manifest.name
        self.name = name or f"{PREFIX}{own}"
        self.image_size = image_size
        self.manifest = manifest
        self.notes = tuple(notes)
        self.elsewhere = tuple((entry.study, entry.split, entry.image) for entry in elsewhere)
        """Studies of other splits with their split and file; the films of a cohort should not be among them."""
        self._declared = dict(declared or {})
        self._entries = {entry.study.study_id: entry for entry in entries}
        self._studies = tuple(entry.study for entry in entries)
        self._film = lru_cache(maxsize=4)(lambda study_id: read(self._entries[study_id].image))
        self._shape, self._file_digest = shape, file_digest

    @property
    def studies(self) -> Sequence[Study]:
        """The studies in the manifest's order."""
        return self._studies

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the size, what was declared of the table, every row and every file's bytes."""
        of = cache(self._file_digest)
        rows = [
            {
                "study_id": entry.study.study_id,
                "patient_id": entry.study.patient_id,
                "labels": dict(entry.study.labels),
                "attributes": dict(entry.study.attributes),
                "report": entry.study.report,
                "image": of(entry.image),
                "masks": {name: mask.digest(of) for name, mask in entry.masks.items()},
            }
            for entry in self._entries.values()
        ]
        return hashlib.sha256(
            canonical_json({"image_size": self.image_size, "rows": rows, **self._declared})
        ).hexdigest()

    @cached_property
    def elsewhere_digest(self) -> str:
        """SHA-256 of which films other splits hold: their names, sizes and times of change."""
        held = [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for _, _, path in self.elsewhere]
        return hashlib.sha256(canonical_json(held)).hexdigest()

    def read(self, study: Study) -> Film:
        """The film with what its header says and what was done to it; a corrupt file is a ``UsageError``."""
        self._entry(study)
        return self._film(study.study_id)

    def film(self, study: Study) -> Pixels:
        """The film as it was stored, ``uint8`` or ``uint16 [H, W]``."""
        return self.read(study).pixels

    def split(self, study: Study) -> str:
        """The study's split; "" where the manifest names none."""
        return self._entry(study).split

    def framing(self, study: Study) -> Framing:
        """The way of the study's film into the square, and back."""
        return Framing.of(self.film(study), self.image_size)

    def spacing(self, study: Study) -> tuple[float, float] | None:
        """Millimetres a pixel of the film, as its header says; None where it does not."""
        return self.read(study).spacing

    def image(self, study: Study) -> GrayImage:
        """``uint8 [image_size, image_size]``; a corrupt file is a ``UsageError``."""
        return self.framing(study).square(self.film(study))

    def mask(self, study: Study, name: str) -> Mask:
        """``bool [image_size, image_size]``; unknown, or of another size than its film: ``UsageError``."""
        mask = self.native_mask(study, name)
        return Geometry(mask.shape[0], mask.shape[1], self.image_size).mask(mask)

    def native_mask(self, study: Study, name: str) -> Mask:
        """``bool [H, W]`` of the film's size; unknown, or of another size than its film: ``UsageError``."""
        return self.mask_reading(study, name).mask

    def has_mask(self, study: Study, name: str) -> bool:
        """Whether the manifest names such a mask of the study."""
        return name in self._entry(study).masks

    def mask_reading(self, study: Study, name: str) -> MaskReading:
        """The named mask at the film's own size, and sentences on what looks wrong with it; errors as ``mask``."""
        entry = self._entry(study)
        if name not in entry.masks:
            raise unknown_mask(self.name, study.study_id, name, sorted(entry.masks))
        return read_mask(
            entry.masks[name],
            self._shape(entry.image),
            film=entry.image,
            study_id=study.study_id,
            where=f"{self.manifest}, row {entry.row}",
        )

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
    labels: LabelRule | None = None,
    columns: Mapping[str, str] | None = None,
) -> FolderCohort:
    """Open ``folder:PATH`` (or just the path): a folder with a manifest, or the manifest itself.

    A folder's manifest is its ``manifest.csv``, ``.tsv`` or ``.parquet``, the first of them that is there.

    Args:
        reference: the folder; a relative one is taken from the current folder.
        image_size: side of the squares that are edited, in pixels.
        split: keep the rows of this split; ignored by a manifest without a ``split`` column.
        size: at most this many studies, drawn by ``seed`` so that a smaller draw is a part of a larger one.
        seed: seed of the draw.
        labels: what uncertain labels mean; without it they are refused.
        columns: our names of the columns to the table's own; see ``read_manifest``.
    """
    path = Path(str(reference).removeprefix(PREFIX)).expanduser()
    manifest = find_manifest(path)
    found = read_manifest(manifest, labels=labels, columns=columns)
    entries = _in_split(manifest, list(found.entries), split)
    if size is not None and size < len(entries):
        drawn = {
            entry.study.study_id for entry in sorted(entries, key=lambda entry: _rank(entry, seed))[:size]
        }
        entries = [entry for entry in entries if entry.study.study_id in drawn]
    declared: dict[str, object] = {}
    if labels is not None:
        declared["labels"] = {"uncertain": labels.uncertain, "codes": sorted(labels.codes)}
    if columns:
        declared["columns"] = dict(sorted(columns.items()))
    chosen = {entry.split for entry in entries}
    others = [entry for entry in found.entries if entry.split not in chosen]
    return FolderCohort(manifest, entries, image_size, declared=declared, notes=found.notes, elsewhere=others)


def find_manifest(path: Path) -> Path:
    """Return the table of a cohort: ``path`` itself, or the ``manifest`` in the folder ``path``; it may not exist."""
    if path.suffix.lower() in {".csv", ".tsv", ".txt", *PARQUET} and not path.is_dir():
        return path
    there = (path / f"manifest{suffix}" for suffix in (".csv", ".tsv", *PARQUET))
    return next((file for file in there if file.is_file()), path / "manifest.csv")


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
