import shutil

import numpy as np
import pytest
from dataset_world import facts, film, opened, put_png, put_text, rows_and_problems

from radbench.data.sources import get_source
from radbench.data.sources.index import open_index
from radbench.errors import UsageError

SIZES = {
    "MCUCXR_0001_0": (40, 48),
    "MCUCXR_0104_1": (48, 40),
    "MCUCXR_0162_1": (40, 48),
    "MCUCXR_0166_1": (40, 48),
}
READINGS = {
    "MCUCXR_0001_0": "Patient's Sex: F \nPatient's Age: 027Y\nnormal",
    "MCUCXR_0104_1": "Patient's Sex: O \nPatient's Age: 005Y\nno active disease",
    "MCUCXR_0162_1": "Patient's Sex: M \nPatient's Age: 049Y\nnew active TB",
    "MCUCXR_0166_1": "Patient's Sex: M \nPatient's Age: 049Y\nNO REPORT (same pt as MCUCXR_0162_1)",
}


def lung(shape, side):
    mask = np.zeros(shape, dtype=bool)
    middle = shape[1] // 2
    columns = slice(middle + 4, shape[1] - 6) if side == "left" else slice(6, middle - 4)
    mask[8:-8, columns] = True
    return mask


@pytest.fixture
def root(tmp_path):
    """Four films of three patients, landscape and portrait, as the archive unpacks."""
    root = tmp_path / "nlm"
    base = root / "MontgomerySet"
    for number, (stem, shape) in enumerate(SIZES.items()):
        put_png(base / "CXR_png" / f"{stem}.png", film(number, *shape))
        put_text(base / "ClinicalReadings" / f"{stem}.txt", READINGS[stem])
        for side in ("left", "right"):
            mask = lung(shape, side)
            if (stem, side) == ("MCUCXR_0104_1", "left"):
                mask[-3:, :2] = True
            put_png(base / "ManualMask" / f"{side}Mask" / f"{stem}.png", mask)
    put_text(base / "NLM-MontgomeryCXRSet-ReadMe.pdf", "%PDF")
    return root


def test_every_film_has_its_label_its_lungs_and_what_the_reading_says(root, tmp_path, monkeypatch):
    cohort = opened("montgomery", root, monkeypatch, tmp_path, size=32)
    by_id = {study.study_id: study for study in cohort.studies}
    assert {stem: dict(study.labels) for stem, study in by_id.items()} == {
        stem: {"tuberculosis": int(stem[-1])} for stem in SIZES
    }
    assert by_id["MCUCXR_0001_0"].attributes == {"sex": "F", "age": 27, "view": "PA"}
    assert by_id["MCUCXR_0104_1"].attributes == {"age": 5, "view": "PA"}
    assert [by_id[stem].report for stem in list(SIZES)[:2]] == ["No findings", "Tuberculosis."]
    for stem, shape in SIZES.items():
        left, right = (cohort.native_mask(by_id[stem], f"lung_{side}") for side in ("left", "right"))
        np.testing.assert_array_equal(right, lung(shape, "right"))
        np.testing.assert_array_equal(cohort.native_mask(by_id[stem], "lungs"), left | right)
        assert np.nonzero(left)[1].mean() > shape[1] / 2 > np.nonzero(right)[1].mean()
    assert len(cohort.digest) == 64, "a mask of two files has a digest"


def test_films_of_one_patient_are_together(root):
    rows, _ = rows_and_problems("montgomery", root)
    assert {stem: row.patient_id for stem, row in rows.items()} == {
        "MCUCXR_0001_0": "MCUCXR_0001",
        "MCUCXR_0104_1": "MCUCXR_0104",
        "MCUCXR_0162_1": "MCUCXR_0162",
        "MCUCXR_0166_1": "MCUCXR_0162",
    }


def test_stray_blobs_are_warned_of(root, tmp_path, monkeypatch):
    cohort = opened("montgomery", root, monkeypatch, tmp_path, size=32)
    by_id = {study.study_id: study for study in cohort.studies}
    for name in ("lung_left", "lungs"):
        (warning,) = cohort.mask_reading(by_id["MCUCXR_0104_1"], name).warnings
        assert "leftMask/MCUCXR_0104_1.png has 2 separate parts where 1 is expected" in warning
    assert not cohort.mask_reading(by_id["MCUCXR_0104_1"], "lung_right").warnings


def test_lungs_that_are_exchanged_are_warned_of(root, tmp_path, monkeypatch):
    folder = root / "MontgomerySet" / "ManualMask"
    (folder / "leftMask").rename(folder / "other")
    (folder / "rightMask").rename(folder / "leftMask")
    (folder / "other").rename(folder / "rightMask")
    cohort = opened("montgomery", root, monkeypatch, tmp_path, size=32)
    assert (
        "should be on the patient's left" in cohort.mask_reading(cohort.studies[0], "lung_left").warnings[0]
    )


def test_the_mirror_with_both_lungs_in_one_picture_is_read(root, tmp_path, monkeypatch):
    base = root / "MontgomerySet"
    shutil.rmtree(base / "ManualMask")
    for stem, shape in SIZES.items():
        put_png(base / "masks" / f"{stem}.png", lung(shape, "left") | lung(shape, "right"))
    put_png(base / "CXR_png" / "CHNCXR_0001_0.png")
    put_png(base / "masks" / "CHNCXR_0001_0_mask.png")
    cohort = opened("montgomery", base, monkeypatch, tmp_path, size=32)
    assert len(cohort.studies) == 4
    study = cohort.studies[1]
    shape = SIZES[study.study_id]
    np.testing.assert_array_equal(
        cohort.native_mask(study, "lungs"), lung(shape, "left") | lung(shape, "right")
    )
    assert not cohort.has_mask(study, "lung_left")


def test_what_is_missing_is_counted_or_said(root, tmp_path):
    base = root / "MontgomerySet"
    (base / "ClinicalReadings" / "MCUCXR_0001_0.txt").unlink()
    put_png(base / "CXR_png" / "MCUCXR_0001_0 copy.png")
    assert facts("montgomery", root, tmp_path / "index").problems == {
        "films whose name does not end in _0 or _1, left out": 1,
        "films without a clinical reading, whose sex and age are unknown": 1,
        "clinical readings without a sex of M or F, whose sex is unknown": 1,
    }
    shutil.rmtree(base / "CXR_png")
    with pytest.raises(UsageError, match=r"has no CXR_png or .*the films.*it holds MontgomerySet"):
        rows_and_problems("montgomery", root)
    put_png(base / "CXR_png" / "CHNCXR_0001_0.png")
    with pytest.raises(UsageError, match=r"has no CXR_png/MCUCXR_\*.png"):
        rows_and_problems("montgomery", root)


def test_masks_that_are_added_later_are_found(root, tmp_path):
    folder = root / "MontgomerySet" / "ManualMask" / "leftMask"
    kept = (folder / "MCUCXR_0001_0.png").read_bytes()
    (folder / "MCUCXR_0001_0.png").unlink()
    assert facts("montgomery", root, tmp_path / "index").masks["lungs"] == 3
    (folder / "MCUCXR_0001_0.png").write_bytes(kept)
    assert open_index(get_source("montgomery"), root, tmp_path / "index").facts.masks["lungs"] == 4
