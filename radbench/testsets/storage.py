"""The cache on disk: synced files, temporary folders, locks that die with their process, plain errors."""

import contextlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import BaseFileLock, FileLock, Timeout

from radbench.errors import UsageError
from radbench.runtime import sync_folder

logger = logging.getLogger("radbench.testsets")


@contextlib.contextmanager
def storing(cache: Path) -> Iterator[None]:
    """Turn a full disk, a missing permission or a file in the way into one sentence that names the cache."""
    try:
        yield
    except OSError as error:
        at = f" at {error.filename}" if error.filename else ""
        raise UsageError(
            f"Cannot write to the cache folder {cache}: {error.strerror or error}{at}; "
            "free some space, mend its permissions, or set RADBENCH_CACHE to another folder."
        ) from error


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and wait until the disk has it. Not atomic: for temporary folders."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_all_synced(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write new files side by side, so that the disk is waited for once and not once a file."""
    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(lambda name: write_synced(folder / name, files[name]), files))
    sync_folder(folder)


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link where the file system has them, otherwise a synced copy."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        write_synced(target, source.read_bytes())


@contextlib.contextmanager
def locked(cache: Path, name: str, *, tell: bool = True) -> Iterator[None]:
    """Hold the cache's lock ``name``; wait while another process holds it. A dead process holds none.

    Args:
        cache: root of the cache.
        name: of the lock.
        tell: say that another process is waited for.
    """
    with storing(cache):
        (cache / "locks").mkdir(parents=True, exist_ok=True)
        lock = FileLock(cache / "locks" / f"{name}.lock")
        if not _try(lock):
            logger.log(
                logging.WARNING if tell else logging.DEBUG,
                "Waiting for another process that works on %s.",
                name,
            )
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def free_lock(cache: Path, name: str) -> Iterator[bool]:
    """Hold the cache's lock ``name`` where it is free; yield whether it was. Nobody is waited for."""
    with storing(cache):
        (cache / "locks").mkdir(parents=True, exist_ok=True)
        lock = FileLock(cache / "locks" / f"{name}.lock")
        ours = _try(lock)
    try:
        yield ours
    finally:
        if ours:
            lock.release()


class Workshop:
    """Temporary folders inside the cache, so that finished work is renamed into place.

    A process holds a lock on its workshop as long as it lives. Entering clears away the workshops of dead
    processes and of no other.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._name = uuid.uuid4().hex
        self._root = cache / "tmp"
        self._lock = FileLock(self._root / f"{self._name}.lock")

    def __enter__(self) -> Self:
        with storing(self.cache):
            self._root.mkdir(parents=True, exist_ok=True)
            self._clear_stale()
            self._lock.acquire()
            (self._root / self._name).mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear(self._name)
        self._lock.release()

    def folder(self) -> Path:
        """A new empty folder."""
        path = self._root / self._name / uuid.uuid4().hex
        path.mkdir()
        return path

    def discard(self, path: Path) -> None:
        """Make a folder vanish at once, and delete it afterwards; fine if it is already gone."""
        bin_ = self._root / self._name / uuid.uuid4().hex
        with contextlib.suppress(FileNotFoundError):
            path.rename(bin_)
        shutil.rmtree(bin_, ignore_errors=True)

    def _clear_stale(self) -> None:
        for path in self._root.glob("*.lock"):
            lock = FileLock(path)
            if _try(lock):
                self._clear(path.stem)
                lock.release()

    def _clear(self, name: str) -> None:
        """The folder first: as long as it is there, its lock file leads the next process to it."""
        shutil.rmtree(self._root / name, ignore_errors=True)
        if not (self._root / name).exists():
            with contextlib.suppress(OSError):
                (self._root / f"{name}.lock").unlink()


def _try(lock: BaseFileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
