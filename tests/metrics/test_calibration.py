"""Calibration bins and errors against counting by hand, and an interval that covers a biased figure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.metrics.bootstrap import draw_patients
from radbench.metrics.calibration import (
    BINS,
    bin_of,
    calibration_error,
    calibration_error_interval,
    reliability,
)
from radbench.metrics.intervals import TOO_FEW


def one_each(count, replicates=300):
    draws = draw_patients([f"{number:04d}" for number in range(count)], replicates=replicates, seed=0)
    return draws, np.arange(count)


def test_a_bin_has_its_lower_end_and_the_last_one_has_both():
    assert bin_of(np.array([0.0, 0.0999, 0.1, 0.3, 0.7, 0.9, 1.0])).tolist() == [0, 0, 1, 3, 7, 9, 9]


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
def test_bins_hold_every_image_once_and_their_gaps_are_the_error(images):
    scores, labels = (np.array(values, float) for values in zip(*images, strict=True))
    bins = reliability(labels, scores)
    assert len(bins) == BINS
    assert sum(found.n for found in bins) == len(scores)
    assert sum(found.n * found.positive for found in bins if found.n) == pytest.approx(labels.sum())
    by_hand = sum(found.n * abs(found.score - found.positive) for found in bins if found.n) / len(scores)
    assert calibration_error(labels, scores) == pytest.approx(by_hand, abs=1e-12)
    for found in bins:
        assert (found.score is None) == (found.positive is None) == (found.n == 0)
        if found.score is not None:
            assert found.low - 1e-12 <= found.score <= found.high + 1e-12


def test_few_patients_have_no_interval_and_the_figure_lies_in_the_others():
    draws, places = one_each(40)
    rng = np.random.default_rng(0)
    scores, labels = rng.random(40), rng.integers(0, 2, 40)
    low, high, note = calibration_error_interval(draws, places, labels, scores)
    assert low <= calibration_error(labels, scores) <= high
    assert note == ""
    assert calibration_error_interval(draws, places[:4], labels[:4], scores[:4]) == (None, None, TOO_FEW)


@pytest.mark.slow
@pytest.mark.parametrize("overconfidence", [0.0, 0.05, 0.15, 0.3])
@pytest.mark.parametrize("count", [60, 300])
def test_the_true_error_is_covered_whether_or_not_there_is_one(overconfidence, count):
    rng = np.random.default_rng(3)
    every = rng.random(400_000)
    bias = 2 * overconfidence * (every - 0.5)
    truth = np.abs(np.bincount(bin_of(every), weights=bias, minlength=BINS)).sum() / len(every)
    draws, places = one_each(count)
    covered = 0
    for _ in range(200):
        scores = rng.random(count)
        labels = (rng.random(count) < scores - 2 * overconfidence * (scores - 0.5)).astype(int)
        low, high, _ = calibration_error_interval(draws, places, labels, scores)
        covered += low - 1e-9 <= truth <= high + 1e-9
    assert covered / 200 >= 0.90
