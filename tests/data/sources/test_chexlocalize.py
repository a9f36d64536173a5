import json

import numpy as np
import pytest
from dataset_world import facts, film, opened, put_png, put_text, rows_and_problems

from radbench.errors import UsageError

masks = pytest.importorskip("pycocotools.mask")
TEN = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Airspace Opacity",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Support Devices",
)
HEIGHT, WIDTH = 60, 96
FILM = "patient64741_study1_view1_frontal"


def encoded(mask):
    runs = masks.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(runs["size"]), "counts": runs["counts"].decode()}


def outlines(**drawn):
    empty = np.zeros((HEIGHT, WIDTH), bool)
    return {name: encoded(drawn.get(name.split()[-1].lower(), empty)) for name in TEN}


@pytest.fixture
def mask():
    """A block near the upper right corner of a film that is wider than high."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:15, 80:92] = True
    return mask


@pytest.fixture
def root(tmp_path, mask):
    """CheXlocalize's download: films of CheXpert's test set, and their outlines."""
    root = tmp_path / "chexlocalize"
    test = {FILM: outlines(pneumothorax=mask, opacity=~mask), "patient64742_study1_view1_frontal": outlines()}
    put_text(root / "CheXlocalize" / "gt_segmentations_test.json", json.dumps(test))
    columns = "No Finding,Pneumonia,Pleural Other,Fracture,Lung Opacity," + ",".join(
        n for n in TEN if "Air" not in n
    )
    rows = [
        f"test/patient{number}/study1/view1_frontal.jpg," + ",".join(["0"] * 14)
        for number in (64741, 64742, 64743)
    ]
    put_text(root / "CheXpert" / "test_labels.csv", "\n".join([f"Path,{columns}", *rows]) + "\n")
    for number, row in enumerate(rows):
        put_png(root / "CheXpert" / row.split(",")[0], film(number, HEIGHT, WIDTH))
    return root


@pytest.fixture
def cohort(root, monkeypatch, tmp_path):
    monkeypatch.setenv("RADBENCH_DATA_CHEXLOCALIZE", str(root))
    return opened("chexpert", root, monkeypatch, tmp_path, split="test", masks_from=["chexlocalize"])


def test_masks_lie_where_they_were_drawn(cohort, mask):
    study = next(study for study in cohort.studies if study.study_id == FILM)
    assert np.array_equal(cohort.native_mask(study, "pneumothorax"), mask)
    assert np.array_equal(cohort.native_mask(study, "lung_opacity"), ~mask)
    assert (study.labels["chexlocalize_pneumothorax"], study.labels["chexlocalize_edema"]) == (1, 0)


def test_masks_of_zeros_are_none(cohort):
    first, second, third = cohort.studies
    assert [cohort.has_mask(first, name) for name in ("pneumothorax", "support_devices")] == [True, False]
    assert not cohort.has_mask(second, "pneumothorax")
    assert second.labels["chexlocalize_pneumothorax"] == 0
    assert "chexlocalize_pneumothorax" not in third.labels, "a film without outlines"
    assert any("holds something of 2 of the 3 films of chexpert" in note for note in cohort.notes)
    assert any("files of outlines that are not there, so" in note for note in cohort.notes)


def test_masks_do_not_fit_films_of_another_size(root, tmp_path, monkeypatch, mask):
    for path in (root / "CheXpert" / "test").rglob("*.jpg"):
        put_png(path, film(0, HEIGHT // 2, WIDTH // 2))
    monkeypatch.setenv("RADBENCH_DATA_CHEXLOCALIZE", str(root))
    cohort = opened("chexpert", root, monkeypatch, tmp_path, split="test", masks_from=["chexlocalize"])
    with pytest.raises(UsageError, match=f"{HEIGHT} x {WIDTH} pixels .*has 30 x 48; make them the same size"):
        cohort.native_mask(cohort.studies[0], "pneumothorax")
    assert any("CheXpert-v1.0-small have another size" in note for note in cohort.notes)


def test_empty_masks_are_told_from_drawn_ones_as_the_library_tells_them(root):
    draw = np.random.default_rng(0)
    path = root / "CheXlocalize" / "gt_segmentations_test.json"
    drawn = [draw.random((HEIGHT, WIDTH)) < share for share in (0.0, 1e-4, 0.3, 1.0) for _ in range(10)]
    content = {
        f"patient{number}_study1_view1_frontal": {
            "Edema": encoded(mask),
            "Cardiomegaly": {"size": [2, 3], "counts": [6]},
        }
        for number, mask in enumerate(drawn)
    }
    path.write_text(json.dumps(content))
    rows, _ = rows_and_problems("chexlocalize", root, "chexpert")
    assert [row.labels["chexlocalize_edema"] for row in rows.values()] == [int(mask.any()) for mask in drawn]
    assert not any(row.labels["chexlocalize_cardiomegaly"] for row in rows.values())


def test_the_index_counts_films_and_masks(root, tmp_path):
    found = facts("chexlocalize", root, tmp_path / "index", "chexpert")
    assert (found.films, found.masks) == (2, {"lung_opacity": 1, "pneumothorax": 1})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[]", "are no group of films"),
        ('{"a', "are not JSON"),
        (
            json.dumps({FILM: {"Edema": [[[1.0, 2.0]]]}}),
            f"{FILM}, Edema: expected 'size' and 'counts'.*not gt_annotations",
        ),
    ],
)
def test_another_file_is_one_sentence(root, content, sentence):
    (root / "CheXlocalize" / "gt_segmentations_test.json").write_text(content)
    with pytest.raises(UsageError, match=sentence):
        rows_and_problems("chexlocalize", root, "chexpert")


def test_another_folder_is_one_sentence(tmp_path):
    with pytest.raises(
        UsageError, match=r"has no CheXlocalize/gt_segmentations_val.json or .*it holds nothing"
    ):
        rows_and_problems("chexlocalize", tmp_path, "chexpert")
