"""Measures of finished edits by key: written whole or not at all, verified every time they are read."""

from collections.abc import Mapping
from pathlib import Path

from radbench.testsets.storage import Workshop, storing, write_all_synced
from radbench.testsets.store import DamagedError, read_sealed, seal


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
