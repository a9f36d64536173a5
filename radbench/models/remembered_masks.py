"""Masks on disk, one bit a pixel: a folder of compressed shards, shared by processes without a lock.

A shard holds the masks of one call. Its name is the SHA-256 of its bytes, so what is damaged is noticed,
reported and never believed, and two processes that write at once lose nothing.
"""

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.runtime import atomic_write, sha256_bytes

logger = logging.getLogger(__name__)

Masks = NDArray[np.bool_]
"""bool [N, H, W]."""

_SUFFIX: Final = ".npz"


@dataclass(frozen=True)
class PackedMask:
    """One mask: its height and width, and its pixels row by row, eight to a byte (uint8)."""

    shape: tuple[int, int]
    bits: NDArray[np.uint8]

    def unpack(self) -> Masks:
        """Return bool [H, W]."""
        height, width = self.shape
        return np.unpackbits(self.bits, count=height * width).reshape(self.shape).astype(np.bool_)


class RememberedMasks:
    """The masks in ``folder``, by the SHA-256 (hex) of the image that each was drawn on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self) -> dict[str, PackedMask]:
        """Return every mask remembered; those of a damaged shard are left out."""
        known: dict[str, PackedMask] = {}
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            known |= _read_shard(path)
        return known

    def add(self, keys: Sequence[str], masks: Masks) -> dict[str, PackedMask]:
        """Remember ``masks`` [N, H, W] under N ``keys`` and return them packed.

        Raises:
            UsageError: the folder cannot be written.
        """
        packed = np.packbits(masks.reshape(len(masks), -1), axis=1)
        shape = (masks.shape[1], masks.shape[2])
        data = _shard(keys, packed, shape)
        try:
            atomic_write(self.folder / f"{sha256_bytes(data)}{_SUFFIX}", data)
        except UsageError as error:
            raise UsageError(f"{error} Or set RADBENCH_CACHE to a folder that you may write to.") from error
        return {key: PackedMask(shape, bits) for key, bits in zip(keys, packed, strict=True)}


def _shard(keys: Sequence[str], packed: NDArray[np.uint8], shape: tuple[int, int]) -> bytes:
    names = np.frombuffer(bytes.fromhex("".join(keys)), dtype=np.uint8).reshape(len(keys), -1)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, keys=names, bits=packed, shape=np.array(shape, dtype=np.int64))
    return buffer.getvalue()


def _read_shard(path: Path) -> dict[str, PackedMask]:
    try:
        data = path.read_bytes()
        if sha256_bytes(data) != path.stem:
            raise ValueError(path)
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            height, width = file["shape"].tolist()
            pairs = zip(file["keys"], file["bits"], strict=True)
            return {key.tobytes().hex(): PackedMask((height, width), bits) for key, bits in pairs}
    except (OSError, ValueError, KeyError, BadZipFile):
        logger.warning("%s is damaged; what it held is made again.", path)
        return {}
