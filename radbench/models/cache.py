"""Predictions remembered: an image that a model has seen is not shown to it again.

What one model says under one contract on one kind of device lies in ``predictions/<k[:2]>/<key>.json`` (scores or
labels) or in the folder ``predictions/<k[:2]>/<key>/`` (masks), by each image's SHA-256. What is damaged is noticed,
reported and made again, never believed.
"""

import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.base import Image, ModelUnderTest, Prediction
from radbench.runtime import atomic_write, canonical_json, sha256_bytes
from radbench.specs import ModelSpec

logger = logging.getLogger(__name__)

CACHE_VERSION: Final = 3
_ASKED_ANEW: Final = ("openinference",)
RUNNERS: Final[dict[str, tuple[str, ...]]] = {
    "timm": ("torch", "timm"),
    "smp": ("torch", "timm", "segmentation-models-pytorch"),
    "onnx": ("onnxruntime",),
    "torchscript": ("torch",),
    "pt2": ("torch",),
    "monai": ("torch", "monai"),
    "huggingface": ("torch", "transformers"),
    "torchxrayvision": ("torch", "torchxrayvision"),
}
"""The packages that compute the answers of a model of a format; another version may round otherwise."""


def image_sha256(image: Image) -> str:
    """Return the SHA-256 of an image's size, depth (where it has more than 8 bits) and pixels."""
    height, width = image.shape
    depth = "" if image.dtype == np.uint8 else f"{image.dtype.itemsize * 8}:"
    return sha256_bytes(f"{height}x{width}:{depth}".encode() + np.ascontiguousarray(image).tobytes())


class CachedModel:
    """A model whose predictions are kept in a folder; itself a ``ModelUnderTest``.

    Args:
        model: the model to ask for what is not known yet.
        cache: the root of the cache; the predictions lie in ``predictions/`` under it.
        device: kind of device ("cpu", "cuda"), because another one rounds otherwise.
    """

    def __init__(self, model: ModelUnderTest, cache: Path, device: str = "cpu") -> None:
        self.model = model
        contract = model.spec.input.model_dump()
        runners = versions(("pillow", *RUNNERS.get(model.spec.format, ())))
        decisive = [CACHE_VERSION, model.digest, contract, device, runners]
        key = sha256_bytes(canonical_json(decisive))
        folder = cache / "predictions" / key[:2]
        self._masks = model.spec.task == "segmentation"
        self.path = folder / key if self._masks else folder / f"{key}.json"
        """The file, or the folder of masks, that remembers."""
        self._memory: NumberMemory | MaskMemory | None = None

    @property
    def spec(self) -> ModelSpec:
        """The wrapped model's declaration."""
        return self.model.spec

    @property
    def digest(self) -> str:
        """The wrapped model's digest."""
        return self.model.digest

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return the prediction for uint8 [H, W] images, asking the model only for those not seen before.

        Raises:
            UsageError: the cache folder cannot be written, or whatever the model raises.
        """
        if self._memory is None:
            self._memory = MaskMemory(self.path) if self._masks else NumberMemory(self.path)
        memory = self._memory
        keys = [image_sha256(image) for image in images]
        if memory.unknown(keys):
            missing = {key: image for key, image in zip(keys, images, strict=True) if key not in memory}
            memory.add(list(missing), self.model.predict(list(missing.values())))
        return memory.recall(keys)


def remembered(model: ModelUnderTest, cache: Path, device: str = "cpu") -> ModelUnderTest:
    """Return the model with its predictions kept, or the model itself where none may be kept (``asked_anew``).

    Args:
        model: the model.
        cache: as in ``CachedModel``.
        device: as in ``CachedModel``.
    """
    return model if asked_anew(model) else CachedModel(model, cache, device)


def asked_anew(model: ModelUnderTest) -> str:
    """Return why a model is asked every time, in words: nothing says whether it is still the same; "" otherwise."""
    if model.spec.format in _ASKED_ANEW:
        return "a server, behind which another model may stand at any time"
    ask = getattr(model, "asked_anew", None)
    return str(ask()) if callable(ask) else ""


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed version of each package ("" if it is not installed), without importing any."""
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found


class Remembered:
    """A small mapping in ``path``, one JSON file with a digest over its content; values are anything JSON knows.

    It is read whole and verified, merged under a lock, and replaced atomically, so that processes can share it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """Return everything remembered; nothing if the file is missing, unreadable or damaged."""
        try:
            content = json.loads(self.path.read_bytes())
            entries: dict[str, Any] = content["entries"]
            if content["sha256"] == sha256_bytes(canonical_json(entries)):
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
            digest = sha256_bytes(canonical_json(merged))
            atomic_write(self.path, canonical_json({"entries": merged, "sha256": digest}))
        finally:
            lock.release()


class NumberMemory:
    """One number an image (null where the model gave no score), in ``path``, a JSON file that holds their kind too."""

    _KIND: Final = "kind"

    def __init__(self, path: Path) -> None:
        self._remembered = Remembered(path)
        self._known = self._remembered.read()

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def unknown(self, keys: Sequence[str]) -> bool:
        """Return whether a key, or the kind of the numbers, is not known yet."""
        return self._KIND not in self._known or any(key not in self._known for key in keys)

    def add(self, keys: Sequence[str], prediction: Prediction) -> None:
        """Remember probabilities or labels."""
        values = [None if np.isnan(value) else float(value) for value in prediction.values]
        entries = {self._KIND: prediction.kind} | dict(zip(keys, values, strict=True))
        self._remembered.add(entries)
        self._known |= entries

    def recall(self, keys: Sequence[str]) -> Prediction:
        """Return float64 probabilities (NaN for no answer) or int64 labels (-1 for no answer), [N]."""
        kind = self._known[self._KIND]
        found = [np.nan if (value := self._known[key]) is None else value for key in keys]
        return Prediction(kind, np.array(found, dtype=np.float64 if kind == "probabilities" else np.int64))


class MaskMemory:
    """Masks by the SHA-256 (hex) of the image that each was drawn on, one bit a pixel, in ``path``, a folder of shards.

    A shard holds the masks of one call, compressed. Its name is the SHA-256 of its bytes, so that damage is noticed
    and two processes that write at once lose nothing, without a lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, tuple[tuple[int, int], NDArray[np.uint8]]] = {}
        """Height and width of each mask, and its pixels row by row, eight to a byte."""
        for shard in sorted(path.glob("*.npz")):
            self._read(shard)

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def unknown(self, keys: Sequence[str]) -> bool:
        """Return whether a key is not known yet."""
        return any(key not in self._known for key in keys)

    def add(self, keys: Sequence[str], prediction: Prediction) -> None:
        """Remember N masks under N keys.

        Raises:
            UsageError: the folder cannot be written.
        """
        masks = prediction.values.astype(np.bool_)
        packed = np.packbits(masks.reshape(len(masks), -1), axis=1)
        shape = (masks.shape[1], masks.shape[2])
        names = np.frombuffer(bytes.fromhex("".join(keys)), dtype=np.uint8).reshape(len(keys), -1)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, keys=names, bits=packed, shape=np.array(shape, dtype=np.int64))
        data = buffer.getvalue()
        try:
            atomic_write(self.path / f"{sha256_bytes(data)}.npz", data)
        except UsageError as error:
            raise UsageError(f"{error} Or set RADBENCH_CACHE to a folder that you may write to.") from error
        self._known |= {key: (shape, bits) for key, bits in zip(keys, packed, strict=True)}

    def recall(self, keys: Sequence[str]) -> Prediction:
        """Return masks, bool [N, H, W]; bool [0, 0, 0] for no image."""
        masks = [
            np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).astype(np.bool_)
            for shape, bits in (self._known[key] for key in keys)
        ]
        return Prediction("masks", np.stack(masks) if masks else np.zeros((0, 0, 0), dtype=np.bool_))

    def _read(self, shard: Path) -> None:
        try:
            data = shard.read_bytes()
            if sha256_bytes(data) != shard.stem:
                raise ValueError(shard)
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                height, width = file["shape"].tolist()
                pairs = zip(file["keys"], file["bits"], strict=True)
                self._known |= {key.tobytes().hex(): ((height, width), bits) for key, bits in pairs}
        except (OSError, ValueError, KeyError, BadZipFile):
            logger.warning("%s is damaged; what it held is made again.", shard)
