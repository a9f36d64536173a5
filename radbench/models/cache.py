"""Predictions remembered: an image that a model has seen is not shown to it again.

One JSON file a model, contract and device, ``predictions/<k[:2]>/<key>.json``, holds a score for each image's
SHA-256 and a digest over all of them. It is read whole, verified, merged under a lock and replaced
atomically.
A damaged file is reported and forgotten, never believed.
"""

import json
import logging
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, cast

import numpy as np

from radbench.errors import UsageError
from radbench.models.base import Image, Kind, ModelUnderTest, Prediction
from radbench.runtime import atomic_write, canonical_json, sha256_bytes
from radbench.specs import ModelSpec

logger = logging.getLogger(__name__)

CACHE_VERSION: Final = 1


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
        key = sha256_bytes(
            canonical_json(
                [
                    CACHE_VERSION,
                    model.digest,
                    model.spec.input.model_dump(),
                    device,
                    _versions(("torch", "timm")),
                ]
            )
        )
        self.path = cache / "predictions" / key[:2] / f"{key}.json"

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
        keys = [image_sha256(image) for image in images]
        kind, known = self._read()
        missing = {key: image for key, image in zip(keys, images, strict=True) if key not in known}
        if missing or kind is None:
            fresh = self.model.predict(list(missing.values()))
            if fresh.kind == "masks":
                return self.model.predict(images)
            kind = fresh.kind
            known |= self._remember(kind, dict(zip(missing, map(float, fresh.values), strict=True)))
        dtype = np.float64 if kind == "probabilities" else np.int64
        return Prediction(kind, np.array([known[key] for key in keys], dtype=dtype))

    def _remember(self, kind: Kind, fresh: dict[str, float]) -> dict[str, float]:
        from filelock import FileLock

        if not fresh:
            return fresh
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"Cannot make the cache folder {self.path.parent}: {error.strerror or error}; "
                "set RADBENCH_CACHE to a folder that you may write to."
            ) from error
        with FileLock(self.path.with_suffix(".lock")):
            merged = self._read()[1] | fresh
            content = {"kind": kind, "predictions": merged, "sha256": _digest(kind, merged)}
            atomic_write(self.path, canonical_json(content))
        return fresh

    def _read(self) -> tuple[Kind | None, dict[str, float]]:
        try:
            content = json.loads(self.path.read_bytes())
            kind, known = cast("Kind", content["kind"]), cast("dict[str, float]", content["predictions"])
            if content["sha256"] == _digest(kind, known):
                return kind, known
        except OSError:
            return None, {}
        except (ValueError, KeyError, TypeError):
            pass
        logger.warning("%s is damaged; its predictions are made again.", self.path)
        return None, {}


def _digest(kind: str, known: dict[str, float]) -> str:
    return sha256_bytes(canonical_json([kind, known]))


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = ""
    return found
