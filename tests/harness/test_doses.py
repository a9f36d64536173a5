"""Answers to the editor's strength, and several runs of one model."""

import numpy as np
import pytest
from audit_world import Cohort, TestSet, Threshold, audit, biased, robust, shift

from radbench.harness.model import spread
from radbench.specs import EditorSpec

EDITOR = EditorSpec(guidance_scale=[15.0, 5.0, 30.0])


def test_a_dose_is_a_row_and_the_main_setting_stands_among_them(tmp_path):
    cohort = Cohort()
    testset = TestSet(cohort, doses={"guidance_scale=5": 1, "guidance_scale=30": 0})
    spec = shift(editor=EDITOR)
    result = audit(tmp_path, [robust()], cohort=cohort, testset=testset, spec=spec)
    rows = result.models[0].dose
    assert [(row.factor, row.value, row.main, row.n) for row in rows] == [
        ("guidance_scale", 5.0, False, 8),
        ("guidance_scale", 15.0, True, 8),
        ("guidance_scale", 30.0, False, 8),
    ]
    assert [row.primary.value for row in rows] == [0.0, 1.0, 1.0]  # 5 leaves the sickness where it was
    assert rows[0].score_change.value == 0.0
    assert rows[2].score_change.value < -0.4
    assert [row.change_edit for row in rows] == [0.1, pytest.approx(0.2), 0.1]
    assert {row.arm for row in result.cases} == {"real", "reconstruction", "stress", "truth"}
    assert result.models[0].arms["stress"].n == 20


def test_runs_give_mean_and_standard_deviation(tmp_path):
    cohort = Cohort()
    runs = [Threshold("biased", level, digest=f"run{level}") for level in (60, 100)]
    testset = TestSet(cohort, doses={"guidance_scale=5": 1})
    result = audit(
        tmp_path,
        [biased(), robust()],
        cohort=cohort,
        testset=testset,
        spec=shift(editor=EDITOR),
        checkpoints={"biased": runs},
    )
    many, one = result.models
    assert one.checkpoints is None
    found = many.checkpoints
    assert (found.n, found.failed) == (3, 0)
    assert found.digests == ["biased-45", "run60", "run100"]
    accuracy = found.arms["stress"]["accuracy"]
    assert (accuracy.mean, accuracy.sd, accuracy.n) == (
        pytest.approx(1 / 3),
        pytest.approx(np.std([0, 0, 1], ddof=1)),
        3,
    )
    assert found.drop.mean == pytest.approx(2 / 3)
    assert "auroc" not in found.arms["stress"]  # one class: undefined in every run
    assert many.metric("stress", "accuracy").value == 0.0  # the main weights are what is judged
    assert {row.model for row in result.cases} == {"biased", "robust"}


def test_a_run_that_breaks_is_counted(tmp_path):
    broken = Threshold("robust", 99, error=RuntimeError("no memory"))
    model = audit(tmp_path, [robust()], checkpoints={"robust": [broken]}).models[0]
    assert (model.checkpoints.n, model.checkpoints.failed) == (1, 1)
    assert model.checkpoints.arms == {}
    assert model.checkpoints.drop is None
    assert model.error is None


def test_a_spread_needs_two():
    assert spread([0.5, None]) is None
    assert spread([0.5, None, 0.7]).sd == pytest.approx(np.sqrt(0.02), abs=1e-6)
