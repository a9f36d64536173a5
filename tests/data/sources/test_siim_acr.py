import gzip
import shutil

import numpy as np
import pytest
from dataset_world import facts, film, opened, put_dicom, put_text, real_table, rows_and_problems

from radbench.data.masks.runs import decode
from radbench.errors import UsageError

HEADER = "ImageId, EncodedPixels\n"
UIDS = [f"1.2.276.0.7230010.3.1.4.{number}" for number in range(6)]


@pytest.fixture
def root(tmp_path):
    """Six images: two with one outline, one with two that overlap, two with none, one of them without a file."""
    runs = {0: ["1024 4 1020 4"], 1: ["0 10"], 2: ["0 10", "5 10"], 3: ["-1"], 4: ["-1"]}
    rows = [f"{UIDS[number]}, {text}\n" for number, texts in runs.items() for text in texts]
    root = tmp_path / "siim"
    put_text(root / "train-rle.csv", HEADER + "".join(rows))
    for number in (0, 1, 2, 3, 5):
        where = root / "dicom-images-train" / f"study{number}" / f"series{number}" / f"{UIDS[number]}.dcm"
        view = (
            {"ViewPosition": "LL"}
            if number == 3
            else {"ViewPosition": "AP", "PatientSex": "F", "PatientAge": "058Y"}
        )
        put_dicom(where, film(number, 1024, 1024), **view)
    return root


def test_every_image_is_one_film_with_its_label_and_its_outlines(root, tmp_path, monkeypatch):
    cohort = opened("siim-acr", root, monkeypatch, tmp_path)
    by_id = {study.study_id: study for study in cohort.studies}
    assert set(by_id) == set(UIDS[:3])
    assert [dict(by_id[uid].labels) for uid in UIDS[:3]] == [{"pneumothorax": 1}] * 3
    assert by_id[UIDS[0]].attributes == {"sex": "F", "age": 58, "view": "AP"}
    assert by_id[UIDS[0]].report == "Pneumothorax."
    mask = cohort.native_mask(by_id[UIDS[0]], "pneumothorax")
    assert mask[0:4, 1].all() and mask[0:4, 2].all() and mask.sum() == 8, "runs go down the columns"


def test_several_outlines_of_an_image_are_united(root, tmp_path, monkeypatch):
    cohort = opened("siim-acr", root, monkeypatch, tmp_path)
    study = next(study for study in cohort.studies if study.study_id == UIDS[2])
    assert cohort.native_mask(study, "pneumothorax").sum() == 15


def test_what_has_no_partner_and_what_is_lateral_is_counted_and_left_out(root, tmp_path, monkeypatch):
    found = facts("siim-acr", root, tmp_path / "index")
    assert found.problems == {
        "films of the table without a file, left out": 1,
        "films without a row in train-rle.csv, left out": 1,
    }
    assert found.views == {"AP": 3, "lateral": 1}
    cohort = opened("siim-acr", root, monkeypatch, tmp_path)
    assert any("left out for their view: 1 lateral" in note for note in cohort.notes)
    assert any("without a row" in note and UIDS[5] not in note for note in cohort.notes)


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        (
            "train-rle.csv",
            "siim-acr: .* has no train-rle.csv or .* it holds dicom-images-train. Expected the download",
        ),
        ("dicom-images-train", "has no dicom-images-train or .*the films.*it holds train-rle.csv"),
    ],
)
def test_half_a_download_is_named(root, tmp_path, monkeypatch, lacking, sentence):
    path = root / lacking
    path.unlink() if path.is_file() else shutil.rmtree(path)
    with pytest.raises(UsageError, match=sentence):
        opened("siim-acr", root, monkeypatch, tmp_path)


def test_another_table_is_refused(root, tmp_path, monkeypatch):
    put_text(root / "train-rle.csv", "ImageId,ClassId,EncodedPixels2\n1,2,3\n")
    with pytest.raises(
        UsageError, match="has no column 'EncodedPixels'; found ImageId, ClassId, EncodedPixels2"
    ):
        opened("siim-acr", root, monkeypatch, tmp_path)


def test_the_real_table_is_read_whole_and_every_outline_decodes(tmp_path):
    text = gzip.decompress(real_table("siim-pneumothorax-train-rle.csv.gz").read_bytes()).decode()
    images = sorted({line.split(",")[0] for line in text.splitlines()[1:]})
    for image in images:
        path = tmp_path / "dicom-images-train" / f"{image}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    put_text(tmp_path / "train-rle.csv", text)
    rows, problems = rows_and_problems("siim-acr", tmp_path)
    positive = [row for row in rows.values() if row.labels["pneumothorax"]]
    assert (len(rows), len(positive), problems.counts) == (12_047, 2_669, {})
    outlines = [part for row in positive for part in row.masks["pneumothorax"].split("#")[0].split(";")]
    assert len(outlines) == 3_576
    areas = [decode(text, (1024, 1024), relative=True, by_column=True).sum() for text in outlines[::40]]
    assert min(areas) > 0 and np.median(areas) < 200_000
