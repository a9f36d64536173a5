import json
import shutil

import pytest
from dataset_world import facts, film, opened, put_dicom, put_png, put_text, rows_and_problems

from radbench.errors import UsageError

HEADER = (
    "path_to_image,path_to_dcm,frontal_lateral,ap_pa,deid_patient_id,patient_report_date_order,report,section_findings,"
    "section_impression,age,sex,race,ethnicity,split\n"
)
IMPRESSION = '"1. SMALL PNEUMOTHORAX.\n\n2. CHEST TUBE, IN PLACE."'
ROWS = [
    f'train/patient42142/study5/view1_frontal.jpg,a.dcm,Frontal,AP,patient42142,5,"R\nP",,{IMPRESSION},68.0,Male,White,Hispanic,train',
    "train/patient42142/study5/view2_lateral.jpg,b.dcm,Lateral,,patient42142,5,r,,PNEUMOTHORAX.,68.0,Male,White,,train",
    "train/patient00007/study1/view1_frontal.jpg,c.dcm,Frontal,PA,patient00007,1,r,CLEAR,,41.0,Female,Asian,,train",
    "valid/patient64541/study1/view1_frontal.jpg,d.dcm,Frontal,AP,patient64541,1,r,,NORMAL.,73.0,Male,,,valid",
]
FINDINGS = (
    "Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,"
    "Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices,No Finding"
)


def line(number, **values):
    named = {name: values.get(name.lower().replace(" ", "_")) for name in FINDINGS.split(",")}
    return json.dumps({"path_to_image": ROWS[number].split(",")[0], **named})


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "chexpert-plus"
    put_text(root / "df_chexpert_plus_240401.csv", HEADER + "\n".join(ROWS) + "\n")
    labels = [
        line(0, pneumothorax=1.0, support_devices=1.0, edema=-1.0),
        line(1, pneumothorax=1.0),
        line(3, no_finding=1.0, pneumothorax=float("nan")),
    ]
    put_text(root / "chexbert_labels" / "impression_fixed.json", "\n".join(labels) + "\n")
    put_text(root / "chexbert_labels" / "report_fixed.json", line(0, pneumothorax=0.0) + "\n")
    for number, row in enumerate(ROWS):
        put_png(root / "PNG" / "PNG" / row.split(",")[0].replace(".jpg", ".png"), film(number, 60, 50))
    return root


def test_a_film_is_found_by_its_stem_with_its_impression_and_labels(root, tmp_path, monkeypatch):
    cohort = opened("chexpert-plus", root, monkeypatch, tmp_path, split="train")
    by_id = {study.study_id: study for study in cohort.studies}
    assert set(by_id) == {"patient42142_study5_view1_frontal", "patient00007_study1_view1_frontal"}
    study = by_id["patient42142_study5_view1_frontal"]
    assert study.report == "1. SMALL PNEUMOTHORAX. 2. CHEST TUBE, IN PLACE."
    assert dict(study.labels) == {"pneumothorax": 1, "support_devices": 1, "report_pneumothorax": 0}
    assert study.attributes == {
        "sex": "M",
        "age": 68,
        "race": "White",
        "ethnicity": "Hispanic",
        "view": "AP",
        "split": "train",
    }
    other = by_id["patient00007_study1_view1_frontal"]
    assert (other.report, dict(other.labels)) == ("", {})
    assert cohort.film(study).shape == (60, 50)


def test_what_lacks_an_impression_or_labels_is_counted(root, tmp_path):
    found = facts("chexpert-plus", root, tmp_path / "index")
    assert found.splits == {"train": 3, "val": 1}
    assert found.problems == {
        "films whose report has no impression, their report left empty": 1,
        "films without labels in impression_fixed.json": 1,
        "films without labels in report_fixed.json": 3,
    }
    assert found.labels["no_finding"] == {"1": 1}


@pytest.mark.parametrize(
    ("folder", "suffix"), [("PNG", ".png"), ("PNGs", ".png"), ("", ".jpg"), ("DICOM", ".dcm")]
)
def test_other_folders_and_suffixes_will_do(root, tmp_path, folder, suffix):
    shutil.rmtree(root / "PNG")
    for row in ROWS:
        path = root / folder / row.split(",")[0].replace(".jpg", suffix)
        put_dicom(path) if suffix == ".dcm" else put_png(path)
    assert facts("chexpert-plus", root, tmp_path / "index").films == 4


def test_without_the_labels_the_films_are_there_and_it_is_said(root):
    for path in (root / "chexbert_labels").iterdir():
        path.unlink()
    rows, problems = rows_and_problems("chexpert-plus", root)
    assert problems.counts["files of labels that are not there, so nothing of them is known"] == 2
    assert len(rows) == 4
    assert not any(row.labels for row in rows.values())


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        (
            "chexbert_labels/impression_fixed.json",
            '[{"path',
            r"impression_fixed.json cannot be read .*one JSON object a line",
        ),
        ("chexbert_labels/impression_fixed.json", "[1]", "line 1 is no object"),
        (
            "chexbert_labels/impression_fixed.json",
            line(0, edema=3),
            "line 1: 'Edema' is '3'|row 1: 'Edema' is '3'",
        ),
        (
            "df_chexpert_plus_240401.csv",
            HEADER + ROWS[0].replace(",train", ",dev"),
            "row 2: the split is 'dev'",
        ),
        (
            "df_chexpert_plus_240401.csv",
            "path_to_image,split\n",
            "has no column 'deid_patient_id', 'section_impression'",
        ),
    ],
)
def test_files_that_are_not_as_published_are_one_sentence(root, name, text, sentence):
    (root / name).write_text(text)
    with pytest.raises(UsageError, match=sentence):
        rows_and_problems("chexpert-plus", root)
