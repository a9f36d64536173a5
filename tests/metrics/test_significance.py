"""Tests of nothing changed: exact against scipy, symmetric, of the right size; Holm by its definition; their power."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.metrics import significance as module
from radbench.metrics.bootstrap import draw_patients
from radbench.metrics.intervals import mean
from radbench.metrics.significance import (
    POWER,
    TOO_FEW_PATIENTS,
    detectable_mean,
    detectable_share,
    holm,
    mcnemar,
    mcnemar_power,
    paired_bootstrap,
    sign_test,
    votes,
)


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_sign_test_is_scipys_and_symmetric(one, other):
    from scipy.stats import binomtest

    assert sign_test(one, other) == sign_test(other, one)
    expected = binomtest(one, one + other).pvalue if one + other else 1.0
    assert sign_test(one, other) == pytest.approx(expected)


def test_the_sign_test_of_very_many():
    from scipy.stats import binom

    assert sign_test(4800, 5200) == pytest.approx(2 * binom.cdf(4800, 10_000, 0.5))
    assert sign_test(0, 5000) == 0.0 or sign_test(0, 5000) < 1e-300


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_counts_discordant_pairs_and_is_symmetric(pairs):
    first, second = (np.array(values) for values in zip(*pairs, strict=True))
    places = np.arange(len(pairs))
    worse, better = int((first & ~second).sum()), int((~first & second).sum())
    found = mcnemar(places, first, second)
    assert found.p == sign_test(worse, better)
    assert mcnemar(places, second, first).p == found.p
    assert f"{worse} worse, {better} better" in found.note


def test_each_patient_has_one_vote():
    places = np.array([0, 0, 0, 1, 1, 2])
    first, second = np.array([1, 1, 0, 1, 0, 1]), np.array([0, 0, 1, 0, 1, 0])
    assert votes(places, first, second) == (2, 0, 1)
    again = np.tile(places, 50)
    assert (
        mcnemar(again, np.tile(first, 50), np.tile(second, 50)).p == mcnemar(places, first, second).p == 0.5
    )
    assert mcnemar(places[:0], first[:0], second[:0]).p is None


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_is_the_closed_test_of_bonferroni(values):
    """Definition: a hypothesis falls only if every set of hypotheses that holds it falls by Bonferroni."""
    sets = [group for size in range(1, len(values) + 1) for group in combinations(range(len(values)), size)]
    for index, corrected in enumerate(holm(values)):
        closed = max(min(1.0, len(group) * min(values[i] for i in group)) for group in sets if index in group)
        assert corrected == pytest.approx(closed)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_holm_keeps_the_order_never_lowers_and_grows_with_the_family(values):
    corrected = holm(values)
    assert all(after >= before for before, after in zip(values, corrected, strict=True))
    order = sorted(range(len(values)), key=lambda index: values[index])
    assert [corrected[index] for index in order] == sorted(corrected)
    for after, alone in zip(corrected[:-1], holm(values[:-1]), strict=True):
        assert after >= alone - 1e-15


def patients(count, images=1, replicates=999, seed=0):
    ids = [f"{number // images:04d}" for number in range(count * images)]
    draws = draw_patients(ids, replicates=replicates, seed=seed)
    return draws, draws.places(ids)


@given(st.integers(0, 300))
def test_the_bootstrap_p_goes_with_the_interval(seed):
    draws, places = patients(40)
    differences = np.random.default_rng(seed).normal(0.35, 1.0, 40)
    p = paired_bootstrap(draws, places, differences).p
    low, high, _ = mean(draws, places, differences).interval()
    if abs(p - 0.05) > 0.005:
        assert (p < 0.05) == (low > 0 or high < 0)
    assert paired_bootstrap(draws, places, -differences).p == pytest.approx(p)


def test_few_patients_carry_no_small_p():
    draws, places = patients(6)
    assert paired_bootstrap(draws, places, np.ones(6)).p == sign_test(6, 0) == 2**-5
    assert paired_bootstrap(draws, places, np.zeros(6)) == (1.0, "no patient changed")
    one = paired_bootstrap(draws, places, np.r_[1.0, np.zeros(5)]).p
    assert one == 1.0
    assert paired_bootstrap(draws, places[:4], np.ones(4)) == (None, TOO_FEW_PATIENTS)
    unknown = np.r_[np.full(3, np.nan), np.ones(3)]
    assert paired_bootstrap(draws, places, unknown).p is None


@pytest.mark.slow
@pytest.mark.parametrize("images", [1, 3])
def test_nothing_changed_is_rejected_about_one_time_in_twenty(images):
    rng = np.random.default_rng(4)
    count = 50
    draws, places = patients(count, images, replicates=399)
    rejected = np.zeros(2)
    for _ in range(400):
        own = rng.random(count)  # a patient's images are alike: taken one by one they would reject too often
        first, second = (rng.random(count * images) < np.repeat(own, images) for _ in range(2))
        shift = np.repeat(rng.normal(0, 1, count), images)
        rejected += [
            mcnemar(places, first, second).p < 0.05,
            paired_bootstrap(draws, places, shift + rng.normal(0, 0.2, count * images)).p < 0.05,
        ]
    assert rejected[0] / 400 <= 0.06
    assert 0.02 <= rejected[1] / 400 <= 0.085


def test_almost_all_patients_worse_is_no_chance():
    """Some resamples then draw only patients who are worse and have no spread; that says nothing against it."""
    ids = [f"{number:03d}" for number in range(75)]
    draws = draw_patients(ids, replicates=2000, seed=0)
    worse = np.r_[np.zeros(5), np.ones(70)]
    assert paired_bootstrap(draws, draws.places(ids), worse).p == pytest.approx(2 / 2001)
    assert paired_bootstrap(draws, draws.places(ids), -worse).p == pytest.approx(2 / 2001)


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
