"""Small services below every room: device choice, digests, canonical JSON and atomic writes.

Nothing here imports torch until a device is asked for, so planning and reading stay cheap.
"""

import contextlib
import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from radbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda"]
_DEVICES = ("auto", "cpu", "cuda")
_CHUNK = 1 << 20


def resolve_device(name: DeviceName = "auto") -> "torch.device":
    """Return the torch device meant by ``name``; ``auto`` is CUDA where a GPU is usable, else the CPU.

    Raises:
        UsageError: an unknown name, or ``cuda`` on a machine whose torch sees no GPU.
    """
    if name not in _DEVICES:
        hint = did_you_mean(name, _DEVICES)
        raise UsageError(f"Unknown device {name!r}: expected one of {', '.join(_DEVICES)}.{hint}")
    import torch

    if name == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if name == "cuda":
        raise UsageError(
            "Device 'cuda' was asked for but torch sees no GPU here; use --device cpu or --device auto."
        )
    return torch.device("cpu")


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of ``data`` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes as 64 lower-case hex digits, read in pieces of 1 MiB.

    Raises:
        UsageError: the file is missing or cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as handle:
            while chunk := handle.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise UsageError(f"Cannot read {path} to verify it: {error.strerror or error}.") from error
    return digest.hexdigest()


def canonical_json(value: Any) -> bytes:
    """Return the one UTF-8 encoding of ``value`` that digests are taken of: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: the value holds NaN or an infinity.
        TypeError: the value holds something JSON does not know.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def atomic_write(path: Path | str, data: bytes) -> None:
    """Write ``data`` so that ``path`` holds either its old bytes or all the new ones, even after a power cut.

    The bytes go to a temporary name in the same folder (made if missing), are synced, renamed over ``path``,
    and the folder is synced. Missing parents are created.

    Raises:
        UsageError: the folder cannot be written (full disk, no permission, read-only file system).
    """
    path = Path(path)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"Cannot write {path.name} into folder {path.parent}: {reason}; "
            "choose a folder with room that you may write to."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has a folder's entries (nothing to do on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
