"""Writing an audit's three files so that a reader never meets a half-written or mixed set of them."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from radbench.audit.result import AuditResult
from radbench.errors import UsageError
from radbench.reporting.gallery import GalleryItem, RejectedItem

RESULT, METRICS, REPORT = "result.json", "metrics.csv", "report.html"
_ROOM = 8 << 20  # bytes that the outputs may need at most, with a margin


def check_writable(out_dir: Path | str, names: Iterable[str] = (RESULT, METRICS, REPORT)) -> None:
    """Refuse, before the long work, an output folder that could not take files; nothing stays behind.

    Args:
        out_dir: The folder.
        names: The files that are to come.

    Raises:
        UsageError: the folder (or where it would be made) is a file, not writable, or has no 8 MiB of room.
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
    gallery: Iterable[GalleryItem],
    out_dir: Path | str,
    rejected: Iterable[RejectedItem] = (),
) -> Path:
    """Write ``result.json``, ``metrics.csv`` and ``report.html`` into ``out_dir`` (made if missing).

    All bytes are made in memory first, then written to a hidden folder inside ``out_dir``, synced, and only
    then renamed into place: on any failure the previous files are as they were.

    Returns:
        The path of ``report.html``.

    Raises:
        UsageError: ``out_dir`` cannot be written (a file in its place, no permission, full disk).
    """
    from radbench.reporting.page import render_page
    from radbench.reporting.tables import metrics_csv

    page = render_page(result, list(gallery), rejected=list(rejected))
    files = {RESULT: result.to_json(), METRICS: metrics_csv(result), REPORT: page}
    write_files(out_dir, files)
    return Path(out_dir) / REPORT


def write_files(out_dir: Path | str, files: Mapping[str, bytes]) -> None:
    """Write files into ``out_dir`` (made if missing): all of them, or none and the old ones stay.

    Raises:
        UsageError: ``out_dir`` cannot be written (a file in its place, no permission, full disk).
    """
    folder = Path(out_dir)
    ground = _existing_ground(folder)
    _refuse_occupied(folder, files)
    try:
        _write_all(folder, files)
    except OSError as error:
        _remove_empty(folder, ground)
        raise _unwritable(folder, error) from error


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".radbench-", dir=folder))
    try:
        for name, data in files.items():
            with (staging / name).open("xb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
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
