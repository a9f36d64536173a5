"""The typed result: JSON, exit codes, rows, and figures that are rounded once."""

import numpy as np
import pytest
from audit_world import Threshold, audit, shift
from hypothesis import given
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.harness.result import (
    ArmResult,
    AuditResult,
    CohortSummary,
    Estimate,
    Instrument,
    IntervalSummary,
    ModelResult,
    PairedResult,
    ScenarioResult,
    ShiftSummary,
    TestSetSummary,
    Verdict,
)
from radbench.harness.result.figures import DECIMALS, rounded
from radbench.harness.result.words import COLUMNS, metric_rows
from radbench.models.base import Prediction


def _estimate(value=0.5):
    return Estimate(value=value, low=0.25, high=0.75, n=4)


def _paired():
    names = ("flip_rate", "score_change", "drop", "paired_drop", "specificity_drop")
    return PairedResult(**{name: _estimate() for name in names})


def _arm():
    undefined = Estimate(value=None, n=4, note="one class")
    return ArmResult(n=4, patients=4, positives=0, metrics={"accuracy": _estimate(), "auroc": undefined})


def make_result(*, scenarios=("removal",), verdict=Verdict.FAIL, gate=True):
    split = ScenarioResult(arms={"stress": _arm()}, paired={"stress": _paired()})
    model = ModelResult(
        name="biased",
        digest="d",
        target="pneumothorax",
        operating_point=0.5,
        operating_point_source="pre-specified",
        verdict=verdict,
        reason="because",
        arms={"real": _arm(), "stress": _arm()},
        paired={"stress": _paired()},
        scenarios=dict.fromkeys(scenarios, split),
    )
    return AuditResult(
        tool={"radbench": "0"},
        shift=ShiftSummary(
            name="manifestation",
            title="",
            description="",
            kind="manifestation",
            target="pneumothorax",
            bundle="phantom",
            editor={},
            scenarios=[],
        ),
        cohort=CohortSummary(name="c", digest="d", truth_known=True, studies=9, patients=9, positives=4),
        testset=TestSetSummary(
            key="k",
            records=4,
            ok=4,
            rejected=0,
            failed=0,
            attrition={},
            provenance={"weights": {"unet": "x"}},
        ),
        seed=0,
        intervals=IntervalSummary(replicates=10, method="m"),
        gate=gate,
        max_drop=0.1,
        verdict=verdict,
        models=[model],
        edit_quality=[],
        cases=[],
    )


def test_round_trips_through_json_without_loss():
    result = make_result()
    assert AuditResult.from_json(result.to_json()) == result
    assert AuditResult.from_json(result.to_json()).to_json() == result.to_json()


def test_refuses_nan():
    with pytest.raises(ValueError, match="finite"):
        Estimate(value=float("nan"), n=1)


@pytest.mark.parametrize(("text", "word"), [("{}", "tool"), ("no json", "document")])
def test_a_foreign_document_is_a_usage_error(text, word):
    with pytest.raises(UsageError, match=f"old.json.*{word}"):
        AuditResult.from_json(text, origin="old.json")


def test_another_schema_version_is_refused():
    text = make_result().to_json().replace(b'"schema_version": 3', b'"schema_version": 2')
    with pytest.raises(UsageError, match="schema_version"):
        AuditResult.from_json(text)


@pytest.mark.parametrize(
    ("verdict", "gate", "code"),
    [
        (Verdict.PASS, True, 0),
        (Verdict.FAIL, True, 3),
        (Verdict.FAIL, False, 0),
        (Verdict.INCONCLUSIVE, True, 4),
        (Verdict.NOT_RUN, True, 4),
        (Verdict.NOT_RUN, False, 4),
        (Verdict.INCONCLUSIVE, False, 0),
        (Verdict.ERROR, True, 1),
        (Verdict.ERROR, False, 1),
    ],
)
def test_exit_code(verdict, gate, code):
    assert make_result(verdict=verdict, gate=gate).exit_code == code


def test_overall_is_the_gravest_and_nothing_is_not_run():
    assert Verdict.overall([]) is Verdict.NOT_RUN
    assert Verdict.overall([Verdict.PASS, Verdict.PASS]) is Verdict.PASS
    assert Verdict.overall([Verdict.PASS, Verdict.NOT_RUN]) is Verdict.NOT_RUN
    assert Verdict.overall([Verdict.FAIL, Verdict.NOT_RUN]) is Verdict.FAIL


def test_rows_carry_the_only_scenario_and_all_columns():
    rows = metric_rows(make_result())
    assert rows[0]._fields == COLUMNS
    assert {(row.arm, row.scenario) for row in rows} == {("real", "all"), ("stress", "removal")}
    assert "beyond_reconstruction" not in {row.metric for row in rows}


def test_rows_of_several_scenarios_are_pooled_and_split():
    rows = metric_rows(make_result(scenarios=("left", "right")))
    assert {row.scenario for row in rows if row.arm == "stress"} == {"all", "left", "right"}
    assert len(set(rows)) == len(rows)


class OtherMachine(Threshold):
    """The same model, whose scores differ by up to 1e-9."""

    def __init__(self, *args, **declared):
        super().__init__(*args, **declared)
        self.rng = np.random.default_rng(0)

    def predict(self, images):
        scores = super().predict(images).values
        noise = self.rng.uniform(-1e-9, 1e-9, np.shape(scores))
        return Prediction("probabilities", np.clip(scores + noise, 0.0, 1.0))


def test_a_difference_in_the_ninth_digit_changes_no_byte(tmp_path):
    metrics = ("accuracy", "specificity", "sensitivity", "brier", "ece")
    here, there = (
        audit(tmp_path / kind.__name__, [kind("biased", 45)], spec=shift(metrics=metrics))
        for kind in (Threshold, OtherMachine)
    )
    assert here.to_json() == there.to_json()
    assert any(0 < case.score < 1 for case in here.cases)


def test_a_result_that_was_read_again_is_the_one_in_memory(tmp_path):
    result = audit(tmp_path, [Threshold("biased", 45)])
    again = AuditResult.from_json(result.to_json())
    assert again == result
    assert list(metric_rows(again)) == list(metric_rows(result))


@given(st.floats(-1e6, 1e6))
def test_rounding_is_idempotent_near_and_never_minus_nothing(value):
    found = rounded(value)
    assert rounded(found) == found
    assert abs(found - value) <= 0.5000001 * 10.0**-DECIMALS
    assert not str(found).startswith("-0.0") or found != 0


def test_a_figure_is_rounded_when_it_is_made_and_a_limit_is_not():
    figure = Estimate(value=1 / 3, low=0.1 + 0.2, high=None, n=3)
    assert (figure.value, figure.low, figure.high) == (0.333333, 0.3, None)
    assert Instrument(verdict=Verdict.PASS, reason="", tolerance=1 / 3).tolerance == 1 / 3
