"""Areas of weighted replicates equal those from repeating the images, with torchmetrics or by counting pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.metrics.auc import auprc_interval, auprc_replicates, auroc_interval, auroc_replicates
from radbench.metrics.bootstrap import draw_patients
from radbench.metrics.intervals import WIDENED, wilson


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
