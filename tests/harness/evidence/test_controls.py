"""The instrument of an audit: sham edits, control models, placebos, where studies went, and doses."""

import pytest
from audit_world import Cohort, TestSet, Threshold, audit, biased, picture, record, robust, shift

from radbench.errors import UsageError
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
from radbench.harness.result.words import metric_rows
from radbench.specs import ControlsSpec, EditorSpec

ASKED = {"sham_prompt": "{report}"}


def run(tmp_path, models, *, healed=0, wrong=0, size=40, spec=None, **options):
    cohort = Cohort(size)
    testset = TestSet(cohort, healed=healed, wrong=wrong)
    return audit(tmp_path, models, cohort=cohort, testset=testset, spec=spec or shift(**ASKED), **options)


def test_the_drop_is_the_sham_effect_and_the_shift_effect(tmp_path):
    result = run(tmp_path, [biased()])
    rows = {(row.arm, row.metric): row.value for row in metric_rows(result)}
    assert (rows["sham", "sham_effect"], rows["stress", "shift_effect"]) == (0.0, 1.0)
    model = result.models[0]
    assert model.metric("sham", "accuracy").value == 1.0
    assert model.arms["sham"].positives == 20  # a sham keeps the finding, and the label
    assert model.sham_effect.value == 0.0
    assert model.shift_effect.value == model.paired["stress"].paired_drop.value == 1.0
    assert 0.5 < model.shift_effect.low < 1.0
    assert model.instrument.verdict is Verdict.PASS
    assert model.verdict is Verdict.FAIL


def test_an_editor_that_moves_the_model_by_itself_is_inconclusive_and_never_a_fail(tmp_path):
    result = run(tmp_path, [robust()], healed=4, wrong=20, max_drop=0.01, size=400)
    model = result.models[0]
    assert model.paired["stress"].drop.low > 0.01  # by its drop alone it would fail
    assert model.sham_effect.value == pytest.approx(4 / 200)
    assert model.verdict is Verdict.FAIL
    assert result.instrument.verdict is Verdict.PASS
    strict = shift(**ASKED, controls=ControlsSpec(sham_tolerance=0.01))
    result = run(tmp_path, [robust()], healed=4, wrong=20, max_drop=0.01, size=400, spec=strict)
    model = result.models[0]
    assert model.instrument.verdict is result.instrument.verdict is result.verdict is Verdict.INCONCLUSIVE
    assert model.verdict is Verdict.INCONCLUSIVE
    assert model.instrument.tolerance == 0.01
    assert "-0.02" in model.reason
    assert "beyond the 0.01 tolerated" in model.reason
    assert result.exit_code == 4


def test_an_edit_that_helps_beyond_the_tolerance_is_no_better(tmp_path):
    blind = Threshold("blind", 400)  # never says yes
    cohort = Cohort(40)
    testset = TestSet(cohort, healed=0)
    for row in [row for row in testset.records if row.arm == "sham"][:4]:
        row.image = row.image * 0 + 255
    bright = Threshold("bright", 200)  # says yes to nothing real, but to four of the sham edits
    spec = shift(**ASKED)
    result = audit(tmp_path, [blind, bright], cohort=cohort, testset=testset, spec=spec)
    assert [model.sham_effect.value for model in result.models] == [0.0, -0.2]
    assert [model.instrument.verdict for model in result.models] == [Verdict.PASS, Verdict.INCONCLUSIVE]
    assert "by +0.20" in result.models[1].instrument.reason
    assert result.instrument.verdict is Verdict.INCONCLUSIVE
    assert result.instrument.reason.startswith("bright: ")


def test_a_sham_that_was_asked_for_and_is_not_there_gives_no_pass(tmp_path):
    cohort = Cohort(400)
    spec = shift(**ASKED)
    model = audit(tmp_path, [robust()], cohort=cohort, testset=TestSet(cohort), spec=spec).models[0]
    assert model.instrument.verdict is Verdict.NOT_RUN
    assert model.verdict is Verdict.INCONCLUSIVE
    unasked = audit(tmp_path, [robust()], cohort=cohort, testset=TestSet(cohort)).models[0]
    assert (unasked.instrument.verdict, unasked.verdict) == (Verdict.NOT_RUN, Verdict.PASS)
    assert unasked.sham_effect is None


def test_only_pairs_that_exist_are_compared(tmp_path):
    cohort = Cohort()
    testset = TestSet(cohort, healed=0)
    stress = [row for row in testset.records if row.arm == "stress"]
    for row in stress[:5]:
        row.status, row.reason = "rejected", "editing score 0.11 under 0.20"
    testset.records.remove(next(row for row in testset.records if row.arm == "sham"))
    testset.records.remove([row for row in testset.records if row.arm == "sham"][-1])
    result = audit(tmp_path, [biased()], cohort=cohort, testset=testset, spec=shift(**ASKED))
    model = result.models[0]
    assert (model.arms["stress"].n, model.arms["sham"].n) == (15, 18)
    assert (model.shift_effect.n, model.sham_effect.n) == (14, 18)
    assert (result.testset.records, result.testset.ok, result.testset.rejected) == (20, 15, 5)
    assert result.testset.arms == {"stress": 20, "sham": 18}


def test_a_control_model_is_never_judged_and_takes_every_verdict_with_it_when_it_falls(tmp_path):
    held = run(tmp_path, [biased()], control_models=[robust()])
    assert [model.role for model in held.models] == ["model", "control"]
    assert held.verdict is Verdict.FAIL
    fallen = run(tmp_path, [robust(), Threshold("other", 45)], size=400, control_models=[biased()])
    assert fallen.instrument.verdict is fallen.verdict is Verdict.INCONCLUSIVE
    assert [model.verdict for model in fallen.models] == [Verdict.INCONCLUSIVE] * 3
    assert "Control model 'biased'" in fallen.models[0].reason
    assert {row.model for row in fallen.cases} == {"robust", "other", "biased"}


def test_a_control_model_that_cannot_be_run_believes_nothing(tmp_path):
    broken = robust(error=RuntimeError("no memory"))
    result = run(tmp_path, [biased()], control_models=[broken])
    assert result.models[1].verdict is Verdict.ERROR
    assert result.models[0].verdict is Verdict.INCONCLUSIVE
    assert "could not be measured" in result.instrument.reason


def test_two_models_of_one_name_and_runs_of_nobody_are_refused(tmp_path):
    with pytest.raises(UsageError, match="Two models are called 'robust'"):
        run(tmp_path, [robust()], control_models=[robust()])
    with pytest.raises(UsageError, match="checkpoints names 'nobody'"):
        run(tmp_path, [robust()], checkpoints={"nobody": []})
    segmenter = robust()
    segmenter.spec = segmenter.spec.model_copy(update={"task": "segmentation"})
    with pytest.raises(UsageError, match="has task 'segmentation'"):
        run(tmp_path, [segmenter])


@pytest.mark.parametrize(("change", "passed"), [(0.02, True), (0.15, False), (None, False)])
def test_a_placebo_changes_little_or_fails(tmp_path, change, passed):
    cohort = Cohort()
    testset = TestSet(cohort)
    healthy = [study for study in cohort.studies if not study.labels["sick"]]
    for number, study in enumerate(healthy[:8]):
        measures = {} if change is None else {"effect_edit": change * (0.9 if number % 2 else 1.1)}
        edit = record(cohort, study, "removal", picture(0, 0, 0), arm="placebo", measures=measures)
        testset.records.append(edit)
    spec = shift(placebo=True)
    result = audit(tmp_path, [robust()], cohort=cohort, testset=testset, spec=spec)
    found = result.placebo[0]
    assert (found.scenario, found.limit, found.passed) == ("removal", 0.25, passed)
    if change is not None:
        assert found.share.value == pytest.approx(change / 0.2)
        assert found.share.low is None or found.share.low <= found.share.value <= found.share.high
    assert result.models[0].arms["stress"].n == 20  # no model is shown a placebo


def test_attrition_adds_up_and_reasons_are_grouped(tmp_path):
    cohort = Cohort()
    testset = TestSet(cohort, scenarios=("left", "right"), healed=0)
    stress = [row for row in testset.records if row.arm == "stress"]
    for number, row in enumerate(stress[:3]):
        row.status, row.reason = "rejected", f"editing score 0.1{number} under 0.20"
    stress[4].status, stress[4].reason = "rejected", "empty edit mask"
    stress[5].status, stress[5].reason = "failed", "RuntimeError: no memory"
    names = ("left", "right")
    rows = audit(tmp_path, [robust()], cohort=cohort, testset=testset, scenarios=names).attrition
    assert [row.scenario for row in rows] == ["left", "right"]
    assert rows[0].rejected == {"editing score under 0.20": 2, "empty edit mask": 1}
    assert rows[1].rejected == {"editing score under 0.20": 1}
    assert (rows[1].failed, rows[1].eligible) == (1, 99)
    for row in rows:
        assert row.edited == row.failed + sum(row.rejected.values()) + row.kept == 10


def test_the_quality_of_the_edits_is_what_was_measured_when_they_were_made(tmp_path):
    cohort = Cohort()
    testset = TestSet(cohort)
    for number, row in enumerate(testset.records):
        row.measures = {"editing_score": 0.5, "effect_edit": 0.2} | ({"seam": 3.0} if number < 2 else {})
    quality = audit(tmp_path, [robust()], cohort=cohort, testset=testset).edit_quality[0]
    assert (quality.editing_score, quality.seam, quality.saturation) == (0.5, 3.0, None)
    assert quality.effect_edit == pytest.approx(0.2)


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
