"""Intervals of shares, of means and of their differences, with patients as what was drawn.

- A share (of right decisions, of flips) has the interval of Agresti and Coull (1998, doi:10.2307/2685469) on as many
  trials as its images are worth: their number divided by the design effect, the variance over patients beside that of
  independent images (Dean and Pagano 2015, doi:10.1093/jssam/smv024). Where all images are right, or wrong, the design
  effect cannot be seen, and every patient counts once.
- A mean of any other figure (a score, a Dice, a distance) has the bootstrap-t interval (``bootstrap``).
- A difference of shares is made from both shares' Wilson limits (1927, doi:10.1080/01621459.1927.10502953) on as many
  trials and the correlation of the two (method 10 of Newcombe 1998,
  doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C; Zou and Donner 2008,
  doi:10.1002/sim.3095); Agresti and Coull's limits would make it wider than it needs to be. A difference of means is
  itself a bootstrap-t.

How often they hold the truth is measured by ``radbench bench coverage``.

What is made of several shares (balanced accuracy, predictive values) has its limits from theirs, by the method of
variance estimates recovery (Zou and Donner 2008; of a ratio, Donner and Zou 2012, doi:10.1177/0962280210383082).
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import (
    Draws,
    Floats,
    Studentized,
    Term,
    divide,
    influence,
    mean_replicates,
    studentized,
    studentized_by,
)

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

    weighted: ClassVar[bool] = False
    """Whether images have weights that are estimated themselves, so that a resample has weights of its own."""
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

    def resample(self, block: Floats) -> tuple[Floats, Floats]:
        """Return the mean in each draw of ``block`` (float64 [R, patients]), and what each patient moves it by.

        Returns:
            float64 [R], NaN where none of its images was drawn, and float64 [patients, R].
        """
        totals = block @ self.sizes
        values = divide(block @ self.sums, totals)
        moves = (self.sums[:, None] - self.sizes[:, None] * values) / np.where(totals > 0, totals, np.nan)
        return values, moves

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
    return replace(mean(draws, places, hits.astype(np.float64), UNIT), rare=rare)


def mean(draws: Draws, places: NDArray[np.int64], values: Floats, span: tuple[float, float] = ANY) -> Mean:
    """Return the mean of ``values`` (float64 [N], none of them NaN) of the images at ``places``.

    Args:
        draws: the shared draw.
        places: int64 [N] from ``Draws.places``.
        values: one figure an image.
        span: least and greatest that a figure can be; limits are kept within it.
    """
    patients = len(draws.patients)
    sums = np.bincount(places, weights=np.asarray(values, np.float64), minlength=patients)
    sizes = np.bincount(places, minlength=patients)
    return Mean(draws, sums.astype(np.float64), sizes.astype(np.float64), None, span)


def difference(first: Mean, second: Mean, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of ``first - second``, two means of the same draw.

    Both must be shares, or both means. No limits where either has no images or, of means, too few patients.
    """
    return combined([(1.0, first), (-1.0, second)], confidence)


def combined(parts: list[tuple[float, Mean]], confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of a sum of factors times means of the same draw, all of them shares or all of them not.

    No limits where a part has no images; of means that are no shares, where any has fewer than ``RARE`` patients, or
    where no patient differs from the others. Where so few differ that resamples have no spread, the limits are the
    outer ones of the percentile interval and of Student's t, and the note says so.
    """
    if not all(part.n for _, part in parts):
        return Interval(None, None)
    if all(part.rare is not None for _, part in parts):
        return Interval(*recovered(parts, confidence))
    found = resampled(parts)
    if min(part.patients for _, part in parts) < RARE or found.error < SAME:
        return Interval(None, None, TOO_FEW)
    low, high = found.limits(confidence)
    if math.isnan(low):
        return Interval(None, None, TOO_FEW)
    rough = math.isinf(low) or math.isinf(high)
    if rough:
        low, high = _rough(found, confidence)
    floor = sum(factor * part.span[factor < 0] for factor, part in parts)
    roof = sum(factor * part.span[factor > 0] for factor, part in parts)
    return Interval(
        max(low, min(floor, found.value)), min(high, max(roof, found.value)), ROUGH if rough else ""
    )


def resampled(parts: list[tuple[float, Mean]]) -> Studentized:
    """Return a sum of factors times means of the same draw, with its standard error and all t*; each has an image."""
    draws = parts[0][1].draws
    if not any(part.weighted for _, part in parts):
        return studentized(draws, [Term(factor, part.sums, part.sizes) for factor, part in parts])
    patients = int(np.any([part.sizes > 0 for _, part in parts], axis=0).sum())
    return studentized_by(
        draws, [factor for factor, _ in parts], [part.resample for _, part in parts], patients
    )


def apart(
    first: tuple[float, Interval], second: tuple[float, Interval], note: str = ""
) -> tuple[float, Interval]:
    """Return the difference of two independent figures with limits, and its limits made from theirs.

    The method of variance estimates recovery (Zou and Donner 2008, doi:10.1002/sim.3095); no limits where one has
    none. Where both share patients, and so move together, the limits are wider than they need to be.
    """
    (one, limits), (other, others) = first, second
    value = one - other
    if limits.low is None or limits.high is None or others.low is None or others.high is None:
        return value, Interval(None, None, "; ".join(filter(None, (note, "one of the two has no interval"))))
    low = value - math.hypot(one - limits.low, others.high - other)
    high = value + math.hypot(limits.high - one, other - others.low)
    return value, Interval(low, high, note)


def _rough(found: Studentized, confidence: float) -> tuple[float, float]:
    from scipy.stats import t

    low, high = percentiles(found.value + found.moved, confidence)
    reach = float(t.ppf((1 + confidence) / 2, found.patients - 1)) * found.error
    return min(low, found.value - reach), max(high, found.value + reach)


def recovered(parts: list[tuple[float, Mean]], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the limits of a sum of factors times shares, from the shares' own limits and their correlation.

    The method of variance estimates recovery (Zou and Donner 2008, doi:10.1002/sim.3095): the distance of a share to
    its Wilson limit stands for its standard error near that limit. Every share has an image.
    """
    value = sum(factor * part.value for factor, part in parts)
    limits = [wilson(part.value, part.trials, confidence) for _, part in parts]
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
    return plain(divide(first.replicates, second.replicates), min(first.patients, second.patients))


def plain(replicates: Floats, patients: int) -> Interval:
    """Return the percentiles of a figure that is no share; none for too few patients, or none that differ."""
    low, high = percentiles(replicates)
    if patients < RARE or math.isnan(low) or high - low < SAME:
        return Interval(None, None, TOO_FEW)
    return Interval(low, high)


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


def half_sum(first: Mean, second: Mean) -> Interval:
    """Return the interval of ``(first + second) / 2``, two shares of at least one image each."""
    low, high = recovered([(0.5, first), (0.5, second)])
    return Interval(max(0.0, low), min(1.0, high))


def predictive_interval(sensitivity: Mean, specificity: Mean, prevalence: float, *, yes: bool) -> Interval:
    """Return the interval of a predictive value at ``prevalence``, of shares of at least one image each.

    A predictive value rises with the likelihood ratio, which is a ratio of shares: of yes among positives and among
    negatives, or of no among negatives and among positives. The two are taken as independent.

    Args:
        sensitivity: share of right images among the positives.
        specificity: share of right images among the negatives.
        prevalence: share of positives where the model is used; it is taken as known.
        yes: the positive predictive value; else the negative one.
    """
    right, other = (sensitivity, specificity) if yes else (specificity, sensitivity)
    weight = prevalence if yes else 1 - prevalence
    other_low, other_high = other.limits
    low, high = ratio_limits(right.value, right.limits, 1 - other.value, (1 - other_high, 1 - other_low))
    return Interval(_chance(low, weight), _chance(high, weight))


def ratio_limits(
    top: float, top_limits: tuple[float, float], bottom: float, bottom_limits: tuple[float, float]
) -> tuple[float, float]:
    """Return the limits of ``top / bottom``, two independent figures with limits; the upper one may be infinite."""
    (top_low, top_high), (bottom_low, bottom_high) = top_limits, bottom_limits
    product = top * bottom
    below, under = top_low * (2 * top - top_low), bottom_high * (2 * bottom - bottom_high)
    root = product + math.sqrt(max(0.0, product**2 - below * under))
    low = max(0.0, below) / root if root > 0 else 0.0
    above, over = top_high * (2 * top - top_high), bottom_low * (2 * bottom - bottom_low)
    if over <= 0:
        return low, math.inf
    return low, (product + math.sqrt(max(0.0, product**2 - above * over))) / over


def double_difference(first: tuple[Mean, Mean], second: tuple[Mean, Mean]) -> Interval:
    """Return the interval of ``(first[0] - first[1]) - (second[0] - second[1])``, all shares or all other means.

    No limits where one has no images, or, of means that are no shares, too few patients.
    """
    return combined([(1.0, first[0]), (-1.0, first[1]), (-1.0, second[0]), (1.0, second[1])])


def _chance(ratio: float, weight: float) -> float:
    """Return the predictive value of a likelihood ratio at a prevalence of ``weight``."""
    return 1.0 if math.isinf(ratio) else ratio * weight / (ratio * weight + 1 - weight)
