"""The rules of a release gate: what each limits, and what never passes."""

import pytest
from gate_world import broken, model, near, result, trusted
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.harness.gates import gated, unmet, with_unmet
from radbench.harness.gates.rules import absolute, rule_words
from radbench.harness.result import AuditResult, Estimate, Verdict
from radbench.harness.result.figures import rounded
from radbench.specs import GateRule, GatesSpec


def rules(*declared):
    return GatesSpec(name="release", rules=[GateRule(**one) for one in declared])


def judge(declared, *models, **changes):
    return gated(result(*(models or (model(),)), **changes), rules(declared)).gates


def one(declared, *models, **changes):
    (found,) = judge(declared, *models, **changes)
    return found


@pytest.mark.parametrize(
    ("declared", "verdict"),
    [
        ({"measure": "metric", "metric": "specificity", "min": 0.83}, "PASS"),  # 0.85, 0.83 to 0.87
        ({"measure": "metric", "metric": "specificity", "min": 0.84}, "INCONCLUSIVE"),
        ({"measure": "metric", "metric": "specificity", "min": 0.88}, "FAIL"),
        ({"measure": "metric", "metric": "specificity", "min": 0.93, "arm": "real"}, "PASS"),
        ({"measure": "metric", "metric": "specificity", "max": 0.87}, "PASS"),
        ({"measure": "metric", "metric": "auroc", "min": 0.1}, "NOT_RUN"),
        ({"measure": "metric", "metric": "specificity", "min": 0.1, "arm": "truth"}, "NOT_RUN"),
        ({"measure": "drop", "max": 0.12}, "PASS"),  # 0.10, 0.08 to 0.12
        ({"measure": "drop", "max": 0.10}, "INCONCLUSIVE"),
        ({"measure": "drop", "max": 0.07}, "FAIL"),
        ({"measure": "drop", "max": 0.9, "arm": "real"}, "NOT_RUN"),
        ({"measure": "paired_drop", "max": 0.12}, "INCONCLUSIVE"),
        ({"measure": "shift_effect", "max": 0.11}, "PASS"),
        ({"measure": "sham_effect", "max": 0.03}, "PASS"),  # -0.01, -0.03 to 0.01: absolute 0.01, 0 to 0.03
        ({"measure": "sham_effect", "max": 0.02}, "INCONCLUSIVE"),
        ({"measure": "flip_rate", "max": 0.14}, "PASS"),
        ({"measure": "kept", "min": 60}, "PASS"),
        ({"measure": "kept", "min": 61}, "FAIL"),
        ({"measure": "kept", "min": 30, "scenario": "first"}, "PASS"),
        ({"measure": "kept", "min": 31, "scenario": "first"}, "FAIL"),
        ({"measure": "kept", "min": 1, "scenario": "third"}, "NOT_RUN"),
        ({"measure": "metric", "metric": "accuracy", "min": 0.8, "scenario": "second"}, "PASS"),
        ({"measure": "metric", "metric": "accuracy", "min": 0.8, "subgroup": "sex=F"}, "PASS"),
        ({"measure": "drop", "max": 0.12, "subgroup": "sex=F"}, "PASS"),
        ({"measure": "drop", "max": 0.9, "subgroup": "sex=X"}, "INCONCLUSIVE"),  # three patients
        ({"measure": "drop", "max": 0.9, "subgroup": "age=9"}, "NOT_RUN"),
        ({"measure": "worse_than_baseline", "max": 0.9}, "NOT_RUN"),
    ],
)
def test_a_rule_is_judged_on_the_bound_of_its_interval(declared, verdict):
    found = gated(result(model()), rules({"shift": "manifestation"} | declared))
    assert [gate.verdict for gate in found.gates] == [Verdict(verdict)]
    assert found.verdict is Verdict(verdict)
    assert found.exit_code == {"PASS": 0, "FAIL": 3}.get(verdict, 4)
    assert found.gates[0].reason.endswith((".", ".)", "?"))


def test_a_gate_survives_json():
    found = gated(result(model()), rules({"measure": "drop", "max": 0.12, "why": "the protocol's section 4"}))
    read = AuditResult.from_json(found.to_json())
    assert read == found
    assert read.gates[0].why == "the protocol's section 4"
    assert read.gates[0].rule == "drop in stress at most 0.12"


def test_placebo_is_judged_scenario_by_scenario():
    found = judge({"measure": "placebo_share", "max": 0.25})
    assert [gate.rule for gate in found] == [
        "placebo share (first) at most 0.25",
        "placebo share (second) at most 0.25",
    ]
    assert {gate.model for gate in found} == {""}
    assert one({"measure": "placebo_share", "max": 0.25, "scenario": "second"}).verdict is Verdict.PASS
    assert one({"measure": "placebo_share", "max": 0.25}, placebo=[]).verdict is Verdict.NOT_RUN


def test_no_answers_among_few_patients_do_not_show_that_there_are_none():
    rule = {"measure": "indeterminate", "max": 0.05}
    clean = one(rule)
    assert clean.estimate.value == 0
    assert clean.verdict is Verdict.INCONCLUSIVE  # 0 of 30 patients: up to 0.11
    assert one(rule | {"max": 0.12}).verdict is Verdict.PASS
    assert one(rule, model(indeterminate=40)).verdict is Verdict.FAIL


def test_the_editor_in_doubt_decides_nothing_on_edits_and_everything_else_stands():
    doubted = model(instrument=trusted(Verdict.INCONCLUSIVE))
    for measure in ({"measure": "drop"}, {"measure": "flip_rate"}, {"measure": "shift_effect"}):
        for limit in (0.0, 0.9):
            found = one(measure | {"max": limit}, doubted)
            assert found.verdict is Verdict.INCONCLUSIVE
            assert found.reason.startswith("The sham says so.")
    real = {"measure": "metric", "metric": "accuracy", "arm": "real", "min": 0.9}
    assert one(real, doubted).verdict is Verdict.PASS
    assert one({"measure": "sham_effect", "max": 0.1}, doubted).verdict is Verdict.PASS
    unasked = result(model(instrument=trusted(Verdict.NOT_RUN)))
    unasked = unasked.model_copy(update={"shift": unasked.shift.model_copy(update={"controls": {}})})
    assert gated(unasked, rules({"measure": "drop", "max": 0.2})).verdict is Verdict.PASS
    assert one({"measure": "drop", "max": 0.2}, model(instrument=trusted(Verdict.NOT_RUN))).verdict is (
        Verdict.INCONCLUSIVE
    )


def test_without_an_interval_nothing_passes_and_nothing_fails():
    bare = Estimate(value=0.5, n=3, note="three patients")
    model_ = model(shift_effect=bare)
    for limit in (0.0, 1.0):
        assert one({"measure": "shift_effect", "max": limit}, model_).verdict is Verdict.INCONCLUSIVE


def test_every_model_is_judged_and_a_control_only_when_named():
    control = model("sound", role="control", stress=0.2)
    both = (model("alpha"), model("beta", stress=0.3), control)
    found = judge({"measure": "drop", "max": 0.2}, *both)
    assert [(gate.model, gate.verdict.value) for gate in found] == [("alpha", "PASS"), ("beta", "FAIL")]
    assert one({"measure": "drop", "max": 0.2, "model": "sound"}, *both).verdict is Verdict.FAIL
    missing = one({"measure": "drop", "max": 0.2, "model": "bet", "shift": "manifestation"}, *both)
    assert missing.verdict is Verdict.NOT_RUN
    assert "Did you mean 'beta'?" in missing.reason


def test_the_rules_decide_and_not_the_verdict_on_the_drop():
    failing = result(model(verdict=Verdict.FAIL))
    assert failing.exit_code == 0
    assert gated(failing, rules({"measure": "kept", "min": 50})).verdict is Verdict.PASS
    asked = failing.model_copy(update={"gate": True})
    found = gated(asked, rules({"measure": "kept", "min": 50}))
    assert (found.verdict, found.exit_code) == (Verdict.FAIL, 3)
    assert found.gates[0].rule == "drop in stress at most 0.10"


def test_a_model_that_broke_is_an_error_whatever_the_rules_are_about():
    found = gated(result(model(), broken("beta")), rules({"measure": "kept", "min": 50}))
    assert (found.verdict, found.exit_code) == (Verdict.ERROR, 1)
    assert [(gate.rule, gate.model) for gate in found.gates][1:] == [("the model can be run", "beta")]
    assert "the process died" in found.gates[1].reason
    left = gated(result(model(), broken("beta", Verdict.NOT_RUN)), rules({"measure": "kept", "min": 50}))
    assert (left.verdict, left.exit_code) == (Verdict.NOT_RUN, 4)
    own = one({"measure": "drop", "max": 1.0}, broken())
    assert own.verdict is Verdict.ERROR
    assert "the process died" in own.reason
    refused = gated(result(broken(verdict=Verdict.NOT_RUN)), rules({"measure": "drop", "max": 1.0}))
    assert (refused.verdict, refused.exit_code) == (Verdict.NOT_RUN, 4)


def test_rules_of_another_shift_change_nothing_here_and_are_not_forgotten():
    asked = rules({"measure": "drop", "max": 0.9, "shift": "population"})
    here = result(model(verdict=Verdict.FAIL))
    assert gated(here, asked) == here
    (left,) = unmet(asked, [here])
    assert left.verdict is Verdict.NOT_RUN
    assert "'population' was not run" in left.reason
    assert left.rule == "drop in stress at most 0.90 under population"
    with_it = with_unmet(gated(here, asked), [left])
    assert (with_it.verdict, with_it.exit_code) == (Verdict.NOT_RUN, 4)
    assert unmet(asked, [here, result(model(), name="population")]) == []
    gate = here.model_copy(update={"gate": True})
    assert with_unmet(gate, [left]).verdict is Verdict.FAIL  # the drop that was asked for is not forgotten


def test_a_rule_for_every_shift_is_left_out_where_it_means_nothing():
    lungs = result(model(primary="dice"), task="segmentation", primary="dice", name="population")
    for rule in (
        {"measure": "metric", "metric": "specificity", "min": 0.8},
        {"measure": "flip_rate", "max": 0.1},
        {"measure": "drop", "max": 0.1, "scenario": "third"},
        {"measure": "drop", "max": 0.1, "model": "other"},
    ):
        assert gated(lungs, rules(rule)).gates == []
        assert [left.verdict for left in unmet(rules(rule), [lungs])] == [Verdict.NOT_RUN]
    assert gated(lungs, rules({"measure": "metric", "metric": "dice", "min": 0.8})).verdict is Verdict.PASS


def test_a_count_is_known_exactly():
    assert one({"measure": "kept", "min": 61}).reason == "Measured 60, beyond the limit."


def test_nothing_run_is_nothing_passed():
    assert gated(result(), rules({"measure": "drop", "max": 1.0})).verdict is Verdict.NOT_RUN


def test_words_of_a_rule():
    rule = GateRule(measure="metric", metric="specificity", min=0.8, scenario="first", subgroup="sex=F")
    assert rule_words(rule) == "specificity in stress of sex=F (first) at least 0.80"
    assert rule_words(GateRule(measure="kept", min=50)) == "images kept at least 50"
    assert rule_words(GateRule(measure="sham_effect", max=0.005)) == "absolute sham effect at most 0.005"


finite = st.floats(-1, 1).map(rounded)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(finite, min_size=3, max_size=3).map(sorted))
def test_the_absolute_interval_holds_every_absolute_value_of_the_interval(limits):
    low, value, high = limits
    found = absolute(Estimate(value=value, low=low, high=high, n=5))
    for point in (low, value, high, *([0.0] if low <= 0 <= high else [])):
        assert found.low <= abs(point) <= found.high
    assert found.low in {0.0, abs(low), abs(high)}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(value=finite, half=st.floats(0.001, 0.5), limit=finite)
def test_min_and_max_are_mirror_images(value, half, limit):
    below = one({"measure": "shift_effect", "max": limit}, model(shift_effect=near(value, half)))
    above = one({"measure": "shift_effect", "min": -limit}, model(shift_effect=near(-value, half)))
    assert below.verdict is above.verdict
