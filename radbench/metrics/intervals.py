"""Intervals from replicates, and what to do where resampling cannot know.

When (almost) all images are right, or wrong, resampling them gives (almost) the same figure every time: a
percentile interval of width 0 from 64 images would claim what nobody knows. A share with fewer than
``RARE`` patients on either side is therefore widened to Wilson's score interval over patients (Wilson 1927,
doi:10.1080/01621459.1927.10502953), and a difference of such shares to Newcombe's square-and-add interval
(Newcombe 1998, doi:10.1002/(SICI)1098-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I), and the note says so.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Draws, Floats, auroc_replicates, mean_replicates

CONFIDENCE: Final = 0.95
RARE: Final = 5
"""Fewest patients with a right and with a wrong image from which resampling alone is believed."""

WIDENED: Final = "few patients on one side: widened to Wilson's interval over patients"
WIDENED_DIFFERENCE: Final = "few patients on one side: widened to Newcombe's interval over patients"
TOO_FEW: Final = "no interval: it needs two patients that differ"


class Interval(NamedTuple):
    """Limits (None: no interval can be given) and a note ("" = nothing to say)."""

    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class Share:
    """A share of images, with its replicates.

    Attributes:
        value: the share, in [0, 1]; NaN for no images.
        n: images.
        patients: their patients.
        rare: patients with at least one image on the rarer side (right or wrong).
        replicates: float64 [replicates].
    """

    value: float
    n: int
    patients: int
    rare: int
    replicates: Floats

    @property
    def is_rare(self) -> bool:
        """Whether resampling alone cannot be believed."""
        return self.rare < RARE

    @property
    def limits(self) -> tuple[float, float]:
        """Low and high limit; the whole of [0, 1] for no images."""
        if not self.n:
            return 0.0, 1.0
        low, high = percentiles(self.replicates)
        if self.is_rare:
            wilson_low, wilson_high = wilson(self.value, self.patients)
            low, high = min(low, wilson_low), max(high, wilson_high)
        return low, high

    def interval(self) -> Interval:
        """Return the limits and whether they were widened; no limits for no images."""
        if not self.n:
            return Interval(None, None)
        return Interval(*self.limits, WIDENED if self.is_rare else "")


def share(draws: Draws, places: NDArray[np.int64], hits: NDArray[Any]) -> Share:
    """Return the share of ``hits`` (booleans [N]) among the images at ``places`` (from ``Draws.places``)."""
    hits = np.asarray(hits, bool)
    if not len(hits):
        return Share(math.nan, 0, 0, 0, np.full(len(draws.counts), np.nan))
    rare = min(len(np.unique(places[hits])), len(np.unique(places[~hits])))
    replicates = mean_replicates(draws, places, hits)
    return Share(float(hits.mean()), len(hits), len(np.unique(places)), rare, replicates)


def difference(first: Share, second: Share) -> Interval:
    """Return the interval of ``first - second``, resampled together; no limits where either has no images."""
    if not first.n or not second.n:
        return Interval(None, None)
    low, high = percentiles(first.replicates - second.replicates)
    if not (first.is_rare or second.is_rare):
        return Interval(low, high)
    gap = first.value - second.value
    (first_low, first_high), (second_low, second_high) = first.limits, second.limits
    newcombe_low = gap - math.hypot(first.value - first_low, second_high - second.value)
    newcombe_high = gap + math.hypot(first_high - first.value, second.value - second_low)
    return Interval(min(low, newcombe_low), max(high, newcombe_high), WIDENED_DIFFERENCE)


def mean_interval(draws: Draws, places: NDArray[np.int64], values: Floats) -> Interval:
    """Return the interval of the mean of ``values`` [N]; none where one patient, or no variation, is all."""
    replicates = mean_replicates(draws, places, values)
    low, high = percentiles(replicates)
    if len(np.unique(places)) < 2 or low == high:
        return Interval(None, None, TOO_FEW)
    return Interval(low, high)


def auroc_interval(
    draws: Draws, places: NDArray[np.int64], labels: NDArray[Any], scores: Floats, value: float
) -> Interval:
    """Return the interval of an area under the ROC curve of ``value``; ``labels`` must have both classes.

    An area of exactly 0 or 1 is widened to Wilson's interval over as many pairs as can be formed without
    using a patient twice: each such pair is in order with a probability that is the area.
    """
    replicates = auroc_replicates(draws, places, labels, scores)
    left_out = int(np.isnan(replicates).sum())
    note = f"{left_out} of {len(replicates)} resamples had one class and were left out" if left_out else ""
    low, high = percentiles(replicates)
    if low < high and 0 < value < 1:
        return Interval(low, high, note)
    pairs = min(len(np.unique(places[labels == 1])), len(np.unique(places[labels == 0])))
    wilson_low, wilson_high = wilson(value, pairs)
    return Interval(min(low, wilson_low), max(high, wilson_high), WIDENED)


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
