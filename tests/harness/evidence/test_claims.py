"""The vendor's claims against the real arm's intervals."""

import pytest
from audit_world import Cohort, audit, biased, shift

from radbench.harness.evidence.claims import judge_claim
from radbench.harness.result import Estimate
from radbench.specs.model import Claim


def measured(low, high, value=None):
    return Estimate(value=(low + high) / 2 if value is None else value, low=low, high=high, n=50)


@pytest.mark.parametrize(
    ("metric", "claimed", "estimate", "verdict", "word"),
    [
        ("auroc", 0.9, measured(0.8, 0.95), "supported", "holds"),
        ("auroc", 0.7, measured(0.8, 0.95), "supported", "better side"),
        ("auroc", 0.96, measured(0.8, 0.95), "not supported", "worse side"),
        ("brier", 0.05, measured(0.1, 0.2), "not supported", "worse side"),
        ("brier", 0.3, measured(0.1, 0.2), "supported", "better side"),
        ("hausdorff_95", 2.0, measured(4.0, 6.0), "not supported", "worse side"),
        ("auroc", 95.0, measured(0.8, 0.95), "cannot tell", "no share"),
        ("auroc", 0.9, Estimate(value=0.8, n=3, note="few"), "cannot tell", "without an interval: few"),
        ("auroc", 0.9, Estimate(value=None, n=3, note="undefined: one class"), "not measured", "one class"),
        ("kappa", 0.9, None, "not measured", "does not measure kappa"),
    ],
)
def test_a_claim_is_judged_by_the_interval(metric, claimed, estimate, verdict, word):
    found, reason = judge_claim(Claim(metric=metric, value=claimed), estimate)
    assert found == verdict
    assert word in reason


def test_claims_are_measured_on_the_real_arm_even_if_the_shift_lists_other_metrics(tmp_path):
    claims = [
        Claim(metric="accuracy", value=0.99, population="two hospitals"),
        Claim(metric="brier", value=0.001, low=0.0005, high=0.002),
        Claim(metric="ppv", value=0.5),
        Claim(metric="dice", value=0.9),
    ]
    model = audit(
        tmp_path, [biased(claims=claims)], cohort=Cohort(200), spec=shift(metrics=["accuracy"])
    ).models[0]
    accuracy, brier, ppv, dice = model.claims
    assert (accuracy.verdict, accuracy.population) == ("supported", "two hospitals")
    assert accuracy.measured == model.arms["real"].metrics["accuracy"]
    assert (brier.verdict, brier.claimed_high) == ("not supported", 0.002)
    assert brier.measured.low > 0.001
    assert (ppv.verdict, ppv.measured.value) == ("not measured", None)
    assert "prevalence" in ppv.reason
    assert (dice.verdict, dice.measured) == ("not measured", None)
    assert list(model.arms["real"].metrics) == ["accuracy"]


def test_a_model_that_broke_has_its_claims_unmeasured(tmp_path):
    claims = [Claim(metric="accuracy", value=0.9)]
    model = audit(tmp_path, [biased(error=RuntimeError("no"), claims=claims)]).models[0]
    assert [claim.verdict for claim in model.claims] == ["not measured"]
