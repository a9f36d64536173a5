import random
from collections import Counter

import pytest
from testset_world import WEIGHTS, TinyCohort, plan_of, scenario, shift

from radbench.data.images import dilate
from radbench.errors import UsageError
from radbench.specs.scenario import EditorSpec, MaskRule, PasteBack, Placebo
from radbench.specs.shift import ControlsSpec
from radbench.testsets.plan import COVERED_EDIT_MASK, DOSE_STUDIES, EMPTY_EDIT_MASK, EMPTY_PROMPT, make_plan
from radbench.testsets.task import edit_inputs


def test_the_plan_does_not_depend_on_the_cohorts_order():
    cohort, shuffled = TinyCohort(40), TinyCohort(40)
    random.Random(0).shuffle(shuffled.studies)
    assert plan_of(cohort).tasks == plan_of(shuffled).tasks
    assert plan_of(cohort).set_key == plan_of(shuffled).set_key


@pytest.mark.parametrize("spec", [shift(), shift(scenario("a"), scenario("b", prompt="Other"))])
def test_a_smaller_limit_takes_the_first_of_a_larger_one(spec):
    whole = plan_of(TinyCohort(20), spec).tasks
    for limit in (1, 2, 5, 9):
        assert plan_of(TinyCohort(20), spec, limit=limit).tasks == whole[:limit]


def test_distinct_patients_come_first():
    tasks = plan_of(TinyCohort(40)).tasks
    assert len(tasks) == 20
    assert len({task.patient_id for task in tasks[:10]}) == 10


def test_scenarios_take_turns():
    spec = shift(scenario("a"), scenario("b", select={"drain": 1}))
    names = [task.scenario for task in plan_of(TinyCohort(12), spec, limit=4).tasks]
    assert names == ["a", "b", "a", "b"]


def test_the_seed_decides_order_and_keys():
    one, two = plan_of(TinyCohort(40)), plan_of(TinyCohort(40), seed=1)
    assert [t.study_id for t in one.tasks] != [t.study_id for t in two.tasks]
    assert not {t.key for t in one.tasks} & {t.key for t in two.tasks}
    assert one.set_key != two.set_key


def test_the_funnel_counts_every_clause():
    spec = shift(scenario(select={"pneumothorax": 1, "drain": 1, "hospital": "B"}))
    plan = plan_of(TinyCohort(12), spec, limit=2)
    assert list(plan.attrition.items()) == [
        ("cohort", 12),
        ("without pneumothorax = 1", 6),
        ("without drain = 1", 3),
        ("without hospital = B", 0),
        ("eligible", 3),
        ("beyond the limit", 1),
        ("tasks", 2),
    ]
    assert sorted(plan.eligible_ids["remove"]) == ["s001", "s005", "s009"]


def test_nobody_left_says_which_clause_removed_whom():
    spec = shift(scenario(select={"pneumothorax": 1, "hospital": "A"}))
    with pytest.raises(UsageError) as caught:
        plan_of(TinyCohort(12), spec)
    assert "none of the 12 studies" in str(caught.value)
    assert "pneumothorax = 1 removes 6, hospital = A removes 6" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"select": {"pneumothoracks": 1}},
            "which no study of cohort 'tiny' has.*Did you mean 'pneumothorax'",
        ),
        (
            {"edit_mask": MaskRule(source="pneumothorex")},
            "no mask 'pneumothorex'.*Did you mean 'pneumothorax'",
        ),
        ({"keep_mask": MaskRule(source="pipe")}, "no mask 'pipe'"),
        ({"edit_mask": MaskRule(source="none")}, "nothing would be edited"),
    ],
)
def test_names_that_the_cohort_does_not_know(changes, words):
    with pytest.raises(UsageError, match=words):
        plan_of(TinyCohort(12), shift(scenario(**changes)))


def test_a_limit_below_one_and_a_mask_of_another_size():
    with pytest.raises(UsageError, match="limit is 0"):
        plan_of(TinyCohort(12), limit=0)
    cohort = TinyCohort(4)
    whole = cohort.mask
    cohort.mask = lambda study, name: whole(study, name)[:, :-1]
    with pytest.raises(UsageError, match="24 x 31 pixels and its image has 24 x 32"):
        plan_of(cohort)


def test_masks_are_dilated_at_the_images_own_size():
    cohort = TinyCohort(4)
    study = cohort.studies[1]
    rules = {
        "edit_mask": MaskRule(source="pneumothorax", dilate=32.0, at=512),
        "keep_mask": MaskRule(source="none"),
    }
    inputs = edit_inputs(cohort, scenario(**rules), study)
    assert (inputs.edit_mask == dilate(cohort.mask(study, "pneumothorax"), 32 * 24 / 512)).all()
    assert inputs.edit_mask.sum() > cohort.mask(study, "pneumothorax").sum()
    assert inputs.keep_mask is None


def test_an_empty_edit_mask_is_rejected_with_a_reason():
    plan = plan_of(TinyCohort(12, empty={"s003"}))
    rejected = [task.study_id for task in plan.tasks if plan.rejections.get(task.key) == EMPTY_EDIT_MASK]
    assert rejected == ["s003"]


def test_what_decides_pixels_changes_every_key():
    before = {task.key for task in plan_of(TinyCohort(12)).tasks}
    softer = shift(editor=EditorSpec(paste_back=PasteBack(feather=2.0)))
    wider = shift(scenario(keep_mask=MaskRule(source="drain", dilate=64.0)))
    plans = [
        plan_of(TinyCohort(12), softer),
        plan_of(TinyCohort(12), wider),
        make_plan(shift(), TinyCohort(12), {**WEIGHTS, "unet": "00" * 32}, 1),
        make_plan(shift(), TinyCohort(12), WEIGHTS, 2),
    ]
    for plan in plans:
        assert not before & {task.key for task in plan.tasks}


def test_a_title_makes_another_set_of_the_same_edits():
    one, two = plan_of(TinyCohort(12)), plan_of(TinyCohort(12), shift(title="Another"))
    assert one.tasks == two.tasks
    assert one.set_key != two.set_key


def test_a_feather_without_paste_back_decides_nothing():
    specs = [shift(editor=EditorSpec(paste_back=PasteBack(enabled=False, feather=f))) for f in (1.0, 2.0)]
    assert plan_of(TinyCohort(12), specs[0]).tasks == plan_of(TinyCohort(12), specs[1]).tasks


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
