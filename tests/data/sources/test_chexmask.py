import csv
import gzip
import io

import numpy as np
import pytest
from dataset_world import facts, film, opened, put_png, rows_and_problems

from radbench.data.sources import get_source
from radbench.data.sources.chexmask import Chexmask
from radbench.data.sources.source import DatasetSource, FilmRow
from radbench.errors import UsageError

HEIGHT, WIDTH = 60, 80
HEADER = [
    "dicom_id",
    "Dice RCA (Mean)",
    "Dice RCA (Max)",
    "Landmarks",
    "Left Lung",
    "Right Lung",
    "Heart",
    "Height",
    "Width",
]
LANDMARKS = "[[ 12  30]\n [ 13  31]]"


def organ(shape, x, y=28, height=18, width=9):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 <= 1


def encoded(mask):
    """(first pixel from 1, length) along the rows."""
    flat = np.concatenate([[0], mask.ravel().astype(int), [0]])
    edges = np.flatnonzero(np.diff(flat))
    return " ".join(f"{first + 1} {end - first}" for first, end in zip(edges[::2], edges[1::2], strict=True))


def organs(shape=(HEIGHT, WIDTH)):
    """The patient's left lung is on the film's right."""
    return organ(shape, 56), organ(shape, 22), organ(shape, 42, 36, 10, 8)


def row(name, dice=(0.85, 0.9), shape=(HEIGHT, WIDTH), told=None, runs=None):
    height, width = told or shape
    texts = runs or [encoded(mask) for mask in organs(shape)]
    return [name, dice[0], dice[1], LANDMARKS, *texts, height, width]


def put_table(path, rows, header=HEADER):
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


class Host(DatasetSource):
    """Films in a folder, as MIMIC-CXR-JPG names them."""

    name = "mimic-cxr-jpg"
    title = url = licence = "a host"
    download = ()
    labels = ("pneumothorax",)

    def tables(self, root, host=""):
        return ()

    def films(self, root, problems, host=""):
        for path in sorted(root.glob("*.png")):
            yield FilmRow(path.stem, path.stem, path.name, "PA", labels={"pneumothorax": 0})


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Five films of a host and CheXmask's table of four of them."""
    sources = {"mimic-cxr-jpg": Host()}
    monkeypatch.setattr(
        "radbench.data.sources.cohort.get_source", lambda name: sources.get(name) or get_source(name)
    )
    root = tmp_path / "chexmask"
    monkeypatch.setenv("RADBENCH_DATA_CHEXMASK", str(root))
    for number in range(5):
        put_png(tmp_path / "host" / f"id-{number}.png", film(number, HEIGHT, WIDTH))
    rows = [
        row("id-0"),
        row("id-1", dice=(0.6, 0.7), told=("60.0", "80.0")),
        row("id-2", told=(WIDTH, HEIGHT)),
        row("id-3", dice=(0.9, 0.75), told=("", "")),
    ]
    put_table(root / "OriginalResolution" / "MIMIC-CXR-JPG.csv", rows)
    return tmp_path


def cohort_of(world, monkeypatch, **fields):
    return opened("mimic-cxr-jpg", world / "host", monkeypatch, world, masks_from=["chexmask"], **fields)


def test_masks_land_on_the_films_whatever_the_table_says_of_their_size(world, monkeypatch):
    cohort = cohort_of(world, monkeypatch)
    left, right, heart = organs()
    for study in cohort.studies[:4]:
        for name, truth in (
            ("lung_left", left),
            ("lung_right", right),
            ("heart", heart),
            ("lungs", left | right),
        ):
            reading = cohort.mask_reading(study, name)
            np.testing.assert_array_equal(reading.mask, truth, err_msg=f"{study.study_id} {name}")
            assert not reading.warnings
        centres = [
            np.nonzero(cohort.native_mask(study, f"lung_{side}"))[1].mean() for side in ("left", "right")
        ]
        assert centres[0] > WIDTH / 2 > centres[1], "the patient's left is on the film's right"
    assert not cohort.has_mask(cohort.studies[4], "lungs")
    assert any("holds something of 4 of the 5 films" in note for note in cohort.notes)
    assert any("at least 0.7" in note for note in cohort.notes)


def test_films_are_selected_by_the_estimated_dice(world, monkeypatch):
    chosen = cohort_of(world, monkeypatch, select={"chexmask_dice": ">=0.7"})
    assert [study.study_id for study in chosen.studies] == ["id-0", "id-2", "id-3"]
    assert [study.attributes["chexmask_dice"] for study in chosen.studies] == [0.85, 0.85, 0.75]


def test_what_is_odd_in_the_table_is_counted(world):
    found = facts("chexmask", world / "chexmask", world / "index", "mimic-cxr-jpg")
    assert found.problems == {
        "rows whose Dice RCA (Max) is below Dice RCA (Mean) (the names are exchanged), the smaller taken": 1,
        "rows without Height and Width, the film's own size taken": 1,
    }
    assert found.masks == {"lung_left": 4, "lung_right": 4, "heart": 4, "lungs": 4}


def test_the_heights_and_widths_of_another_film_are_refused(world, monkeypatch):
    put_table(world / "chexmask" / "OriginalResolution" / "MIMIC-CXR-JPG.csv", [row("id-0", told=(64, 80))])
    cohort = cohort_of(world, monkeypatch)
    with pytest.raises(UsageError, match=r"has 64 x 80 pixels .* has 60 x 80; make them the same size"):
        cohort.native_mask(cohort.studies[0], "lungs")


def test_sides_that_are_exchanged_are_warned_of(world, monkeypatch):
    left, right, heart = (encoded(mask) for mask in organs())
    table = world / "chexmask" / "OriginalResolution" / "MIMIC-CXR-JPG.csv"
    put_table(table, [row("id-0", runs=[right, left, heart])])
    cohort = cohort_of(world, monkeypatch)
    assert (
        "should be on the patient's left" in cohort.mask_reading(cohort.studies[0], "lung_left").warnings[0]
    )


def test_the_index_is_the_same_in_smaller_parts_and_a_cell_may_be_long(world, monkeypatch):
    comb = np.zeros((600, 1200), dtype=bool)
    comb[:, 600::3] = True
    shape, text = comb.shape, encoded(comb)
    assert len(text) > 1_000_000
    put_png(world / "host" / "id-5.png", film(5, *shape))
    table = world / "chexmask" / "OriginalResolution" / "MIMIC-CXR-JPG.csv"
    rows = [row(f"id-{number}") for number in range(5)]
    put_table(table, [*rows, row("id-5", shape=shape, runs=[text] * 3)])
    monkeypatch.setattr(Chexmask, "at_once", 2)
    cohort = cohort_of(world, monkeypatch)
    left, right, _ = organs()
    for study in cohort.studies[:5]:
        np.testing.assert_array_equal(cohort.native_mask(study, "lungs"), left | right)
    np.testing.assert_array_equal(cohort.native_mask(cohort.studies[5], "lungs"), comb)


@pytest.mark.parametrize(
    ("host", "name", "key", "cell", "study"),
    [
        ("chestx-ray14", "ChestX-Ray8.csv", "Image Index", "00000001_000.png", "00000001_000"),
        (
            "chexpert",
            "CheXpert.csv.gz",
            "Path",
            "train/patient00001/study1/view1_frontal.jpg",
            "patient00001_study1_view1_frontal",
        ),
        (
            "chexpert-plus",
            "CheXpert.csv",
            "Path",
            "CheXpert-v1.0/valid/patient64541/study1/view1_frontal.jpg",
            "patient64541_study1_view1_frontal",
        ),
        ("mimic-cxr", "MIMIC-CXR-JPG.csv.gz", "dicom_id", "02aa804e-bde0afdd", "02aa804e-bde0afdd"),
        ("padchest", "PadChest.csv", "ImageID", "1234_a-b.png", "1234_a-b"),
        (
            "vindr-cxr",
            "VinDr-CXR.csv",
            "image_id",
            "000434271f63a053c4128a0ba6352c7f",
            "000434271f63a053c4128a0ba6352c7f",
        ),
        ("candid-ptx", "CANDID-PTX.csv", "ImageID", "1.2.826.0.1.jpg", "1.2.826.0.1"),
    ],
)
def test_every_host_has_its_own_column_of_ids_and_its_own_order(tmp_path, host, name, key, cell, study):
    header = [key, *HEADER[1:]]
    cells = row(cell, dice=(0.91, 0.95))
    if host == "padchest":
        header[1], header[2] = header[2], header[1]
        cells[1], cells[2] = cells[2], cells[1]
    where = (
        tmp_path
        / "physionet.org"
        / "files"
        / "chexmask-cxr-segmentation-data"
        / "1.0.0"
        / "OriginalResolution"
    )
    put_table((where if host != "padchest" else tmp_path) / name, [cells], header)
    rows, problems = rows_and_problems("chexmask", tmp_path, host)
    assert list(rows) == [study]
    assert rows[study].attributes == {"chexmask_dice": 0.91}
    assert problems.counts == {}


def test_masks_of_scaled_films_are_refused(tmp_path):
    put_table(tmp_path / "Preprocessed" / "VinDr-CXR.csv", [row("a")], ["image_id", *HEADER[1:]])
    for root in (tmp_path, tmp_path / "Preprocessed"):
        with pytest.raises(
            UsageError, match=r"cut, padded and scaled to 1024 x 1024.*download OriginalResolution/VinDr"
        ):
            rows_and_problems("chexmask", root, "vindr-cxr")
    with pytest.raises(UsageError, match=r"has no OriginalResolution/CheXpert.csv .*the masks of chexpert"):
        rows_and_problems("chexmask", tmp_path, "chexpert")


def test_half_a_download_and_a_row_without_an_organ_are_told(tmp_path):
    left, right, _ = (encoded(mask) for mask in organs())
    rows = [
        row("a", runs=[left, right, ""]),
        row("b", runs=["", right, "-1"]),
        row("", dice=("", "")),
        row("c", ("", "")),
    ]
    table = put_table(tmp_path / "OriginalResolution" / "MIMIC-CXR-JPG.csv", rows)
    found, problems = rows_and_problems("chexmask", tmp_path, "mimic-cxr-jpg")
    assert {study: sorted(one.masks) for study, one in found.items()} == {
        "a": ["lung_left", "lung_right", "lungs"],
        "b": ["lung_right"],
        "c": ["heart", "lung_left", "lung_right", "lungs"],
    }
    assert problems.counts == {
        "rows without the run lengths of a lung or the heart, which have no such mask": 2,
        "rows without a film's id, left out": 1,
        "rows without a Dice RCA (Mean), which have no chexmask_dice": 1,
    }
    table.write_bytes(table.read_bytes()[:-40])
    with pytest.raises(
        UsageError, match=r"cannot be read after row 4 \(row 5 has \d cells, its header 9\); download"
    ):
        rows_and_problems("chexmask", tmp_path, "mimic-cxr-jpg")
    put_table(table, [row("a", told=("60.5", "80"))])
    with pytest.raises(
        UsageError, match=r"row 2 \(a\): Height and Width are '60.5' and '80'; expected whole numbers"
    ):
        rows_and_problems("chexmask", tmp_path, "mimic-cxr-jpg")
    put_table(table, [row("a")], ["Image ID", *HEADER[1:]])
    with pytest.raises(UsageError, match="has no column 'dicom_id'; found Image ID, Dice"):
        rows_and_problems("chexmask", tmp_path, "mimic-cxr-jpg")
