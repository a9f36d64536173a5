"""The smallest drop that a paired test set of a given size can show.

For decisions the power is McNemar's: of ``patients`` votes, a share ``other`` changes for the better by chance and a
share ``other + drop`` for the worse. Up to ``EXACT`` patients it is the exact test's own power, summed over the number
of patients that change; beyond, the normal approximation (Connor 1987, doi:10.2307/2531961). For a mean of any other
figure it is that of a z test with the standard error that was seen.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np

from radbench.metrics.bootstrap import Floats
from radbench.metrics.significance import sign_test

LEVEL: Final = 0.05
"""Of the two-sided test."""
POWER: Final = 0.8
EXACT: Final = 200
"""Most patients for which the exact power is computed."""
PRECISION: Final = 1e-4
"""To which a drop is found."""


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
    some = _binomial(patients, min(changed, 1.0))
    rejected = [_rejects(number, worse / changed) for number in range(patients + 1)]
    return float(np.dot(some, rejected))


def _rejects(changed: int, chance: float) -> float:
    """Return the chance that, of ``changed`` votes, so many are for the worse that the sign test rejects."""
    least = _least(changed)
    return float(_binomial(changed, chance)[least:].sum()) if least <= changed else 0.0


@lru_cache(maxsize=EXACT + 1)
def _least(changed: int) -> int:
    """Return the fewest votes on one side of ``changed`` that the sign test rejects; more than all for none."""
    for votes in range((changed + 1) // 2, changed + 1):
        if sign_test(votes, changed - votes) <= LEVEL:
            return votes
    return changed + 1


def _binomial(count: int, chance: float) -> Floats:
    """Return float64 [count + 1], the chance of every number of successes in ``count`` trials."""
    number = np.arange(count + 1)
    found: Floats
    if chance >= 1:
        found = (number == count).astype(np.float64)
        return found
    ways = _log_ways(count)
    found = np.exp(ways + number * math.log(chance) + (count - number) * math.log1p(-chance))
    return found


@lru_cache(maxsize=EXACT + 1)
def _log_ways(count: int) -> Floats:
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    found: Floats = logs[count] - logs - logs[::-1]
    return found


def _z(chance: float) -> float:
    return NormalDist().inv_cdf(chance)
