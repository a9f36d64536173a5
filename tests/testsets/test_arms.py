from collections import Counter

import pytest
from testset_world import WEIGHTS, TinyCohort, plan_of, scenario, shift

from radbench.errors import UsageError
from radbench.specs.scenario import EditorSpec, MaskRule, Placebo
from radbench.specs.shift import ControlsSpec
from radbench.testsets.arms import COVERED_EDIT_MASK, EMPTY_PROMPT
from radbench.testsets.plan import DOSE_STUDIES, make_plan

WITH_PLACEBO = {"placebo": Placebo(select={"pneumothorax": 0}, size=4)}


def controlled(*scenarios, **changes):
    return shift(*(scenarios or [scenario(**WITH_PLACEBO)]), controls=ControlsSpec(), **changes)


def arm(plan, name):
    return [task for task in plan.tasks if task.arm == name]


def test_a_sham_is_the_stress_edit_with_the_study_s_own_report():
    plan = plan_of(TinyCohort(12), controlled())
    stress, sham = arm(plan, "stress"), arm(plan, "sham")
    assert [task.study_id for task in stress] == [task.study_id for task in sham]
    for one, other in zip(stress, sham, strict=True):
        changed = {name for name in one.content if one.content[name] != other.content[name]}
        assert changed == {"prompt"}
        assert other.prompt == f"Report {int(other.study_id[1:])}."
        assert one.rng_seed == other.rng_seed
        assert (one.labels_after, other.labels_after) == ({"pneumothorax": 0}, {})


def test_controls_do_not_change_the_stress_edits():
    alone, with_controls = plan_of(TinyCohort(20)), plan_of(TinyCohort(20), controlled())
    assert [task.key for task in alone.tasks] == [task.key for task in arm(with_controls, "stress")]
    assert alone.attrition == with_controls.attrition


def test_shams_can_be_left_out():
    assert not arm(plan_of(TinyCohort(12)), "sham")
    assert not arm(plan_of(TinyCohort(12), controlled(scenario(sham_prompt=None))), "sham")


def test_a_placebo_borrows_masks_prompt_and_settings():
    cohort = TinyCohort(20)
    plan = plan_of(cohort, controlled(scenario(prompt="No {side} pneumothorax {number}.", **WITH_PLACEBO)))
    stress, placebo = arm(plan, "stress"), arm(plan, "placebo")
    studies = {study.study_id: study for study in cohort.studies}
    assert len(placebo) == 4
    for one, other in zip(stress, placebo, strict=False):
        assert studies[other.study_id].labels["pneumothorax"] == 0
        assert other.masks_of == one.study_id
        assert (other.prompt, other.settings) == (one.prompt, one.settings)
        assert other.edit_mask_sha256 == one.edit_mask_sha256
        assert other.source_sha256 != one.source_sha256
        assert other.labels_after == {}


def test_there_are_no_more_placebos_than_stress_edits_and_a_smaller_limit_takes_the_first():
    cohort = TinyCohort(20)
    whole = arm(plan_of(cohort, controlled()), "placebo")
    for limit in (1, 2, 4):
        assert arm(plan_of(cohort, controlled(), limit=limit), "placebo") == whole[:limit]


def test_a_placebo_never_edits_an_eligible_study():
    spec = controlled(scenario(placebo=Placebo(select={"hospital": "B"})))
    assert not arm(plan_of(TinyCohort(20), spec), "placebo")
    with pytest.raises(UsageError, match=r"The placebo of scenario 'remove' selects on 'ptx'"):
        plan_of(TinyCohort(4), controlled(scenario(placebo=Placebo(select={"ptx": 0}))))


def test_doses_change_one_setting_of_the_first_studies():
    editor = EditorSpec(guidance_scale=[3.0, 1.0], skip_ratio=[0.6, 0.2], mask_growth=[0, 40])
    plan = plan_of(TinyCohort(80), controlled(editor=editor))
    stress, doses = arm(plan, "stress"), arm(plan, "dose")
    assert len(stress) == 40
    assert Counter(task.dose for task in doses) == dict.fromkeys(
        ["guidance_scale=1", "skip_ratio=0.2", "mask_growth=40"], DOSE_STUDIES
    )
    first = {task.study_id: task for task in stress[:DOSE_STUDIES]}
    for task in doses:
        base = first[task.study_id]
        changed = {name for name in base.content if base.content[name] != task.content[name]}
        assert changed == {"edit_mask_sha256" if "growth" in task.dose else "settings"}
        assert task.labels_after == base.labels_after
        assert task.rng_seed == base.rng_seed
    assert {task.settings["guidance_scale"] for task in stress + arm(plan, "sham")} == {3.0}


def test_a_list_of_one_is_a_plain_setting():
    plain, listed = (
        plan_of(TinyCohort(8), shift(editor=EditorSpec(guidance_scale=value))) for value in (3, [3.0])
    )
    assert plain.tasks == listed.tasks


def test_a_scenario_may_have_an_editor_of_its_own():
    own = EditorSpec(name="lance", guidance_scale=2.0)
    spec = shift(scenario("a"), scenario("b", editor=own))
    plan = make_plan(spec, TinyCohort(8), WEIGHTS, {"radedit": 2, "lance": 7})
    found = {
        task.scenario: (task.editor, task.algorithm, task.settings["guidance_scale"]) for task in plan.tasks
    }
    assert found == {"a": ("radedit", 2, 15.0), "b": ("lance", 7, 2.0)}
    with pytest.raises(UsageError, match="'lance'"):
        make_plan(spec, TinyCohort(8), WEIGHTS, {"radedit": 2})


def test_the_shift_s_limit_counts_stress_edits_and_yields_to_another():
    spec = controlled(limit=3)
    assert len(arm(plan_of(TinyCohort(20), spec), "stress")) == 3
    assert len(arm(plan_of(TinyCohort(20), spec, limit=5), "stress")) == 5
    assert plan_of(TinyCohort(20), spec).attrition["beyond the limit"] == 7


@pytest.mark.parametrize(
    ("prompt", "filled"),
    [("{report}", "Report 1."), ("{Side} and {side}", "Right and right"), ("{{side}}", "{side}")],
)
def test_prompts_are_templates(prompt, filled):
    tasks = plan_of(TinyCohort(2), shift(scenario(prompt=prompt, invert_prompt=prompt))).tasks
    assert [(task.prompt, task.invert_prompt) for task in tasks] == [(filled, filled)]


def test_a_prompt_speaks_of_the_side_after_the_edit_and_a_sham_of_the_one_before():
    changed = scenario(prompt="New {side}.", sham_prompt="{Side}.", attributes_after={"side": "left"})
    stress, sham = plan_of(TinyCohort(2), controlled(changed)).tasks
    assert (stress.prompt, sham.prompt) == ("New left.", "Right.")
    assert (stress.attributes_after, sham.attributes_after) == ({"side": "left"}, {})


def test_an_unknown_field_of_a_prompt_names_those_that_there_are():
    with pytest.raises(UsageError, match=r"The prompt of scenario 'remove' has .*\{sied\}.*mean 'side'"):
        plan_of(TinyCohort(2), shift(scenario(prompt="{sied}")))


def test_a_study_without_a_report_has_a_sham_that_is_rejected():
    cohort = TinyCohort(2)
    cohort.studies = [type(study)(**{**vars(study), "report": " "}) for study in cohort.studies]
    stress, sham = (plan := plan_of(cohort, controlled())).tasks[:2]
    assert dict(plan.rejections) == {sham.key: EMPTY_PROMPT}
    assert stress.key not in plan.rejections


def test_a_keep_mask_over_the_whole_edit_mask_is_rejected_with_a_reason():
    covering = MaskRule(source="none", complement=True)
    plan = plan_of(TinyCohort(4), shift(scenario(keep_mask=covering)))
    assert set(plan.rejections.values()) == {COVERED_EDIT_MASK}
    partly = plan_of(TinyCohort(4), shift(scenario(keep_mask=MaskRule(source="drain", dilate=150.0))))
    assert not partly.rejections
