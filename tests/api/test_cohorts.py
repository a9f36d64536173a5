import numpy as np
import pytest

from radbench.api.cohorts import load_cohort, shared_films
from radbench.data.images import write_png
from radbench.errors import UsageError
from radbench.specs import load_shift

SHIFT = """\
name: own
title: Own
description: A user's own table.
kind: population
target: ptx
source: {source}
scenarios:
  - name: remove
    prompt: No acute cardiopulmonary process.
    edit_mask: {{source: ptx}}
    labels_after: {{ptx: 0}}
metrics: [accuracy]
"""
COLUMNS = "{study_id: ImageID, patient_id: Patient, image: ImageID, label_ptx: PTX, mask_ptx: Box}"


def _load(folder, more):
    write_png(folder / "a.png", np.arange(256, dtype=np.uint8).reshape(16, 16))
    (folder / "table.csv").write_text("ImageID;Patient;PTX;Box\na.png;7;-1,0;1,1,2,2\n", encoding="utf-8")
    source = f"{{cohort: 'folder:table.csv', size: 4{more}}}"
    (folder / "shift.yaml").write_text(SHIFT.format(source=source), encoding="utf-8")
    return load_cohort(load_shift(folder / "shift.yaml"))


def test_what_the_source_declares_reaches_the_cohort(tmp_path):
    cohort = _load(tmp_path, f", columns: {COLUMNS}, labels: {{uncertain: positive}}")
    (study,) = cohort.studies
    assert (study.study_id, study.patient_id, dict(study.labels)) == ("a.png", "7", {"ptx": 1})
    assert cohort.mask_reading(study, "ptx").mask.sum() == 4


def test_what_it_does_not_declare_is_asked_for(tmp_path):
    with pytest.raises(UsageError, match=r"row 2: label_ptx is '-1,0'.*'labels: \{uncertain: ignore\}'"):
        _load(tmp_path, f", columns: {COLUMNS}")
    with pytest.raises(UsageError, match="no column 'study_id'; found ImageID, Patient, PTX, Box"):
        _load(tmp_path, "")


def test_datasets_that_share_films_are_named_when_they_meet(monkeypatch):
    from radbench.data.sources.source import DatasetSource

    class One(DatasetSource):
        overlaps = ("b",)
        tables = films = None

    class Other(One):
        overlaps = ()

    monkeypatch.setattr("radbench.data.sources.get_source", lambda name: One() if name == "a" else Other())
    (sentence,) = shared_films(["b", "a", "c"])
    assert sentence.startswith("a and b hold some of the same films")
    assert shared_films(["a", "c"]) == shared_films(["b"]) == []
