import numpy as np
import pytest
from dataset_world import Small, a_tree, film, put_png, put_text

from radbench.api.cohorts import load_cohort, load_part
from radbench.data import sources
from radbench.data.sources.cohort import open_dataset
from radbench.errors import UsageError
from radbench.specs import CohortSpec, load_shift
from radbench.specs.source import LabelsSpec

ROWS = [
    *(f"t{number},p{number},test,PA,{number % 2},{30 + number},{number + 1} 4" for number in range(12)),
    "u,q1,test,PA,-1,80,",
    "v,q2,test,PA,,81,",
    "l,q3,test,lateral,1,20,",
    "n,q4,test,unknown,1,20,",
    *(f"r{number},p{number},train,AP,1,50," for number in range(3)),
]


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("RADBENCH_CONFIG", str(tmp_path / "config"))
    real = sources.get_source
    for place in ("radbench.data.sources.cohort", "radbench.data.sources"):
        monkeypatch.setattr(f"{place}.get_source", lambda name: Small() if name == "small" else real(name))
    return a_tree(tmp_path / "root", ROWS)


def cohort(root, **fields):
    from pathlib import Path

    return open_dataset(CohortSpec(cohort="small", root=str(root), **fields), Path, 64)


def ids(found):
    return [study.study_id for study in found.studies]


def test_the_split_and_frontal_views_are_taken_and_the_rest_is_counted(root):
    found = cohort(root)
    assert set(ids(found)) == {*(f"t{number}" for number in range(12)), "u", "v"}
    assert any("films left out for their view: 1 lateral, 1 unknown" in note for note in found.notes)
    assert any("3 patients are in several of the dataset's own splits" in note for note in found.notes)
    assert ids(cohort(root, views=["lateral"])) == ["l"]


@pytest.mark.parametrize(
    ("meaning", "label"), [(None, None), ("ignore", None), ("positive", 1), ("negative", 0)]
)
def test_uncertain_labels_mean_what_is_declared_and_are_counted(root, meaning, label):
    told = {} if meaning is None else {"labels": LabelsSpec(uncertain=meaning)}
    found = cohort(root, **told)
    (study,) = [study for study in found.studies if study.study_id == "u"]
    assert study.labels.get("effusion") == label
    assert sum("1 uncertain labels of effusion taken as" in note for note in found.notes) == 1
    (blank,) = [study for study in found.studies if study.study_id == "v"]
    assert "effusion" not in blank.labels, "a blank cell stays unknown whatever uncertain means"


def test_a_smaller_draw_is_part_of_a_larger_one(root):
    small, large = cohort(root, size=4, seed=3), cohort(root, size=9, seed=3)
    assert len(small.studies) == 4 and set(ids(small)) < set(ids(large))
    assert set(ids(small)) != set(ids(cohort(root, size=4, seed=4)))


def test_selection_comes_before_the_draw(root):
    found = cohort(root, select={"effusion": 1, "age": ">=35"}, size=3)
    assert len(found.studies) == 3
    assert all(study.labels["effusion"] == 1 and study.attributes["age"] >= 35 for study in found.studies)
    with pytest.raises(UsageError, match=r"no film of split test with effusion = 1, age = >=99; relax"):
        cohort(root, select={"effusion": 1, "age": ">=99"})
    with pytest.raises(UsageError, match=r"select names 'efusion'.*Did you mean 'effusion'"):
        cohort(root, select={"efusion": 1})


def test_made_splits_hold_every_patient_once_and_do_not_depend_on_who_else_is_there(root):
    shares = {"train": 0.5, "test": 0.5}
    parts = {split: cohort(root, make_splits=shares, split=split) for split in shares}
    patients = [{study.patient_id for study in part.studies} for part in parts.values()]
    assert not patients[0] & patients[1]
    assert sum(len(part.studies) for part in parts.values()) == 17
    only = cohort(root, make_splits=shares, split="test", select={"effusion": 1})
    assert {study.patient_id for study in only.studies} <= patients[1]


def test_masks_films_and_digests_are_those_of_the_files(root):
    found = cohort(root)
    study = next(study for study in found.studies if study.study_id == "t3")
    mask = found.native_mask(study, "lung")
    assert mask.shape == (64, 64) and mask.sum() == 4 and mask[0, 3:7].all()
    assert np.array_equal(found.film(study), film(0))
    assert not found.has_mask(next(s for s in found.studies if s.study_id == "u"), "lung")
    before = found.digest
    assert cohort(root).digest == before
    put_png(root / "films" / "t3.png", film(5, 80, 80))
    assert cohort(root).digest != before, "a film of another size is another cohort"


def test_only_films_with_a_mask(root):
    assert len(cohort(root, with_masks=["lung"]).studies) == 12
    with pytest.raises(
        UsageError, match=r"with_masks names 'lungs'.*its masks are lung .*Did you mean 'lung'"
    ):
        cohort(root, with_masks=["lungs"])


def test_columns_give_further_names(root):
    found = cohort(root, columns={"label_covid": "label_effusion", "mask_boxes": "mask_lung"})
    study = next(study for study in found.studies if study.study_id == "t3")
    assert study.labels["covid"] == study.labels["effusion"]
    assert found.native_mask(study, "boxes").sum() == 4
    with pytest.raises(UsageError, match=r"has no 'label_efusion'.*Did you mean 'label_effusion'"):
        cohort(root, columns={"label_covid": "label_efusion"})


def test_where_a_dataset_is_is_asked_in_one_sentence(root):
    with pytest.raises(
        UsageError, match=r"'small' \(Small\) is not known.*radbench data add small PATH.*RADBENCH_DATA_SMALL"
    ):
        load_part(CohortSpec(cohort="small"), lambda path: root)
    with pytest.raises(UsageError, match="There is no dataset named 'smal', expected one of"):
        load_part(CohortSpec(cohort="smal"), lambda path: root)
    with pytest.raises(
        UsageError, match="has no frontal film of split 'validation'; its splits are test, train"
    ):
        cohort(root, split="validation")


SHIFT = """\
name: own
title: Own
description: Two datasets as one real set.
kind: acquisition
target: covid
source:
  cohort: small
  root: {root}
  columns: {{label_covid: label_effusion, mask_boxes: mask_lung}}
  also:
    - cohort: folder:{folder}
      split: test
      set_labels: {{covid: 0}}
scenarios:
  - name: remove
    prompt: No acute cardiopulmonary process.
    edit_mask: {{source: boxes}}
    labels_after: {{covid: 0}}
metrics: [accuracy]
"""


def test_cohorts_join_and_keep_apart_who_has_the_same_name(root, tmp_path):
    folder = tmp_path / "other"
    put_png(folder / "t1.png", film(9, 40, 50))
    put_text(folder / "manifest.csv", "study_id,patient_id,image\nt1,p1,t1.png\n")
    (tmp_path / "own.yaml").write_text(SHIFT.format(root=root, folder=folder), encoding="utf-8")
    joined = load_cohort(load_shift(tmp_path / "own.yaml"))
    assert len(joined.studies) == 15
    assert {study.attributes["dataset"] for study in joined.studies} == {"small", "other"}
    other = joined.studies[-1]
    assert (other.study_id, other.patient_id, dict(other.labels)) == (
        "other:t1",
        "other:p1",
        {"covid": 0},
    )
    assert joined.film(other).shape == (40, 50)
    first = next(study for study in joined.studies if study.study_id == "small:t1")
    assert joined.native_mask(first, "boxes").sum() == 4
    assert joined.has_mask(first, "boxes") and not joined.has_mask(other, "boxes")
