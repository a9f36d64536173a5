"""The verdict is judged on the bounds of the interval."""

import pytest

from radbench.harness.gates.verdict import judge
from radbench.harness.result import Estimate, Verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.02, 0.10, Verdict.PASS),
        (-0.02, 0.11, Verdict.INCONCLUSIVE),
        (0.10, 0.30, Verdict.INCONCLUSIVE),
        (0.11, 0.30, Verdict.FAIL),
        (None, None, Verdict.INCONCLUSIVE),
    ],
)
def test_bounds_decide(low, high, verdict):
    found, reason = judge(Estimate(value=0.1, low=low, high=high, n=9, note="n"), 0.10)
    assert found is verdict
    assert reason.endswith(".")


@pytest.mark.parametrize("drop", [None, Estimate(value=None, n=0, note="undefined: no images in this set")])
def test_nothing_measured_is_not_run(drop):
    assert judge(drop, 0.1)[0] is Verdict.NOT_RUN
