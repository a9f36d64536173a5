import csv
import gzip
import json
import shutil
import zipfile

import pytest
from dataset_world import facts, film, opened, put_dicom, put_text, real_table, rows_and_problems

from radbench.data.sources.trees import view_of
from radbench.errors import UsageError

LABELS = [
    "patientId,x,y,width,height,Target",
    "aaa,264.0,152.0,213.0,379.0,1",
    "aaa,562.0,152.0,256.0,453.0,1",
    "bbb,,,,,0",
    "ccc,,,,,0",
    "ddd,1.0,2.0,3.0,4.0,1",
]
CLASSES = [
    "patientId,class",
    "aaa,Lung Opacity",
    "aaa,Lung Opacity",
    "bbb,Normal",
    "ccc,No Lung Opacity / Not Normal",
    "ddd,Lung Opacity",
]
MAPPING = [
    {"subset_img_id": "aaa", "img_id": "00000013_008.png", "orig_labels": ["Infiltration"]},
    {"subset_img_id": "bbb", "img_id": "00000013_009.png", "orig_labels": ["No Finding"]},
]
ALONE = (
    "films without a row in pneumonia-challenge-dataset-mappings_2018.json, each taken for a patient of its own though "
    "it may not be"
)
pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR AS")


@pytest.fixture
def root(tmp_path):
    """Three of four films; their ages are as in the published headers, without the Y of DICOM."""
    root = tmp_path / "rsna"
    put_text(root / "stage_2_train_labels.csv", "\n".join(LABELS) + "\n")
    put_text(root / "stage_2_detailed_class_info.csv", "\n".join(CLASSES) + "\n")
    put_text(root / "pneumonia-challenge-dataset-mappings_2018.json", json.dumps(MAPPING))
    for name, view in {"aaa": "AP", "bbb": "PA", "ccc": "PA"}.items():
        where = root / "stage_2_train_images" / f"{name}.dcm"
        put_dicom(where, film(len(view), 1024, 1024), ViewPosition=view, PatientSex="F", PatientAge="51")
    return root


def by_id(cohort):
    return {study.study_id: study for study in cohort.studies}


def test_a_film_has_its_label_its_class_its_patient_and_the_union_of_its_boxes(root, tmp_path, monkeypatch):
    cohort = opened("rsna-pneumonia", root, monkeypatch, tmp_path)
    found = by_id(cohort)
    assert set(found) == {"aaa", "bbb", "ccc"}
    first = found["aaa"]
    assert dict(first.labels) == {"pneumonia": 1, "no_finding": 0}
    assert first.attributes == {
        "sex": "F",
        "age": 51,
        "view": "AP",
        "detailed_class": "Lung Opacity",
        "chestx_ray14": "00000013_008",
    }
    assert [found[name].report for name in ("aaa", "bbb", "ccc")] == [
        "Lung Opacity.",
        "No findings",
        "No Lung Opacity / Not Normal.",
    ]
    assert [found[name].patient_id for name in ("aaa", "bbb", "ccc")] == ["13", "13", "ccc"]
    assert dict(found["ccc"].labels) == {"pneumonia": 0, "no_finding": 0}
    mask = cohort.native_mask(first, "box_pneumonia")
    assert mask[152:531, 264:477].all() and mask[152:605, 562:818].all()
    assert mask.sum() == 379 * 213 + 453 * 256
    assert not cohort.has_mask(found["bbb"], "box_pneumonia")


def test_what_is_not_there_is_counted(root, tmp_path):
    found = facts("rsna-pneumonia", root, tmp_path / "index")
    assert found.problems == {ALONE: 2, "films of the table without a file, left out": 1}
    assert (found.films, found.patients, found.views) == (3, 2, {"AP": 1, "PA": 2})


def test_without_classes_and_patients_less_is_said(root, tmp_path, monkeypatch):
    (root / "stage_2_detailed_class_info.csv").unlink()
    (root / "pneumonia-challenge-dataset-mappings_2018.json").unlink()
    cohort = opened("rsna-pneumonia", root, monkeypatch, tmp_path)
    found = by_id(cohort)
    assert dict(found["bbb"].labels) == {"pneumonia": 0}
    assert found["bbb"].report == "No Lung Opacity.", "whether it is normal is not known"
    assert found["aaa"].patient_id == "aaa"
    assert any(note.startswith(f"rsna-pneumonia: 4 {ALONE}") for note in cohort.notes)


def test_zipped_tables_one_folder_deeper_are_read(root, tmp_path, monkeypatch):
    outer = tmp_path / "outer"
    shutil.copytree(root, outer / "kaggle")
    assert len(opened("rsna-pneumonia", outer, monkeypatch, tmp_path).studies) == 3
    with zipfile.ZipFile(root / "stage_2_train_labels.csv.zip", "w") as archive:
        archive.write(root / "stage_2_train_labels.csv", "stage_2_train_labels.csv")
    (root / "stage_2_train_labels.csv").unlink()
    assert len(opened("rsna-pneumonia", root, monkeypatch, tmp_path).studies) == 3


@pytest.mark.parametrize(
    ("table", "rows", "sentence"),
    [
        ("stage_2_train_labels.csv", [LABELS[0], "aaa,,,,,1"], "row 2 has Target '1' and the box ''"),
        (
            "stage_2_train_labels.csv",
            [LABELS[0], "aaa,1,2,3,4,0"],
            "row 2 has Target '0' and the box '1,2,3,4'",
        ),
        ("stage_2_train_labels.csv", [LABELS[0], "aaa,,,,,2"], "row 2 has Target '2'"),
        ("stage_2_train_labels.csv", [LABELS[0], "aaa,1,2,,4,1"], "row 2 has the box '1, 2, , 4'"),
        ("stage_2_train_labels.csv", ["id,label", "1,2"], "has no column 'patientId', 'x'"),
        (
            "stage_2_detailed_class_info.csv",
            [CLASSES[0], "aaa,Normal"],
            "says 'Normal' of aaa, which has 2 boxes",
        ),
        ("stage_2_detailed_class_info.csv", [CLASSES[0], "aaa,Odd"], "row 2 has the class 'Odd'"),
        (
            "stage_2_detailed_class_info.csv",
            [CLASSES[0], "bbb,Normal", "bbb,No Lung Opacity / Not Normal"],
            "row 3 says 'No Lung Opacity / Not Normal' of bbb, and 'Normal' before",
        ),
        ("pneumonia-challenge-dataset-mappings_2018.json", ['{"a": 1}'], "expected a list of groups with"),
    ],
)
def test_a_table_that_contradicts_itself_is_named(root, table, rows, sentence):
    put_text(root / table, "\n".join(rows) + "\n")
    with pytest.raises(UsageError) as caught:
        rows_and_problems("rsna-pneumonia", root)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("lacking", ["stage_2_train_labels.csv", "stage_2_train_images"])
def test_half_a_download_is_named(root, tmp_path, monkeypatch, lacking):
    path = root / lacking
    path.unlink() if path.is_file() else shutil.rmtree(path)
    with pytest.raises(
        UsageError, match=f"rsna-pneumonia: .* has no {lacking} or .*Expected the download of"
    ):
        opened("rsna-pneumonia", root, monkeypatch, tmp_path)


def test_the_real_table_is_read_whole(tmp_path):
    shutil.copy(real_table("kaggle_stage_2_train_labels.csv.zip"), tmp_path / "stage_2_train_labels.csv.zip")
    (tmp_path / "stage_2_train_images").mkdir()
    rows, problems = rows_and_problems("rsna-pneumonia", tmp_path)
    assert (len(rows), sum(row.labels["pneumonia"] for row in rows.values())) == (26_684, 6_012)
    boxes = [row.masks["box_pneumonia"] for row in rows.values() if row.masks]
    assert sum(text.split("#")[0].count(";") + 1 for text in boxes) == 9_555
    assert problems.counts == {ALONE: 26_684}


def test_the_real_headers_have_views_that_are_known():
    text = gzip.decompress(
        real_table("kaggle_stage_2_train_images_dicom_headers.csv.gz").read_bytes()
    ).decode()
    views = [view_of(row["ViewPosition"]) for row in csv.DictReader(text.splitlines())]
    assert (views.count("PA"), views.count("AP"), len(views)) == (14_511, 12_173, 26_684)
