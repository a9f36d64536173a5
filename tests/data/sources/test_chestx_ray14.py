import gzip
import shutil

import numpy as np
import pytest
from dataset_world import facts, film, opened, put_png, put_text, real_table, rows_and_problems
from PIL import Image

from radbench.errors import UsageError

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
ROWS = [
    "00000001_000.png,Cardiomegaly|Effusion,0,1,57,M,PA,2682,2749,0.143,0.143",
    "00000001_001.png,No Finding,1,1,58,M,PA,2894,2729,0.143,0.143",
    "00000002_000.png,Pleural_Thickening|Infiltration,0,2,81,F,AP,2500,2048,0.171,0.171",
    "00000003_000.png,Edema,0,3,76,F,AP,2500,2048,0.171,0.171",
    "00000004_000.png,Nodule,0,4,82,M,AP,2500,2048,0.171,0.171",
]
BOXES = [
    "Image Index,Finding Label,Bbox [x,y,w,h],,,",
    "00000001_000.png,Cardiomegaly,100,400,300,50",
    "00000002_000.png,Infiltrate,10.5,20.5,30,40",
    "00000002_000.png,Infiltrate,600,700,10,20,,,",
    "00000009_000.png,Mass,1,2,3,4",
]
LEFT = "films of BBox_List_2017.csv that the table of films does not name, left out"


def a_tree(root, rows=ROWS, table="Data_Entry_2017_v2020.csv", header=HEADER):
    put_text(root / table, "\n".join([header, *rows]) + "\n")
    put_text(root / "BBox_List_2017.csv", "\n".join(BOXES) + "\n")
    put_text(root / "train_val_list.txt", "00000001_000.png\r\n00000001_001.png\r\n\r\n")
    put_text(root / "test_list.txt", "00000002_000.png\n00000003_000.png\n00000004_000.png")
    return root


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Four films in the folders of the archives, one with colour and alpha, one row without a film."""
    root = a_tree(tmp_path_factory.mktemp("written") / "nih")
    put_png(root / "images_001" / "images" / "00000001_000.png", film(1, 1024, 1024))
    put_png(root / "images_001" / "images" / "00000001_001.png", film(2, 1024, 1024))
    put_png(root / "images_002" / "images" / "00000002_000.png", film(3, 1024, 1024))
    gray = film(4, 1024, 1024)
    coloured = np.dstack([gray, gray, gray, np.full_like(gray, 255)])
    Image.fromarray(coloured).save(root / "images_002" / "images" / "00000003_000.png")
    return root


@pytest.fixture
def root(written, tmp_path):
    """A copy of the tree that a test may change."""
    return shutil.copytree(written, tmp_path / "nih")


def by_id(cohort):
    return {study.study_id: study for study in cohort.studies}


def test_films_have_their_findings_views_splits_and_boxes(root, tmp_path, monkeypatch):
    cohort = opened("chestx-ray14", root, monkeypatch, tmp_path, split="train")
    found = by_id(cohort)
    assert set(found) == {"00000001_000", "00000001_001"}
    first = found["00000001_000"]
    assert {label for label, value in first.labels.items() if value} == {"cardiomegaly", "pleural_effusion"}
    assert (first.patient_id, first.report) == ("1", "Cardiomegaly. Effusion.")
    assert first.attributes == {"sex": "M", "age": 57, "follow_up": 0, "view": "PA", "split": "train"}
    assert found["00000001_001"].report == "No findings"
    assert found["00000001_001"].labels["no_finding"] == 1
    mask = cohort.native_mask(first, "box_cardiomegaly")
    assert mask.shape == (1024, 1024) and mask[400:450, 100:400].all() and mask.sum() == 50 * 300
    assert not cohort.has_mask(first, "box_pneumothorax")


def test_the_boxes_of_a_finding_are_united_and_colour_films_are_read(root, tmp_path, monkeypatch):
    cohort = opened("chestx-ray14", root, monkeypatch, tmp_path, split="test")
    found = by_id(cohort)
    assert found["00000002_000"].report == "Infiltration. Pleural thickening."
    mask = cohort.native_mask(found["00000002_000"], "box_infiltration")
    assert mask.sum() == 30 * 40 + 10 * 20 and mask[21:60, 11:40].all() and mask[700:720, 600:610].all()
    assert np.array_equal(cohort.film(found["00000003_000"]), film(4, 1024, 1024))
    assert any(LEFT in note and "00000009_000" not in note for note in cohort.notes)
    assert any("without a file, left out" in note for note in cohort.notes)
    assert any("scaled to 1024 x 1024" in note for note in cohort.notes)


def test_a_flat_folder_one_level_deeper_is_found(root, tmp_path, monkeypatch):
    outer = tmp_path / "outer"
    deeper = a_tree(outer / "nih")
    (deeper / "images").mkdir()
    for path in root.glob("images_*/images/*.png"):
        shutil.move(path, deeper / "images" / path.name)
    assert len(opened("chestx-ray14", outer, monkeypatch, tmp_path, split="test").studies) == 2


def test_boxes_on_a_scaled_copy_are_refused(root, tmp_path, monkeypatch):
    put_png(root / "images_002" / "images" / "00000002_000.png", film(3, 512, 512))
    cohort = opened("chestx-ray14", root, monkeypatch, tmp_path, split="test")
    with pytest.raises(UsageError, match=r"has 1024 x 1024 pixels .* and its image .* has 512 x 512"):
        cohort.native_mask(by_id(cohort)["00000002_000"], "box_infiltration")


def test_an_old_table_has_a_further_comma_and_ages_that_cannot_be(tmp_path):
    rows = [
        "00000001_000.png,Hernia,0,1,058Y,M,PA,2682,2749,0.143,0.143,",
        "00000001_001.png,Hernia,1,1,411,M,PA,2682,2749,0.143,0.143,",
        "00000002_000.png,Hernia,0,00000002,13M,F,PA,2682,2749,0.143,0.143,",
    ]
    a_tree(tmp_path, rows, "Data_Entry_2017.csv", HEADER + ",")
    (tmp_path / "images").mkdir()
    found, problems = rows_and_problems("chestx-ray14", tmp_path)
    assert [found[study].attributes.get("age") for study in found] == [58, None, 0]
    assert found["00000002_000"].patient_id == "2"
    kind = "ages that cannot be (120 years and more, or no number), taken as unknown"
    assert (problems.counts[kind], problems.examples[kind]) == (1, ["00000001_001.png (411)"])


def test_without_lists_there_are_no_splits_and_one_list_alone_is_half_a_download(root, tmp_path, monkeypatch):
    (root / "train_val_list.txt").rename(root / "train_val_list_NIH.txt")
    assert facts("chestx-ray14", root, tmp_path / "index").splits == {"test": 2, "train": 2}
    (root / "train_val_list_NIH.txt").unlink()
    with pytest.raises(UsageError, match=r"has no train_val_list.txt \(one list of the splits without the"):
        opened("chestx-ray14", root, monkeypatch, tmp_path)
    (root / "test_list.txt").unlink()
    assert facts("chestx-ray14", root, tmp_path / "index").splits == {}


def test_a_film_of_both_lists_or_of_neither_is_told(root, tmp_path):
    put_text(root / "test_list.txt", "00000002_000.png\n")
    _, problems = rows_and_problems("chestx-ray14", root)
    assert problems.counts["films that neither list of the official splits names, without a split"] == 2
    put_text(root / "test_list.txt", "00000001_000.png\n")
    with pytest.raises(
        UsageError, match=r"test_list.txt names 00000001_000, which train_val_list.txt names too"
    ):
        rows_and_problems("chestx-ray14", root)


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (
            "Effusions",
            "row 2 has the findings 'Effusions'; expected 'No Finding' alone, or some of Atelectasis",
        ),
        ("No Finding|Mass", "row 2 has the findings 'No Finding|Mass'"),
        ("", "row 2 has the findings ''"),
    ],
)
def test_an_unknown_finding_is_named_with_its_row(tmp_path, cell, sentence):
    a_tree(tmp_path, [f"1.png,{cell},0,1,57,M,PA,1,1,1,1"])
    (tmp_path / "images").mkdir()
    with pytest.raises(UsageError) as caught:
        rows_and_problems("chestx-ray14", tmp_path)
    assert sentence in str(caught.value)


def test_half_a_download_and_another_table_are_named(root, tmp_path, monkeypatch):
    for folder in root.glob("images_*"):
        shutil.rmtree(folder)
    put_text(root / "images_001.tar.gz", "packed")
    with pytest.raises(
        UsageError,
        match=r"has no images_001/images or images \(the films, unpacked\); it holds .*images_001.tar",
    ):
        opened("chestx-ray14", root, monkeypatch, tmp_path)
    put_text(root / "Data_Entry_2017_v2020.csv", "id,label\n1,2\n")
    (root / "images").mkdir()
    with pytest.raises(UsageError, match="has no column 'Image Index', 'Finding Labels'"):
        opened("chestx-ray14", root, monkeypatch, tmp_path)
    (root / "Data_Entry_2017_v2020.csv").unlink()
    with pytest.raises(UsageError, match=r"has no Data_Entry_2017_v2020.csv or .*Expected the download of"):
        opened("chestx-ray14", root, monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("name", "further", "cells"),
    [
        ("google2019_nih-chest-xray-labels.csv", ",Set Id", ",test"),
        ("four_findings_expert_labels/test_labels.csv", "", ""),
    ],
)
def test_labels_of_several_readers_have_their_own_names(root, name, further, cells):
    read = "Image Index,Fracture,Pneumothorax,Airspace opacity,Nodule or mass"
    put_text(root / name, f"{read}{further}\n00000004_000.png,NO,YES,HEDGE,NO{cells}\n")
    found, _ = rows_and_problems("chestx-ray14", root)
    row = found["00000004_000"]
    assert {label: value for label, value in row.labels.items() if label.startswith("adjudicated_")} == {
        "adjudicated_fracture": 0,
        "adjudicated_pneumothorax": 1,
        "adjudicated_airspace_opacity": -1,
        "adjudicated_nodule_or_mass": 0,
    }
    assert (row.labels["pneumothorax"], row.attributes["adjudicated_set"]) == (0, "test")
    assert "adjudicated_set" not in found["00000003_000"].attributes
    put_text(root / name, f"{read}{further}\n00000004_000.png,NO,MAYBE,NO,NO{cells}\n")
    with pytest.raises(UsageError, match="row 2 has Pneumothorax 'MAYBE'; expected one of YES, NO, HEDGE"):
        rows_and_problems("chestx-ray14", root)


def test_the_real_tables_are_read_whole(tmp_path):
    (tmp_path / "images").mkdir()
    for name in (
        "Data_Entry_2017_v2020.csv",
        "BBox_List_2017.csv",
        "google2019_nih-chest-xray-labels.csv",
    ):
        text = gzip.decompress(real_table(f"{name}.gz").read_bytes())
        (tmp_path / name).write_bytes(text)
    rows, problems = rows_and_problems("chestx-ray14", tmp_path)
    views = [row.view for row in rows.values()]
    assert (len(rows), len({row.patient_id for row in rows.values()})) == (112_120, 30_805)
    assert (views.count("PA"), views.count("AP")) == (67_310, 44_810)
    positive = {
        label: sum(row.labels[label] for row in rows.values()) for label in ("pneumothorax", "no_finding")
    }
    assert positive == {"pneumothorax": 5_302, "no_finding": 60_361}
    assert max(row.attributes["age"] for row in rows.values()) == 95
    boxes = [text for row in rows.values() for text in row.masks.values()]
    assert sum(text.split("#")[0].count(";") + 1 for text in boxes) == 984
    assert sum(bool(row.masks) for row in rows.values()) == 880
    read = [row for row in rows.values() if "adjudicated_set" in row.attributes]
    sets = [row.attributes["adjudicated_set"] for row in read]
    assert (sets.count("val"), sets.count("test")) == (2_414, 1_962)
    assert sum(row.labels["adjudicated_pneumothorax"] for row in read) == 238
    assert problems.counts == {}
