import shutil

import numpy as np
import pytest
from dataset_world import facts, film, opened, put_dicom, put_png, put_text, rows_and_problems

from radbench.errors import UsageError

SOPS = [f"1.2.826.0.1.3680043.8.498.{number}" for number in range(10)]
REPORTS = "SOPInstanceUID,StudyInstanceUID,filename,EncodedPixels,Report"
ROWS = [
    f'{SOPS[0]},1.9,P00012_1.dcm,1024 4 1020 4,"There is a left\npneumothorax, ""small""."',
    f"{SOPS[1]},1.9,P00012_2.dcm,0 10,Two.",
    f"{SOPS[1]},1.9,P00012_2.dcm,5 10,Two.",
    f"{SOPS[2]},1.8,P00013_1.dcm,-1,No pneumothorax.",
    f"{SOPS[3]},1.7,P00014_1.dcm,,Unknown.",
    f"{SOPS[4]},1.6,P00015_1.dcm,-1,Twins.",
    f"{SOPS[4]},1.6,P00016_1.dcm,-1,Twins.",
    f"{SOPS[5]},1.5,P00017_1.dcm,-1,No file.",
    f"{SOPS[6]},1.4,unnamed.dcm,-1,",
]
TUBES = [
    "anon_SOPUID,annotation_ref,mask_rle",
    f"{SOPS[0]},1,2048 3",
    f"{SOPS[0]},2,3072 2",
    f"{SOPS[2]},1,-1",
    f"{SOPS[9]},1,0 1",
]
RIBS = ["anon_SOPUID,annotation_ref,mask_rle", f"{SOPS[2]},1,500 5"]


def a_tree(root, ribs="acute_rib_fracture.csv"):
    put_text(root / "Pneumothorax_reports.csv", "\n".join([REPORTS, *ROWS]) + "\n")
    put_text(root / "chest_tube.csv", "\n".join(TUBES) + "\n")
    put_text(root / ribs, "\n".join(RIBS) + "\n")
    return root


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """DICOM films without a suffix, as they are published: one is listed twice, one has no row, one no film."""
    root = a_tree(tmp_path_factory.mktemp("written") / "candid")
    for number in (0, 1, 2, 3, 4, 6, 7):
        tags = {"PatientSex": "F", "PatientAge": "061Y", "ViewPosition": "AP"} if number == 0 else {}
        put_dicom(root / "dataset" / SOPS[number], film(number, 1024, 1024), **tags)
    return root


@pytest.fixture
def root(written, tmp_path):
    """A copy of the tree that a test may change."""
    return shutil.copytree(written, tmp_path / "candid")


def by_id(cohort):
    return {study.study_id: study for study in cohort.studies}


def test_a_film_has_its_report_its_masks_and_its_patient(root, tmp_path, monkeypatch):
    cohort = opened("candid-ptx", root, monkeypatch, tmp_path)
    found = by_id(cohort)
    assert set(found) == {SOPS[number] for number in (0, 1, 2, 3, 6)}
    first = found[SOPS[0]]
    assert dict(first.labels) == {"pneumothorax": 1, "drain": 1, "rib_fracture": 0}
    assert first.report == 'There is a left pneumothorax, "small".'
    assert first.attributes == {"sex": "F", "age": 61, "view": "AP"}
    assert (first.patient_id, found[SOPS[1]].patient_id) == ("12", "12")
    air = cohort.native_mask(first, "pneumothorax")
    assert air[0:4, 1].all() and air[0:4, 2].all() and air.sum() == 8, "runs go down the columns"
    drain = cohort.native_mask(first, "drain")
    assert drain[0:3, 2].all() and drain[0:2, 3].all() and drain.sum() == 5, "two tubes are united"
    assert cohort.native_mask(found[SOPS[1]], "pneumothorax").sum() == 15
    assert cohort.native_mask(found[SOPS[2]], "rib_fracture").sum() == 5
    assert cohort.native_mask(found[SOPS[2]], "pneumothorax").sum() == 0


def test_what_is_not_known_stays_unknown(root, tmp_path, monkeypatch):
    cohort = opened("candid-ptx", root, monkeypatch, tmp_path)
    found = by_id(cohort)
    assert "pneumothorax" not in found[SOPS[3]].labels
    assert not cohort.has_mask(found[SOPS[3]], "pneumothorax")
    assert "drain" not in found[SOPS[2]].labels, "a tube of -1 has no outline: nobody knows"
    assert not cohort.has_mask(found[SOPS[2]], "drain")
    assert found[SOPS[6]].report == "No findings"
    assert any("1 uncertain labels of drain taken as unknown" in note for note in cohort.notes)


def test_everything_left_out_or_assumed_is_counted(root, tmp_path):
    found = facts("candid-ptx", root, tmp_path / "index")
    assert found.problems == {
        "films of chest_tube.csv without a row in Pneumothorax_reports.csv, left out": 1,
        "films of the table without a file, left out": 1,
        "films without a row in Pneumothorax_reports.csv, left out": 1,
        "films that are listed under several patients, left out": 1,
        "films whose 'filename' names no patient, each taken for a patient of its own": 1,
        "films in which nobody outlined a drain, taken as without one": 3,
        "films in which nobody outlined a rib_fracture, taken as without one": 4,
        "films with a row of drain but no outline of it (-1), taken as uncertain": 1,
    }
    assert found.examples["films that are listed under several patients, left out"] == [f"{SOPS[4]} (15, 16)"]
    assert (found.films, found.patients) == (5, 4)


def test_later_names_png_films_and_a_deeper_folder_are_found(tmp_path, monkeypatch):
    outer = tmp_path / "outer"
    root = a_tree(outer / "candid_ptx", ribs="Rib_fracture_mask_rle.csv")
    put_png(root / "dataset1" / "dataset" / f"{SOPS[0]}.png", film(0, 1024, 1024))
    put_png(root / "dataset1" / "dataset" / f"{SOPS[2]}.png", film(2, 1024, 1024))
    cohort = opened("candid-ptx", outer, monkeypatch, tmp_path)
    found = by_id(cohort)
    assert found[SOPS[0]].attributes == {"view": "frontal"}
    assert found[SOPS[2]].labels["rib_fracture"] == 1


def test_masks_on_a_scaled_copy_are_refused(tmp_path, monkeypatch):
    root = a_tree(tmp_path / "candid")
    put_png(root / "images" / f"{SOPS[0]}.png", film(0, 512, 512))
    cohort = opened("candid-ptx", root, monkeypatch, tmp_path)
    with pytest.raises(UsageError, match=r"has 1024 x 1024 pixels .* has 512 x 512"):
        cohort.native_mask(cohort.studies[0], "drain")


def test_without_the_table_of_tubes_no_drain_is_known(root, tmp_path, monkeypatch):
    (root / "chest_tube.csv").unlink()
    cohort = opened("candid-ptx", root, monkeypatch, tmp_path)
    assert not any("drain" in study.labels for study in cohort.studies)
    assert any("so that drain is unknown of every film" in note for note in cohort.notes)


def test_outlines_win_over_a_row_of_none(root):
    put_text(
        root / "Pneumothorax_reports.csv",
        f"{REPORTS}\n{SOPS[0]},1,P1_1,-1,a\n{SOPS[0]},1,P1_1,0 5,a\n",
    )
    rows, problems = rows_and_problems("candid-ptx", root)
    assert rows[SOPS[0]].labels["pneumothorax"] == 1
    assert problems.counts["films with -1 beside outlines, the outlines taken"] == 1


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        (
            "Pneumothorax_reports.csv",
            "candid-ptx: .* has no Pneumothorax_reports.csv or .*Expected the download",
        ),
        ("dataset", r"candid-ptx: .* has no dataset or .*\(the films\); it holds Pneumothorax_reports.csv"),
    ],
)
def test_half_a_download_is_named(root, tmp_path, monkeypatch, lacking, sentence):
    path = root / lacking
    path.unlink() if path.is_file() else shutil.rmtree(path)
    with pytest.raises(UsageError, match=sentence):
        opened("candid-ptx", root, monkeypatch, tmp_path)


def test_a_changed_table_and_wrong_runs_are_refused(root, tmp_path, monkeypatch):
    put_text(root / "chest_tube.csv", f"anon_SOPUID,ref,mask_rle\n{SOPS[0]},1,1048570 10\n")
    cohort = opened("candid-ptx", root, monkeypatch, tmp_path)
    with pytest.raises(UsageError, match="outside a picture of 1024 x 1024"):
        cohort.native_mask(by_id(cohort)[SOPS[0]], "drain")
    put_text(root / "chest_tube.csv", "SOP,mask\n1,2\n")
    with pytest.raises(UsageError, match="has no column 'anon_SOPUID', 'mask_rle'; found SOP, mask"):
        opened("candid-ptx", root, monkeypatch, tmp_path)


def test_the_films_are_the_files(root, tmp_path, monkeypatch):
    cohort = opened("candid-ptx", root, monkeypatch, tmp_path)
    for number in (0, 1, 2):
        study = by_id(cohort)[SOPS[number]]
        assert np.array_equal(cohort.film(study), film(number, 1024, 1024))
