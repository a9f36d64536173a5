"""Two one-sided tests and what is said of a difference."""

import numpy as np
import pytest

from radbench.metrics.bootstrap import draw_patients
from radbench.metrics.equivalence import compare, tost, verdict_of
from radbench.metrics.intervals import UNIT, difference, mean, share

IDS = [f"p{number:03d}" for number in range(400)]
DRAWS = draw_patients(IDS, replicates=500, seed=0)
FIRST, SECOND = DRAWS.places(IDS[:200]), DRAWS.places(IDS[200:])


def shares(first, second, n=200):
    return (
        share(DRAWS, FIRST[:n], np.arange(n) < first * n),
        share(DRAWS, SECOND[:n], np.arange(n) < second * n),
    )


@pytest.mark.parametrize(
    ("first", "second", "n", "verdict"),
    [
        (0.9, 0.9, 200, "agree"),
        (0.9, 0.9, 16, "cannot tell"),
        (0.9, 0.5, 200, "disagree"),
        (0.5, 0.9, 200, "disagree"),
        (0.9, 0.82, 200, "cannot tell"),  # not by chance, and within the margin
    ],
)
def test_the_verdict_needs_the_interval_and_not_the_point(first, second, n, verdict):
    pair = shares(first, second, n)
    found = compare(*pair, 0.1)
    assert found.verdict == verdict == verdict_of(*pair, 0.1)
    assert found.value == pytest.approx(first - second, abs=0.07)
    assert found.interval.low < found.narrow.low < found.narrow.high < found.interval.high


@pytest.mark.parametrize("second", [0.9, 0.85, 0.8, 0.7, 0.4])
def test_p_is_the_level_at_which_the_interval_just_fits(second):
    pair = shares(0.9, second)
    p = tost(*pair, 0.1)
    assert (p <= 0.05) == (compare(*pair, 0.1).verdict == "agree")
    if 0.001 < p < 0.5:
        wide, narrow = (difference(*pair, 1 - 2 * level) for level in (p - 0.0005, p + 0.0005))
        assert max(abs(wide.low), abs(wide.high)) >= 0.1 >= max(abs(narrow.low), abs(narrow.high))
    assert (p > 0.5) == (0.9 - second > 0.1 + 1e-9)


def test_means_are_compared_by_their_own_intervals():
    rng = np.random.default_rng(0)
    one = mean(DRAWS, FIRST, rng.beta(18, 2, 200), UNIT)
    assert compare(one, mean(DRAWS, SECOND, rng.beta(18, 2, 200), UNIT), 0.05).verdict == "agree"
    assert compare(one, mean(DRAWS, SECOND, rng.beta(6, 4, 200), UNIT), 0.05).verdict == "disagree"


def test_nothing_and_too_few_are_not_measured():
    one, other = shares(0.9, 0.9)
    assert compare(one, share(DRAWS, SECOND[:0], np.zeros(0, bool)), 0.1).verdict == "not measured"
    few = mean(DRAWS, FIRST[:3], np.array([0.8, 0.9, 1.0]), UNIT)
    found = compare(few, mean(DRAWS, SECOND, np.linspace(0, 1, 200), UNIT), 0.1)
    assert (found.verdict, found.p) == ("not measured", None)
    assert verdict_of(one, other, 0.1) == "agree"
