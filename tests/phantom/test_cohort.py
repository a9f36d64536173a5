"""Embedded cohorts: correlations, splits, labels and true counterfactuals."""

import numpy as np
import pytest

from radbench.errors import UsageError
from radbench.phantom.cohort import build_cohort
from radbench.phantom.recipes import RECIPES


def rate(cohort_name: str, wanted: str, given: str, present: int) -> float:
    studies = build_cohort(cohort_name, size=1500).studies
    among = [study.labels[wanted] for study in studies if study.labels[given] == present]
    return float(np.mean(among))


def test_drains_follow_pneumothorax_in_the_confounded_cohort() -> None:
    assert rate("phantom/manifestation", "drain", "pneumothorax", 1) > 0.95
    assert rate("phantom/manifestation", "drain", "pneumothorax", 0) < 0.03


def test_drains_are_independent_in_the_unconfounded_cohort() -> None:
    name = "phantom/manifestation-unconfounded"
    assert abs(rate(name, "drain", "pneumothorax", 1) - rate(name, "drain", "pneumothorax", 0)) < 0.08


@pytest.mark.parametrize("name", ["acquisition", "mixed"])
def test_covid_comes_only_from_hospital_b(name: str) -> None:
    hospitals = {
        s.attributes["hospital"]
        for s in build_cohort(f"phantom/{name}", size=400).studies
        if s.labels["covid"]
    }
    assert hospitals == {"B"}


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_labels_agree_with_masks_and_report(name: str) -> None:
    cohort = build_cohort(f"phantom/{name}", size=12)
    for study in cohort.studies:
        for label, present in study.labels.items():
            if present:
                assert cohort.mask(study, label).any()
            else:
                with pytest.raises(UsageError, match="no mask"):
                    cohort.mask(study, label)
        assert study.report


def test_sex_age_and_view_are_drawn_apart_from_everything_that_is_seen() -> None:
    studies = build_cohort("phantom/manifestation", size=2000).studies
    for name, expected in {
        "sex": {"F": 0.5, "M": 0.5},
        "age_band": {"18-39": 0.25, "40-64": 0.35, "65+": 0.4},
        "view": {"PA": 0.6, "AP": 0.4},
    }.items():
        found = [study.attributes[name] for study in studies]
        sick = [study.attributes[name] for study in studies if study.labels["pneumothorax"]]
        assert set(found) == set(expected)
        for value, share in expected.items():
            assert found.count(value) / len(found) == pytest.approx(share, abs=0.04)
            assert sick.count(value) / len(sick) == pytest.approx(share, abs=0.06)


def test_sex_age_and_view_change_no_pixel_label_or_report(monkeypatch: pytest.MonkeyPatch) -> None:
    cohort = build_cohort("phantom/manifestation", size=4)
    before = list(cohort.studies)  # drawn now, not when they are asked for below
    monkeypatch.setattr("radbench.phantom.cohort._person", lambda rng: {"sex": f"{rng.uniform()}"})
    other = build_cohort("phantom/manifestation", size=4)
    for study, twin in zip(before, other.studies, strict=True):
        assert study.attributes["sex"] != twin.attributes["sex"]
        assert (study.labels, study.report) == (twin.labels, twin.report)
        assert np.array_equal(cohort.image(study), other.image(twin))


def test_splits_and_seeds_share_no_patient() -> None:
    cohorts = [
        build_cohort("phantom/mixed", split, 50, seed)
        for split in ("train", "val", "test")
        for seed in (0, 1)
    ]
    patients = [study.patient_id for cohort in cohorts for study in cohort.studies]
    assert len(set(patients)) == len(patients)
    assert len({cohort.digest for cohort in cohorts}) == len(cohorts)


def test_a_larger_cohort_begins_with_the_smaller_one() -> None:
    assert build_cohort("phantom/mixed", size=9).studies[:5] == build_cohort("phantom/mixed", size=5).studies


def test_counterfactual_removes_the_finding_and_nothing_else() -> None:
    cohort = build_cohort("phantom/manifestation", size=20)
    study = next(s for s in cohort.studies if s.labels["pneumothorax"] and s.labels["drain"])
    truth, image = cohort.counterfactual(study, {"pneumothorax": 0}), cohort.image(study)
    change = np.abs(truth.astype(int) - image)
    assert change[cohort.mask(study, "pneumothorax")].mean() > 8
    assert change[cohort.mask(study, "drain")].mean() <= 1
    assert np.array_equal(cohort.counterfactual(study, {}), image)


def test_counterfactual_adds_a_finding() -> None:
    cohort = build_cohort("phantom/population", size=3)
    study = cohort.studies[0]
    assert not np.array_equal(cohort.counterfactual(study, {"consolidation": 1}), cohort.image(study))


@pytest.mark.parametrize(("side", "other"), [("left", "right"), ("right", "left")])
def test_an_added_finding_lies_on_the_side_that_was_asked_for(side: str, other: str) -> None:
    cohort = build_cohort("phantom/population", size=3)
    for study in cohort.studies:
        added = cohort.counterfactual(study, {"consolidation": 1}, {"side": side})
        brighter = added.astype(int) - cohort.image(study) > 8
        assert brighter[cohort.mask(study, f"lung_{side}")].mean() > 0.1
        assert brighter[cohort.mask(study, f"lung_{other}")].mean() < 0.01


def test_the_same_patient_in_another_hospital() -> None:
    cohort = build_cohort("phantom/acquisition", size=6)
    for study in cohort.studies:
        here = str(study.attributes["hospital"])
        assert np.array_equal(cohort.counterfactual(study, {}, {"hospital": here}), cohort.image(study))
        elsewhere = {"hospital": "B" if here == "A" else "A"}
        assert not np.array_equal(cohort.counterfactual(study, {}, elsewhere), cohort.image(study))


@pytest.mark.parametrize(
    ("attributes", "words"),
    [({"sied": "left"}, "Did you mean 'side'"), ({"side": "top"}, "to 'top'; expected one of left, right")],
)
def test_what_a_counterfactual_cannot_change_is_refused(attributes: dict[str, str], words: str) -> None:
    cohort = build_cohort("phantom/population", size=1)
    with pytest.raises(UsageError, match=words):
        cohort.counterfactual(cohort.studies[0], {"consolidation": 1}, attributes)


@pytest.mark.parametrize(
    ("name", "split", "size", "words"),
    [
        ("phantom/manifestaton", "test", 5, "manifestation"),
        ("phantom/mixed", "tst", 5, "test"),
        ("phantom/mixed", "test", 0, "0"),
    ],
)
def test_bad_requests_are_refused(name: str, split: str, size: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build_cohort(name, split, size)


def test_an_archive_with_treated_patients_has_drains_without_pneumothorax() -> None:
    studies = build_cohort("phantom/treated", size=600).studies
    drained = [study for study in studies if study.labels["drain"]]
    treated = [study for study in drained if not study.labels["pneumothorax"]]
    assert 0.3 < len(treated) / len(drained) < 0.6
    assert any("No acute" in study.report for study in treated)
    assert not any("neumothorax" in study.report and "No " not in study.report for study in treated)
