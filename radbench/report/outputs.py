"""Writing an audit's files so that a reader never meets a half-written or mixed set of them.

Beside them may stand the sidecar folder ``cases/``: every edited image that is judged, at full size, with a table of
digests. Its file names are running numbers and never come from a study's name, and its images are written one by one.
"""

import csv
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

from radbench.errors import UsageError
from radbench.harness.result import AuditResult
from radbench.report.cases import Gallery, gather
from radbench.report.config import load_report_spec
from radbench.report.gallery import GalleryItem, LazyGallery, RejectedItem
from radbench.report.identity import Identities
from radbench.report.images import fit, overlay, png, stamp
from radbench.report.tables import TABLES, safe_cell, tables

FOLDER, INDEX = "cases", "index.csv"
COLUMNS = ("file", "case", "scenario", "kind", "sha256", "bytes")
_LEAST = 112  # the smallest side that a stamp fits on
RESULT, METRICS, REPORT = "result.json", "metrics.csv", "report.html"
_ROOM = 24 << 20  # bytes that the outputs of an ordinary audit need at most, with a margin


def check_writable(out_dir: Path | str, names: Iterable[str] = (RESULT, METRICS, REPORT)) -> None:
    """Refuse, before the long work, an output folder that could not take files; nothing stays behind.

    Args:
        out_dir: The folder.
        names: The files that are to come.

    Raises:
        UsageError: the folder (or where it would be made) is a file, not writable, or has no 24 MiB of room.
    """
    folder = Path(out_dir)
    ground = _existing_ground(folder)
    _refuse_occupied(folder, names)
    try:
        with tempfile.NamedTemporaryFile(dir=ground, prefix=".radbench-") as probe:
            probe.write(b"\0")
        free = shutil.disk_usage(ground).free
    except OSError as error:
        raise _unwritable(folder, error) from error
    if free < _ROOM:
        raise UsageError(
            f"The output folder {folder} has {free / 2**20:.1f} MiB of room, expected {_ROOM >> 20} MiB; "
            "free some space or choose another folder with --out."
        )


def write_outputs(
    result: AuditResult,
    gallery: Gallery,
    out_dir: Path | str,
    rejected: Iterable[RejectedItem] = (),
    *,
    identifiers: bool = False,
    sidecar: bool = False,
    beside: Mapping[str, bytes] | None = None,
) -> Path:
    """Write ``result.json``, the tables and ``report.html`` into ``out_dir`` (made if missing).

    Everything is made in memory or in a hidden folder inside ``out_dir``, synced, and only then renamed into
    place: on any failure the previous files are as they were. Tables of an earlier run that this one has no rows
    for are removed.

    Args:
        result: The audit.
        gallery: The edited images that are judged; none but those on the page are held.
        out_dir: The folder.
        rejected: The rejected images.
        identifiers: Name studies and patients; otherwise running numbers stand for them in every file.
        sidecar: Also write every edited image into the folder ``cases`` (replaced if it is there).
        beside: Further files that belong to this result, by name.

    Returns:
        The path of ``report.html``.

    Raises:
        UsageError: ``out_dir`` cannot be written (a file in its place, no permission, full disk).
    """
    from radbench.report.page import draw_page  # which draws charts

    folder, (spec, templates) = Path(out_dir), load_report_spec()
    identities = None if identifiers else Identities(result)
    with ExitStack() as stack:
        staged: Path | None = None
        with ExitStack() as writing:
            if sidecar:
                staged = stack.enter_context(_staging(folder)) / FOLDER
                gallery = writing.enter_context(Sidecar(staged, identities)).tee(gallery)
            material = gather(result, gallery, rejected, spec.gallery, identities)
        page = draw_page(material, spec, templates)
        own = {RESULT: material.result.to_json(), **tables(material.result), REPORT: page}
        files = own | dict(beside or {})
        write_files(folder, files, folders={} if staged is None else {FOLDER: staged})
    for name in set(TABLES) - set(files):
        (folder / name).unlink(missing_ok=True)
    return folder / REPORT


class Sidecar:
    """Writes items into a new folder; a context manager.

    Args:
        folder: The folder, which must not exist.
        identities: What stands for the studies' names; None to name them.
    """

    def __init__(self, folder: Path, identities: Identities | None) -> None:
        self._folder, self._identities = folder, identities
        self._count = 0

    def __enter__(self) -> Self:
        """Make the folder and its table."""
        try:
            self._folder.mkdir()
            self._file = (self._folder / INDEX).open("x", encoding="utf-8", newline="")
        except OSError as error:
            raise UsageError(f"Cannot write into {self._folder}: {error.strerror or error}.") from error
        self._table = csv.writer(self._file, lineterminator="\n")
        self._table.writerow(COLUMNS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the table."""
        self._file.close()

    def tee(self, gallery: Gallery) -> Gallery:
        """Return a gallery of the same items: a lazy one after all were written, another writes as it is read.

        Raises:
            OSError: the disk is full.
        """
        if not isinstance(gallery, LazyGallery):
            return self._written(gallery)
        for key in gallery.keys:
            self.write((gallery.bare or gallery.load)(key))
        return gallery

    def _written(self, items: Iterable[GalleryItem]) -> Iterator[GalleryItem]:
        for item in items:
            self.write(item)
            yield item

    def write(self, item: GalleryItem) -> None:
        """Write one item: original, edited (stamped) and masks."""
        self._count += 1
        edited = item.edited if min(item.edited.shape) >= _LEAST else fit(item.edited)
        pictures = {
            "original": Image.fromarray(item.original),
            "edited": Image.fromarray(stamp(edited)),
            "masks": Image.fromarray(overlay(item.original, item.edit_mask, item.keep_mask)),
        }
        study = item.study_id if self._identities is None else self._identities.study(item.study_id)
        for kind, picture in pictures.items():
            name, data = f"{self._count:06d}-{kind}.png", png(picture)
            (self._folder / name).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            self._table.writerow(
                [safe_cell(cell) for cell in (name, study, item.scenario, kind, digest, len(data))]
            )


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Make a hidden folder inside ``folder`` (made if missing); both go again where nothing came into them."""
    ground = _existing_ground(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".radbench-", dir=folder))
    except OSError as error:
        _remove_empty(folder, ground)
        raise _unwritable(folder, error) from error
    try:
        yield staging
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        _remove_empty(folder, ground)


def write_files(
    out_dir: Path | str, files: Mapping[str, bytes], folders: Mapping[str, Path] | None = None
) -> None:
    """Write files into ``out_dir`` (made if missing): all of them, or none and the old ones stay.

    Args:
        out_dir: The folder.
        files: Content by name.
        folders: Folders on the same disk, by the name that they are moved to; what has that name is replaced.

    Raises:
        UsageError: ``out_dir`` cannot be written (a file in its place, no permission, full disk).
    """
    folder = Path(out_dir)
    ground = _existing_ground(folder)
    _refuse_occupied(folder, files)
    try:
        _write_all(folder, files, folders or {})
    except OSError as error:
        _remove_empty(folder, ground)
        raise _unwritable(folder, error) from error


def _write_all(folder: Path, files: Mapping[str, bytes], folders: Mapping[str, Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".radbench-", dir=folder))
    try:
        for name, data in files.items():
            with (staging / name).open("xb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
        for name, made in folders.items():
            if (folder / name).exists():
                (folder / name).replace(staging / f"old-{name}")
            made.replace(folder / name)
        for name in files:
            (staging / name).replace(folder / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _existing_ground(folder: Path) -> Path:
    """Return ``folder`` or its nearest ancestor that exists; it must be a folder."""
    ground = folder.absolute()
    while not (ground.exists() or ground.is_symlink()) and ground != ground.parent:
        ground = ground.parent
    if not ground.is_dir():
        what = f"The output folder {folder} cannot be made: {ground} is not a folder"
        raise UsageError(f"{what}; choose another with --out.")
    return ground


def _refuse_occupied(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        if (folder / name).is_dir():
            what = f"{folder / name} is a folder, expected a file or nothing"
            raise UsageError(f"{what}; move it or choose another folder with --out.")


def _remove_empty(folder: Path, ground: Path) -> None:
    """Remove the folders that a failed write made, as far as they are empty."""
    made = folder.absolute()
    while made != ground:
        try:
            made.rmdir()
        except OSError:
            return
        made = made.parent


def _unwritable(folder: Path, error: OSError) -> UsageError:
    reason = error.strerror or str(error)
    return UsageError(f"Cannot write into the output folder {folder}: {reason}; choose another with --out.")
