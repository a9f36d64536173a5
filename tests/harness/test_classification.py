"""Answers that a model does not give, calibration bins, and metrics at a stated prevalence."""

import numpy as np
import pytest
from audit_world import Cohort, Threshold, audit, biased, robust, shift

from radbench.harness.gates import gated
from radbench.harness.result import AuditResult
from radbench.models.base import Prediction
from radbench.specs import GatesSpec

EVERY = [
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "auroc",
    "auprc",
    "brier",
    "ece",
    "ppv",
    "npv",
]


class Shy(Threshold):
    """Gives no answer for every fifth picture."""

    def predict(self, images):
        scores = super().predict(images).values.copy()
        scores[[image[0, 0] % 5 == 0 for image in images]] = np.nan
        return Prediction("probabilities", scores)


class Silent(Threshold):
    def predict(self, images):
        return Prediction("probabilities", np.full(len(images), np.nan))


class Plain(Threshold):
    """Says yes or no, and nothing at all for every fifth picture."""

    def predict(self, images):
        labels = super().predict(images).decisions(0.5)
        labels[[image[0, 0] % 5 == 0 for image in images]] = -1
        return Prediction("labels", labels)


def everything(**changes):
    return shift(metrics=EVERY, prevalence=0.1, **changes)


def test_indeterminate_answers_are_counted_wrong_and_never_dropped(tmp_path):
    model = audit(tmp_path, [Shy("shy", 100)], spec=everything()).models[0]
    real = model.arms["real"]
    assert (real.n, real.indeterminate, real.metrics["accuracy"].n) == (40, 8, 40)
    assert real.metrics["accuracy"].value == 32 / 40
    assert "8 of 40 images have no answer and count as wrong" in real.metrics["accuracy"].note
    assert real.metrics["sensitivity"].value == 16 / 20
    assert real.metrics["auroc"].value == 1.0
    assert real.metrics["auroc"].n == real.metrics["brier"].n == 32
    assert "8 of 40 images have no answer and are left out" in real.metrics["auroc"].note
    stress = model.paired["stress"]
    silent = model.arms["stress"].indeterminate
    assert stress.score_change.n == 20 - silent
    assert "left out" in stress.score_change.note
    rows = [row for row in model_rows(tmp_path) if row.decision == -1]
    assert len(rows) == 8
    assert {(row.score, row.value) for row in rows} == {(None, 0.0)}


class Picky(Threshold):
    """Right wherever it answers, and silent about most pictures."""

    def predict(self, images):
        scores = super().predict(images).values.copy()
        scores[[image[0, 0] % 5 > 1 for image in images]] = np.nan
        return Prediction("probabilities", scores)


def test_what_is_withheld_is_bounded_by_its_worst_and_its_best(tmp_path):
    metrics = audit(tmp_path, [Picky("picky", 100)], spec=everything()).models[0].arms["real"].metrics
    for name in ("auroc", "auprc", "brier", "ece"):
        found = metrics[name]
        assert (found.n, found.withheld.n, found.withheld.of) == (16, 24, 40)
        low, high = sorted((found.withheld.worst.value, found.withheld.best.value))
        assert low <= found.value <= high
        assert found.withheld.worst.low <= found.withheld.worst.value <= found.withheld.worst.high
        assert "24 of 40 images have no answer" in found.note
        assert "at worst" in found.note
    assert metrics["auroc"].value == 1.0
    # of 20 positives and 20 negatives, 8 of each are answered and in order
    assert metrics["auroc"].withheld.worst.value == pytest.approx(64 / 400, abs=1e-6)
    assert metrics["auroc"].withheld.best.value == 1.0
    assert metrics["accuracy"].withheld is None


@pytest.mark.parametrize(
    ("metric", "limit", "verdict"),
    [("auroc", {"min": 0.5}, "FAIL"), ("auprc", {"min": 0.9}, "FAIL"), ("brier", {"max": 0.2}, "FAIL"),
     ("ece", {"max": 0.3}, "INCONCLUSIVE"), ("auroc", {"min": 0.01}, "PASS")],
)  # fmt: skip
def test_a_gate_is_judged_on_the_worst_that_was_withheld(tmp_path, metric, limit, verdict):
    rule = {"measure": "metric", "metric": metric, "arm": "real"} | limit
    spec = GatesSpec.model_validate({"name": "g", "rules": [rule]})
    result = audit(tmp_path, [Picky("picky", 100)], spec=everything(), max_drop=None)
    (found,) = gated(result, spec).gates
    assert found.verdict.value == verdict
    assert "on the 16 of 40 images that have an answer" in found.reason
    assert "the 24 withheld ones" in found.reason


def test_a_claim_that_depends_on_what_was_withheld_is_left_open(tmp_path):
    for claimed, verdict in ((0.95, "cannot tell"), (0.02, "supported")):
        claims = [{"metric": "auroc", "value": claimed, "population": "elsewhere"}]
        model = audit(tmp_path, [Picky("picky", 100, claims=claims)], spec=everything()).models[0]
        assert model.claims[0].verdict == verdict
        assert "the other 24 have no answer" in model.claims[0].reason


def test_a_result_without_withheld_answers_says_nothing_of_them(tmp_path):
    full = audit(tmp_path, [robust()], spec=everything())
    assert b"withheld" not in full.to_json()
    silent = audit(tmp_path, [Picky("picky", 100)], spec=everything())
    assert AuditResult.from_json(silent.to_json()) == silent


def model_rows(tmp_path):
    result = audit(tmp_path, [Shy("shy", 100)], spec=everything())
    return [row for row in result.cases if row.arm == "real"]


def test_a_model_that_never_answers_is_measured_as_wrong(tmp_path):
    model = audit(tmp_path, [Silent("silent", 100)], spec=everything()).models[0]
    metrics = model.arms["real"].metrics
    assert metrics["accuracy"].value == metrics["sensitivity"].value == 0.0
    for name in ("auroc", "auprc", "brier", "ece"):
        assert metrics[name].value is None
        assert "no answer for any image" in metrics[name].note
    assert model.paired["stress"].score_change.value is None
    assert all(found.n == 0 for found in model.calibration)


def test_a_model_of_labels_has_decisions_and_no_more(tmp_path):
    model = audit(tmp_path, [Plain("plain", 100, output="labels")], spec=everything()).models[0]
    real = model.arms["real"]
    assert real.indeterminate == 8
    assert real.metrics["balanced_accuracy"].value == pytest.approx(0.8)
    assert {name for name, found in real.metrics.items() if found.value is None} == {
        "auroc",
        "auprc",
        "brier",
        "ece",
    }
    assert model.calibration == []
    assert model.tests[0].p is not None


def test_every_metric_has_an_interval_that_holds_it(tmp_path):
    result = audit(tmp_path, [biased(), robust()], cohort=Cohort(120), spec=everything())
    assert result.prevalence == 0.1
    for model in result.models:
        for name in EVERY:
            found = model.arms["real"].metrics[name]
            assert found.low <= found.value <= found.high, name
        assert "prevalence of 0.1" in model.arms["real"].metrics["ppv"].note


def test_calibration_is_shown_of_probabilities_only(tmp_path):
    model, ordered = audit(tmp_path, [robust(), Threshold("ordered", 100, output="calibrated")],
                           spec=everything()).models  # fmt: skip
    assert [(found.arm, found.low) for found in model.calibration] == [
        (arm, number / 10) for arm in ("real", "stress") for number in range(10)
    ]
    for arm in ("real", "stress"):
        assert sum(found.n for found in model.calibration if found.arm == arm) == model.arms[arm].n
    gaps = [found.n * abs(found.score - found.positive) for found in model.calibration[:10] if found.n]
    assert sum(gaps) / 40 == pytest.approx(model.arms["real"].metrics["ece"].value)
    assert ordered.calibration == []
    assert "no probabilities" in ordered.arms["real"].metrics["ece"].note
    assert ordered.arms["real"].metrics["auprc"].value == 1.0
