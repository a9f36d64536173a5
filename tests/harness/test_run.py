"""The harness on a cohort and a test set whose every figure is known in advance."""

import json
import sys

import pytest
from audit_world import SICK, Cohort, TestSet, audit, biased, robust, shift

from radbench.errors import UsageError
from radbench.harness.result import AuditResult, Verdict
from radbench.harness.result.words import metric_rows
from radbench.harness.run import run_audit
from radbench.models.base import ModelFailureError


def test_the_biased_model_fails_and_the_robust_one_does_not(tmp_path):
    result = audit(tmp_path, [biased(), robust()])
    fragile, sound = result.models
    assert fragile.metric("real", "accuracy").value == 1.0
    assert fragile.metric("stress", "accuracy").value == 0.0
    assert fragile.paired["stress"].drop.value == 1.0
    assert 0.5 < fragile.paired["stress"].drop.low < 1.0
    assert fragile.paired["stress"].flip_rate.value == 0.0
    assert fragile.verdict is Verdict.FAIL
    assert sound.metric("stress", "accuracy").value == 1.0
    assert sound.paired["stress"].flip_rate.value == 1.0
    assert sound.paired["stress"].score_change.value < -0.4
    assert sound.paired["stress"].drop.value == 0.0
    assert result.verdict is Verdict.FAIL
    assert result.exit_code == 3


def test_certainty_from_few_patients_is_inconclusive_not_a_pass(tmp_path):
    few = audit(tmp_path, [robust()]).models[0]
    assert few.paired["stress"].drop.value == 0.0
    assert few.verdict is Verdict.INCONCLUSIVE
    many = audit(tmp_path, [robust()], cohort=Cohort(400)).models[0]
    assert many.verdict is Verdict.PASS


def test_a_stress_set_of_one_class_reports_specificity_and_no_auroc(tmp_path):
    model = audit(tmp_path, [biased()]).models[0]
    stress = model.arms["stress"].metrics
    assert model.arms["stress"].positives == 0
    assert stress["accuracy"].value == stress["specificity"].value == 0.0
    assert "all negative" in stress["accuracy"].note
    for name in ("auroc", "sensitivity"):
        assert stress[name].value is None
        assert "undefined" in stress[name].note
    assert model.arms["real"].metrics["auroc"].value == 1.0
    assert model.paired["stress"].specificity_drop.value == 1.0
    assert model.paired["stress"].specificity_drop.low > 0.6
    assert model.paired["reconstruction"].specificity_drop.value is None


def test_controls_stand_beside_the_stress_arm(tmp_path):
    cohort = Cohort()
    model = audit(tmp_path, [robust()], testset=TestSet(cohort, wrong=5)).models[0]
    assert model.metric("stress", "accuracy").value == 0.75
    assert model.metric("truth", "accuracy").value == 1.0
    assert model.metric("reconstruction", "accuracy").value == 1.0
    assert model.truth_gap.value == -0.25
    assert model.truth_gap.low < -0.25 < model.truth_gap.high
    assert model.paired["stress"].beyond_reconstruction.value == 0.25
    assert model.paired["reconstruction"].beyond_reconstruction is None
    assert model.paired["reconstruction"].flip_rate.value == 0.0


def test_the_same_inputs_give_the_same_bytes_and_a_warm_run_needs_neither_model_nor_torch(
    tmp_path, monkeypatch
):
    cold = audit(tmp_path, [biased(), robust()])
    models = [biased(), robust()]
    for heavy in ("torch", "torchmetrics", "timm"):
        monkeypatch.setitem(sys.modules, heavy, None)  # importing it now fails
    warm = audit(tmp_path, models)
    assert [model.shown for model in models] == [0, 0]
    assert cold.to_json() == warm.to_json()
    assert AuditResult.from_json(cold.to_json()) == cold
    assert "NaN" not in cold.to_json().decode()
    assert str(tmp_path) not in cold.to_json().decode()


def test_the_seed_moves_intervals_and_no_figure(tmp_path):
    cohort = Cohort()
    testset = TestSet(cohort, wrong=8)
    first, second = (
        run_audit(shift(), cohort, testset, [robust()], seed=seed, max_drop=None, cache=tmp_path).models[0]
        for seed in (1, 2)
    )
    one, two = first.metric("stress", "accuracy"), second.metric("stress", "accuracy")
    assert one.value == two.value
    assert one.low == two.low  # of a share nothing is drawn
    assert first.paired["stress"].score_change.low != second.paired["stress"].score_change.low


def test_a_model_that_breaks_is_an_error_and_the_others_go_on(tmp_path):
    result = audit(tmp_path, [robust(error=RuntimeError("no memory")), biased()], max_drop=None)
    broken, sound = result.models
    assert (broken.verdict, broken.error) == (Verdict.ERROR, "RuntimeError: no memory")
    assert broken.arms == {}
    assert sound.arms["real"].n == 40
    assert result.exit_code == 1
    assert {row.model for row in result.cases} == {"biased"}
    refused = audit(tmp_path, [robust(error=ModelFailureError("scores outside"))])
    assert "scores outside" in refused.models[0].error


def test_bad_input_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="weights"):
        audit(tmp_path, [robust(error=UsageError("weights do not fit"))])
    with pytest.raises(UsageError, match="predicts 'covid'"):
        audit(tmp_path, [robust(target="covid")])
    with pytest.raises(UsageError, match="does not have"):
        audit(tmp_path, [robust()], cohort=Cohort(10), testset=TestSet(Cohort(40)))


def test_nothing_edited_is_not_run_and_never_a_pass(tmp_path):
    cohort = Cohort()
    result = audit(tmp_path, [robust()], testset=TestSet(cohort, status="failed"))
    assert result.models[0].verdict is Verdict.NOT_RUN
    assert set(result.models[0].arms) == {"real"}
    assert result.testset.failed == 20
    assert result.exit_code == 4
    assert result.edit_quality == []


def test_without_a_gate_the_exit_code_is_0(tmp_path):
    result = audit(tmp_path, [biased()], max_drop=None)
    assert (result.gate, result.max_drop, result.verdict, result.exit_code) == (False, 0.1, Verdict.FAIL, 0)


def test_without_known_truth_there_is_no_truth_arm(tmp_path):
    cohort = Cohort(truth_known=False)
    model_result = audit(tmp_path, [robust()], cohort=cohort)
    model = model_result.models[0]
    assert "truth" not in model.arms
    assert model.truth_gap is None
    assert model_result.edit_quality[0].edited_vs_truth is None


def test_edit_quality_compares_with_source_and_truth(tmp_path):
    quality = audit(tmp_path, [robust()]).edit_quality[0]
    assert quality.n == 20
    assert quality.edited_vs_truth == 0.0
    assert quality.source_vs_truth == pytest.approx(SICK / 255)
    assert quality.keep_vs_truth is None
    assert quality.outside_vs_source > 0.3
    assert quality.reconstruction_vs_source == 0.0


def test_several_scenarios_are_pooled_and_split(tmp_path):
    cohort = Cohort()
    names = ("left", "right")
    result = audit(tmp_path, [robust()], testset=TestSet(cohort, scenarios=names, wrong=1), scenarios=names)
    model = result.models[0]
    assert list(model.scenarios) == ["left", "right"]
    assert model.arms["stress"].n == 20
    assert [model.scenarios[name].arms["stress"].metrics["accuracy"].value for name in names] == [0.9, 1.0]
    rows = {(row.scenario, row.arm) for row in metric_rows(result)}
    assert ("all", "stress") in rows
    assert ("left", "truth") in rows
    assert ("left", "real") not in rows


def test_cases_hold_every_image_of_every_arm(tmp_path):
    result = audit(tmp_path, [robust()])
    assert len(result.cases) == 40 + 3 * 20
    stress = [row for row in result.cases if row.arm == "stress"]
    assert all(row.label == 0 and row.decision == int(row.score >= 0.5) for row in stress)
    assert json.loads(result.to_json())["cases"][0]["scenario"] == "all"
