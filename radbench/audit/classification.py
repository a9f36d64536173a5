"""What only a classification has: decisions, scores, and figures of the two classes."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.audit.arms import ArmImages
from radbench.audit.basics import Estimate
from radbench.audit.measure import Measure, gap, of_mean
from radbench.audit.points import PointMetrics
from radbench.audit.predict import Seen
from radbench.audit.result import ArmResult
from radbench.metrics.bootstrap import Draws
from radbench.metrics.intervals import Interval, Mean, auroc_interval, share
from radbench.metrics.points import NO_IMAGES, NO_NEGATIVES, NO_SCORES, Point
from radbench.models.base import ModelFailureError, ModelUnderTest, Prediction

ONE_CLASS_ACCURACY: Final = {
    0: "all negative: accuracy is specificity at the locked operating point",
    1: "all positive: accuracy is sensitivity at the locked operating point",
}


class ClassificationMeasure(Measure):
    """Accuracy and what else a shift names; the point metrics by way of the cache."""

    def __init__(self, draws: Draws, names: Sequence[str], points: PointMetrics) -> None:
        super().__init__(draws, names)
        self.points = points

    def read(self, model: ModelUnderTest, images: ArmImages, prediction: Prediction) -> Seen:
        """Return the decisions at the model's operating point, and which of them are right."""
        if prediction.kind == "masks":
            raise ModelFailureError(
                "the model answered with masks, expected one probability or label an image"
            )
        decisions = prediction.decisions(model.spec.operating_point)
        right = (decisions == images.truths).astype(np.float64)
        return Seen(images, right, decisions, prediction.scores())

    def arm(self, seen: Seen) -> ArmResult:
        """Return all figures of one arm."""
        labels = seen.images.truths
        points = self.points(self.names, seen)
        return ArmResult(
            n=len(labels),
            patients=len(set(seen.images.patient_ids)),
            positives=int(labels.sum()),
            metrics={name: self._estimate(name, points[name], seen) for name in self.names},
        )

    def primary(self, seen: Seen) -> Mean:
        """Return the accuracy as a share."""
        return self._share(seen, seen.values == 1)

    def details(self, real: Seen, partner: Seen, seen: Seen) -> dict[str, Any]:
        """Return flips, change of the score, and the fall of the specificity."""
        flips = self._share(seen, seen.decided != partner.decided)
        return {
            "flip_rate": of_mean(flips),
            "score_change": self.score_change(partner, seen),
            "specificity_drop": gap(self._specific(real), self._specific(seen), NO_NEGATIVES),
        }

    def score_change(self, partner: Seen, seen: Seen) -> Estimate:
        """Return the mean of (score - the same study's score in ``partner``)."""
        if seen.scores is None or partner.scores is None:
            return Estimate(value=None, n=len(seen.images), note=NO_SCORES)
        return of_mean(self.average(seen, seen.scores - partner.scores), NO_IMAGES)

    def _estimate(self, name: str, point: Point, seen: Seen) -> Estimate:
        labels = seen.images.truths
        n = len(labels)
        if name in {"sensitivity", "specificity"}:
            n = int((labels == (name == "sensitivity")).sum())
        if point.value is None:
            return Estimate(value=None, n=n, note=point.note)
        low, high, note = self._interval(name, point.value, seen)
        classes = set(labels.tolist())
        if name == "accuracy" and len(classes) == 1:
            note = "; ".join(filter(None, (ONE_CLASS_ACCURACY[classes.pop()], note)))
        return Estimate(value=point.value, low=low, high=high, n=n, note=note)

    def _interval(self, name: str, value: float, seen: Seen) -> Interval:
        labels = seen.images.truths
        if name == "auroc" and seen.scores is not None:
            places = self.draws.places(seen.images.patient_ids)
            return auroc_interval(self.draws, places, labels, seen.scores, value)
        if name == "sensitivity":
            return self.primary(seen.take(np.flatnonzero(labels == 1))).interval()
        if name == "specificity":
            return self._specific(seen).interval()
        return self.primary(seen).interval()

    def _specific(self, seen: Seen) -> Mean:
        return self.primary(seen.take(np.flatnonzero(seen.images.truths == 0)))

    def _share(self, seen: Seen, hits: NDArray[np.bool_]) -> Mean:
        return share(self.draws, self.draws.places(seen.images.patient_ids), hits)
