"""Predictions remembered: an image that a model has seen is not shown to it again.

What one model says under one contract on one kind of device lies in ``predictions/<k[:2]>/<key>.json`` (scores or
labels) or in the folder ``predictions/<k[:2]>/<key>/`` (masks), by each image's SHA-256.
"""

from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import numpy as np

from radbench.models.base import Image, ModelUnderTest, Prediction
from radbench.models.memory import MaskMemory, Memory, NumberMemory
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs import ModelSpec

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
        self._memory: Memory | None = None

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
