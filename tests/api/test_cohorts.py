import numpy as np
import pytest

from radbench.api.cohorts import load_cohort, shared_films
from radbench.data.images import write_png
from radbench.errors import UsageError
from radbench.harness.films import film_notes
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


NATURAL = """\
name: two
title: Two
description: Two sites.
kind: natural
target: ptx
source: {source}
against: {against}
metrics: [accuracy]
"""


def _site(folder, *, patients=("1", "2"), shade=0):
    folder.mkdir(exist_ok=True)
    rows = ["study_id,patient_id,image,label_ptx,scanner"]
    for number, patient in enumerate(patients):
        image = np.full((16, 16), 40 * number + shade, np.uint8)
        image[0, 0] = 255
        write_png(folder / f"{number}.png", image)
        rows.append(f"s{number},{patient},{number}.png,{number % 2},{'XY'[number % 2]}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _compared(folder, source, against):
    text = NATURAL.format(source=source, against=against)
    (folder / "shift.yaml").write_text(text, encoding="utf-8")
    return load_cohort(load_shift(folder / "shift.yaml"))


def test_two_folders_are_compared_and_their_patients_are_not_mixed_up(tmp_path):
    _site(tmp_path / "a")
    _site(tmp_path / "b", shade=100)
    cohort = _compared(tmp_path, "{cohort: 'folder:a'}", "{cohort: 'folder:b'}")
    assert [study.study_id for study in cohort.studies] == ["A:s0", "A:s1", "B:s0", "B:s1"]
    assert len({study.patient_id for study in cohort.studies}) == 4
    assert cohort.film(cohort.studies[2])[5, 5] == 100


def test_two_scanners_of_one_folder_share_their_patients(tmp_path):
    _site(tmp_path / "a", patients=("1", "1", "2", "2"))
    cohort = _compared(
        tmp_path,
        "{cohort: 'folder:a', select: {scanner: X}}",
        "{cohort: 'folder:./a', select: {scanner: Y}}",
    )
    assert [study.patient_id for study in cohort.studies] == ["1", "2", "1", "2"]


def test_what_is_odd_about_films_is_said_of_each_cohort(tmp_path):
    _site(tmp_path / "a")
    _site(tmp_path / "b", shade=100)
    write_png(tmp_path / "b" / "1.png", np.full((16, 16), 9, np.uint8))
    cohort = _compared(tmp_path, "{cohort: 'folder:a'}", "{cohort: 'folder:b', select: {ptx: 1}}")
    notes = film_notes(cohort, tmp_path / "cache")
    assert any(
        words.startswith("Cohort B: ") and "Study B:s1: the film is constant" in words
        for words in notes.warnings
    )


def test_drawn_cohorts_draw_the_same_people(tmp_path):
    cohort = _compared(
        tmp_path, "{cohort: phantom/acquisition, size: 2}", "{cohort: phantom/manifestation, size: 2}"
    )
    assert len({study.patient_id for study in cohort.studies}) == 2
