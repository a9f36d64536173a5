"""Studies without the target's label or mask are in no arm, and the plan counts them before any edit."""

from dataclasses import replace

import pytest
from testset_world import TinyCohort, plan_of, scenario, shift

from radbench.errors import UsageError
from radbench.testsets.selection import knows_target, measured_studies


def blanked(cohort, *ids):
    cohort.studies = [
        replace(study, labels={"drain": study.labels["drain"]}) if study.study_id in ids else study
        for study in cohort.studies
    ]
    return cohort


@pytest.mark.parametrize("spec", [shift(scenario(select={"drain": 0})), shift(scenario(select={}))])
def test_a_blank_label_is_left_out_and_counted(spec):
    plan = plan_of(blanked(TinyCohort(12), "s003", "s004"), spec)
    assert list(plan.attrition)[:2] == ["cohort", "without a label of 'pneumothorax'"]
    assert plan.attrition["without a label of 'pneumothorax'"] == 2
    counts = [n for name, n in plan.attrition.items() if name.startswith("without")]
    assert plan.attrition["cohort"] - sum(counts) == plan.attrition["eligible"]
    assert not {task.study_id for task in plan.tasks} & {"s003", "s004"}
    assert plan.attrition_by_scenario["remove"]["without a label of 'pneumothorax'"] == 2


def test_a_full_cohort_s_plan_says_nothing_of_it():
    assert not any("label" in name for name in plan_of(TinyCohort(12)).attrition)


def test_what_is_selected_without_a_label_says_so():
    cohort = blanked(TinyCohort(12), *(f"s{n:03d}" for n in range(1, 12, 2)))
    with pytest.raises(UsageError, match=r"none of the 6 studies that can be measured.*removes 6"):
        plan_of(cohort)


def test_a_cohort_without_any_label_is_refused():
    with pytest.raises(
        UsageError, match=r"No study of cohort 'tiny' has the label 'pneumothorax'.*it has drain"
    ):
        measured_studies(shift(), blanked(TinyCohort(12), *(f"s{n:03d}" for n in range(12))))


def test_a_segmentation_needs_the_mask_and_no_label():
    spec = shift().model_copy(update={"task": "segmentation"})
    cohort = blanked(TinyCohort(12), "s003")
    assert len(measured_studies(spec, cohort)) == 12
    cohort.has_mask = lambda study, name: study.study_id != "s004" and name == "pneumothorax"
    assert [study.study_id for study in cohort.studies if not knows_target(spec, cohort, study)] == ["s004"]
    assert len(measured_studies(spec, cohort)) == 11
