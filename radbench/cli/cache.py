"""The cache's folder, tried before the long work begins."""

import os
import uuid
from contextlib import suppress
from pathlib import Path

from radbench.declared import cache_dir
from radbench.errors import UsageError

_PROBE = b"\0" * (1 << 20)


def usable_cache() -> Path:
    """Return the cache's folder, made if it was missing and found to take a file of 1 MiB.

    Raises:
        UsageError: It cannot be made or written to, or is full.
    """
    path = cache_dir()
    probe = path / f".probe-{uuid.uuid4().hex}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        with probe.open("xb") as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        reason = "a file is in its place" if isinstance(error, FileExistsError) else error.strerror
        raise UsageError(
            f"The cache folder '{path}' cannot be used: {reason}; choose another with the environment "
            f"variable RADBENCH_CACHE."
        ) from error
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return path
