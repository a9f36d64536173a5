"""Two cohorts seen as one."""

import numpy as np

from radbench.data.compared import ComparedCohorts, side_of
from radbench.phantom.cohort import build_cohort


def test_studies_of_both_have_names_of_their_own_and_their_own_pixels():
    first, second = build_cohort("phantom/acquisition", size=3), build_cohort("phantom/manifestation", size=2)
    both = ComparedCohorts(first, second)
    assert [side_of(study) for study in both.studies] == ["A", "A", "A", "B", "B"]
    assert both.studies[0].study_id == f"A:{first.studies[0].study_id}"
    assert {study.patient_id[:2] for study in both.studies} == {"A:", "B:"}
    for study, cohort, own in ((both.studies[1], first, 1), (both.studies[4], second, 1)):
        np.testing.assert_array_equal(both.film(study), cohort.image(cohort.studies[own]))
    assert not both.truth_known
    assert both.digest != ComparedCohorts(second, first).digest


def test_a_patient_of_both_is_one_where_both_name_them_alike():
    cohort = build_cohort("phantom/acquisition", size=2)
    both = ComparedCohorts(cohort, cohort, ("", ""))
    assert len({study.patient_id for study in both.studies}) == 2
    assert len({study.study_id for study in both.studies}) == 4
