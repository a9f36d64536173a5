"""Intervals of what is made of several means: balanced accuracy, predictive values, differences of differences.

All parts are resampled together. Where one of them is a share that resampling cannot be believed of (see
``intervals``), the limits are widened by the method of variance estimates recovery: the parts' own limits give their
variances near each limit (Zou and Donner 2008, doi:10.1002/sim.3095; of a ratio, Donner and Zou 2012,
doi:10.1177/0962280210383082).
"""

import math
from typing import Final

from radbench.metrics.bootstrap import divide
from radbench.metrics.intervals import Interval, Mean, difference, percentiles, plain

RECOVERED: Final = "few patients on one side: widened by the limits of its parts"


def half_sum(first: Mean, second: Mean) -> Interval:
    """Return the interval of ``(first + second) / 2``, two shares of at least one image each."""
    low, high = percentiles((first.replicates + second.replicates) / 2)
    if not (first.is_rare or second.is_rare):
        return Interval(low, high)
    value = (first.value + second.value) / 2
    (first_low, first_high), (second_low, second_high) = first.limits, second.limits
    down = math.hypot(first.value - first_low, second.value - second_low) / 2
    up = math.hypot(first_high - first.value, second_high - second.value) / 2
    return _widened(low, high, value - down, value + up)


def predictive_interval(sensitivity: Mean, specificity: Mean, prevalence: float, *, yes: bool) -> Interval:
    """Return the interval of a predictive value at ``prevalence``, of shares of at least one image each.

    A predictive value rises with the likelihood ratio, which is a ratio of shares: of yes among positives and among
    negatives, or of no among negatives and among positives.

    Args:
        sensitivity: share of right images among the positives.
        specificity: share of right images among the negatives.
        prevalence: share of positives where the model is used; it is taken as known.
        yes: the positive predictive value; else the negative one.
    """
    right, other = (sensitivity, specificity) if yes else (specificity, sensitivity)
    weight = prevalence if yes else 1 - prevalence
    found = right.replicates * weight
    low, high = percentiles(divide(found, found + (1 - other.replicates) * (1 - weight)))
    if not (right.is_rare or other.is_rare):
        return Interval(low, high)
    other_low, other_high = other.limits
    ratio_low, ratio_high = ratio_limits(
        right.value, right.limits, 1 - other.value, (1 - other_high, 1 - other_low)
    )
    return _widened(low, high, _chance(ratio_low, weight), _chance(ratio_high, weight))


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
    """Return the interval of ``(first[0] - first[1]) - (second[0] - second[1])``, all of the same kind.

    No limits where one has no images, or of means that are no shares, where resampling gives none.
    """
    parts = [*first, *second]
    if not all(part.n for part in parts):
        return Interval(None, None)
    moved = (first[0].replicates - first[1].replicates) - (second[0].replicates - second[1].replicates)
    if any(part.rare is None for part in parts):
        return plain(moved, min(part.patients for part in parts))
    low, high = percentiles(moved)
    if not any(part.is_rare for part in parts):
        return Interval(low, high)
    one, other = first[0].value - first[1].value, second[0].value - second[1].value
    one_low, one_high, _ = difference(*first)
    other_low, other_high, _ = difference(*second)
    if one_low is None or one_high is None or other_low is None or other_high is None:
        return Interval(None, None)
    value = one - other
    down, up = math.hypot(one - one_low, other_high - other), math.hypot(one_high - one, other - other_low)
    return _widened(low, high, value - down, value + up)


def _chance(ratio: float, weight: float) -> float:
    """Return the predictive value of a likelihood ratio at a prevalence of ``weight``."""
    return 1.0 if math.isinf(ratio) else ratio * weight / (ratio * weight + 1 - weight)


def _widened(low: float, high: float, lower: float, upper: float) -> Interval:
    if math.isnan(low):
        return Interval(lower, upper, RECOVERED)
    return Interval(min(low, lower), max(high, upper), RECOVERED)
