"""The instrument's verdict, case by case."""

import pytest

from radbench.harness.evidence.controls import (
    control_fell,
    foreign,
    made_foreign,
    overall,
    settled,
    sham_verdict,
    with_controls,
)
from radbench.harness.gates.verdict import signed
from radbench.harness.result import Estimate, Instrument, Verdict

PASS, FAIL, UNSURE, NOT_RUN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_RUN


def instrument(verdict):
    return Instrument(verdict=verdict, reason=f"Because of {verdict}.", tolerance=0.05)


@pytest.mark.parametrize(
    ("effect", "verdict"),
    [(0.0, PASS), (0.05, PASS), (-0.05, PASS), (0.051, UNSURE), (-0.051, UNSURE), (None, NOT_RUN)],
)
def test_the_point_effect_is_judged_both_ways(effect, verdict):
    found = sham_verdict(Estimate(value=effect, n=9), 0.05, "dice", asked=True)
    assert (found.verdict, found.tolerance) == (verdict, 0.05)
    assert found.reason.endswith(".")
    assert sham_verdict(None, 0.05, "dice", asked=False).verdict is NOT_RUN


@pytest.mark.parametrize("before", [PASS, FAIL, UNSURE, NOT_RUN, Verdict.ERROR])
def test_only_what_was_concluded_is_taken_back(before):
    assert settled(before, "Why.", instrument(PASS), asked=True) == (before, "Why.")
    assert settled(before, "Why.", instrument(NOT_RUN), asked=False) == (before, "Why.")
    for doubt in (instrument(UNSURE), instrument(NOT_RUN)):
        verdict, reason = settled(before, "Why.", doubt, asked=True)
        assert verdict is (UNSURE if before in {PASS, FAIL} else before)
        assert "Why." in reason


def test_a_control_model_speaks_when_it_falls_and_not_when_it_is_unsure():
    assert control_fell("c", PASS, instrument(PASS)) is None
    assert control_fell("c", UNSURE, instrument(PASS)) is None
    said = [control_fell("c", FAIL, instrument(PASS)), control_fell("c", PASS, instrument(UNSURE))]
    assert all("'c'" in sentence for sentence in said)
    doubted = with_controls(instrument(PASS), said)
    assert (doubted.verdict, doubted.reason) == (UNSURE, " ".join(said))
    assert with_controls(instrument(PASS), []) == instrument(PASS)


def test_the_audits_instrument_is_the_gravest():
    assert overall([], 0.05).verdict is NOT_RUN
    assert overall([("a", instrument(PASS)), ("b", instrument(PASS))], 0.05).verdict is PASS
    found = overall([("a", instrument(PASS)), ("b", instrument(UNSURE)), ("c", instrument(NOT_RUN))], 0.05)
    assert (found.verdict, found.reason) == (UNSURE, "b: Because of INCONCLUSIVE.")


def test_nothing_has_no_sign_of_its_own():
    assert [signed(value) for value in (-0.0, -0.001, 0.004, -0.126)] == ["+0.00", "+0.00", "+0.00", "-0.13"]


def test_a_bundle_of_another_domain_or_a_cohort_far_out_gives_no_verdict():
    same = {"domain": {"bundle": "phantom", "cohort": "phantom"}}
    typical = {"typicality": {"distance": 5.0, "limit": 10.0}}
    assert foreign({}) == foreign(same) == foreign(same | typical) == ""
    assert foreign({"domain": {"bundle": None, "cohort": "chest radiograph"}}) == ""
    other = foreign({"domain": {"bundle": "phantom", "cohort": "chest radiograph"}})
    assert "made for 'phantom'" in other
    far = foreign(same | {"typicality": {"distance": 14.9, "limit": 10.0}})
    assert "distance 14.9, limit 10.0" in far
    sound = Instrument(verdict=Verdict.PASS, reason="fine", tolerance=0.05)
    assert made_foreign(sound, "") is sound
    doubted = made_foreign(sound, other)
    assert (doubted.verdict, doubted.reason) == (Verdict.INCONCLUSIVE, other)
    for verdict in (Verdict.PASS, Verdict.FAIL):
        assert settled(verdict, "why", doubted, asked=False)[0] is Verdict.INCONCLUSIVE
