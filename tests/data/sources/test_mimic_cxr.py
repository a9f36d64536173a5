import pytest
from dataset_world import film, opened, put_dicom, put_text, rows_and_problems
from mimic_world import FILMS, path_of, put_reports, put_tables

from radbench.errors import UsageError


@pytest.fixture
def root(tmp_path):
    """The DICOM release with the list of records alone."""
    root = tmp_path / "mimic-cxr"
    put_reports(root)
    rows = [f"{found[0]},{found[1]},{dicom},{path_of(dicom, '.dcm')}" for dicom, found in FILMS.items()]
    put_text(root / "cxr-record-list.csv.gz", "\n".join(["subject_id,study_id,dicom_id,path", *rows]) + "\n")
    for number, (dicom, found) in enumerate(FILMS.items()):
        view = {"ViewPosition": found[2]} if found[2] else {}
        put_dicom(root / path_of(dicom, ".dcm"), film(number, 80, 64).astype("uint16") * 16, **view)
    return root


def test_the_dicom_release_alone_has_films_views_and_reports(root, tmp_path, monkeypatch):
    cohort = opened("mimic-cxr", root, monkeypatch, tmp_path)
    by_id = {study.study_id: study for study in cohort.studies}
    assert set(by_id) == {"aaaa", "dddd", "eeee"}, "by the headers' views"
    assert by_id["dddd"].report == "Normal."
    assert dict(by_id["eeee"].labels) == {}
    assert cohort.film(by_id["eeee"]).dtype == "uint16"
    assert any("tables that are not there" in note for note in cohort.notes)


def test_the_dicom_release_has_the_labels_of_the_tables_in_its_root(root, tmp_path, monkeypatch):
    put_tables(root)
    cohort = opened("mimic-cxr", root, monkeypatch, tmp_path, split="test")
    (study,) = cohort.studies
    assert (study.study_id, study.labels["pneumothorax"], study.labels["radiologist_pneumothorax"]) == (
        "eeee",
        1,
        0,
    )


def test_another_folder_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"mimic-cxr: .* has no .*cxr-record-list.csv.gz .*it holds nothing"):
        rows_and_problems("mimic-cxr", tmp_path)


def test_a_broken_film_is_left_out_and_counted(root, tmp_path, monkeypatch):
    (root / path_of("aaaa", ".dcm")).write_bytes(b"\0" * 128 + b"DICM" + b"\x02\0\x10")
    cohort = opened("mimic-cxr", root, monkeypatch, tmp_path)
    assert "aaaa" not in {study.study_id for study in cohort.studies}
