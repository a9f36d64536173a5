"""From decisions and scores to figures with intervals, every comparison on one shared draw of patients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radbench.audit.points import PointMetrics
from radbench.audit.predict import Seen
from radbench.audit.result import ArmResult, Estimate, PairedResult
from radbench.metrics.bootstrap import Draws
from radbench.metrics.intervals import Interval, Share, auroc_interval, difference, mean_interval, share
from radbench.metrics.points import NO_IMAGES, NO_NEGATIVES, NO_SCORES, Point

ONE_CLASS_ACCURACY = {
    0: "all negative: accuracy is specificity at the locked operating point",
    1: "all positive: accuracy is sensitivity at the locked operating point",
}


@dataclass(frozen=True)
class Measure:
    """How figures are made in one audit.

    Attributes:
        draws: the patients of every arm, resampled once.
        points: the point metrics.
        names: metrics of every arm, "accuracy" among them.
    """

    draws: Draws
    points: PointMetrics
    names: Sequence[str]

    def arm(self, seen: Seen) -> ArmResult:
        """Return all figures of one arm."""
        labels = seen.images.labels
        points = self.points(self.names, seen)
        return ArmResult(
            n=len(labels),
            patients=len(set(seen.images.patient_ids)),
            positives=int(labels.sum()),
            metrics={name: self._estimate(name, points[name], seen) for name in self.names},
        )

    def paired(self, real: Seen, seen: Seen, reconstruction: Seen | None) -> PairedResult:
        """Return an arm of edited studies against the real arm (and against ``reconstruction`` if given)."""
        partner = rows(real, partners(real, seen))
        accuracy = self.correct(seen)
        flips = self._share(seen, seen.decisions != partner.decisions)
        beyond = None if reconstruction is None else self.gap(self.correct(reconstruction), accuracy)
        return PairedResult(
            flip_rate=_of_share(flips),
            score_change=self._score_change(partner, seen),
            drop=self.gap(self.correct(real), accuracy),
            paired_drop=self.gap(self.correct(partner), accuracy),
            specificity_drop=self.gap(self._specific(real), self._specific(seen), NO_NEGATIVES),
            beyond_reconstruction=beyond,
        )

    def correct(self, seen: Seen) -> Share:
        """Return the accuracy as a share."""
        return self._share(seen, seen.decisions == seen.images.labels)

    def gap(self, first: Share, second: Share, reason: str = NO_IMAGES) -> Estimate:
        """Return ``first - second``, counted in images of ``second``; undefined where either has none."""
        if not first.n or not second.n:
            return Estimate(value=None, n=second.n, note=reason)
        low, high, note = difference(first, second)
        return Estimate(value=first.value - second.value, low=low, high=high, n=second.n, note=note)

    def _estimate(self, name: str, point: Point, seen: Seen) -> Estimate:
        labels = seen.images.labels
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
        labels = seen.images.labels
        if name == "auroc" and seen.scores is not None:
            places = self.draws.places(seen.images.patient_ids)
            return auroc_interval(self.draws, places, labels, seen.scores, value)
        if name == "sensitivity":
            return self.correct(rows(seen, np.flatnonzero(labels == 1))).interval()
        if name == "specificity":
            return self._specific(seen).interval()
        return self.correct(seen).interval()

    def _specific(self, seen: Seen) -> Share:
        return self.correct(rows(seen, np.flatnonzero(seen.images.labels == 0)))

    def _share(self, seen: Seen, hits: NDArray[np.bool_]) -> Share:
        return share(self.draws, self.draws.places(seen.images.patient_ids), hits)

    def _score_change(self, partner: Seen, seen: Seen) -> Estimate:
        n = len(seen.images)
        if seen.scores is None or partner.scores is None:
            return Estimate(value=None, n=n, note=NO_SCORES)
        if not n:
            return Estimate(value=None, n=n, note=NO_IMAGES)
        change = seen.scores - partner.scores
        places = self.draws.places(seen.images.patient_ids)
        low, high, note = mean_interval(self.draws, places, change)
        return Estimate(value=float(change.mean()), low=low, high=high, n=n, note=note)


def rows(seen: Seen, chosen: NDArray[np.int64]) -> Seen:
    """Return the arm with only the images numbered ``chosen``, in that order."""
    images = seen.images
    numbers = chosen.tolist()

    def pick(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(values[number] for number in numbers)

    fewer = replace(
        images,
        study_ids=pick(images.study_ids),
        patient_ids=pick(images.patient_ids),
        scenarios=pick(images.scenarios),
        labels=images.labels[chosen],
        load=lambda index: images.load(numbers[index]),
    )
    return Seen(fewer, seen.decisions[chosen], None if seen.scores is None else seen.scores[chosen])


def of_scenario(seen: Seen, scenario: str) -> Seen:
    """Return the arm with only the images of one scenario."""
    return rows(seen, np.flatnonzero([found == scenario for found in seen.images.scenarios]))


def partners(real: Seen, seen: Seen) -> NDArray[np.int64]:
    """Return int64 [N], for each image of ``seen`` the number of the same study's image in ``real``."""
    numbers: Mapping[str, int] = {study: number for number, study in enumerate(real.images.study_ids)}
    return np.array([numbers[study] for study in seen.images.study_ids], np.int64)


def _of_share(found: Share) -> Estimate:
    if not found.n:
        return Estimate(value=None, n=0, note=NO_IMAGES)
    low, high, note = found.interval()
    return Estimate(value=found.value, low=low, high=high, n=found.n, note=note)
