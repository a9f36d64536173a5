"""Blank labels end no audit, and what can be known before the edits is refused before them."""

from dataclasses import replace

import pytest
from audit_world import Cohort, TestSet, audit, biased, shift
from test_segmentation import Lungs, Segmenter, lungs

from radbench.errors import UsageError
from radbench.harness.ready import check_masks, check_ready


class Blank(Cohort):
    """The first two studies have no label of the target."""

    def __post_init__(self):
        super().__post_init__()
        first = [replace(one, labels={"drain": one.labels["drain"]}) for one in self.studies[:2]]
        self.studies = [*first, *self.studies[2:]]


def test_a_study_without_the_label_is_in_no_arm_and_counted(tmp_path):
    cohort = Blank(40)
    testset = TestSet(Cohort(40))
    testset.records = [record for record in testset.records if record.study_id not in {"s000", "s001"}]
    result = audit(tmp_path, [biased()], cohort=cohort, testset=testset, spec=shift())
    assert (result.cohort.studies, result.cohort.unlabelled, result.cohort.positives) == (38, 2, 18)
    assert result.models[0].arms["real"].n == 38
    assert not {"s000", "s001"} & {row.study_id for row in result.cases}


def test_a_cohort_or_a_model_that_cannot_answer_is_refused_before_the_edits():
    bare = Cohort(8)
    bare.studies = [replace(one, labels={}) for one in bare.studies]
    with pytest.raises(UsageError, match="No study of cohort 'fake' has the label 'sick'"):
        check_ready(shift(), bare, [biased()], {})
    with pytest.raises(UsageError, match="predicts 'other', expected 'sick'"):
        check_ready(shift(), Cohort(8), [biased(target="other")], {})
    with pytest.raises(UsageError, match="'ward', which no study has"):
        check_ready(shift(subgroups=["ward"]), Cohort(8), [biased()], {})
    check_ready(shift(), Blank(8), [biased()], {})


def test_masks_are_read_before_the_edits_where_they_could_be_damaged():
    class Damaged(Lungs):
        def mask(self, study, name):
            if study.study_id == "s003":
                raise UsageError("the mask s003.png is damaged")
            return super().mask(study, name)

        def has_mask(self, study, name):
            return study.study_id != "s004"

    check_masks(lungs(), Damaged(8, truth_known=True))
    check_masks(shift(), Damaged(8, truth_known=False))
    with pytest.raises(UsageError, match=r"s003\.png is damaged"):
        check_masks(lungs(), Damaged(8, truth_known=False))


def test_a_study_without_the_mask_is_in_no_arm(tmp_path):
    class Some(Lungs):
        def has_mask(self, study, name):
            return study.attributes["number"] % 4 != 3

    cohort = Some(40)
    result = audit(
        tmp_path, [Segmenter("strong", weak=False)], cohort=cohort, testset=TestSet(cohort), spec=lungs()
    )
    assert (result.cohort.studies, result.cohort.unlabelled) == (30, 10)
    assert result.models[0].arms["real"].n == 30
