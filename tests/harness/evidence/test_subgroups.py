"""Subgroups: every value is listed, small cells are flagged, and what has no value is a group too."""

import pytest
from audit_world import Cohort, TestSet, audit, biased, picture, shift

from radbench.data.cohort import Study
from radbench.errors import UsageError
from radbench.harness.gates import gated
from radbench.harness.result import Verdict
from radbench.specs import GatesSpec


class Hospital(Cohort):
    """Patients by turns of ward "a" and "b", the last eight of none; every fourth has a drain and is sick."""

    def __post_init__(self):
        super().__post_init__()
        self.studies = [
            Study(study.study_id, study.patient_id, study.labels, self.known(study)) for study in self.studies
        ]

    def known(self, study):
        number = study.attributes["number"]
        ward = {} if number >= self.size - 16 else {"ward": "ab"[number // 4 % 2]}
        return dict(study.attributes) | {"age": number} | ward


def run(tmp_path, size=200, **changes):
    cohort = Hospital(size)
    testset = TestSet(cohort)
    for record in testset.records:
        if cohort.studies[int(record.study_id[1:])].attributes.get("ward") == "a":
            record.image = picture(1, 1, int(record.study_id[1:]))  # left sick: nobody is right about it
    return audit(tmp_path, [biased()], cohort=cohort, testset=testset, spec=shift(**changes))


def test_groups_are_listed_by_value_and_the_missing_one_is_kept(tmp_path):
    result = run(tmp_path, subgroups=["ward"])
    model = result.models[0]
    groups = {group.value: group for group in model.subgroups}
    assert list(groups) == ["a", "b", "unknown"]
    assert sum(group.n for group in groups.values()) == model.arms["stress"].n
    assert groups["a"].real.value == 1.0
    assert groups["a"].drop.value == groups["a"].real.value - groups["a"].stress.value == 1.0
    assert groups["a"].n == 2 * groups["a"].patients
    assert not groups["a"].small
    assert groups["unknown"].small
    assert groups["unknown"].p is groups["unknown"].p_holm is None
    family = [test for test in model.tests if test.test == "paired bootstrap"]
    assert [test.subgroup for test in family] == ["", "ward=a", "ward=b"]
    assert groups["a"].p_holm == family[1].p_holm >= groups["a"].p
    assert {test.family for test in family} == {3}
    assert [test.subgroup for test in model.tests if test.test == "mcnemar"] == [""]


def test_a_group_equals_an_audit_of_its_studies_alone(tmp_path):
    pooled = run(tmp_path, subgroups=["ward"]).models[0]
    group = next(group for group in pooled.subgroups if group.value == "b")
    rows = [row for row in run(tmp_path).cases if row.arm == "stress"]
    studies = {study.study_id for study in Hospital(200).studies if study.attributes.get("ward") == "b"}
    values = [row.value for row in rows if row.study_id in studies]
    assert (group.n, group.stress.value) == (len(values), sum(values) / len(values))


def test_a_column_that_cannot_be_split_by_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"'wrad', which no study has.*Did you mean 'ward'"):
        run(tmp_path, size=40, subgroups=["wrad"])
    with pytest.raises(UsageError, match="'age', which has 40 values, expected at most 20"):
        run(tmp_path, size=40, subgroups=["age"])


def test_a_group_without_an_edited_image_is_listed_all_the_same(tmp_path):
    cohort = Hospital(40)
    testset = TestSet(cohort)
    wards = {study.study_id: study.attributes.get("ward") for study in cohort.studies}
    testset.records = [record for record in testset.records if wards[record.study_id] != "b"]
    model = audit(
        tmp_path, [biased()], cohort=cohort, testset=testset, spec=shift(subgroups=["ward"])
    ).models[0]
    empty = next(group for group in model.subgroups if group.value == "b")
    assert (empty.n, empty.patients, empty.small, empty.drop.value) == (0, 0, True, None)
    assert empty.real.value == 1.0


def test_a_number_has_one_name_and_a_blank_is_said_to_be_unknown(tmp_path):
    ages = [45, 45.0, "45", "45.0", None, "", "unknown", float("nan"), 5, "007"]

    class Ages(Cohort):
        def __post_init__(self):
            super().__post_init__()
            self.studies = [
                Study(one.study_id, one.patient_id, one.labels, {**one.attributes, "age": ages[n // 4 % 10]})
                for n, one in enumerate(self.studies)
            ]

    cohort = Ages(200)
    result = audit(tmp_path, [biased()], cohort=cohort, spec=shift(subgroups=["age"]))
    groups = {group.value: group.n for group in result.models[0].subgroups}
    assert groups == {"5": 10, "007": 10, "45": 40, "unknown": 40}
    assert list(groups) == ["5", "007", "45", "unknown"]
    rule = {"measure": "drop", "subgroup": "age=45.0", "max": 0.9}
    (found,) = gated(
        result.model_copy(update={"gate": False}), GatesSpec.model_validate({"name": "g", "rules": [rule]})
    ).gates
    assert found.verdict is not Verdict.NOT_RUN


def test_a_column_that_is_blank_everywhere_is_refused(tmp_path):
    class Blank(Hospital):
        def known(self, study):
            return dict(study.attributes) | {"ward": " "}

    with pytest.raises(UsageError, match="'ward', which is blank in all 40 studies"):
        audit(tmp_path, [biased()], cohort=Blank(40), spec=shift(subgroups=["ward"]))
