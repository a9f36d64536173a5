from collections import Counter

import pytest
from dataset_world import facts, film, opened, put_png, put_text, real_table, rows_and_problems

from radbench.errors import UsageError

HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,"
    "Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices\n"
)
BLANK = "," * 14
TRAIN = [
    "train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0",
    "train/patient00002/study2/view1_frontal.jpg,Male,87,Frontal,PA,,,-1.0,1.0,,-1.0,,,,1.0,1.0,,,",
    "train/patient00002/study2/view2_lateral.jpg,Male,87,Lateral,,,,-1.0,1.0,,-1.0,,,,1.0,1.0,,,",
    f"train/patient00003/study1/view1_frontal.jpg,Unknown,0,Frontal,LL{BLANK}",
]
VALID = [
    "valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP,0.0,1.0,1.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0"
]


def table(prefix, rows):
    return HEADER + "".join(f"{prefix}{row}\n" for row in rows)


@pytest.fixture(params=["CheXpert-v1.0-small/", "CheXpert-v1.0/", ""])
def root(request, tmp_path):
    """The small release with whatever its paths begin with."""
    root = tmp_path / "CheXpert-v1.0-small"
    put_text(root / "train.csv", table(request.param, TRAIN))
    put_text(root / "valid.csv", table(request.param, VALID))
    for number, row in enumerate([*TRAIN, *VALID]):
        put_png(root / row.split(",")[0], film(number, 48, 40))
    return root


def test_a_film_has_labels_person_and_a_report_of_its_findings(root, tmp_path, monkeypatch):
    cohort = opened("chexpert", root, monkeypatch, tmp_path, split="train")
    by_id = {study.study_id: study for study in cohort.studies}
    assert set(by_id) == {"patient00001_study1_view1_frontal", "patient00002_study2_view1_frontal"}
    first, second = by_id.values()
    assert dict(first.labels) == {"no_finding": 1, "pneumothorax": 0, "support_devices": 1}
    assert first.attributes == {"sex": "F", "age": 68, "view": "AP", "split": "train"}
    assert (first.patient_id, first.report) == ("patient00001", "Support devices.")
    assert dict(second.labels) == {"lung_opacity": 1, "pneumothorax": 1, "pleural_effusion": 1}
    assert second.report == "Lung opacity. Pneumothorax. Pleural effusion.", "no uncertain one"
    assert cohort.film(first).shape == (48, 40)
    assert any("1 uncertain labels of edema taken as unknown" in note for note in cohort.notes)


def test_views_splits_and_what_is_unknown_are_counted(root, tmp_path):
    found = facts("chexpert", root, tmp_path / "index")
    assert found.views == {"AP": 2, "PA": 1, "lateral": 1, "unknown": 1}
    assert found.splits == {"train": 4, "val": 1}
    assert found.patients == 4
    assert found.problems == {
        "films called frontal whose AP/PA says that they are lateral, of unknown view": 1,
        "films of unknown sex": 1,
        "films whose age is blank or 0 (the next is 18), of unknown age": 1,
        "tables that are not there, so nothing of their split is known": 1,
    }


def test_the_batches_of_the_full_size_are_looked_through(tmp_path):
    batches = {0: "batch 2 (train 1)", 1: "batch 2 (train 1)", 2: "batch 3 (train 2)", 3: "batch 4 (train 3)"}
    first = tmp_path / "CheXpert-v1.0 batch 1 (validate & csv)"
    put_text(first / "train.csv", table("CheXpert-v1.0/", TRAIN))
    put_text(first / "valid.csv", table("CheXpert-v1.0/", VALID))
    put_png(first / VALID[0].split(",")[0])
    for number, row in enumerate(TRAIN):
        name = row.split(",")[0].removeprefix("train/")
        put_png(tmp_path / f"CheXpert-v1.0 {batches[number]}" / name, seed=number)
    found = facts("chexpert", tmp_path, tmp_path / "index")
    assert (found.films, found.splits) == (5, {"train": 4, "val": 1})


def test_a_film_without_a_file_is_counted(root, tmp_path):
    (root / "train/patient00002/study2/view1_frontal.jpg").unlink()
    found = facts("chexpert", root, tmp_path / "index")
    assert found.films == 4
    assert found.problems["films of the table without a file, left out"] == 1


def test_the_test_set_comes_with_chexlocalize_without_the_columns_of_the_person(tmp_path, monkeypatch):
    columns = ["Path", *HEADER.strip().split(",")[5:]]
    rows = "test/patient64741/study1/view1_frontal.jpg,0,1,1,1,0,0,0,0,0,1,0,0,0,1\n"
    put_text(tmp_path / "loc" / "CheXpert" / "test_labels.csv", ",".join(columns) + "\n" + rows)
    put_png(tmp_path / "loc" / "CheXpert" / "test/patient64741/study1/view1_frontal.jpg")
    cohort = opened("chexpert", tmp_path / "loc", monkeypatch, tmp_path, split="test")
    (study,) = cohort.studies
    assert study.attributes == {"view": "frontal", "split": "test"}
    assert (study.labels["pneumothorax"], study.labels["no_finding"]) == (1, 0)
    assert any("2 tables that are not there" in note for note in cohort.notes)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            ",-1.0,1.0,",
            ",-1.0,2,",
            r"train.csv, row 3: 'Lung Opacity' is '2', expected 1, 0, -1 \(uncertain\) or a blank",
        ),
        ("Pneumothorax", "PTX", "train.csv has no column 'Pneumothorax'; found Path, Sex"),
        (
            "patient00001/study1/",
            "",
            "train.csv, row 2: the path is .*expected one that ends like patient00001/study1",
        ),
    ],
)
def test_a_table_that_is_not_as_published_is_one_sentence(tmp_path, old, new, sentence):
    put_text(tmp_path / "train.csv", table("", TRAIN).replace(old, new, 1))
    with pytest.raises(UsageError, match=sentence):
        rows_and_problems("chexpert", tmp_path)


def test_another_folder_is_one_sentence(tmp_path):
    (tmp_path / "train").mkdir()
    with pytest.raises(
        UsageError, match=r"has no train.csv or valid.csv .*it holds train. Expected the download of"
    ):
        rows_and_problems("chexpert", tmp_path)


def test_the_real_table_is_read_whole(tmp_path):
    (tmp_path / "train.csv.gz").write_bytes(real_table("chexpert_train.csv.gz").read_bytes())
    rows, problems = rows_and_problems("chexpert", tmp_path)
    assert len(rows) == 223_414
    assert len({row.patient_id for row in rows.values()}) == 64_540
    assert Counter(row.view for row in rows.values()) == {
        "AP": 161_590,
        "lateral": 32_387,
        "PA": 29_420,
        "unknown": 17,
    }
    of = {
        name: Counter(row.labels.get(name) for row in rows.values())
        for name in ("pneumothorax", "no_finding")
    }
    assert of["pneumothorax"] == {None: 144_480, 0: 56_341, 1: 19_448, -1: 3_145}
    assert of["no_finding"] == {None: 201_033, 1: 22_381}
    drained = [
        row
        for row in rows.values()
        if row.view != "lateral"
        and row.labels.get("pneumothorax") == 0
        and row.labels.get("support_devices") == 1
    ]
    assert len(drained) == 28_447
    assert problems.counts["films of unknown sex"] == 1
    assert problems.counts["films whose age is blank or 0 (the next is 18), of unknown age"] == 3
