"""The figures that alternatives are compared by, and their intervals."""

import numpy as np
import pytest
from fake_models import declare, probe

from radbench.models.base import Prediction
from radbench.models.preflight import Probe
from radbench.models.preflight.judge import Gain, figures, gains, level_of


def scores(values):
    return Prediction("probabilities", np.asarray(values, np.float64))


def test_are_those_of_the_textbook():
    rng = np.random.default_rng(1)
    some = probe(40)
    values = np.round(rng.random(40), 1)
    found = figures(declare(), some, scores(values), 40)
    pairs = [(up, down) for up in values[some.labels == 1] for down in values[some.labels == 0]]
    assert found["AUROC"] == pytest.approx(np.mean([(up > down) + (up == down) / 2 for up, down in pairs]))
    right = (values >= 0.5) == some.labels
    sensitivity, specificity = right[some.labels == 1].mean(), right[some.labels == 0].mean()
    assert found["balanced accuracy"] == pytest.approx((sensitivity + specificity) / 2)
    share = np.where(some.labels == 1, values, 1 - values).clip(1e-6)
    assert found["log loss"] == pytest.approx(-np.log(share).mean())


def test_no_answer_is_wrong_and_tells_no_order():
    some = probe(12)
    found = figures(declare(), some, scores(np.full(12, np.nan)), 12)
    assert found["AUROC"] == 0.5 and found["balanced accuracy"] == 0.0


def test_dice_counts_an_empty_truth_that_is_left_empty_as_right():
    some = probe(16, truth="masks")
    assert figures(declare(task="segmentation"), some, Prediction("masks", some.masks), 16) == {"Dice": 1.0}
    turned = Prediction("masks", ~some.masks)
    assert figures(declare(task="segmentation"), some, turned, 16) == {"Dice": 0.0}


def test_the_interval_covers_no_difference_where_there_is_none():
    """Two models of equal skill, many times: the corrected interval leaves out 0 no more often than it may."""
    some, surprises = probe(48), 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        first, second = (scores(1 / (1 + np.exp(-rng.normal(some.labels * 1.0, 1.0)))) for _ in range(2))
        surprises += gains(declare(), some, (first, second), 48, tried=10)["AUROC"].sure
    assert surprises <= 2


def test_a_clear_difference_is_sure_and_a_paired_one_narrow():
    some = probe(48)
    good = scores(np.where(some.labels == 1, 0.8, 0.2))
    found = gains(declare(), some, (scores(np.tile([0.4, 0.4, 0.6, 0.6], 12)), good), 48, tried=10)["AUROC"]
    assert found.sure and found.size == pytest.approx(0.5)
    assert gains(declare(), some, (good, good), 48, tried=10)["AUROC"].low == 0.0


def test_nothing_is_judged_by_a_few_images_or_one_class():
    few = probe(8)
    assert figures(declare(), few, scores(np.full(8, 0.5)), 8) == {}
    one = Probe(few.images, np.ones(8, np.int64))
    assert figures(declare(), one, scores(np.full(8, 0.5)), 8) == {}


def gain(metric, declared, other, low=0.05):
    return {metric: Gain(metric, declared, other, low, 1.0)}


@pytest.mark.parametrize(
    ("found", "level"),
    [
        (gain("AUROC", 0.5, 0.95), "failure"),
        (gain("AUROC", 0.5, 0.65), "warning"),
        (gain("AUROC", 0.5, 0.95, low=-0.01), "ok"),
        (gain("AUROC", 0.86, 0.95), "ok"),
        (gain("Dice", 0.3, 0.9), "failure"),
        (gain("AUROC", 0.99, 0.99) | gain("balanced accuracy", 0.5, 0.9), "failure"),
        (gain("AUROC", 0.99, 0.99) | gain("balanced accuracy", 0.8, 0.95), "warning"),
        (gain("AUROC", 0.99, 0.90) | gain("balanced accuracy", 0.5, 0.9), "ok"),
        (gain("AUROC", 0.99, 0.99) | gain("log loss", 0.3, 0.05), "warning"),
        (gain("AUROC", 0.99, 0.99) | gain("log loss", 0.3, 0.2), "ok"),
        ({}, "ok"),
    ],
)
def test_levels(found, level):
    assert level_of(found)[0] == level


def test_what_is_uncertain_by_nature_is_a_warning_at_most():
    assert level_of(gain("AUROC", 0.5, 0.95), certain=False)[0] == "warning"
