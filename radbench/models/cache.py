"""Predictions remembered: an image that a model has seen is not shown to it again.

One file a model, contract and device, ``predictions/<k[:2]>/<key>.json``, holds the prediction for each
image's SHA-256.
"""

from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np

from radbench.models.base import Image, ModelUnderTest, Prediction
from radbench.models.remembered import Remembered
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs import ModelSpec

CACHE_VERSION: Final = 1
_KIND: Final = "kind"


def image_sha256(image: Image) -> str:
    """Return the SHA-256 of an image's size and pixels."""
    height, width = image.shape
    return sha256_bytes(f"{height}x{width}:".encode() + np.ascontiguousarray(image).tobytes())


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
        decisive = [CACHE_VERSION, model.digest, contract, device, versions(("torch", "timm"))]
        key = sha256_bytes(canonical_json(decisive))
        self._remembered = Remembered(cache / "predictions" / key[:2] / f"{key}.json")
        self._known: dict[str, Any] | None = None

    @property
    def path(self) -> Path:
        """The file that remembers."""
        return self._remembered.path

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
        if self._known is None:
            self._known = self._remembered.read()
        keys = [image_sha256(image) for image in images]
        missing = {key: image for key, image in zip(keys, images, strict=True) if key not in self._known}
        if missing or _KIND not in self._known:
            fresh = self.model.predict(list(missing.values()))
            if fresh.kind == "masks":
                return self.model.predict(images)
            entries = {_KIND: fresh.kind} | dict(zip(missing, map(float, fresh.values), strict=True))
            self._remembered.add(entries)
            self._known |= entries
        kind = self._known[_KIND]
        dtype = np.float64 if kind == "probabilities" else np.int64
        return Prediction(kind, np.array([self._known[key] for key in keys], dtype=dtype))


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed version of each package ("" if it is not installed), without importing any."""
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found
