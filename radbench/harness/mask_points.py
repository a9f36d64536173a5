"""Figures of masks, remembered: MONAI is slow to import, and the same two masks give the same figures."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.segmentation import Floats, Masks, mask_metrics
from radbench.models.cache import Remembered, versions
from radbench.runtime import canonical_json, sha256_bytes

EMPTY_MASKS: Final = "a miss is the diagonal"
"""What an empty mask means for a distance: in the key, so that figures of another reading are not found."""


class MaskPoints:
    """Figures of masks by way of the cache: one file a model, ``metrics/masks/<k[:2]>/<key>.json``."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "metrics" / "masks"
        self._known: dict[str, dict[str, Any]] = {}
        self._versions = versions(("radbench", "monai", "torch", "scipy"))

    def __call__(
        self,
        names: Sequence[str],
        digest: str,
        predicted: Masks,
        truth: Masks,
        spacing: Floats | None = None,
    ) -> Mapping[str, Floats]:
        """Return the figures called ``names``; see ``radbench.metrics.segmentation.mask_metrics``.

        Args:
            names: of the metrics.
            digest: of the model that drew ``predicted``; it only names the file.
            predicted: bool [N, H, W].
            truth: bool [N, H, W].
            spacing: float64 [N, 2], millimetres from row to row and from column to column; None: not known.
        """
        remembered = self._of(digest)
        known = self._known.setdefault(digest, {}) or remembered.read()
        apart = [None] * len(truth) if spacing is None else spacing.tolist()
        pairs = [_key(*one) for one in zip(predicted, truth, apart, strict=True)]
        missing = [
            number for number, pair in enumerate(pairs) if not set(names) <= known.get(pair, {}).keys()
        ]
        if missing:
            some = None if spacing is None else spacing[missing]
            fresh = mask_metrics(names, predicted[missing], truth[missing], some)
            entries = {
                pairs[number]: known.get(pairs[number], {})
                | {name: _plain(fresh[name][place]) for name in names}
                for place, number in enumerate(missing)
            }
            remembered.add(entries)
            known |= entries
        self._known[digest] = known
        return {name: np.array([_number(known[pair][name]) for pair in pairs], np.float64) for name in names}

    def _of(self, digest: str) -> Remembered:
        key = sha256_bytes(canonical_json([self._versions, digest, EMPTY_MASKS]))
        return Remembered(self._folder / key[:2] / f"{key}.json")


def _key(predicted: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: Sequence[float] | None) -> str:
    shape = "x".join(map(str, truth.shape)) + ("" if spacing is None else f":{spacing[0]!r}:{spacing[1]!r}")
    return sha256_bytes(
        f"{shape}:".encode() + np.packbits(predicted).tobytes() + np.packbits(truth).tobytes()
    )


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
