"""What only a classification has: decisions, scores, and figures of the two classes."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.harness.arms import ArmImages
from radbench.harness.measure import Measure, gap, of_mean
from radbench.harness.predict import Seen
from radbench.harness.result import ArmResult, Estimate, Extreme, Withheld
from radbench.metrics.bootstrap import Draws
from radbench.metrics.intervals import UNIT, Interval, Mean, half_sum, predictive_interval, share
from radbench.metrics.points import (
    NO_ANSWERS,
    NO_IMAGES,
    NO_NEGATIVES,
    NO_SCORES,
    SCORED,
    Point,
    point_metrics,
    predictive_value,
)
from radbench.metrics.scores import (
    auprc_interval,
    auroc_interval,
    brier,
    calibration_error_interval,
    with_rare_errors,
)
from radbench.metrics.standard import standard_share
from radbench.metrics.weighted_scores import WEIGHTED, weighted_interval
from radbench.metrics.withheld import answered_for
from radbench.models.base import ModelFailureError, ModelUnderTest, Prediction
from radbench.models.cache import Remembered, versions
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs.shift import METRICS_OF

ONE_CLASS_ACCURACY: Final = {
    0: "all negative: accuracy is specificity at the locked operating point",
    1: "all positive: accuracy is sensitivity at the locked operating point",
}
_BY_CLASS: Final = ("sensitivity", "specificity")
PROBABILITIES: Final = ("logits", "probabilities")
"""Outputs whose scores are meant as probabilities."""


class PointMetrics:
    """Point metrics by way of the cache: ``metrics/points.json`` under its root.

    torchmetrics is slow to import, and the same scores give the same figures.
    """

    def __init__(self, cache: Path) -> None:
        self._remembered = Remembered(cache / "metrics" / "points.json")
        self._known = self._remembered.read()
        self._versions = versions(("radbench", "torchmetrics"))

    def __call__(self, names: Sequence[str], seen: Seen, prevalence: float | None = None) -> dict[str, Point]:
        """Return the figures called ``names`` of one arm; see ``radbench.metrics.points.point_metrics``."""
        labels, decisions, scores = seen.images.truths, seen.decided, seen.scores
        decisive = [
            self._versions,
            list(names),
            labels.tolist(),
            decisions.tolist(),
            None if scores is None else [None if math.isnan(score) else score for score in scores.tolist()],
            seen.probable,
            prevalence,
        ]
        key = sha256_bytes(canonical_json(decisive))
        if key not in self._known:
            points = point_metrics(
                names, labels, decisions, scores, probable=seen.probable, prevalence=prevalence
            )
            entry = {key: {name: list(point) for name, point in points.items()}}
            self._remembered.add(entry)
            self._known |= entry
        return {name: Point(*self._known[key][name]) for name in names}


class ClassificationMeasure(Measure):
    """Accuracy and what else a shift names.

    Args:
        draws: the patients of every arm, resampled once.
        names: metrics of every arm, the primary one among them.
        cache: root of the cache, for the point metrics.
        prevalence: share of patients with the target where ``ppv`` and ``npv`` are to hold.
    """

    def __init__(
        self, draws: Draws, names: Sequence[str], cache: Path, prevalence: float | None = None
    ) -> None:
        super().__init__(draws, names)
        self.points = PointMetrics(cache)
        self.prevalence = prevalence

    @property
    def available(self) -> Sequence[str]:
        """Every metric of a classification: what a shift does not name can be measured all the same."""
        return METRICS_OF["classification"]

    def read(self, model: ModelUnderTest, images: ArmImages, prediction: Prediction) -> Seen:
        """Return the decisions at the model's operating point, and which of them are right (no answer is not)."""
        if prediction.kind == "masks":
            raise ModelFailureError(
                "the model answered with masks, expected one probability or label an image"
            )
        decisions = prediction.decisions(model.spec.operating_point)
        right = (decisions == images.truths).astype(np.float64)
        probable = model.spec.output in PROBABILITIES
        return Seen(images, right, decisions, prediction.scores(), probable=probable)

    def arm(self, seen: Seen) -> ArmResult:
        """Return all figures of one arm."""
        labels = seen.images.truths
        return ArmResult(
            n=len(labels),
            patients=len(set(seen.images.patient_ids)),
            positives=int(labels.sum()),
            indeterminate=int((seen.decided < 0).sum()),
            metrics=self.figures(self.names, seen),
        )

    def figures(self, names: Sequence[str], seen: Seen) -> dict[str, Estimate]:
        """Return the figures called ``names`` of one arm."""
        points = self._points(names, seen)
        return {name: self._estimate(name, points[name], seen) for name in names}

    def _points(self, names: Sequence[str], seen: Seen) -> dict[str, Point]:
        """Return the figures without intervals, weighted where the images have weights."""
        points = self.points(names, seen, self.prevalence)
        weighting = seen.images.weighting
        if weighting is None or not weighting.weighted:
            return points
        return {
            name: point if point.value is None else Point(self._weighted(name, seen), point.note)
            for name, point in points.items()
        }

    def _weighted(self, name: str, seen: Seen) -> float | None:
        """Return a figure of weighted images, which exists."""
        if name in WEIGHTED and seen.scores is not None:
            answered = _answered(seen)
            weights, scores = answered.images.weighting, answered.scores
            if weights is None or scores is None:
                raise ValueError("Weighted images have weights, and scores where the model gives them.")
            return float(WEIGHTED[name](weights.image_weights()[None], answered.images.truths, scores)[0])
        if name == "accuracy":
            return self.primary(seen).value
        right, other = self._of(1, seen), self._of(0, seen)
        if name in _BY_CLASS:
            return right.value if name == "sensitivity" else other.value
        if name == "balanced_accuracy":
            return (right.value + other.value) / 2
        return predictive_value(right.value, other.value, self.prevalence or 0.0, yes=name == "ppv")

    def primary(self, seen: Seen) -> Mean:
        """Return the accuracy as a share."""
        return self._share(seen, seen.values == 1)

    def mean_of(self, name: str, seen: Seen) -> Mean | None:
        """Return the shares of right images; of all others None."""
        if name == "accuracy":
            return self.primary(seen)
        return self._of(int(name == "sensitivity"), seen) if name in _BY_CLASS else None

    def details(self, real: Seen, partner: Seen, seen: Seen) -> dict[str, Any]:
        """Return flips, change of the score, and the fall of the specificity."""
        flips = self._share(seen, seen.decided != partner.decided)
        return {
            "flip_rate": of_mean(flips),
            "score_change": self.score_change(partner, seen),
            "specificity_drop": gap(self._of(0, real), self._of(0, seen), NO_NEGATIVES),
        }

    def score_change(self, partner: Seen, seen: Seen) -> Estimate:
        """Return the mean of (score - the same study's score in ``partner``), of those that have both."""
        if seen.scores is None or partner.scores is None:
            return Estimate.undefined(NO_SCORES, len(seen.images))
        reason = NO_ANSWERS if len(seen.images) else NO_IMAGES
        found = of_mean(self.average(seen, seen.scores - partner.scores, (-1.0, 1.0)), reason)
        return found.noted(_left_out(len(seen.images) - found.n, len(seen.images)))

    def _estimate(self, name: str, point: Point, seen: Seen) -> Estimate:
        answered = _answered(seen) if name in SCORED else seen
        labels = answered.images.truths
        n = len(labels)
        if name in {"sensitivity", "specificity"}:
            n = int((labels == (name == "sensitivity")).sum())
        said = self._about_answers(name, seen)
        if point.value is None:
            return Estimate.undefined(point.note, n).noted(said)
        withheld = self._withheld(name, seen) if n < len(seen.images) and name in SCORED else None
        found = Estimate.of(point.value, self._interval(name, point.value, answered), n)
        classes = set(labels.tolist())
        if name == "accuracy" and len(classes) == 1:
            found = found.noted(ONE_CLASS_ACCURACY[classes.pop()], first=True)
        return found.noted(said, _range_of(withheld)).model_copy(update={"withheld": withheld})

    def _withheld(self, name: str, seen: Seen) -> Withheld | None:
        """Return the worst and the best that a figure of the scores can be over all images, answered or not."""
        if seen.scores is None:
            return None
        ends = {}
        for best in (False, True):
            filled = answered_for(name, seen.images.truths, seen.scores, best=best)
            full = replace(seen, scores=filled)
            point = self._points([name], full)[name]
            if point.value is None:
                return None
            low, high, _ = self._interval(name, point.value, full)
            ends[best] = Extreme(value=point.value, low=low, high=high)
        silent = int(np.isnan(seen.scores).sum())
        return Withheld(n=silent, of=len(seen.scores), worst=ends[False], best=ends[True])

    def _about_answers(self, name: str, seen: Seen) -> str:
        """Return what the images without an answer did to a figure."""
        silent = seen.decided < 0
        if name in SCORED:
            return "" if seen.scores is None else _left_out(int(silent.sum()), len(silent))
        if name in {"sensitivity", "specificity"}:
            silent = silent[seen.images.truths == (name == "sensitivity")]
        missing = int(silent.sum())
        return f"{missing} of {len(silent)} images have no answer and count as wrong" if missing else ""

    def _interval(self, name: str, value: float, seen: Seen) -> Interval:
        labels, scores = seen.images.truths, seen.scores
        places = self.draws.places(seen.images.patient_ids)
        weighting = seen.images.weighting
        if scores is not None and weighting is not None and name in WEIGHTED:
            return weighted_interval(name, weighting, places, labels, scores, value)
        if scores is not None and name == "auroc":
            return auroc_interval(self.draws, places, labels, scores, value)
        if scores is not None and name == "auprc":
            return auprc_interval(self.draws, places, labels, scores, value)
        if scores is not None and name in {"brier", "ece"}:
            wrong = share(self.draws, places, np.abs(scores - labels) > 0.5)
            if name == "brier":
                found = self.average(seen, brier(labels, scores), UNIT).interval()
            else:
                found = calibration_error_interval(self.draws, places, labels, scores)
            return with_rare_errors(found, value, wrong)
        return self._of_decisions(name, seen)

    def _of_decisions(self, name: str, seen: Seen) -> Interval:
        if name in {"sensitivity", "specificity"}:
            return self._of(int(name == "sensitivity"), seen).interval()
        if name == "balanced_accuracy":
            return half_sum(self._of(1, seen), self._of(0, seen))
        if name in {"ppv", "npv"} and self.prevalence is not None:
            found = (self._of(1, seen), self._of(0, seen), self.prevalence)
            low, high, note = predictive_interval(*found, yes=name == "ppv")
            at = f"at a prevalence of {self.prevalence:g}"
            return Interval(low, high, "; ".join(filter(None, (at, note))))
        return self.primary(seen).interval()

    def _of(self, label: int, seen: Seen) -> Mean:
        """Return the share of right images among those with ``label``."""
        return self.primary(seen.take(np.flatnonzero(seen.images.truths == label)))

    def _share(self, seen: Seen, hits: NDArray[np.bool_]) -> Mean:
        places = self.draws.places(seen.images.patient_ids)
        weighting = seen.images.weighting
        if weighting is not None:
            return standard_share(weighting, places, hits)
        return share(self.draws, places, hits)


def _answered(seen: Seen) -> Seen:
    """Return the images that have a score; all of them for a model that gives none."""
    return seen if seen.scores is None else seen.take(np.flatnonzero(~np.isnan(seen.scores)))


def _left_out(missing: int, n: int) -> str:
    return f"{missing} of {n} images have no answer and are left out" if missing else ""


def _range_of(withheld: Withheld | None) -> str:
    if withheld is None:
        return ""
    worst, best = (_words(end) for end in (withheld.worst, withheld.best))
    silent = f"the {withheld.n} withheld answers included"
    return f"over all {withheld.of} images, {silent}, {worst} at worst and {best} at best"


def _words(end: Extreme) -> str:
    return f"{end.value:.3f}" if end.low is None else f"{end.value:.3f} ({end.low:.3f} to {end.high:.3f})"
