"""What is made of several shares: agreement with its parts, monotone limits, and coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.metrics.bootstrap import draw_patients
from radbench.metrics.combined import (
    double_difference,
    half_sum,
    predictive_interval,
    ratio_limits,
)
from radbench.metrics.intervals import difference, mean, share, wilson
from radbench.metrics.points import predictive_value


def one_each(count, replicates=400):
    ids = [f"{number:04d}" for number in range(count)]
    draws = draw_patients(ids, replicates=replicates, seed=0)
    return draws, draws.places(ids)


def test_limits_lie_about_the_figure_and_within_what_it_can_be():
    draws, places = one_each(120)
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
    draws, places = one_each(60)
    one, other = share(draws, places[:30], np.arange(30) > 1), share(draws, places[30:], np.arange(30) > 8)
    for first, second in ((one, other), (other, one)):
        yes = predictive_interval(first, second, 0.3, yes=True)
        no = predictive_interval(second, first, 0.7, yes=False)
        assert yes[:2] == pytest.approx(no[:2])


def test_certainty_keeps_its_doubt():
    draws, places = one_each(60)
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
    draws, places = one_each(40)
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
