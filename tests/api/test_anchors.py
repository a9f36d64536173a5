"""The films of anchors are found, named apart from the real set's, and limited."""

import numpy as np
import pytest

from radbench.api.anchors import open_anchors
from radbench.api.cohorts import load_cohort
from radbench.data.images import write_png
from radbench.errors import UsageError
from radbench.specs import load_shift

SHIFT = """\
name: own
title: Own
description: A user's own folders.
kind: population
target: ptx
source: {source}
scenarios:
  - name: remove
    prompt: No acute cardiopulmonary process.
    edit_mask: {{source: ptx}}
    labels_after: {{ptx: 0}}
    anchor: {anchor}
metrics: [accuracy]
"""


def folder(top, name, count):
    (top / name).mkdir()
    rows = ["study_id,patient_id,image,label_ptx,label_drain,split"]
    for number in range(count):
        image = np.arange(256, dtype=np.uint8).reshape(16, 16)
        image[0, 0] = number
        write_png(top / name / f"{number}.png", image)
        rows.append(f"s{number},p{number // 2},{number}.png,{number % 2},{int(number % 4 > 1)},test")
    (top / name / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def opened(top, anchor, source="{cohort: 'folder:one'}"):
    (top / "shift.yaml").write_text(SHIFT.format(source=source, anchor=anchor), encoding="utf-8")
    shift = load_shift(top / "shift.yaml")
    cohort = load_cohort(shift)
    return open_anchors(shift, cohort), cohort


@pytest.fixture
def folders(tmp_path):
    folder(tmp_path, "one", 8)
    folder(tmp_path, "two", 12)
    return tmp_path


def test_films_of_the_own_cohort_keep_their_names(folders):
    ((found,), cohort) = opened(folders, "{select: {ptx: 0, drain: 1}}")
    assert [study.study_id for study in found.studies] == ["s2", "s6"]
    assert {study.patient_id for study in found.studies} <= {study.patient_id for study in cohort.studies}
    ((named,), joined) = opened(
        folders,
        "{cohort: 'folder:one', select: {ptx: 0, drain: 1}}",
        "{cohort: 'folder:one', also: [{cohort: 'folder:two'}]}",
    )
    assert {study.study_id for study in named.studies} <= {study.study_id for study in joined.studies}


def test_films_of_another_cohort_are_other_patients(folders):
    ((found,), cohort) = opened(folders, "{cohort: 'folder:two', select: {ptx: 0}, size: 3, seed: 2}")
    assert len(found.studies) == 3  # of those that are selected, and not of those that were drawn before
    names = {study.patient_id for study in found.studies}
    assert not names & {study.patient_id for study in cohort.studies}
    study = found.studies[0]
    assert found.cohort.film(found.own[study.study_id]).shape == (16, 16)


def test_none_that_is_selected_is_one_sentence(folders):
    with pytest.raises(
        UsageError, match=r"^The anchor of scenario 'remove': None of the 8 .* ptx = 0, drain = 7"
    ):
        opened(folders, "{select: {ptx: 0, drain: 7}}")
    with pytest.raises(UsageError, match=r"selects 2 of 4 films .* with ptx 1"):
        opened(folders, "{select: {drain: 1}}")


def test_drawn_patients_of_one_number_are_one_patient_and_their_films_are_not(tmp_path):
    text = SHIFT.replace("target: ptx", "target: pneumothorax").replace("ptx", "pneumothorax")
    source = "{cohort: phantom/manifestation, size: 8}"
    anchor = "{cohort: phantom/manifestation-unconfounded, size: 24, select: {pneumothorax: 0, drain: 1}}"
    (tmp_path / "shift.yaml").write_text(text.format(source=source, anchor=anchor), encoding="utf-8")
    shift = load_shift(tmp_path / "shift.yaml")
    cohort = load_cohort(shift)
    (found,) = open_anchors(shift, cohort)
    assert 0 < len(found.studies) < 24
    assert all(study.study_id.startswith("phantom/manifestation-unconfounded:") for study in found.studies)
    assert all(":" not in study.patient_id for study in found.studies)


@pytest.mark.slow
def test_an_audit_measures_them(in_world, edits, make_shift):
    import radbench

    shift = load_shift(make_shift(in_world / "shifts"))
    from radbench.specs import AnchorSpec

    anchor = AnchorSpec(
        cohort="phantom/manifestation-unconfounded",
        split="val",
        size=40,
        select={"pneumothorax": 0, "drain": 1},
    )
    scenario = shift.scenarios[0].model_copy(update={"anchor": anchor})
    shift = shift.model_copy(update={"scenarios": [scenario], "name": "anchored"}).read_from(shift.origin)
    found = radbench.audit(shift, limit=2, device="cpu", cache=edits, progress=False)
    table = found.table("anchors")
    assert set(table["model"]) == {"first", "second"}
    assert (table["n"] > 5).all()
    assert set(found.metrics.query("arm == 'anchor'")["metric"]) >= {"accuracy", "anchored"}
    assert "anchors" in found.plot.fitting()
