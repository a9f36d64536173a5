"""Writing an audit's files so that a reader never meets a half-written or mixed set of them."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from radbench.errors import UsageError
from radbench.harness.result import AuditResult
from radbench.report.cases import Gallery
from radbench.report.gallery import RejectedItem
from radbench.report.identity import Identities

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
    from radbench.report.config import load_report_spec
    from radbench.report.material import gather
    from radbench.report.page import draw_page
    from radbench.report.sidecar import FOLDER, Sidecar
    from radbench.report.tables import TABLES, tables

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
