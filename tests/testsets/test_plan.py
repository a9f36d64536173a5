import random

import pytest
from testset_world import WEIGHTS, TinyCohort, plan_of, scenario, shift

from radbench.data.images import dilate
from radbench.errors import UsageError
from radbench.specs.scenario import EditorSpec, MaskRule, PasteBack
from radbench.testsets.inputs import edit_inputs
from radbench.testsets.plan import EMPTY_EDIT_MASK, make_plan


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
