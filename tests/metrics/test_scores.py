"""Areas of weighted replicates equal those from repeating the images, with torchmetrics or by counting pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.metrics.bootstrap import draw_patients
from radbench.metrics.intervals import TOO_FEW, WIDENED, wilson
from radbench.metrics.scores import (
    BINS,
    auprc_interval,
    auprc_replicates,
    auroc_interval,
    auroc_replicates,
    bin_of,
    calibration_error,
    calibration_error_interval,
    reliability,
)


def data(seed, count=23, patients=9):
    rng = np.random.default_rng(seed)
    ids = [f"p{index}" for index in rng.integers(0, patients, count)]
    return ids, rng.integers(0, 2, count), rng.integers(0, 6, count) / 5


def pairs_in_order(labels, scores):
    ups, downs = scores[labels == 1], scores[labels == 0]
    return (
        (ups[:, None] > downs).mean() + (ups[:, None] == downs).mean() / 2
        if len(ups) and len(downs)
        else np.nan
    )


def average_precision(labels, scores):
    """The definition, score by score."""
    total, before = 0.0, 0.0
    for cut in sorted(set(scores), reverse=True):
        yes = scores >= cut
        recall = labels[yes].sum() / labels.sum()
        total += (recall - before) * labels[yes].mean()
        before = recall
    return total


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_replicates_equal_repeated_images(seed):
    ids, labels, scores = data(seed)
    draws = draw_patients(ids, replicates=70, seed=seed)
    places = draws.places(ids)
    roc = auroc_replicates(draws, places, labels, scores)
    curve = auprc_replicates(draws, places, labels, scores)
    for replicate in (0, 15, 16, 69):
        rows = np.repeat(np.arange(len(places)), draws.counts[replicate][places])
        assert roc[replicate] == pytest.approx(pairs_in_order(labels[rows], scores[rows]), nan_ok=True)
        if labels[rows].any():
            assert curve[replicate] == pytest.approx(average_precision(labels[rows], scores[rows]))
        else:
            assert np.isnan(curve[replicate])


def test_average_precision_is_torchmetrics():
    import torch
    from torchmetrics.functional.classification import binary_average_precision

    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 80), rng.integers(0, 30, 80) / 30
    theirs = binary_average_precision(torch.from_numpy(scores), torch.from_numpy(labels))
    assert average_precision(labels, scores) == pytest.approx(float(theirs), abs=1e-6)


def test_no_images_have_no_area():
    draws = draw_patients(["a", "b"], replicates=8, seed=0)
    for area in (auroc_replicates, auprc_replicates):
        assert np.isnan(area(draws, draws.places([]), np.zeros(0), np.zeros(0))).all()


@pytest.mark.parametrize("interval", [auroc_interval, auprc_interval])
def test_a_perfect_area_and_one_of_a_few_patients_keep_their_doubt(interval):
    ids = [f"{number:03d}" for number in range(40)]
    draws = draw_patients(ids, replicates=300, seed=0)
    places = draws.places(ids)
    labels = np.arange(40) % 2
    found = interval(draws, places, labels, labels * 0.5, 1.0)
    assert (found.low, found.high) == (pytest.approx(wilson(1.0, 20)[0]), 1.0)
    assert WIDENED in found.note
    few = (np.arange(40) < 3).astype(int)
    scores = np.r_[0.9, 0.8, 0.1, np.linspace(0, 0.7, 37)]
    low, high, note = interval(draws, places, few, scores, 0.7)
    assert low <= wilson(0.7, 3)[0]
    assert high >= wilson(0.7, 3)[1]
    assert WIDENED in note


@pytest.mark.slow
@pytest.mark.parametrize(
    ("interval", "area"), [(auroc_interval, pairs_in_order), (auprc_interval, average_precision)]
)
def test_areas_are_covered(interval, area):
    rng = np.random.default_rng(2)

    def sample(count):
        labels = (np.arange(count) % 4 == 0).astype(int)
        return labels, rng.normal(labels * 1.2, 1.0)

    truth = np.mean([area(*sample(4000)) for _ in range(5)])
    ids = [f"{number:03d}" for number in range(120)]
    draws = draw_patients(ids, replicates=300, seed=0)
    covered = 0
    for _ in range(200):
        labels, scores = sample(120)
        low, high, _ = interval(draws, draws.places(ids), labels, scores, area(labels, scores))
        covered += low <= truth <= high
    assert covered / 200 >= 0.89


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
