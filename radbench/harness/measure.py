"""From what models said to figures with intervals, every comparison on one shared draw of patients.

An audit has one primary value an image, and here are the drops, effects and gaps that are made of it, the same
for every task. What only one task has is in ``classification`` and ``segmentation``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radbench.harness.arms import ArmImages, Shown
from radbench.harness.predict import Seen
from radbench.harness.result import ArmResult, Estimate, PairedResult
from radbench.metrics.bootstrap import Draws
from radbench.metrics.intervals import ANY, Interval, Mean, apart, difference, mean
from radbench.metrics.points import NO_IMAGES
from radbench.metrics.standard import standard_mean
from radbench.models.base import ModelUnderTest, Prediction


class Measure(ABC):
    """How figures are made in one audit.

    Args:
        draws: the patients of every arm, resampled once.
        names: metrics of every arm, the primary one among them.
    """

    def __init__(self, draws: Draws, names: Sequence[str]) -> None:
        self.draws = draws
        self.names = names

    @property
    def available(self) -> Sequence[str]:
        """Names of all metrics that can be measured in this audit."""
        return self.names

    @abstractmethod
    def read(self, model: ModelUnderTest, images: ArmImages, prediction: Prediction) -> Seen:
        """Return some images as seen by a model.

        Raises:
            ModelFailureError: the prediction does not answer what the audit asks.
        """

    @abstractmethod
    def arm(self, seen: Seen) -> ArmResult:
        """Return all figures of one arm."""

    @abstractmethod
    def figures(self, names: Sequence[str], seen: Seen) -> dict[str, Estimate]:
        """Return the figures called ``names`` (of ``available``) of one arm."""

    @abstractmethod
    def primary(self, seen: Seen) -> Mean:
        """Return the mean of the images' primary values."""

    @abstractmethod
    def details(self, real: Seen, partner: Seen, seen: Seen) -> dict[str, Any]:
        """Return the fields of ``PairedResult`` that only this task has.

        Args:
            real: the whole real arm.
            partner: the real images of the same studies, in the order of ``seen``.
            seen: an arm of edited studies.
        """

    def score_change(self, partner: Seen, seen: Seen) -> Estimate | None:
        """Return the mean change of the score against ``partner``; None where the task has no scores."""
        del partner, seen
        return None

    def mean_of(self, name: str, seen: Seen) -> Mean | None:
        """Return the metric ``name`` where it is a mean over images; None where it is made otherwise."""
        del name, seen
        return None

    def unpaired(self, reference: Seen, seen: Seen) -> PairedResult:
        """Return another cohort's arm against ``reference``: the drop, and the difference of every metric."""
        before, after = self.figures(self.names, reference), self.figures(self.names, seen)
        changes = {}
        for name in self.names:
            means = self.mean_of(name, seen), self.mean_of(name, reference)
            if means[0] is not None and means[1] is not None:
                found = gap(means[0], means[1]).model_copy(update={"n": after[name].n})
            else:
                found = change_of(before[name], after[name])
            changes[name] = found
        return PairedResult(drop=self.effect(reference, seen), changes=changes)

    def paired(self, real: Seen, seen: Seen, reconstruction: Seen | None = None) -> PairedResult:
        """Return an arm of edited studies against the real arm (and against ``reconstruction`` if given)."""
        partner = partner_of(real, seen)
        return PairedResult(
            drop=self.effect(real, seen),
            paired_drop=self.effect(partner, seen),
            beyond_reconstruction=None if reconstruction is None else self.effect(reconstruction, seen),
            **self.details(real, partner, seen),
        )

    def effect(self, first: Seen, second: Seen) -> Estimate:
        """Return the primary metric of ``first`` minus that of ``second``."""
        return gap(self.primary(first), self.primary(second))

    def value(self, seen: Seen) -> Estimate:
        """Return the primary metric."""
        return of_mean(self.primary(seen))

    def average(self, seen: Seen, values: NDArray[np.float64], span: tuple[float, float] = ANY) -> Mean:
        """Return the mean of any figure of the arm's images, within ``span``; those that are NaN are left out."""
        known = ~np.isnan(values)
        places = self.draws.places(seen.images.patient_ids)
        weighting = seen.images.weighting
        if weighting is not None:
            return standard_mean(weighting.take(np.flatnonzero(known)), places[known], values[known], span)
        return mean(self.draws, places[known], values[known], span)


def gap(first: Mean, second: Mean, reason: str = NO_IMAGES) -> Estimate:
    """Return ``first - second``, counted in images of ``second``; undefined where either has none."""
    if not first.n or not second.n:
        return Estimate.undefined(reason, second.n)
    return Estimate.of(first.value - second.value, difference(first, second), second.n)


def change_of(before: Estimate, after: Estimate) -> Estimate:
    """Return ``after - before`` of two cohorts, its limits made from theirs; undefined where one of them is."""
    for figure, which in ((before, "cohort A"), (after, "cohort B")):
        if figure.value is None:
            return Estimate.undefined(f"{figure.note} ({which})", after.n)
    later, earlier = ((one.value or 0.0, Interval(one.low, one.high)) for one in (after, before))
    value, limits = apart(later, earlier)
    return Estimate.of(value, limits, after.n)


def reference_of(seen: Mapping[Shown, Seen], judged: Shown) -> Seen:
    """Return what the judged arm is held against: the real images, or cohort A in the strata that both cohorts have."""
    return seen["common"] if judged == "reweighted" else seen["real"]


def of_mean(found: Mean, reason: str = NO_IMAGES) -> Estimate:
    """Return a mean with its interval; undefined for no images."""
    return Estimate.of(found.value, found.interval(), found.n) if found.n else Estimate.undefined(reason)


def of_scenario(seen: Seen, scenario: str) -> Seen:
    """Return the arm with only the images of one scenario."""
    return seen.take(np.flatnonzero([found == scenario for found in seen.images.scenarios]))


def partner_of(real: Seen, seen: Seen) -> Seen:
    """Return the real images of the same studies, one for each image of ``seen`` and in its order."""
    whole = real if real.originals is None else real.originals
    numbers: Mapping[str, int] = {study: number for number, study in enumerate(whole.images.study_ids)}
    return whole.take(np.array([numbers[study] for study in seen.images.study_ids], np.int64))


def matched(first: Seen, second: Seen) -> tuple[Seen, Seen]:
    """Return the images of both arms that show the same study in the same scenario, in one order."""
    mine, other = (
        {
            key: place
            for place, key in enumerate(zip(seen.images.study_ids, seen.images.scenarios, strict=True))
        }
        for seen in (first, second)
    )
    both = [key for key in mine if key in other]
    chosen = [np.array([places[key] for key in both], np.int64) for places in (mine, other)]
    return first.take(chosen[0]), second.take(chosen[1])
