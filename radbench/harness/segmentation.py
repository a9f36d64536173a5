"""What only a segmentation has: true masks, figures of every image, and masks that are empty."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.harness.arms import ArmImages
from radbench.harness.measure import Measure, of_mean
from radbench.harness.predict import Seen
from radbench.harness.result import ArmResult, Estimate
from radbench.metrics.bootstrap import Draws
from radbench.metrics.intervals import Mean
from radbench.metrics.segmentation import MEASURED, Floats, Masks, mask_metrics, missed, span_of
from radbench.models.base import ModelFailureError, ModelUnderTest, Prediction
from radbench.models.cache import Remembered, versions
from radbench.runtime import canonical_json, sha256_bytes

NEVER_DEFINED: Final = "undefined: the mask of the model and the true one are empty in every image"
PRIMARY_FIGURE: Final = "dice"
EMPTY_MASKS: Final = "a miss is the diagonal"
"""What an empty mask means for a distance: in the key, so that figures of another reading are not found."""


class MaskPoints:
    """Figures of masks by way of the cache: one file a model, ``metrics/masks/<k[:2]>/<key>.json``.

    MONAI is slow to import, and the same two masks give the same figures.
    """

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
        key = sha256_bytes(canonical_json([self._versions, digest, EMPTY_MASKS]))
        remembered = Remembered(self._folder / key[:2] / f"{key}.json")
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
                | {
                    name: None if np.isnan(fresh[name][place]) else float(fresh[name][place])
                    for name in names
                }
                for place, number in enumerate(missing)
            }
            remembered.add(entries)
            known |= entries
        self._known[digest] = known
        return {
            name: np.array([known[pair][name] for pair in pairs], np.float64) for name in names
        }  # None: NaN


def _key(predicted: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: Sequence[float] | None) -> str:
    shape = "x".join(map(str, truth.shape)) + ("" if spacing is None else f":{spacing[0]!r}:{spacing[1]!r}")
    return sha256_bytes(
        f"{shape}:".encode() + np.packbits(predicted).tobytes() + np.packbits(truth).tobytes()
    )


class SegmentationMeasure(Measure):
    """Mean Dice and what else a shift names, over images; see ``radbench.metrics.segmentation``."""

    def __init__(self, draws: Draws, names: Sequence[str], cache: Path) -> None:
        super().__init__(draws, names)
        self.points = MaskPoints(cache)

    def read(self, model: ModelUnderTest, images: ArmImages, prediction: Prediction) -> Seen:
        """Return every image's figures; the masks themselves are not kept."""
        if images.mask is None:
            raise ValueError("A classification has labels and no masks.")
        truth = np.stack([images.mask(index) for index in range(len(images))])
        if prediction.kind != "masks":
            raise ModelFailureError(f"the model answered with {prediction.kind}, expected one mask an image")
        if prediction.values.shape != truth.shape:
            raise ModelFailureError(
                f"the model's masks are {list(prediction.values.shape)}, expected {list(truth.shape)}: images, height "
                f"and width of the images that it was shown"
            )
        predicted = prediction.values.astype(np.bool_)
        spacing = None
        if images.spacing is not None:
            spacing = np.array([images.spacing(index) for index in range(len(images))], np.float64)
        figures = self.points(self.names, model.digest, predicted, truth, spacing)
        empty = np.array([not mask.any() for mask in predicted], np.bool_)
        gone = missed(predicted, truth)
        return Seen(images, figures[PRIMARY_FIGURE], figures=figures, empty=empty, missed=gone)

    def arm(self, seen: Seen) -> ArmResult:
        """Return the means over the images; of a distance, a miss counts as the image's diagonal."""
        return ArmResult(
            n=len(seen.images),
            patients=len(set(seen.images.patient_ids)),
            empty=0 if seen.empty is None else int(seen.empty.sum()),
            missed=0 if seen.missed is None else int(seen.missed.sum()),
            metrics=self.figures(self.names, seen),
        )

    def figures(self, names: Sequence[str], seen: Seen) -> dict[str, Estimate]:
        """Return the means of the figures called ``names``."""
        return {
            name: self._estimate(seen, seen.figures[name], span_of(name), _misses(name, seen))
            for name in names
        }

    def primary(self, seen: Seen) -> Mean:
        """Return the mean Dice."""
        return self.average(seen, seen.values, span_of(PRIMARY_FIGURE))

    def mean_of(self, name: str, seen: Seen) -> Mean:
        """Return the mean of the figure called ``name``."""
        return self.average(seen, seen.figures[name], span_of(name))

    def details(self, real: Seen, partner: Seen, seen: Seen) -> dict[str, Any]:
        """Return the mean change of every figure against the same studies' real images."""
        del real
        changes = {}
        for name in self.names:
            greatest, misses = span_of(name)[1], _misses(name, partner, seen)
            change = seen.figures[name] - partner.figures[name]
            changes[name] = self._estimate(seen, change, (-greatest, greatest), misses)
        return {"changes": changes}

    def _estimate(
        self, seen: Seen, values: NDArray[np.float64], span: tuple[float, float], misses: str
    ) -> Estimate:
        found = of_mean(self.average(seen, values, span), NEVER_DEFINED)
        missing = len(values) - found.n
        left_out = f"undefined in {missing} of {len(values)} images, where both masks are empty"
        return found.noted(misses, left_out if missing and found.n else "", first=True)


def _misses(name: str, *arms: Seen) -> str:
    """Return what the misses in any of the arms did to a distance, "" for nothing."""
    gone = [seen.missed for seen in arms if seen.missed is not None]
    count = int(np.logical_or.reduce(gone).sum()) if gone and name in MEASURED else 0
    return f"{count} of {len(gone[0])} missed, counted as the diagonal" if count else ""
