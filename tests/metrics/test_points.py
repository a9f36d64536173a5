"""Point metrics agree with their definitions and with torchmetrics, and say why they are undefined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.metrics.points import (
    NEVER_NO,
    NEVER_YES,
    NO_ANSWERS,
    NO_PREVALENCE,
    NO_PROBABILITIES,
    point_metrics,
    predictive_value,
)
from radbench.specs.shift import METRICS_OF

OLD = ("accuracy", "sensitivity", "specificity", "auroc")
ALL = METRICS_OF["classification"]


def test_match_the_definitions():
    labels = np.array([1, 1, 1, 0, 0])
    scores = np.array([0.9, 0.6, 0.2, 0.2, 0.7])
    found = point_metrics(ALL, labels, (scores >= 0.5).astype(int), scores, prevalence=0.1)
    assert {name: point.value for name, point in found.items()} == pytest.approx(
        {
            "accuracy": 3 / 5,
            "balanced_accuracy": (2 / 3 + 1 / 2) / 2,
            "sensitivity": 2 / 3,
            "specificity": 1 / 2,
            "auroc": 3.5 / 6,
            "auprc": (1 + 2 / 3 + 3 / 5) / 3,
            "brier": (0.1**2 + 0.4**2 + 0.8**2 + 0.2**2 + 0.7**2) / 5,
            "ece": (0.1 + 0.4 + 0.7 + abs(0.4 - 1)) / 5,
            "ppv": 0.1 * 2 / 3 / (0.1 * 2 / 3 + 0.9 / 2),
            "npv": 0.9 / 2 / (0.9 / 2 + 0.1 / 3),
        },
        abs=1e-6,
    )
    assert not any(point.note for point in found.values())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_match_torchmetrics_and_scipy(seed):
    import torch
    from scipy.stats import mannwhitneyu
    from torchmetrics.functional import classification as theirs

    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.r_[0, 1, rng.integers(0, 2, 30)])
    scores = (rng.integers(0, 40, 32) + 0.5) / 40  # with ties, and none on the edge of a bin
    found = point_metrics(ALL, labels, (scores >= 0.5).astype(int), scores, prevalence=0.5)
    truth, said = torch.from_numpy(labels), torch.from_numpy(scores)
    ups = mannwhitneyu(scores[labels == 1], scores[labels == 0]).statistic
    assert found["auroc"].value == pytest.approx(ups / labels.sum() / (1 - labels).sum(), abs=1e-6)
    expected = {
        "balanced_accuracy": theirs.multiclass_recall(
            (said >= 0.5).long(), truth, num_classes=2, average="macro"
        ),
        "auprc": theirs.binary_average_precision(said, truth),
        "ece": theirs.binary_calibration_error(said, truth, n_bins=10, norm="l1"),
        "brier": torch.mean((said - truth) ** 2),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(float(value), abs=1e-5), name


def test_predictive_values_at_the_sets_own_prevalence_are_counted_shares():
    labels = np.array([1] * 8 + [0] * 24)
    decisions = np.array([1] * 6 + [0] * 2 + [1] * 3 + [0] * 21)
    found = point_metrics(("ppv", "npv"), labels, decisions, None, prevalence=0.25)
    assert found["ppv"].value == pytest.approx(6 / 9)
    assert found["npv"].value == pytest.approx(21 / 23)
    rare = point_metrics(("ppv", "npv"), labels, decisions, None, prevalence=0.01)
    assert rare["ppv"].value < 0.06
    assert rare["npv"].value > 0.99


def test_an_answer_that_never_comes_has_no_predictive_value():
    labels = np.array([1, 0])
    never_yes = point_metrics(("ppv", "npv"), labels, np.array([0, 0]), None, prevalence=0.3)
    assert never_yes["ppv"] == (None, NEVER_YES)
    assert never_yes["npv"].value == pytest.approx(0.7)
    assert point_metrics(("npv",), labels, np.array([1, 1]), None, prevalence=0.3)["npv"] == (None, NEVER_NO)
    assert predictive_value(0.0, 1.0, 0.5, yes=True) is None


def test_no_answer_is_wrong_for_a_decision_and_left_out_of_a_score():
    labels = np.array([1, 1, 0, 0, 1, 0])
    scores = np.array([0.9, np.nan, 0.2, np.nan, 0.4, 0.3])
    decisions = np.array([1, -1, 0, -1, 0, 0])
    found = point_metrics(ALL, labels, decisions, scores, prevalence=0.5)
    assert found["accuracy"].value == 3 / 6
    assert found["sensitivity"].value == 1 / 3
    assert found["specificity"].value == 2 / 3
    assert found["auroc"].value == 1.0
    assert found["brier"].value == pytest.approx((0.1**2 + 0.2**2 + 0.6**2 + 0.3**2) / 4)
    silent = point_metrics(("auroc", "accuracy"), labels, np.full(6, -1), np.full(6, np.nan))
    assert silent["accuracy"].value == 0.0
    assert silent["auroc"] == (None, NO_ANSWERS)


def test_a_probability_is_asked_of_probabilities_only():
    labels, scores = np.array([1, 0]), np.array([0.6, 0.4])
    found = point_metrics(ALL, labels, np.array([1, 0]), scores, probable=False)
    assert found["brier"] == found["ece"] == (None, NO_PROBABILITIES)
    assert found["auroc"].value == 1.0
    assert found["ppv"] == found["npv"] == (None, NO_PREVALENCE)


@pytest.mark.parametrize(
    ("labels", "scores", "missing"),
    [
        ([0, 0], [0.1, 0.9], {"sensitivity": "no positives", "auroc": "one class"}),
        ([1, 1], [0.1, 0.9], {"specificity": "no negatives", "auroc": "one class"}),
        ([1, 0], None, {"auroc": "no scores"}),
        ([], [], dict.fromkeys(OLD, "no images")),
    ],
)
def test_undefined_is_none_with_a_reason(labels, scores, missing):
    decisions = np.zeros(len(labels), int)
    given = None if scores is None else np.array(scores, float)
    found = point_metrics(OLD, np.array(labels, int), decisions, given)
    assert list(found) == list(OLD)
    for name, point in found.items():
        assert (point.value is None) == (name in missing)
        assert missing.get(name, "") in point.note


def test_one_class_leaves_the_figures_that_need_no_other():
    found = point_metrics(
        ALL, np.zeros(3, int), np.array([0, 1, 0]), np.array([0.1, 0.9, 0.2]), prevalence=0.5
    )
    assert {name for name, point in found.items() if point.value is not None} == {
        "accuracy",
        "specificity",
        "brier",
        "ece",
    }
