"""Where each model looked in an image of the report's gallery, remembered like its predictions."""

import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import Image, ModelFailureError, ModelUnderTest
from radbench.models.cache import asked_anew, image_sha256
from radbench.runtime import atomic_write, canonical_json, sha256_bytes

VERSION: Final = 1
"""Raised when the same model and image would get another map."""

logger = logging.getLogger(__name__)


class SaliencyMaps:
    """Saliency maps of a run's models, in ``saliency/<k[:2]>/<key>.npz`` under the cache.

    A map is kept in 256 steps, and a fresh one is rounded to them as well: a warm run shows what a cold one did. A
    model that gives no map, or fails when it is asked for one, has none and is not asked again.

    Args:
        models: those that can say where they looked; the others have no maps.
        cache: the cache's root.
    """

    def __init__(self, models: Sequence[ModelUnderTest], cache: Path) -> None:
        self._models = [model for model in models if hasattr(model, "saliency")]
        self._cache = cache
        self._without: set[str] = set()

    def of(self, image: Image) -> Mapping[str, NDArray[np.float32]]:
        """Return the maps of one image by the model's name, float32 [H, W] in [0, 1]."""
        found = {model.spec.name: self._map(model, image) for model in self._models}
        shares = np.linspace(0, 1, 256, dtype=np.float32)
        return {name: shares[steps] for name, steps in found.items() if steps is not None}

    def _map(self, model: Any, image: Image) -> NDArray[np.uint8] | None:
        place = self._place(model, image)
        known = None if asked_anew(model) else _read(place, image.shape)
        if known is not None or model.spec.name in self._without:
            return known if known is not None and known.size else None
        try:
            maps = model.saliency([image])
        except ModelFailureError as error:
            logger.warning("No saliency of model %s: %s", model.spec.name, error)
            self._without.add(model.spec.name)
            return None
        steps = np.zeros((0, 0), np.uint8) if maps is None else np.rint(maps[0] * 255).astype(np.uint8)
        if not asked_anew(model):
            _write(place, steps)
        return steps if steps.size else None

    def _place(self, model: ModelUnderTest, image: Image) -> Path:
        contract = model.spec.input.model_dump(mode="json")
        key = sha256_bytes(canonical_json([VERSION, model.digest, contract, image_sha256(image)]))
        return self._cache / "saliency" / key[:2] / f"{key}.npz"


def _read(place: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return what is kept: a map, an empty array for "there is none", or None for nothing kept that can be used."""
    try:
        with np.load(place, allow_pickle=False) as kept:
            steps: NDArray[np.uint8] = kept["steps"]
    except (OSError, ValueError, KeyError, EOFError):
        return None
    return steps if steps.dtype == np.uint8 and (not steps.size or steps.shape == shape) else None


def _write(place: Path, steps: NDArray[np.uint8]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, steps=steps)
    place.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(place, buffer.getvalue())
