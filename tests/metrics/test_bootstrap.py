"""Replicates from matrix products equal those from repeating the images, one replicate at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.metrics.bootstrap import draw_patients, mean_replicates
from radbench.metrics.scores import auroc_replicates


def per_patient(draws, places, values):
    """Return each patient's sum and number of images."""
    width = len(draws.patients)
    return np.bincount(places, weights=values, minlength=width), np.bincount(places, minlength=width) * 1.0


def data(seed, count=23, patients=9):
    rng = np.random.default_rng(seed)
    ids = [f"p{index}" for index in rng.integers(0, patients, count)]
    labels = rng.integers(0, 2, count)
    scores = rng.integers(0, 6, count) / 5  # with ties
    return ids, labels, scores


def repeated(draws, places, replicate):
    return np.repeat(np.arange(len(places)), draws.counts[replicate][places])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_mean_equals_the_mean_of_repeated_images(seed):
    ids, labels, _ = data(seed)
    draws = draw_patients(ids, replicates=130, seed=seed)
    places = draws.places(ids)
    found = mean_replicates(draws, *per_patient(draws, places, labels))
    for replicate in (0, 64, 129):
        assert found[replicate] == pytest.approx(labels[repeated(draws, places, replicate)].mean())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_auroc_equals_the_share_of_ordered_pairs(seed):
    ids, labels, scores = data(seed)
    draws = draw_patients(ids, replicates=130, seed=seed)
    places = draws.places(ids)
    found = auroc_replicates(draws, places, labels, scores)
    for replicate in (0, 64, 129):
        rows = repeated(draws, places, replicate)
        ups, downs = scores[rows][labels[rows] == 1], scores[rows][labels[rows] == 0]
        if not len(ups) or not len(downs):
            assert np.isnan(found[replicate])
            continue
        pairs = (ups[:, None] > downs).mean() + (ups[:, None] == downs).mean() / 2
        assert found[replicate] == pytest.approx(pairs)


def test_draws_are_seeded_ignore_the_order_and_keep_the_number_of_patients():
    draws = draw_patients(["b", "a", "c", "a"], replicates=50, seed=1)
    again = draw_patients(["c", "b", "a"], replicates=50, seed=1)
    other = draw_patients(["c", "b", "a"], replicates=50, seed=2)
    np.testing.assert_array_equal(draws.counts, again.counts)
    assert (draws.counts != other.counts).any()
    assert (draws.counts.sum(axis=1) == 3).all()
    with pytest.raises(KeyError):
        draws.places(["d"])


def test_a_subset_of_patients_may_be_missing_from_a_replicate():
    draws = draw_patients(["a", "b", "c"], replicates=200, seed=0)
    found = mean_replicates(draws, *per_patient(draws, draws.places(["a"]), np.array([1.0])))
    assert np.isnan(found).any()
    assert np.nanmin(found) == np.nanmax(found) == 1.0
    assert np.isnan(auroc_replicates(draws, draws.places([]), np.zeros(0), np.zeros(0))).all()
