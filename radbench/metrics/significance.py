"""Tests of "nothing changed" between two sets of images of the same patients, Holm's correction, and their power.

The power of a paired test set is told by the smallest drop that it can show. For decisions it is McNemar's: of
``patients`` votes, a share ``other`` changes for the better by chance and a share ``other + drop`` for the worse. Up to
``EXACT`` patients it is the exact test's own power, summed over the number of patients that change; beyond, the normal
approximation (Connor 1987, doi:10.2307/2531961). For a mean of any other figure it is that of a z test with the
standard error that was seen.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Draws, Floats, Term, studentized
from radbench.metrics.intervals import RARE, Mean, resampled

ROUNDING: Final = 1e-12
"""Sums nearer to 0 than this are 0, whatever the order in which they were added up."""

TOO_FEW_PATIENTS: Final = f"no test: it needs {RARE} patients"
LEVEL: Final = 0.05
"""Of the two-sided test."""
POWER: Final = 0.8
EXACT: Final = 200
"""Most patients for which the exact power is computed."""
PRECISION: Final = 1e-4
"""To which a drop is found."""


class Tested(NamedTuple):
    """A two-sided p-value (None: the test does not exist) and a note."""

    p: float | None
    note: str = ""


class Votes(NamedTuple):
    """Patients for whom the second set is worse, better, and the same."""

    worse: int
    better: int
    same: int


def votes(places: NDArray[np.int64], first: NDArray[Any], second: NDArray[Any]) -> Votes:
    """Count each patient once, by the sign of the sum of ``first - second`` over the patient's images.

    Args:
        places: int64 [N], the number of each image's patient.
        first: what each image scored in the first set, [N]; more is better.
        second: likewise in the second set.
    """
    if not len(places):
        return Votes(0, 0, 0)
    _, number = np.unique(places, return_inverse=True)
    sums = np.bincount(number, weights=np.asarray(first, np.float64) - np.asarray(second, np.float64))
    worse, better = int((sums > ROUNDING).sum()), int((sums < -ROUNDING).sum())
    return Votes(worse, better, len(sums) - worse - better)


def mcnemar(places: NDArray[np.int64], first: NDArray[Any], second: NDArray[Any]) -> Tested:
    """Return McNemar's exact test on right and wrong decisions (McNemar 1947, doi:10.1007/BF02295996).

    Each patient has one vote, so that several images of one patient are not taken for several patients; with one
    image a patient this is McNemar's own test: two-sided binomial on the discordant pairs.

    Args:
        places: int64 [N], the number of each image's patient.
        first: whether the decision was right in the first set, [N].
        second: likewise in the second set.
    """
    if not len(places):
        return Tested(None, "no test: no images")
    found = votes(places, first, second)
    changed = found.worse + found.better
    note = f"{changed} of {changed + found.same} patients changed: {found.worse} worse, {found.better} better"
    return Tested(sign_test(found.worse, found.better), note)


def sign_test(one: int, other: int) -> float:
    """Return the exact two-sided p-value of ``one`` against ``other`` votes where both sides are as likely."""
    total, fewer = one + other, min(one, other)
    ways = term = 1
    for chosen in range(fewer):
        term = term * (total - chosen) // (chosen + 1)
        ways += term
    return min(1.0, 2 * ways / (1 << total))


def paired_bootstrap(draws: Draws, places: NDArray[np.int64], differences: Floats) -> Tested:
    """Return the two-sided p-value that goes with the bootstrap-t interval of a mean paired difference.

    Twice the smaller share of resamples whose t* lies beyond the observed one, the observed sample counted among them
    (Davison and Hinkley 1997, section 4.4, doi:10.1017/CBO9780511802843): under 0.05 where the 95 % interval of that
    mean leaves out 0. Few patients cannot carry a small p-value however they are resampled: it is never less than the
    two-sided sign test of as many patients as differ at all, were they all on one side.

    Args:
        draws: the shared draw.
        places: int64 [N] from ``Draws.places``.
        differences: float64 [N], NaN where a pair has none.
    """
    known = ~np.isnan(differences)
    values, own = differences[known], places[known]
    patients, number = np.unique(own, return_inverse=True)
    if len(patients) < RARE:
        return Tested(None, TOO_FEW_PATIENTS)
    differing = int((np.abs(np.bincount(number, weights=values)) > ROUNDING).sum())
    if not differing:
        return Tested(1.0, "no patient changed")
    width = len(draws.patients)
    sums = np.bincount(own, weights=values, minlength=width).astype(np.float64)
    found = studentized(draws, [Term(1.0, sums, np.bincount(own, minlength=width).astype(np.float64))])
    return Tested(min(1.0, max(found.p_value(), sign_test(differing, 0))))


def mean_bootstrap(found: Mean) -> Tested:
    """Return the two-sided p-value of "the mean is 0" that goes with its bootstrap-t interval; see above."""
    if found.patients < RARE:
        return Tested(None, TOO_FEW_PATIENTS)
    tested = resampled([(1.0, found)])
    if tested.error == 0:
        return Tested(1.0 if tested.value == 0 else sign_test(found.patients, 0))
    return Tested(min(1.0, max(tested.p_value(), sign_test(found.patients, 0))))


def unpaired_bootstrap(first: Mean, second: Mean) -> Tested:
    """Return the two-sided p-value of "both means are the same", of two cohorts of one draw.

    As with pairs, t* is compared with the observed one, and the p-value is never less than few patients can carry: that
    of an exact permutation test of as many patients whose most extreme split was seen, 2 / (n over k).
    """
    if min(first.patients, second.patients) < RARE:
        return Tested(None, TOO_FEW_PATIENTS)
    found = resampled([(1.0, first), (-1.0, second)])
    least = 2 / math.comb(first.patients + second.patients, first.patients)
    if found.error == 0:
        return Tested(1.0 if found.value == 0 else min(1.0, least))
    return Tested(min(1.0, max(found.p_value(), least)))


def error_between(first: Mean, second: Mean) -> float | None:
    """Return the standard error of the difference of two means; None where it cannot be told."""
    if min(first.patients, second.patients) < RARE:
        return None
    return resampled([(1.0, first), (-1.0, second)]).error or None


def holm(values: Sequence[float]) -> list[float]:
    """Return the p-values after Holm's correction, in their order (Holm 1979, https://www.jstor.org/stable/4615733).

    The whole list is one family: rejecting those under 0.05 errs anywhere in it with a chance of at most 0.05,
    however the tests depend on each other.
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    found, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        found[index] = largest
    return found


def detectable_mean(standard_error: float) -> float:
    """Return the mean difference that a two-sided z test with this standard error finds with ``POWER``."""
    return (_z(1 - LEVEL / 2) + _z(POWER)) * standard_error


def detectable_share(patients: int, other: float) -> float | None:
    """Return the smallest drop that McNemar's test finds with ``POWER``; None where it finds none.

    Args:
        patients: pairs of votes.
        other: share of patients that change for the better, in [0, 1).
    """
    power: Callable[[float], float] = lambda drop: mcnemar_power(patients, drop, other)  # noqa: E731
    low, high = 0.0, 1 - 2 * other
    if patients < 1 or high <= 0 or power(high) < POWER:
        return None
    while high - low > PRECISION:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high


def mcnemar_power(patients: int, drop: float, other: float) -> float:
    """Return the chance that the two-sided McNemar test says that something changed for the worse.

    Args:
        patients: pairs of votes.
        drop: share for the worse minus share for the better.
        other: share for the better; ``drop + 2 * other <= 1``.
    """
    worse = other + drop
    changed = worse + other
    if changed <= 0 or drop <= 0:
        return 0.0
    if patients > EXACT:
        spread = math.sqrt(max(changed - drop**2, 1e-12))
        return NormalDist().cdf(
            (drop * math.sqrt(patients) - _z(1 - LEVEL / 2) * math.sqrt(changed)) / spread
        )
    from scipy.stats import binom

    number = np.arange(patients + 1)
    least = np.array([_least(votes) for votes in range(patients + 1)])
    some = binom.pmf(number, patients, min(changed, 1.0))
    rejected = binom.sf(least - 1, number, worse / changed)
    return float(np.dot(some, rejected))


@lru_cache(maxsize=EXACT + 1)
def _least(changed: int) -> int:
    """Return the fewest votes on one side of ``changed`` that the sign test rejects; more than all for none."""
    for votes in range((changed + 1) // 2, changed + 1):
        if sign_test(votes, changed - votes) <= LEVEL:
            return votes
    return changed + 1


def _z(chance: float) -> float:
    return NormalDist().inv_cdf(chance)
