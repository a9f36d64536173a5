"""Finished edits and their measures by key: written whole or not at all, verified every time they are read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radbench.errors import RadbenchError
from radbench.runtime import canonical_json, sha256_bytes
from radbench.testsets.storage import Workshop, locked, storing, write_all_synced

LAYOUT_VERSION = 2
"""Raised when the files of an item or of a test set change their meaning."""

RECORD = "record.json"
EDITED = "edited.png"
RECONSTRUCTION = "reconstruction.png"
EDIT_MASK = "edit_mask.png"
KEEP_MASK = "keep_mask.png"


class DamagedError(RadbenchError):
    """A stored file is not what was written; ``path`` is the file."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} {what}")
        self.path = path


@dataclass(frozen=True)
class Item:
    """One finished edit.

    Attributes:
        key: the task's key, which is also the name of ``folder``.
        folder: where the files are.
        files: SHA-256 of each file, by name.
        measures: what the editor measured.
        made_with: device and package versions of the edit.
    """

    key: str
    folder: Path
    files: Mapping[str, str]
    measures: Mapping[str, float]
    made_with: Mapping[str, Any]


class ItemStore:
    """``<cache>/edits/<key[:2]>/<key>/``: PNG files, and ``record.json`` with their digests."""

    def __init__(self, cache: Path, workshop: Workshop) -> None:
        self.cache = cache
        self._workshop = workshop

    def folder(self, key: str) -> Path:
        """Where the item of ``key`` is, or will be."""
        return self.cache / "edits" / key[:2] / key

    def get(self, key: str) -> Item | None:
        """The verified item, or None where there is none.

        Raises:
            DamagedError: a file is missing or has other bytes than were written.
        """
        return read_item(self.folder(key), key)

    def put(
        self,
        key: str,
        task: Mapping[str, Any],
        files: Mapping[str, bytes],
        measures: Mapping[str, float],
        made_with: Mapping[str, Any],
    ) -> Item:
        """Store an item. If another process was faster, its item stays and is returned.

        Raises:
            UsageError: the cache cannot be written.
        """
        digests = {name: sha256_bytes(data) for name, data in files.items()}
        body = {
            "layout": LAYOUT_VERSION,
            "key": key,
            "task": dict(task),
            "status": "ok",
            "files": digests,
            "measures": dict(measures),
            "made_with": dict(made_with),
        }
        record = seal(body)
        with storing(self.cache):
            temporary = self._workshop.folder()
            write_all_synced(temporary, {**files, RECORD: record})
            self._publish(temporary, key)
        item = self.get(key)
        if item is None:
            raise DamagedError(self.folder(key), "vanished right after it was written")
        return item

    def drop_damaged(self, key: str) -> None:
        """Remove the item unless it is sound by now (another process may have mended it)."""
        with locked(self.cache, f"edits-{key[:2]}"), storing(self.cache):
            try:
                self.get(key)
            except DamagedError:
                self._workshop.discard(self.folder(key))

    def _publish(self, temporary: Path, key: str) -> None:
        final = self.folder(key)
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.rename(final)
        except OSError:
            if not final.is_dir():
                raise
            self._workshop.discard(temporary)


def read_item(folder: Path, key: str) -> Item | None:
    """Read and verify one item's folder; None where there is no such folder."""
    if not folder.is_dir():
        return None
    path = folder / RECORD
    body = read_sealed(path)
    if (body.get("layout"), body.get("key")) != (LAYOUT_VERSION, key):
        raise DamagedError(path, "belongs to another task or another version of radbench")
    for name, expected in body["files"].items():
        check_file(folder / name, expected)
    return Item(key, folder, body["files"], body["measures"], body["made_with"])


def check_file(path: Path, expected: str) -> bytes:
    """The bytes of a file whose SHA-256 is ``expected``.

    Raises:
        DamagedError: the file is missing, unreadable or has other bytes.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DamagedError(path, f"cannot be read ({error.strerror})") from None
    if sha256_bytes(data) != expected:
        raise DamagedError(path, "has other bytes than were written")
    return data


def seal(body: Mapping[str, Any]) -> bytes:
    """A record with its own digest, as JSON."""
    return canonical_json({"body": dict(body), "sha256": sha256_bytes(canonical_json(dict(body)))}) + b"\n"


def read_sealed(path: Path) -> dict[str, Any]:
    """The body of a record that ``seal`` wrote.

    Raises:
        DamagedError: the file is missing, is no record, or has other bytes than were written.
    """
    try:
        record = json.loads(path.read_bytes())
        body: dict[str, Any] = record["body"]
        if record["sha256"] != sha256_bytes(canonical_json(body)):
            raise DamagedError(path, "has other bytes than were written")
    except (OSError, ValueError, KeyError, TypeError):
        raise DamagedError(path, "is missing or is no record") from None
    return body


class AssessmentStore:
    """``<cache>/assessments/<key[:2]>/<key>.json``: measures under the digest of all that decides them."""

    def __init__(self, cache: Path, workshop: Workshop) -> None:
        self.cache = cache
        self._workshop = workshop

    def get(self, key: str) -> dict[str, float] | None:
        """The measures, or None where there are none.

        Raises:
            DamagedError: the file has other bytes than were written.
        """
        path = self._path(key)
        if not path.exists():
            return None
        body = read_sealed(path)
        if body.get("key") != key:
            raise DamagedError(path, "belongs to another edit")
        measures: dict[str, float] = body["measures"]
        return measures

    def put(self, found: Mapping[str, Mapping[str, float]]) -> None:
        """Store measures by key, each file whole or not at all.

        Raises:
            UsageError: the cache cannot be written.
        """
        files = {
            f"{key}.json": seal({"key": key, "measures": dict(measures)}) for key, measures in found.items()
        }
        with storing(self.cache):
            temporary = self._workshop.folder()
            write_all_synced(temporary, files)
            for key in found:
                path = self._path(key)
                path.parent.mkdir(parents=True, exist_ok=True)
                (temporary / path.name).replace(path)

    def _path(self, key: str) -> Path:
        return self.cache / "assessments" / key[:2] / f"{key}.json"
