"""What a process needs before the long work begins: quiet libraries, no network unasked, a usable cache."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from radbench.declared import cache_dir
from radbench.errors import UsageError

_QUIET = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
}
_PROBE = b"\0" * (1 << 20)
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "DIFFUSERS_OFFLINE": "1"}


def prepare_environment(*, hub: bool = False) -> None:
    """Switch telemetry off and, unless a hub repository was asked for, the hub as well.

    What the user has set already is left alone.

    Args:
        hub: Whether a part of the work was declared to come from the Hugging Face hub.
    """
    for name, value in (_QUIET if hub else _QUIET | _OFFLINE).items():
        os.environ.setdefault(name, value)


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


@contextmanager
def cache_at(root: str | Path | None) -> Iterator[None]:
    """Use another root of the cache for as long as the block lasts, as ``RADBENCH_CACHE`` does; None: the usual one."""
    before = os.environ.get("RADBENCH_CACHE")
    if root is not None:
        os.environ["RADBENCH_CACHE"] = str(root)
    try:
        yield
    finally:
        if root is not None:
            os.environ.pop("RADBENCH_CACHE", None)
            if before is not None:
                os.environ["RADBENCH_CACHE"] = before
