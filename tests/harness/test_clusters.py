"""One film under several patients is one patient, and opposite labels on it are named."""

import numpy as np
from audit_world import Cohort, TestSet, audit, biased, picture, shift
from hypothesis import given
from hypothesis import strategies as st

from radbench.data.cohort import Study
from radbench.harness.films import FilmNotes, find_clusters


def film(number):
    return np.full((4, 4), number, np.uint8)


def clusters(rows, target="sick"):
    """Return the clusters of (study, patient, film, label) rows."""
    shown = {row[0]: film(row[2]) for row in rows}
    studies = [Study(study, patient, {"sick": label}) for study, patient, _, label in rows]
    return find_clusters(studies, lambda study: shown[study.study_id], target)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9)), min_size=1, max_size=20))
def test_patients_are_one_exactly_where_a_chain_of_films_joins_them(pairs):
    found = clusters([(f"s{n}", f"p{patient}", shown, 0) for n, (patient, shown) in enumerate(pairs)]).of
    reached = {f"p{patient}": {f"p{patient}"} for patient, _ in pairs}
    for _ in pairs:
        for patient, shown in pairs:
            for other, seen in pairs:
                if shown == seen:
                    both = reached[f"p{patient}"] | reached[f"p{other}"]
                    for one in both:
                        reached[one] = reached[one] | both
    for one in found:
        for other in found:
            assert (found[one] == found[other]) == (other in reached[one])


def test_a_patient_of_its_own_keeps_its_name_and_nothing_is_said():
    found = clusters([("a", "p1", 1, 0), ("b", "p2", 2, 1), ("c", "p2", 2, 1)])
    assert (dict(found.of), found.warnings) == ({"p1": "p1", "p2": "p2"}, ())


def test_opposite_labels_are_named_with_their_studies():
    (said,) = clusters([("a", "p1", 1, 0), ("b", "p2", 1, 1), ("c", "p3", 2, 1)]).warnings
    assert said == (
        "The same pixels stand in 2 studies under 2 patients, counted as one patient in every interval, with opposite "
        "labels: at least one of them is wrong: study a (sick 0), study b (sick 1)."
    )
    (same,) = clusters([("a", "p1", 1, 0), ("b", "p1", 1, 1)]).warnings
    assert "patients" not in same
    assert "opposite labels" in same
    assert clusters([("a", "p1", 1, 0), ("b", "p1", 1, 1)], None).warnings == ()


def test_other_depths_and_shapes_are_other_films():
    shown = {
        "a": np.zeros((2, 8), np.uint8),
        "b": np.zeros((4, 4), np.uint8),
        "c": np.zeros((2, 4), np.uint16),
    }
    found = find_clusters([Study(name, name) for name in shown], lambda study: shown[study.study_id])
    assert found.of == {"a": "a", "b": "b", "c": "c"}


class Twins(Cohort):
    """Four films of each label, each under ten patients."""

    def image(self, study):
        return picture(study.labels["sick"], study.labels["drain"], study.attributes["number"] % 8)


def test_one_film_under_many_patients_is_one_in_every_interval(tmp_path):
    cohort = Twins(80)
    result = audit(tmp_path, [biased()], cohort=cohort, testset=TestSet(cohort), spec=shift())
    real = result.models[0].arms["real"]
    assert (real.n, real.patients, result.cohort.patients) == (80, 4, 4)
    assert len(result.cohort.warnings) == 8
    assert "The same pixels stand in 10 studies under 10 patients" in result.cohort.warnings[0]
    assert "and 4 more" in result.cohort.warnings[0]
    assert len({row.patient_id for row in result.cases}) == 4
    alone = audit(tmp_path, [biased()], cohort=Cohort(80), spec=shift()).models[0].arms["real"]
    joined, apart = real.metrics["accuracy"], alone.metrics["accuracy"]
    assert joined.high - joined.low > apart.high - apart.low


def test_warnings_that_were_found_on_reading_stand_first(tmp_path):
    result = audit(tmp_path, [biased()], films=FilmNotes(warnings=["study s001 is of one grey"]))
    assert result.cohort.warnings == ["study s001 is of one grey"]


def test_a_joined_name_stays_short():
    of = clusters([(f"s{n}", f"p{n:02d}", 1, 0) for n in range(12)]).of
    assert set(of.values()) == {"p00+p01+p02+9-more"}
