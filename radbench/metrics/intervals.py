"""Intervals of shares, of means and of their differences, with patients as what was drawn.

- A share (of right decisions, of flips) has the interval of Agresti and Coull (1998, doi:10.2307/2685469) on as many
  trials as its images are worth: their number divided by the design effect, the variance over patients beside that of
  independent images (Dean and Pagano 2015, doi:10.1093/jssam/smv024). Where all images are right, or wrong, the design
  effect cannot be seen, and every patient counts once.
- A mean of any other figure (a score, a Dice, a distance) has the bootstrap-t interval (``studentized``).
- A difference of shares is made from both shares' Wilson limits (1927, doi:10.1080/01621459.1927.10502953) on as many
  trials and the correlation of the two (method 10 of Newcombe 1998,
  doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C; Zou and Donner 2008,
  doi:10.1002/sim.3095); Agresti and Coull's limits would make it wider than it needs to be. A difference of means is
  itself a bootstrap-t.

How often they hold the truth is measured by ``radbench bench coverage``.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Draws, Floats, mean_replicates
from radbench.metrics.ranked import auprc_replicates, auroc_replicates
from radbench.metrics.studentized import Studentized, Term, influence, studentized

CONFIDENCE: Final = 0.95
RARE: Final = 5
"""Fewest patients, and of a share fewest on either side, from which resampling is believed."""

SAME: Final = 1e-9
"""Limits nearer than this are one figure, whatever the order in which it was added up."""

WIDENED: Final = "few patients on one side: widened to Wilson's interval over patients"
TOO_FEW: Final = f"no interval: it needs {RARE} patients, and two that differ"
ROUGH: Final = "rough limits: very few patients differ from the others"
ANY: Final = (-math.inf, math.inf)
UNIT: Final = (0.0, 1.0)


class Interval(NamedTuple):
    """Limits (None: no interval can be given) and a note ("" = nothing to say)."""

    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class Mean:
    """A mean over images: a share of them (every image 0 or 1), or of any figure.

    Attributes:
        draws: the shared draw of patients.
        sums: float64 [patients of the draw], the sum of each patient's images.
        sizes: float64 [patients of the draw], how many images each has.
        rare: of a share, patients with at least one image on the rarer side (right or wrong); None for a
            mean of any figure.
        span: least and greatest that it can be.
    """

    draws: Draws
    sums: Floats
    sizes: Floats
    rare: int | None
    span: tuple[float, float] = ANY

    @cached_property
    def n(self) -> int:
        """Images."""
        return round(float(self.sizes.sum()))

    @cached_property
    def patients(self) -> int:
        """Patients of the images."""
        return int((self.sizes > 0).sum())

    @cached_property
    def value(self) -> float:
        """The mean (of a share, in [0, 1]); NaN for no images."""
        return float(self.sums.sum() / self.sizes.sum()) if self.n else math.nan

    @cached_property
    def replicates(self) -> Floats:
        """The mean in every resample, float64 [replicates]; NaN where none of its images was drawn."""
        return mean_replicates(self.draws, self.sums, self.sizes)

    @property
    def is_rare(self) -> bool:
        """Whether it is a share with so few patients on one side that resampling says little."""
        return self.rare is not None and self.rare < RARE

    @cached_property
    def moves(self) -> Floats:
        """What each patient moves the mean by, float64 [patients of the draw]; there must be an image."""
        return influence(self.sums, self.sizes)

    @cached_property
    def trials(self) -> float:
        """Independent trials that the images of a share are worth: at most the images; all alike: the patients."""
        spread = self.value * (1 - self.value)
        if self.patients < 2 or spread <= SAME:
            return float(self.patients)
        variance = self.patients / (self.patients - 1) * float(self.moves @ self.moves)
        return min(float(self.n), spread / variance) if variance > 0 else float(self.n)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Low and high limit of a share; the whole of [0, 1] for no images."""
        return agresti_coull(self.value, self.trials) if self.n else UNIT

    def interval(self) -> Interval:
        """Return the limits; none for no images, or, of a mean, too few patients."""
        if not self.n:
            return Interval(None, None)
        if self.rare is None:
            return combined([(1.0, self)])
        return Interval(*self.limits)


def share(draws: Draws, places: NDArray[np.int64], hits: NDArray[Any]) -> Mean:
    """Return the share of ``hits`` (booleans [N]) among the images at ``places`` (from ``Draws.places``)."""
    hits = np.asarray(hits, bool)
    rare = min(len(np.unique(places[hits])), len(np.unique(places[~hits])))
    return _mean(draws, places, hits, rare, UNIT)


def mean(draws: Draws, places: NDArray[np.int64], values: Floats, span: tuple[float, float] = ANY) -> Mean:
    """Return the mean of ``values`` (float64 [N], none of them NaN) of the images at ``places``.

    Args:
        draws: the shared draw.
        places: int64 [N] from ``Draws.places``.
        values: one figure an image.
        span: least and greatest that a figure can be; limits are kept within it.
    """
    return _mean(draws, places, np.asarray(values, np.float64), None, span)


def _mean(
    draws: Draws,
    places: NDArray[np.int64],
    values: NDArray[Any],
    rare: int | None,
    span: tuple[float, float],
) -> Mean:
    patients = len(draws.patients)
    sums = np.bincount(places, weights=values.astype(np.float64), minlength=patients).astype(np.float64)
    return Mean(draws, sums, np.bincount(places, minlength=patients).astype(np.float64), rare, span)


def difference(first: Mean, second: Mean) -> Interval:
    """Return the interval of ``first - second``, two means of the same draw.

    Both must be shares, or both means. No limits where either has no images or, of means, too few patients.
    """
    return combined([(1.0, first), (-1.0, second)])


def combined(parts: list[tuple[float, Mean]]) -> Interval:
    """Return the interval of a sum of factors times means of the same draw, all of them shares or all of them not.

    No limits where a part has no images; of means that are no shares, where any has fewer than ``RARE`` patients, or
    where no patient differs from the others. Where so few differ that resamples have no spread, the limits are the
    outer ones of the percentile interval and of Student's t, and the note says so.
    """
    if not all(part.n for _, part in parts):
        return Interval(None, None)
    if all(part.rare is not None for _, part in parts):
        return Interval(*recovered(parts))
    terms = [Term(factor, part.sums, part.sizes) for factor, part in parts]
    found = studentized(parts[0][1].draws, terms)
    if min(part.patients for _, part in parts) < RARE or found.error < SAME:
        return Interval(None, None, TOO_FEW)
    low, high = found.limits(CONFIDENCE)
    if math.isnan(low):
        return Interval(None, None, TOO_FEW)
    rough = math.isinf(low) or math.isinf(high)
    if rough:
        low, high = _rough(found)
    floor = sum(factor * part.span[factor < 0] for factor, part in parts)
    roof = sum(factor * part.span[factor > 0] for factor, part in parts)
    return Interval(
        max(low, min(floor, found.value)), min(high, max(roof, found.value)), ROUGH if rough else ""
    )


def _rough(found: Studentized) -> tuple[float, float]:
    from scipy.stats import t

    low, high = percentiles(found.value + found.moved)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, found.patients - 1)) * found.error
    return min(low, found.value - reach), max(high, found.value + reach)


def recovered(parts: list[tuple[float, Mean]]) -> tuple[float, float]:
    """Return the limits of a sum of factors times shares, from the shares' own limits and their correlation.

    The method of variance estimates recovery (Zou and Donner 2008, doi:10.1002/sim.3095): the distance of a share to
    its Wilson limit stands for its standard error near that limit. Every share has an image.
    """
    value = sum(factor * part.value for factor, part in parts)
    limits = [wilson(part.value, part.trials) for _, part in parts]
    ends = []
    for side in (0, 1):
        reach = [
            factor * abs(ends_of[side if factor > 0 else 1 - side] - part.value)
            for (factor, part), ends_of in zip(parts, limits, strict=True)
        ]
        total = sum(one * one for one in reach)
        for place, (_, part) in enumerate(parts):
            for other in range(place):
                total += 2 * reach[place] * reach[other] * correlation(part, parts[other][1])
        ends.append(math.sqrt(max(total, 0.0)))
    return value - ends[0], value + ends[1]


def correlation(first: Mean, second: Mean) -> float:
    """Return the correlation of two shares by their patients, in [-1, 1]; 0 where one of them does not vary.

    A positive one is lessened by half a trial, as in Newcombe's method 10: that no patient was seen to differ between
    two sets does not show that none ever will.
    """
    together = float(first.moves @ second.moves)
    apart = math.sqrt(float(first.moves @ first.moves) * float(second.moves @ second.moves))
    if apart <= 0:
        return 0.0
    if together > 0:
        together = max(0.0, together - 0.5 / (first.trials * second.trials))
    return min(1.0, max(-1.0, together / apart))


def ratio(first: Mean, second: Mean) -> Interval:
    """Return the interval of ``first / second``, two means resampled together; ``second`` must be positive."""
    if not first.n or not second.n:
        return Interval(None, None)
    empty = np.full_like(first.replicates, np.nan)
    known = second.replicates > 0
    replicates = np.divide(first.replicates, second.replicates, out=empty, where=known)
    return plain(replicates, min(first.patients, second.patients))


def plain(replicates: Floats, patients: int) -> Interval:
    """Return the percentiles of a figure that is no share; none for too few patients, or none that differ."""
    low, high = percentiles(replicates)
    if patients < RARE or math.isnan(low) or high - low < SAME:
        return Interval(None, None, TOO_FEW)
    return Interval(low, high)


def with_rare_errors(found: Interval, value: float, wrong: Mean) -> Interval:
    """Return the interval of an error in [0, 1], widened where (almost) all images are right, or wrong.

    Resampling images that a model is surely right about cannot know of those it is surely wrong about. An image that
    is wrong adds at most 1, so the limits are moved as far as Wilson's limits, of as many trials as there are patients,
    are from the share of wrong images.

    Args:
        found: the interval by resampling.
        value: the error: a mean over images, or over bins of them.
        wrong: the share of images whose score is on the wrong side of one half.
    """
    if found.low is None or found.high is None or not wrong.is_rare:
        return found
    wrong_low, wrong_high = wilson(wrong.value, wrong.patients)
    low = max(0.0, min(found.low, value - (wrong.value - wrong_low)))
    high = min(1.0, max(found.high, value + wrong_high - wrong.value))
    return Interval(low, high, "; ".join(filter(None, (found.note, WIDENED))))


def auroc_interval(
    draws: Draws, places: NDArray[np.int64], labels: NDArray[Any], scores: Floats, value: float
) -> Interval:
    """Return the interval of an area under the ROC curve of ``value``; ``labels`` must have both classes.

    An area of exactly 0 or 1, or of fewer than ``RARE`` patients of a class, is widened to Wilson's interval over as
    many pairs as can be formed without using a patient twice: each such pair is in order with a probability that is
    the area.
    """
    return _area(auroc_replicates(draws, places, labels, scores), value, _pairs(places, labels))


def auprc_interval(
    draws: Draws, places: NDArray[np.int64], labels: NDArray[Any], scores: Floats, value: float
) -> Interval:
    """Return the interval of an average precision of ``value``; ``labels`` must have both classes.

    It is widened where ``auroc_interval`` is, and to the same number of trials: no more of them than patients with a
    positive image, as in the binomial interval of Boyd, Eng and Page (2013, doi:10.1007/978-3-642-40994-3_55).
    """
    return _area(auprc_replicates(draws, places, labels, scores), value, _pairs(places, labels))


def _pairs(places: NDArray[np.int64], labels: NDArray[Any]) -> int:
    """Return how many pairs of a positive and a negative can be formed without using a patient twice."""
    return min(len(np.unique(places[labels == 1])), len(np.unique(places[labels == 0])))


def _area(replicates: Floats, value: float, pairs: int) -> Interval:
    left_out = int(np.isnan(replicates).sum())
    note = f"{left_out} of {len(replicates)} resamples had one class and were left out" if left_out else ""
    low, high = percentiles(replicates)
    if low < high and 0 < value < 1 and pairs >= RARE:
        return Interval(low, high, note)
    wilson_low, wilson_high = wilson(value, pairs)
    low, high = (
        (wilson_low, wilson_high) if math.isnan(low) else (min(low, wilson_low), max(high, wilson_high))
    )
    return Interval(low, high, "; ".join(filter(None, (note, WIDENED))))


def percentiles(replicates: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the central percentiles of ``replicates``, undefined (NaN) ones left out; NaN if all are."""
    known = replicates[~np.isnan(replicates)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def wilson(value: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Wilson's score interval of a share ``value`` of ``n`` independent trials (n > 0)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n))
    return max(0.0, min(centre - half, value)), min(1.0, max(centre + half, value))


def agresti_coull(value: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the interval of Agresti and Coull of a share ``value`` of ``n`` independent trials (n > 0)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (value * n + z * z / 2) / (n + z * z)
    half = z * math.sqrt(centre * (1 - centre) / (n + z * z))
    return max(0.0, min(centre - half, value)), min(1.0, max(centre + half, value))
