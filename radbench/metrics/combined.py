"""Intervals of what is made of several means: balanced accuracy, predictive values, differences of differences.

Shares give their own limits to what is made of them, by the method of variance estimates recovery (Zou and Donner
2008, doi:10.1002/sim.3095; of a ratio, Donner and Zou 2012, doi:10.1177/0962280210383082). Other means are resampled
together.
"""

import math

from radbench.metrics.intervals import Interval, Mean, combined, recovered


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
