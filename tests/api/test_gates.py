"""Gates from their files: what can never be judged is refused before the work, the rest is held, written and said."""

import io

import pytest
import yaml
from rich.console import Console

from radbench.api.gates import CI_FILES, ci_files, exit_code, open_gate
from radbench.cli.summary import print_gates
from radbench.data.cohort import Study
from radbench.declared import shift_path
from radbench.errors import UsageError
from radbench.harness.result import (
    ArmResult,
    AuditResult,
    CohortSummary,
    Estimate,
    IntervalSummary,
    ModelResult,
    PairedResult,
    ShiftSummary,
    TestSetSummary,
    Verdict,
)
from radbench.specs import GatesSpec, load_shift

SHIFT = load_shift(shift_path("manifestation"))
LUNGS = load_shift(shift_path("population"))


def gates_file(folder, *rules):
    file = folder / "gates.yaml"
    file.write_text(yaml.safe_dump({"name": "release", "rules": list(rules)}))
    return file


def result(name="manifestation", drop=0.05):
    figure = Estimate(value=drop, low=drop - 0.01, high=drop + 0.01, n=9)
    good = Estimate(value=0.9, low=0.8, high=1.0, n=9)
    arm = ArmResult(n=9, patients=9, positives=0, metrics={"accuracy": good})
    model = ModelResult(
        name="alpha", digest="0", target="t", operating_point=0.5, operating_point_source="pre-specified",
        verdict=Verdict.PASS, reason="r", arms={"real": arm, "stress": arm},
        paired={"stress": PairedResult(drop=figure, paired_drop=figure)},
    )  # fmt: skip
    return AuditResult(
        tool={}, seed=0, gate=False, max_drop=0.1, verdict=Verdict.PASS, models=[model], edit_quality=[], cases=[],
        shift=ShiftSummary(
            name=name, title=name, description="d", kind="manifestation", target="t", bundle="b", editor={},
            scenarios=[],
        ),
        cohort=CohortSummary(name="c", digest="0", truth_known=False, studies=9, patients=9, positives=2),
        testset=TestSetSummary(key="k", records=9, ok=9, rejected=0, failed=0, attrition={}, provenance={}),
        intervals=IntervalSummary(replicates=10, method="m"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"measure": "metric", "metric": "specifity", "min": 0.8, "shift": "manifestation"}, "Did you mean"),
        ({"measure": "metric", "metric": "ppv", "min": 0.8}, "add it to the shift's metrics"),
        (
            {"measure": "metric", "metric": "dice", "min": 0.8, "shift": "manifestation"},
            "does not measure 'dice'",
        ),
        (
            {"measure": "drop", "max": 0.1, "shift": "manifestation", "scenario": "remove-pneumotorax"},
            "Did you mean 'remove-pneumothorax'",
        ),
        ({"measure": "drop", "max": 0.1, "arm": "real"}, "name another arm"),
        ({"measure": "flip_rate", "max": 0.1, "shift": "population"}, "limit the drop instead"),
        ({"measure": "drop", "max": 0.1, "subgroup": "shoe_size=45"}, "reports no subgroup"),
        ({"measure": "drop", "max": 0.1, "subgroup": "sex"}, "reports no subgroup"),
    ],
)
def test_what_could_never_be_judged_is_refused_before_the_work(tmp_path, rule, said):
    file = gates_file(tmp_path, {"measure": "kept", "min": 1}, rule)
    with pytest.raises(UsageError, match=said) as caught:
        open_gate(file, None, [SHIFT, LUNGS])
    assert str(caught.value).startswith(f"{file}: rules[1] ({rule['measure']}): ")


def test_subgroups_sham_and_placebo_are_refused_where_the_shift_has_none(tmp_path):
    bare = SHIFT.model_copy(
        update={
            "controls": SHIFT.controls.model_copy(update={"sham": False}),
            "scenarios": [one.model_copy(update={"placebo": None}) for one in SHIFT.scenarios],
            "subgroups": ["sex"],
        }
    )
    for rule, said in (
        ({"measure": "sham_effect", "max": 0.05}, "no sham edits"),
        ({"measure": "metric", "metric": "accuracy", "arm": "sham", "min": 0.5}, "no sham edits"),
        ({"measure": "placebo_share", "max": 0.3}, "no placebo"),
        (
            {"measure": "metric", "metric": "auroc", "subgroup": "sex=F", "min": 0.5},
            "accuracy in the real and",
        ),
    ):
        with pytest.raises(UsageError, match=said):
            open_gate(gates_file(tmp_path, rule), None, [bare])
    for rule in (
        {"measure": "metric", "metric": "accuracy", "subgroup": "sex=F", "min": 0.5},
        {"measure": "drop", "subgroup": "sex=F", "max": 0.5},
    ):
        assert open_gate(gates_file(tmp_path, rule), None, [bare]).asked


def test_rules_of_other_shifts_and_tasks_are_no_mistake(tmp_path):
    file = gates_file(
        tmp_path,
        {"measure": "metric", "metric": "specificity", "min": 0.8},
        {"measure": "metric", "metric": "anything", "min": 0.8, "shift": "elsewhere"},
    )
    assert len(open_gate(file, None, [SHIFT, LUNGS]).spec.rules) == 2


def test_no_gates_and_no_baseline_ask_for_nothing():
    gate = open_gate(None, None, [SHIFT])
    assert not gate.asked
    assert gate.hold(result()) == result()
    assert gate.unmet([result()]) == []


def test_a_baseline_without_this_shift_is_not_a_pass(tmp_path):
    (tmp_path / "result.json").write_bytes(result("population").to_json())
    found = open_gate(None, tmp_path, [SHIFT]).hold(result())
    assert found.verdict is Verdict.NOT_RUN
    assert "no baseline for this shift" in found.gates[0].reason


def test_the_baseline_of_each_shift_is_its_own(tmp_path):
    (tmp_path / "result.json").write_bytes(result().to_json())
    gate = open_gate(
        GatesSpec.model_validate({"name": "g", "rules": [{"measure": "drop", "max": 0.1}]}), tmp_path, [SHIFT]
    )
    here, there = gate.hold(result()), gate.hold(result("population"))
    assert here.baseline is not None
    assert there.baseline is None
    assert [one.verdict.value for one in there.gates] == ["PASS", "NOT_RUN", "NOT_RUN"]


@pytest.mark.parametrize(
    ("codes", "code"),
    [([], 0), ([0, 0], 0), ([0, 4], 4), ([4, 3], 3), ([3, 1, 0], 1)],
)
def test_the_gravest_exit_code_wins(codes, code):
    assert exit_code(codes) == code


def test_a_rule_that_nothing_was_run_for_is_no_pass(tmp_path):
    gate = open_gate(
        gates_file(tmp_path, {"measure": "kept", "min": 1, "shift": "population"}), None, [SHIFT]
    )
    left = gate.unmet([result()])
    assert exit_code([0], left) == 4
    assert set(ci_files([result()], left)) == set(CI_FILES)
    assert b"'population' was not run" in ci_files([result()], left)["junit.xml"]


def test_the_table_shows_names_as_they_are_and_why_a_rule_fails(tmp_path):
    gate = open_gate(
        gates_file(tmp_path, {"measure": "drop", "max": 0.01}, {"measure": "kept", "min": 1}), None, [SHIFT]
    )
    held = gate.hold(result())
    odd = held.gates[0].model_copy(update={"model": "[red]x[/red]\x1b[2J"})
    text = io.StringIO()
    print_gates(Console(file=text, width=120), [odd, held.gates[1]])
    shown = text.getvalue()
    assert "[red]x[/red][2J" in shown
    assert "\x1b" not in shown
    assert "FAIL drop in stress at most 0.01" in shown
    assert "PASS images kept" not in shown
    print_gates(Console(file=text), [])
    quiet = held.gates[1].model_copy(update={"left_out": ["3 of 9 edits were rejected."]})
    print_gates(Console(file=text, width=120), [quiet])
    assert "PASS images kept at least 1: 3 of 9 edits were rejected." in text.getvalue()


def test_a_subgroup_that_no_study_is_in_is_refused_before_the_work(tmp_path):
    split = SHIFT.model_copy(update={"subgroups": ["age"]})
    studies = [Study(f"s{n}", f"p{n}", {}, {"age": age}) for n, age in enumerate((45.0, 50, None))]
    file = gates_file(tmp_path, {"measure": "drop", "max": 0.1, "subgroup": "age = 45"})
    open_gate(file, None, [split]).check_cohort(split, studies)
    file = gates_file(tmp_path, {"measure": "drop", "max": 0.1, "subgroup": "age=54"})
    with pytest.raises(
        UsageError, match=r"no study is in the subgroup 'age=54'.*age=45, age=50, age=unknown"
    ) as caught:
        open_gate(file, None, [split]).check_cohort(split, studies)
    assert str(caught.value).startswith(f"{file}: rules[0] (drop): ")
    open_gate(None, None, [split]).check_cohort(split, studies)
