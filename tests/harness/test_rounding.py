"""What two machines measure differs in the ninth digit; what is written of it does not."""

import numpy as np
from audit_world import Threshold, audit, shift
from hypothesis import given
from hypothesis import strategies as st

from radbench.harness.result import AuditResult, Estimate, Instrument, Verdict
from radbench.harness.result.figures import DECIMALS, rounded
from radbench.harness.result.words import metric_rows
from radbench.models.base import Prediction


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
