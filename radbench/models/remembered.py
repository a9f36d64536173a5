"""A small mapping on disk: one JSON file with a digest over its content, shared by processes.

It is read whole and verified, merged under a lock, and replaced atomically. A damaged file is reported and
forgotten, never believed.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radbench.errors import UsageError
from radbench.runtime import atomic_write, canonical_json, sha256_bytes

logger = logging.getLogger(__name__)


class Remembered:
    """The mapping in ``path``; values are anything JSON knows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """Return everything remembered; nothing if the file is missing, unreadable or damaged."""
        try:
            content = json.loads(self.path.read_bytes())
            entries: dict[str, Any] = content["entries"]
            if content["sha256"] == _digest(entries):
                return entries
        except OSError:
            return {}
        except (ValueError, KeyError, TypeError):
            pass
        logger.warning("%s is damaged; what it held is made again.", self.path)
        return {}

    def add(self, fresh: Mapping[str, Any]) -> None:
        """Remember ``fresh`` too; nothing that another process remembered meanwhile is lost.

        Raises:
            UsageError: the folder cannot be written.
        """
        from filelock import FileLock

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path.with_suffix(".lock"))
            lock.acquire()
        except OSError as error:
            raise UsageError(
                f"Cannot write the cache folder {self.path.parent}: {error.strerror or error}; "
                "set RADBENCH_CACHE to a folder that you may write to."
            ) from error
        try:
            merged = self.read() | dict(fresh)
            atomic_write(self.path, canonical_json({"entries": merged, "sha256": _digest(merged)}))
        finally:
            lock.release()


def _digest(entries: Mapping[str, Any]) -> str:
    return sha256_bytes(canonical_json(entries))
