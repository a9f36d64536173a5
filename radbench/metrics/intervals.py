"""Intervals from replicates, and what to do where resampling cannot know.

When (almost) all images are right, or wrong, resampling them gives (almost) the same figure every time: a
percentile interval of width 0 from 64 images would claim what nobody knows. A share with fewer than
``RARE`` patients on either side is therefore widened to Wilson's score interval over patients (Wilson 1927,
doi:10.1080/01621459.1927.10502953), and a difference of such shares to Newcombe's square-and-add interval
(Newcombe 1998, doi:10.1002/(SICI)1098-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I), and the note says so.
A mean of any other figure (a score, a Dice, a distance) has no such interval: with fewer than ``RARE`` patients
it gets none.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Draws, Floats, mean_replicates
from radbench.metrics.ranked import auprc_replicates, auroc_replicates

CONFIDENCE: Final = 0.95
RARE: Final = 5
"""Fewest patients with a right and with a wrong image from which resampling alone is believed."""

SAME: Final = 1e-9
"""Limits nearer than this are one figure, whatever the order in which it was added up."""

WIDENED: Final = "few patients on one side: widened to Wilson's interval over patients"
WIDENED_DIFFERENCE: Final = "few patients on one side: widened to Newcombe's interval over patients"
TOO_FEW: Final = f"no interval: it needs {RARE} patients, and two that differ"


class Interval(NamedTuple):
    """Limits (None: no interval can be given) and a note ("" = nothing to say)."""

    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class Mean:
    """A mean over images, with its replicates: a share of them (every image 0 or 1), or of any figure.

    Attributes:
        value: the mean (of a share, in [0, 1]); NaN for no images.
        n: images.
        patients: their patients.
        rare: of a share, patients with at least one image on the rarer side (right or wrong); None for a
            mean of any figure.
        replicates: float64 [replicates].
    """

    value: float
    n: int
    patients: int
    rare: int | None
    replicates: Floats

    @property
    def is_rare(self) -> bool:
        """Whether it is a share of which resampling alone cannot be believed."""
        return self.rare is not None and self.rare < RARE

    @property
    def limits(self) -> tuple[float, float]:
        """Low and high limit of a share; the whole of [0, 1] for no images."""
        if not self.n:
            return 0.0, 1.0
        low, high = percentiles(self.replicates)
        if self.is_rare:
            wilson_low, wilson_high = wilson(self.value, self.patients)
            low, high = min(low, wilson_low), max(high, wilson_high)
        return low, high

    def interval(self) -> Interval:
        """Return the limits and whether they were widened; no limits for no images, or too few patients."""
        if not self.n:
            return Interval(None, None)
        if self.rare is None:
            return plain(self.replicates, self.patients)
        return Interval(*self.limits, WIDENED if self.is_rare else "")


def share(draws: Draws, places: NDArray[np.int64], hits: NDArray[Any]) -> Mean:
    """Return the share of ``hits`` (booleans [N]) among the images at ``places`` (from ``Draws.places``)."""
    hits = np.asarray(hits, bool)
    rare = min(len(np.unique(places[hits])), len(np.unique(places[~hits])))
    return _mean(draws, places, hits, rare)


def mean(draws: Draws, places: NDArray[np.int64], values: Floats) -> Mean:
    """Return the mean of ``values`` (float64 [N], none of them NaN) of the images at ``places``."""
    return _mean(draws, places, np.asarray(values, np.float64), None)


def _mean(draws: Draws, places: NDArray[np.int64], values: NDArray[Any], rare: int | None) -> Mean:
    if not len(values):
        return Mean(math.nan, 0, 0, rare, np.full(len(draws.counts), np.nan))
    replicates = mean_replicates(draws, places, values)
    return Mean(float(values.mean()), len(values), len(np.unique(places)), rare, replicates)


def difference(first: Mean, second: Mean) -> Interval:
    """Return the interval of ``first - second``, resampled together.

    Both must be shares, or both means. No limits where either has no images or, of means, too few patients.
    """
    if not first.n or not second.n:
        return Interval(None, None)
    if first.rare is None or second.rare is None:
        return plain(first.replicates - second.replicates, min(first.patients, second.patients))
    low, high = percentiles(first.replicates - second.replicates)
    if not (first.is_rare or second.is_rare):
        return Interval(low, high)
    gap = first.value - second.value
    (first_low, first_high), (second_low, second_high) = first.limits, second.limits
    newcombe_low = gap - math.hypot(first.value - first_low, second_high - second.value)
    newcombe_high = gap + math.hypot(first_high - first.value, second.value - second_low)
    return Interval(min(low, newcombe_low), max(high, newcombe_high), WIDENED_DIFFERENCE)


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


def mean_interval(draws: Draws, places: NDArray[np.int64], values: Floats) -> Interval:
    """Return the interval of the mean of ``values`` [N]; none for too few patients, or none that differ."""
    return mean(draws, places, values).interval()


def with_rare_errors(found: Interval, value: float, wrong: Mean) -> Interval:
    """Return the interval of an error in [0, 1], widened where (almost) all images are right, or wrong.

    Resampling images that a model is surely right about cannot know of those it is surely wrong about. An image that
    is wrong adds at most 1, so the limits are moved as far as Wilson's limits are from the share of wrong images.

    Args:
        found: the interval by resampling.
        value: the error: a mean over images, or over bins of them.
        wrong: the share of images whose score is on the wrong side of one half.
    """
    if found.low is None or found.high is None or not wrong.is_rare:
        return found
    wrong_low, wrong_high = wrong.limits
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


def wilson(value: float, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Wilson's score interval of a share ``value`` of ``n`` independent trials (n >= 1)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n))
    return max(0.0, min(centre - half, value)), min(1.0, max(centre + half, value))
