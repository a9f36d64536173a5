"""A pickled state dict as safetensors: converted once, kept in the cache, never unpickled but as tensors."""

from pathlib import Path

from radbench.declared import cache_dir
from radbench.runtime import atomic_write, canonical_json, sha256_bytes, sha256_file

VERSION = 1
"""Raised whenever the same pickle would be converted to other bytes."""

_WEIGHTS = "model.safetensors"


def converted(pickled: Path, config: Path) -> Path:
    """Return a folder with the pickle's tensors as ``model.safetensors`` and its ``config.json``, in its layout.

    The folder is named by the digests of both files and lies in the cache's ``weights/``. A conversion that is there
    is verified and used again; one that is damaged is made anew.

    Args:
        pickled: a state dict, ``pytorch_model.bin``.
        config: the configuration of the network that it belongs to.

    Raises:
        UsageError: the pickle is damaged or holds more than tensors, or the cache cannot be written to.
    """
    digests = {"version": VERSION, "weights": sha256_file(pickled), "config": sha256_file(config)}
    folder = cache_dir() / "weights" / sha256_bytes(canonical_json(digests))
    weights, seal = folder / _WEIGHTS, folder / f"{_WEIGHTS}.sha256"
    if not _is_whole(weights, seal):
        content = _as_safetensors(pickled)
        atomic_write(folder / "config.json", config.read_bytes())
        atomic_write(weights, content)
        atomic_write(seal, sha256_bytes(content).encode())
    return folder


def _is_whole(weights: Path, seal: Path) -> bool:
    both = weights.is_file() and seal.is_file()
    return both and seal.read_text(encoding="ascii", errors="replace").strip() == sha256_file(weights)


def _as_safetensors(pickled: Path) -> bytes:
    from safetensors.torch import save

    from radbench.quality.encoders.files import read_state

    own = {
        name: value.contiguous().clone() for name, value in read_state(pickled).items()
    }  # tied ones get their own
    data: bytes = save(own, {"format": "pt"})
    return data
