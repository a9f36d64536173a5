"""The power line against simulated tests and against scipy's distributions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.metrics import power as module
from radbench.metrics.power import POWER, detectable_mean, detectable_share, mcnemar_power
from radbench.metrics.significance import sign_test


@pytest.mark.parametrize(("count", "other"), [(20, 0.0), (60, 0.02), (60, 0.1), (400, 0.05)])
def test_simulated_patients_show_that_drop_four_times_in_five(count, other):
    drop = detectable_share(count, other)
    rng = np.random.default_rng(0)
    changed = rng.multinomial(count, [other + drop, other, 1 - drop - 2 * other], size=3000)
    known = {}
    found = 0
    for worse, better, _ in changed:
        key = (int(worse), int(better))
        known[key] = known.get(key, sign_test(*key) <= 0.05 and worse > better)
        found += known[key]
    assert found / 3000 == pytest.approx(POWER, abs=0.035)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 25), st.floats(0, 0.3), st.floats(0.05, 0.3))
def test_the_exact_power_is_the_sum_over_all_outcomes(count, other, drop):
    from scipy.stats import multinomial

    total = 0.0
    for worse in range(count + 1):
        for better in range(count + 1 - worse):
            if worse > better and sign_test(worse, better) <= 0.05:
                cells = [other + drop, other, 1 - drop - 2 * other]
                total += multinomial.pmf([worse, better, count - worse - better], count, cells)
    assert mcnemar_power(count, drop, other) == pytest.approx(total, abs=1e-9)


def test_more_patients_see_less_and_more_chance_hides_more():
    sizes = [detectable_share(count, 0.02) for count in (20, 60, 180, 600)]
    assert sizes == sorted(sizes, reverse=True)
    noise = [detectable_share(60, other) for other in (0.0, 0.05, 0.1, 0.2)]
    assert noise == sorted(noise)
    assert 0.11 < detectable_share(60, 0.0) < 0.14


def test_too_few_patients_see_nothing():
    assert detectable_share(0, 0.0) is None
    assert detectable_share(5, 0.0) is None  # all five on one side is p = 0.0625
    assert detectable_share(60, 0.6) is None


def test_the_approximation_meets_the_exact_power(monkeypatch):
    exact = [detectable_share(200, other) for other in (0.0, 0.05)]
    monkeypatch.setattr(module, "EXACT", 0)
    near = [detectable_share(200, other) for other in (0.0, 0.05)]
    assert near == pytest.approx(exact, rel=0.05)


def test_a_mean_is_found_by_a_z_test():
    from scipy.stats import norm

    assert detectable_mean(0.02) == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * 0.02)
    rng = np.random.default_rng(1)
    shifts = rng.normal(detectable_mean(0.02), 0.02, 20_000)
    assert (shifts / 0.02 > norm.ppf(0.975)).mean() == pytest.approx(POWER, abs=0.01)
