import numpy as np
import pytest
from dataset_world import facts, film, opened, put_dicom, put_png, put_text, rows_and_problems

from radbench.errors import UsageError

STUDIES = "id,Negative for Pneumonia,Typical Appearance,Indeterminate Appearance,Atypical Appearance\n"
IMAGES = "id,boxes,label,StudyInstanceUID\n"
BOX = "\"[{'x': 10.5, 'y': 5.0, 'width': 20.0, 'height': 30.0}, {'x': 60, 'y': 40, 'width': 30, 'height': 10}]\""
LABEL = "opacity 1 10.5 5 30.5 35 opacity 1 60 40 90 50"
NONE = "none 1 0 0 1 1"


@pytest.fixture
def root(tmp_path):
    """Four studies, one of each appearance; the typical one has two films of one patient, one of them with boxes."""
    root = tmp_path / "siim-covid19-detection"
    put_text(
        root / "train_study_level.csv",
        STUDIES + "neg_study,1,0,0,0\ntyp_study,0,1,0,0\nind_study,0,0,1,0\naty_study,0,0,0,1\n",
    )
    rows = [
        f"a_image,,{NONE},neg",
        f"b_image,{BOX},{LABEL},typ",
        f"c_image,,{NONE},typ",
        f"d_image,{BOX},{LABEL},ind",
        f"e_image,{BOX},{LABEL},aty",
        f"gone_image,{BOX},{LABEL},ind",
    ]
    put_text(root / "train_image_level.csv", IMAGES + "\n".join(rows) + "\n")
    for seed, (image, study, patient) in enumerate(
        [("a", "neg", "P1"), ("b", "typ", "P2"), ("c", "typ", "P2"), ("d", "ind", "P1"), ("e", "aty", "")]
    ):
        tags = {"PatientID": patient, "PatientSex": "M"}
        values = film(seed, 64, 128).astype(np.uint16) * 16
        put_dicom(
            root / "train" / study / f"series{seed}" / f"{image}.dcm",
            values,
            BitsStored=12,
            HighBit=11,
            **tags,
        )
    return root


def test_the_labels_are_those_of_appendix_b(root, tmp_path, monkeypatch):
    by_id = {
        study.study_id: study for study in opened("siim-fisabio-covid19", root, monkeypatch, tmp_path).studies
    }
    assert {name: study.labels["covid"] for name, study in by_id.items()} == {
        "a": 0,
        "b": 1,
        "c": 1,
        "d": 1,
        "e": 0,
    }
    assert by_id["e"].labels["atypical"] == 1 and by_id["e"].labels["typical"] == 0
    assert by_id["a"].report == "No findings" and by_id["d"].report == "Indeterminate appearance."


def test_patients_are_those_of_the_headers_and_else_the_studies(root, tmp_path, monkeypatch):
    by_id = {
        study.study_id: study for study in opened("siim-fisabio-covid19", root, monkeypatch, tmp_path).studies
    }
    assert {name: study.patient_id for name, study in by_id.items()} == {
        "a": "P1", "b": "P2", "c": "P2", "d": "P1", "e": "aty",
    }  # fmt: skip
    assert by_id["a"].attributes == {"sex": "M", "study": "neg", "view": "frontal"}


def test_boxes_land_in_the_pixels_of_the_dicom_and_only_where_there_are_any(root, tmp_path, monkeypatch):
    cohort = opened("siim-fisabio-covid19", root, monkeypatch, tmp_path)
    by_id = {study.study_id: study for study in cohort.studies}
    mask = cohort.native_mask(by_id["b"], "covid_boxes")
    expected = np.zeros((64, 128), bool)
    expected[5:35, 10:30] = True
    expected[40:50, 60:90] = True
    assert mask.shape == (64, 128) and (mask ^ expected).sum() <= 30, (
        "a box may begin in the middle of a pixel"
    )
    assert {name: cohort.has_mask(study, "covid_boxes") for name, study in by_id.items()} == {
        "a": False, "b": True, "c": False, "d": True, "e": True,
    }  # fmt: skip


def test_what_is_odd_is_counted(root, tmp_path):
    put_dicom(root / "train" / "x" / "y" / "stray.dcm", film(9))
    found = facts("siim-fisabio-covid19", root, tmp_path / "cache")
    assert found.problems == {
        "films of a study with an opacity but without a box (it may be on another film of the study)": 1,
        "films of the table without a file, left out": 1,
        "films without a row in train_image_level.csv, left out": 1,
    }
    assert (found.films, found.patients, found.splits) == (5, 3, {})


def test_a_label_that_disagrees_with_the_boxes_is_counted(root):
    text = (root / "train_image_level.csv").read_text().replace(f"{BOX},{LABEL},ind", f"{BOX},{NONE},ind", 1)
    put_text(root / "train_image_level.csv", text)
    _, problems = rows_and_problems("siim-fisabio-covid19", root)
    assert problems.counts["films whose boxes are not as many as their label says, the boxes taken"] == 1


@pytest.mark.parametrize("boxes", ["__import__('os').getcwd()", "[{'x': 1}]", "[1, 2", "\"[{'x': 'a'}]\""])
def test_a_cell_of_boxes_is_never_run_and_a_broken_one_is_named(root, boxes):
    put_text(root / "train_image_level.csv", IMAGES + f'a_image,"{boxes.strip(chr(34))}",{NONE},neg\n')
    with pytest.raises(
        UsageError, match=r"train_image_level.csv, row 2 has the boxes .* expected a list such as"
    ):
        rows_and_problems("siim-fisabio-covid19", root)


@pytest.mark.parametrize("values", ["0,0,0,0", "1,1,0,0", "0,2,0,0", "0,x,0,0"])
def test_a_study_has_one_appearance(root, values):
    put_text(root / "train_study_level.csv", STUDIES + f"neg_study,{values}\n")
    with pytest.raises(UsageError, match=r"row 2 has .*; expected one 1 and three 0"):
        rows_and_problems("siim-fisabio-covid19", root)


def test_a_mirror_of_smaller_films_is_refused(root):
    for path in root.rglob("*.dcm"):
        path.unlink()
    put_png(root / "train" / "a.png")
    with pytest.raises(UsageError, match="the boxes count in their pixels and a mirror's films are smaller"):
        rows_and_problems("siim-fisabio-covid19", root)


def test_half_a_download_is_named(root):
    (root / "train_study_level.csv").unlink()
    with pytest.raises(UsageError, match=r"has no train_study_level.csv or .*labels of the studies"):
        rows_and_problems("siim-fisabio-covid19", root)
