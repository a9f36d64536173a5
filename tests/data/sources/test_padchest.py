from collections import Counter

import imagecodecs
import numpy as np
import pytest
from dataset_world import facts, film, opened, put_text, real_table, rows_and_problems

from radbench.data.sources import get_source
from radbench.data.sources.source import Problems
from radbench.errors import UsageError

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
COLUMNS = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,ViewPosition_DICOM,Projection,"
    "MethodProjection,Pediatric,Modality_DICOM,Manufacturer_DICOM,PhotometricInterpretation_DICOM,BitsStored_DICOM,"
    "WindowCenter_DICOM,WindowWidth_DICOM,Report,MethodLabel,Labels\n"
)


def line(number, image, labels, projection="PA", folder=0, patient="31357275043099734750", **cells):
    told = {"birth": "1930.0", "sex": "F", "pediatric": "No", "method": "Physician", **cells}
    return (
        f"{number},{image}.png,{folder},20140915,2053668664013634823614867989145588646,{patient},{told['birth']},"
        f"{told['sex']},None,{projection},Manual review of DICOM fields,{told['pediatric']},CR,PhilipsMedicalSystems,"
        f'MONOCHROME2,12,2047.0,4095.0, sin hallazg .,{told["method"]},"{labels}"\n'
    )


def put_film(path, seed=0, height=48, width=64):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(film(seed, height, width).astype(np.uint16) * 15))


@pytest.fixture
def root(tmp_path):
    """Eight rows of every projection and kind of list; films in the folders of their zip files."""
    rows = [
        line(0, "20536686640136348236148679891455886468_a", "['normal']"),
        line(1, "b", "['pleural effusion ', ' chest drain tube', '']", "AP", 1, method="RNN_model"),
        line(2, "c", "['hydropneumothorax', 'chest drain tube']", "AP_horizontal", sex="O", birth="nan"),
        line(3, "d", "['pseudonodule']", "L", 54),
        line(4, "e", "['rib fracture']", "COSTAL"),
        line(5, "f", "['unchanged']", "UNK"),
        line(6, "g", "nan", pediatric="PED"),
        line(7, "gone", "['normal']"),
    ]
    root = tmp_path / "padchest"
    put_text(root / TABLE, COLUMNS + "".join(rows))
    folders = {"b": 1, "d": 54}
    for seed, name in enumerate(["20536686640136348236148679891455886468_a", *"bcdefg"]):
        put_film(root / str(folders.get(name, 0)) / f"{name}.png", seed)
    return root


def test_films_labels_views_and_attributes_are_those_of_the_table(root, tmp_path, monkeypatch):
    cohort = opened("padchest", root, monkeypatch, tmp_path)
    by_id = {study.study_id: study for study in cohort.studies}
    first = by_id["20536686640136348236148679891455886468_a"]
    assert set(by_id) == {first.study_id, "b", "c", "g"} and first.patient_id == "31357275043099734750"
    assert first.labels["no_finding"] == 1 and first.report == "No findings" and first.labels["drain"] == 0
    assert by_id["b"].report == "Pleural effusion. Chest drain tube."
    assert by_id["b"].labels["drain"] == by_id["b"].labels["pleural_effusion"] == 1
    assert by_id["b"].attributes == {
        "sex": "F", "age": 84, "projection": "AP", "projection_by": "Manual review of DICOM fields",
        "method_label": "RNN_model", "pediatric": 0, "modality": "CR", "manufacturer": "PhilipsMedicalSystems",
        "view": "AP",
    }  # fmt: skip
    assert by_id["c"].attributes["projection"] == "AP_horizontal" and by_id["c"].attributes["view"] == "AP"
    assert not {"sex", "age"} & set(by_id["c"].attributes) and by_id["c"].labels["pneumothorax"] == 1
    assert (
        dict(by_id["g"].labels) == {} and by_id["g"].report == "" and by_id["g"].attributes["pediatric"] == 1
    )


def test_a_selection_finds_the_drains_without_pneumothorax(root, tmp_path, monkeypatch):
    cohort = opened("padchest", root, monkeypatch, tmp_path, select={"drain": 1, "pneumothorax": 0})
    assert [study.study_id for study in cohort.studies] == ["b"]


def test_films_of_12_bits_are_not_nearly_black(root, tmp_path, monkeypatch):
    cohort = opened("padchest", root, monkeypatch, tmp_path)
    study = next(study for study in cohort.studies if study.study_id == "b")
    assert cohort.read(study).bits == 12 and cohort.film(study).max() > 40_000
    assert cohort.film(study).shape == (48, 64)


def test_what_is_missing_cut_short_or_open_is_counted(root, tmp_path):
    path = root / "0" / "c.png"
    path.write_bytes(path.read_bytes()[:-20])
    found = facts("padchest", root, tmp_path / "cache")
    assert found.problems["films of the table without a file, left out"] == 1
    assert found.problems["films whose PNG is cut short, left out"] == 1
    assert found.problems["films without a list of labels, whose labels are all unknown"] == 1
    assert found.views == {"AP": 1, "PA": 2, "lateral": 1, "other": 1, "unknown": 1}


@pytest.mark.parametrize("folder", ["", "images", "images-224", "images/0"])
def test_films_may_lie_in_one_folder(root, tmp_path, folder):
    for path in sorted(root.rglob("*.png")):
        if folder != "images/0" or path.parent.name == "0":
            target = root / folder / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    assert facts("padchest", root, tmp_path / "cache").films == 7


def test_a_gzip_table_one_folder_deeper_is_found(root, tmp_path):
    put_text(root / "labels" / f"{TABLE}.gz", (root / TABLE).read_text())
    (root / TABLE).unlink()
    assert facts("padchest", root, tmp_path / "cache").films == 7


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (line(0, "a", "['pneumotorax']"), ("row 2 has the label 'pneumotorax', which is none of PadChest's 194.*"
         "Did you mean 'pneumothorax'")),
        (line(0, "a", "['normal'"), r"row 2 has the Labels .*; expected a list such as \['pneumonia'\]"),
        (line(0, "a", "['normal']", "PA_oblique"), "row 2 has the Projection 'PA_oblique'; expected one of PA, AP"),
    ],
)  # fmt: skip
def test_a_changed_table_is_one_sentence(root, row, sentence):
    put_text(root / TABLE, COLUMNS + row)
    with pytest.raises(UsageError, match=sentence):
        rows_and_problems("padchest", root)


def test_a_folder_without_the_table_is_named(tmp_path):
    (tmp_path / "0").mkdir()
    with pytest.raises(UsageError, match=r"padchest: .* has no PADCHEST\*160K\*.csv .*it holds 0. Expected"):
        rows_and_problems("padchest", tmp_path)


def test_the_real_table_is_read_whole(tmp_path):
    (tmp_path / f"{TABLE}.gz").symlink_to(real_table(f"{TABLE}.gz"))
    problems, views, methods, drains = Problems(), Counter(), Counter(), []
    for row in get_source("padchest").films(tmp_path, problems):
        views[row.view] += 1
        methods[row.attributes["method_label"]] += 1
        if row.view in {"PA", "AP"} and row.labels.get("drain") == 1:
            drains.append(row)
    assert views == {"PA": 91_728, "lateral": 49_579, "AP": 18_905, "other": 641, "unknown": 8}
    assert methods == {"RNN_model": 121_808, "Physician": 39_053}
    without = [row for row in drains if row.labels.get("pneumothorax") != 1]
    assert (len(drains) - len(without), len(without)) == (90, 404)
    assert len({row.patient_id for row in without}) == 243
    assert sum(row.attributes["method_label"] == "Physician" for row in without) == 36
    assert sum(row.labels.get("pneumothorax") == 0 for row in without) == 329, "'unchanged' leaves 75 open"
    assert problems.counts["films without a list of labels, whose labels are all unknown"] == 103
