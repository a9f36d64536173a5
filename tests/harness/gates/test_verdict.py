"""The verdict on a drop, and what stands beside a verdict."""

import pytest
from gate_world import arm, model, near, result

from radbench.harness.gates import gated
from radbench.harness.gates.verdict import beside_model, beside_rule, beside_shift, judge, together
from radbench.harness.result import (
    CheckpointSummary,
    CohortSummary,
    Estimate,
    GateResult,
    PlaceboResult,
    SubgroupResult,
    TestSetSummary,
    Verdict,
)
from radbench.specs import GateRule, GatesSpec


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


PLACEBO = (
    "The placebo of scenario 'first' changes 0.40 of what the edits change, over the 0.25 allowed, "
    "and decides nothing."
)


def group(value, patients, n=30):
    return SubgroupResult(
        column="sex", value=value, n=n, patients=patients, small=patients < 20, real=near(0.9, n=n + 1),
        stress=near(0.8, n=n), drop=near(0.1),
    )  # fmt: skip


def rule(measure="drop", **changes):
    limit = {} if "min" in changes else {"max": 0.5}
    return GateRule.model_validate({"measure": measure} | limit | changes)


def full():
    """A result in which nothing is left out."""
    arms = {name: arm(0.9) for name in ("real", "sham", "stress")}
    testset = TestSetSummary(key="k", records=60, ok=60, rejected=0, failed=0, attrition={}, provenance={})
    return result(model(arms=arms, subgroups=[]), testset=testset)


def test_where_nothing_is_left_out_nothing_is_said():
    found = full()
    assert beside_shift(found) == beside_model(found, found.models[0]) == []
    assert beside_rule(rule(), found, found.models[0]) == []


def test_lost_studies_edits_and_placebos_and_odd_films_are_said():
    share = Estimate(value=0.4, n=16)
    found = result(
        model(),
        cohort=CohortSummary(
            name="c", digest="d", truth_known=False, studies=22, patients=22, positives=9, unlabelled=2,
            warnings=["study a is of one grey"],
        ),
        placebo=[
            PlaceboResult(scenario="first", n=16, share=share, limit=0.25, passed=False),
            PlaceboResult(scenario="second", n=16, share=near(0.1), limit=0.25, passed=True),
        ],
    )  # fmt: skip
    said = beside_shift(found)
    assert said == [
        "2 studies have no label of 'sick' and stand in no arm.",
        "Of 64 planned edits, 3 rejected and 1 failed: 60 are measured.",
        "The sham arm was not run: no sham edit could be measured.",
        PLACEBO,
        "study a is of one grey",
    ]


def test_small_and_nameless_subgroups_and_lost_runs_stand_beside_a_model():
    runs = CheckpointSummary(n=4, failed=1, digests=["a"] * 4, arms={})
    found = result(model(subgroups=[group("F", 40), group("X", 3), group("unknown", 5)], checkpoints=runs))
    assert beside_model(found, found.models[0]) == [
        "Subgroups too small for a verdict: sex=X (3 patients).",
        "31 real and 30 stress images have no 'sex' and are in none of its subgroups.",
        "1 of 5 training runs could not be run.",
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (rule(), ["9 of 60 stress images have no answer and count as wrong."]),
        (rule("metric", metric="accuracy", arm="real"), []),
        (
            rule("metric", metric="auroc", min=0.5),
            ["9 of 60 stress images have no answer and are judged as the worst answers."],
        ),
        (rule("indeterminate"), []),
        (rule(scenario="first"), ["9 of 60 stress images have no answer and count as wrong."]),
    ],
)
def test_unanswered_images_stand_beside_the_rules_that_they_touch(asked, said):
    found = result(model(indeterminate=9))
    assert beside_rule(asked, found, found.models[0]) == said


def test_missed_structures_stand_beside_every_rule_of_a_segmentation():
    arms = {
        name: arm(0.8, primary="dice").model_copy(update={"missed": missed, "positives": None})
        for name, missed in (("real", 20), ("stress", 0))
    }
    found = result(model(primary="dice", arms=arms, subgroups=[]), task="segmentation", primary="dice")
    distance = rule("metric", metric="hausdorff_95", arm="real")
    assert beside_rule(distance, found, found.models[0]) == [
        "20 of 60 real images were missed and count as the image's diagonal."
    ]
    assert beside_model(found, found.models[0]) == ["20 of 60 real images were missed and count as dice 0."]


def test_a_rule_that_passes_keeps_what_it_leaves_out():
    asked = GatesSpec(name="g", rules=[rule(), rule("kept", min=5), rule(subgroup="sex=F")])
    known = [group("F", 40), group("unknown", 5)]
    found = gated(result(model(indeterminate=9, subgroups=known)), asked)
    drop, kept, subgroup = found.gates
    assert {one.verdict.value for one in found.gates} == {"PASS"}
    assert drop.left_out == ["9 of 60 stress images have no answer and count as wrong."]
    assert kept.left_out == ["Of 64 planned edits, 3 rejected and 1 failed: 60 are measured."]
    assert subgroup.left_out[-1].startswith("31 real and 30 stress images have no 'sex'")


def test_a_small_subgroup_is_said_beside_its_rule_whatever_the_verdict():
    found = result(model(subgroups=[group("X", 3)]))
    (said,) = gated(found, GatesSpec(name="g", rules=[rule(subgroup="sex=X")])).gates
    assert "Only 3 patients are in the subgroup, too few for a verdict." in said.left_out


def test_the_largest_drop_that_was_asked_for_says_it_too():
    asked = GatesSpec(name="g", rules=[rule("kept", min=5)])
    found = gated(result(model(indeterminate=9), gate=True), asked)
    assert found.gates[0].left_out[0] == "9 of 60 stress images have no answer and count as wrong."


def test_older_results_have_no_such_field():
    old = GateResult(
        rule="r", shift="s", estimate=None, limit=0.1, sense="max", verdict="PASS", reason="Because."
    )
    assert old.left_out == []


def test_a_reason_and_what_stands_beside_it_are_one_text():
    assert together("Because.", ["One.", "Two."]) == "Because. Beside it: One. Two."
    assert together("", ["One."]) == "One."
    assert together("Because.", []) == "Because."
