"""Intervals cover what they should, agree with their parts, and never claim certainty from a handful of patients."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.metrics.bootstrap import draw_patients
from radbench.metrics.intervals import (
    ROUGH,
    TOO_FEW,
    WIDENED,
    agresti_coull,
    difference,
    double_difference,
    half_sum,
    mean,
    predictive_interval,
    ratio,
    ratio_limits,
    share,
    wilson,
)
from radbench.metrics.points import predictive_value
from radbench.metrics.scores import auroc_interval, with_rare_errors


def one_each(count, seed=0, replicates=500):
    ids = [f"{index:04d}" for index in range(count)]
    draws = draw_patients(ids, replicates=replicates, seed=seed)
    return draws, draws.places(ids)


def test_a_perfect_score_keeps_its_doubt():
    draws, places = one_each(64)
    found = share(draws, places, np.ones(64)).interval()
    assert found.high == 1.0
    assert found.low == pytest.approx(agresti_coull(1.0, 64)[0])
    assert 0.92 < found.low < 0.96
    assert found.note == ""


def test_a_perfect_score_counts_patients_and_not_images():
    ids = [f"p{index // 3}" for index in range(60)]
    draws = draw_patients(ids, replicates=100, seed=0)
    found = share(draws, draws.places(ids), np.ones(60))
    assert found.trials == 20
    assert found.limits == agresti_coull(1.0, 20)


def test_a_difference_of_certainties_keeps_its_doubt():
    draws, places = one_each(160)
    real = share(draws, places, np.arange(160) >= 4)
    stress = share(draws, places[:64], np.zeros(64))
    found = difference(real, stress)
    assert found.low < real.value - wilson(0.0, 64)[1] * 0.9 < real.value < found.high
    whole, none = share(draws, places, np.ones(160)), share(draws, places, np.zeros(160))
    assert difference(whole, none).low < 0.98


def test_the_same_answers_twice_still_leave_a_doubt():
    draws, places = one_each(64)
    found = share(draws, places, np.arange(64) % 2)
    same = difference(found, found)
    assert same.low < 0 < same.high
    apart = difference(found, share(draws, places, (np.arange(64) + 1) % 2))
    assert same.high - same.low < 0.25 * (apart.high - apart.low)  # paired: the same images in both


def test_independent_images_of_a_patient_are_worth_what_they_are():
    rng = np.random.default_rng(2)
    ids = [f"{index // 4:03d}" for index in range(400)]
    draws = draw_patients(ids, replicates=10, seed=0)
    places = draws.places(ids)
    free = share(draws, places, rng.random(400) < 0.5)
    alike = share(draws, places, np.repeat(rng.random(100) < 0.5, 4))
    assert 250 < free.trials <= 400
    assert alike.trials == pytest.approx(99)


def test_limits_stay_within_what_a_figure_can_be():
    draws, places = one_each(12)
    values = np.array([1.0] * 6 + [0.99, 0.98, 0.97, 0.5, 0.4, 0.2])
    free, kept = mean(draws, places, values).interval(), mean(draws, places, values, (0, 1)).interval()
    assert kept.high <= 1
    assert kept.low >= max(0.0, free.low)
    fell = difference(mean(draws, places, values, (0, 1)), mean(draws, places, values[::-1], (0, 1)))
    assert -1 <= fell.low <= fell.high <= 1


def test_very_few_that_differ_are_said_to_be_rough():
    draws, places = one_each(30)
    found = mean(draws, places, (np.arange(30) < 2) * 0.4).interval()
    assert found.note == ROUGH
    assert found.low < 0.4 * 2 / 30 < found.high


def test_clusters_widen_the_interval():
    hits = np.repeat(np.arange(30) % 2, 4)
    alone, places = one_each(120, replicates=1000)
    ids = [f"p{index // 4}" for index in range(120)]
    clustered = draw_patients(ids, replicates=1000, seed=0)
    narrow = share(alone, places, hits).limits
    wide = share(clustered, clustered.places(ids), hits).limits
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


@pytest.mark.parametrize("rate", [0.7, 0.97])
def test_shares_of_clustered_images_are_covered(rate):
    rng = np.random.default_rng(5)
    patients, images, trials = 60, 2, 200
    ids = [f"{index // images:03d}" for index in range(patients * images)]
    draws = draw_patients(ids, replicates=400, seed=3)
    places = draws.places(ids)
    covered = 0
    for _ in range(trials):
        own = rng.beta(rate * 4, (1 - rate) * 4, patients)
        low, high = share(draws, places, rng.random(patients * images) < np.repeat(own, images)).limits
        covered += low <= rate <= high
    assert covered / trials >= 0.90


@pytest.mark.parametrize(("real_rate", "stress_rate"), [(0.95, 0.2), (0.97, 0.99)])
def test_drops_are_covered(real_rate, stress_rate):
    rng = np.random.default_rng(7)
    draws, places = one_each(100, replicates=400)
    covered = 0
    for _ in range(200):
        real = share(draws, places, rng.random(100) < real_rate)
        stress = share(draws, places[:50], rng.random(50) < stress_rate)
        found = difference(real, stress)
        covered += found.low <= real_rate - stress_rate <= found.high
    assert covered / 200 >= 0.91


@pytest.mark.parametrize("rate", [0.005, 0.03, 0.2])
def test_an_error_that_is_rarely_large_is_covered(rate):
    rng = np.random.default_rng(8)
    draws, places = one_each(60)
    covered = plain = 0
    for _ in range(300):
        wrong = rng.random(60) < rate
        errors = np.where(wrong, 0.95, rng.uniform(0, 0.01, 60))
        value, found = float(errors.mean()), mean(draws, places, errors, (0, 1)).interval()
        widened = with_rare_errors(found, value, share(draws, places, wrong))
        truth = 0.95 * rate + 0.005 * (1 - rate)
        plain += found.low <= truth <= found.high
        covered += widened.low <= truth <= widened.high
        if share(draws, places, wrong).is_rare:
            reach = np.subtract(wilson(wrong.mean(), 60), wrong.mean())
            assert widened.low == pytest.approx(max(0, min(found.low, value + reach[0])))
            assert widened.high == pytest.approx(min(1, max(found.high, value + reach[1])))
        assert 0 <= widened.low <= found.low <= found.high <= widened.high <= 1
    assert covered / 300 >= 0.91
    assert rate > 0.01 or plain / 300 < 0.9  # which is why it is widened


def test_means_need_patients_that_differ():
    draws, places = one_each(5)
    assert mean(draws, places, np.full(5, 0.25)).interval() == (None, None, TOO_FEW)
    assert mean(draws, places[:4], np.arange(4) / 5).interval() == (None, None, TOO_FEW)
    found = mean(draws, places, np.arange(5) / 5).interval()
    assert found.low < 0.4 < found.high


@pytest.mark.parametrize("images", [1, 3])
def test_paired_differences_of_means_are_covered(images):
    rng = np.random.default_rng(11)
    patients, trials = 50, 150
    ids = [f"{index // images:03d}" for index in range(patients * images)]
    draws = draw_patients(ids, replicates=300, seed=4)
    places = draws.places(ids)
    covered, widths = 0, []
    for _ in range(trials):
        base = np.repeat(rng.normal(0.9, 0.05, patients), images)
        fall = np.repeat(rng.normal(0.1, 0.02, patients), images) + rng.normal(0, 0.01, patients * images)
        found = difference(mean(draws, places, base), mean(draws, places, base - fall))
        covered += found.low <= 0.1 <= found.high
        widths.append(found.high - found.low)
    assert 0.89 <= covered / trials <= 0.995
    assert np.mean(widths) < 0.02  # the patients' own spread, 0.05, cancels out


def test_a_ratio_of_means_has_the_scale_taken_out():
    draws, places = one_each(40)
    small, large = mean(draws, places[:20], np.full(20, 0.1)), mean(draws, places, np.linspace(0.4, 0.6, 40))
    found = ratio(small, large)
    assert found.low < 0.1 / large.value < found.high
    twice = ratio(mean(draws, places, np.linspace(0.8, 1.2, 40)), large)
    assert (twice.low, twice.high) == (None, None)  # exactly 2 in every resample: nothing differs
    assert ratio(small, mean(draws, places, np.zeros(40))).low is None


def test_a_perfect_auroc_keeps_its_doubt():
    draws, places = one_each(40)
    labels = np.arange(40) % 2
    found = auroc_interval(draws, places, labels, labels * 0.5, 1.0)
    assert found.note == WIDENED
    assert found.low == pytest.approx(wilson(1.0, 20)[0])
    assert found.high == 1.0


def test_resamples_of_one_class_are_counted():
    draws, places = one_each(6)
    labels, scores = np.array([1, 1, 0, 0, 0, 0]), np.array([0.9, 0.3, 0.1, 0.2, 0.4, 0.5])
    found = auroc_interval(draws, places, labels, scores, 0.75)
    assert "left out" in found.note


def test_nothing_gives_no_limits():
    draws, places = one_each(3)
    empty = share(draws, places[:0], np.zeros(0))
    assert empty.interval() == (None, None, "")
    assert difference(empty, empty) == (None, None, "")
    nothing = mean(draws, places[:0], np.zeros(0))
    assert nothing.interval() == ratio(nothing, nothing) == (None, None, "")


def test_limits_lie_about_the_figure_and_within_what_it_can_be():
    draws, places = one_each(120, replicates=400)
    hits = np.arange(120) % 3 > 0
    sensitivity, specificity = share(draws, places[:60], hits[:60]), share(draws, places[60:], hits[60:])
    low, high, note = half_sum(sensitivity, specificity)
    assert 0 < low < (sensitivity.value + specificity.value) / 2 < high < 1
    assert note == ""
    alone = wilson(sensitivity.value, 60)
    assert (high - low) / (alone[1] - alone[0]) == pytest.approx(math.sqrt(0.5), abs=0.05)
    value = predictive_value(sensitivity.value, specificity.value, 0.2, yes=True)
    found = predictive_interval(sensitivity, specificity, 0.2, yes=True)
    assert 0 < found.low < value < found.high < 1


def test_the_negative_value_is_the_positive_one_of_the_other_class():
    draws, places = one_each(60, replicates=400)
    one, other = share(draws, places[:30], np.arange(30) > 1), share(draws, places[30:], np.arange(30) > 8)
    for first, second in ((one, other), (other, one)):
        yes = predictive_interval(first, second, 0.3, yes=True)
        no = predictive_interval(second, first, 0.7, yes=False)
        assert yes[:2] == pytest.approx(no[:2])


def test_certainty_keeps_its_doubt():
    draws, places = one_each(60, replicates=400)
    right = share(draws, places[:30], np.ones(30)), share(draws, places[30:], np.ones(30))
    low, high, note = half_sum(*right)
    assert (high, note) == (1.0, "")
    assert low == pytest.approx(1 - math.hypot(*[1 - wilson(1.0, 30)[0]] * 2) / 2)
    low, high, note = predictive_interval(*right, 0.05, yes=True)
    assert (high, note) == (1.0, "")
    assert 0.2 < low < 0.5  # of 30 negatives without a false alarm nobody knows that one in twenty is none
    wrong = share(draws, places[:30], np.zeros(30)), share(draws, places[30:], np.zeros(30))
    assert predictive_interval(*wrong, 0.5, yes=True).low == 0.0
    never_yes = predictive_interval(wrong[0], right[1], 0.5, yes=True)  # undefined in every resample
    assert 0 <= never_yes.low <= never_yes.high <= 1


@given(st.integers(0, 20), st.integers(0, 20))
def test_a_ratio_lies_within_its_limits_and_its_inverse_within_theirs(up, down):
    top, bottom = up / 20, down / 20
    low, high = ratio_limits(top, wilson(top, 20), bottom, wilson(bottom, 20))
    assert 0 <= low <= high
    if top and bottom:
        assert low <= top / bottom <= high
        back_low, back_high = ratio_limits(bottom, wilson(bottom, 20), top, wilson(top, 20))
        assert back_low == pytest.approx(1 / high)
        assert back_high == pytest.approx(1 / low)


def test_a_difference_of_differences():
    draws, places = one_each(40, replicates=400)
    rng = np.random.default_rng(1)
    parts = [share(draws, places, rng.random(40) < rate) for rate in (0.9, 0.4, 0.7, 0.6)]
    plain = double_difference((parts[0], parts[1]), (parts[2], parts[3]))
    value = parts[0].value - parts[1].value - (parts[2].value - parts[3].value)
    assert plain.low < value < plain.high
    same = double_difference((parts[0], parts[1]), (parts[0], parts[1]))
    assert same.low <= 0 <= same.high
    sure = share(draws, places, np.ones(40))
    widened = double_difference((sure, sure), (sure, sure))
    alone = difference(sure, sure)
    assert widened.high == pytest.approx(math.hypot(alone.high, alone.low))
    means = [mean(draws, places, rng.random(40)) for _ in range(4)]
    assert double_difference((means[0], means[1]), (means[2], means[3])).low is not None
    assert double_difference((means[0], means[1]), (means[0], means[1])).low is None  # nothing ever differs
    nothing = share(draws, places[:0], np.zeros(0))
    assert double_difference((nothing, sure), (sure, sure)) == (None, None, "")


@pytest.mark.slow
@pytest.mark.parametrize(("sensitivity", "specificity"), [(0.8, 0.7), (0.97, 0.9), (0.9, 0.99)])
def test_predictive_values_and_balanced_accuracy_are_covered(sensitivity, specificity):
    rng = np.random.default_rng(9)
    draws, places = one_each(100, replicates=300)
    covered = np.zeros(3)
    truths = [
        predictive_value(sensitivity, specificity, 0.1, yes=True),
        predictive_value(sensitivity, specificity, 0.1, yes=False),
        (sensitivity + specificity) / 2,
    ]
    for _ in range(200):
        right = share(draws, places[:40], rng.random(40) < sensitivity)
        quiet = share(draws, places[40:], rng.random(60) < specificity)
        found = [
            predictive_interval(right, quiet, 0.1, yes=True),
            predictive_interval(right, quiet, 0.1, yes=False),
            half_sum(right, quiet),
        ]
        covered += [low <= truth <= high for (low, high, _), truth in zip(found, truths, strict=True)]
    assert (covered / 200 >= 0.90).all(), covered / 200
