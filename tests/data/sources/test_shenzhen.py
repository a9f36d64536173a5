import numpy as np
import pytest
from dataset_world import film, opened, put_png, put_text, rows_and_problems
from PIL import Image

from radbench.errors import UsageError

SHAPE = (44, 50)
LUNGS = np.zeros(SHAPE, dtype=bool)
LUNGS[6:36, 5:20] = LUNGS[6:36, 30:45] = True
READINGS = {
    "CHNCXR_0001_0": "male 45yrs\nnormal",
    "CHNCXR_0327_1": "femal 32yrs\nabnormal",
    "CHNCXR_0328_1": "male 42\nPTB",
}


@pytest.fixture
def root(tmp_path):
    """Three films, gray in a palette, in three channels and in one; outlines of two, from the other download."""
    root = tmp_path / "shenzhen"
    for number, (stem, text) in enumerate(READINGS.items()):
        path = root / "ChinaSet_AllFiles" / "CXR_png" / f"{stem}.png"
        put_text(root / "ChinaSet_AllFiles" / "ClinicalReadings" / f"{stem}.txt", text)
        put_png(path, film(number, *SHAPE))
        if number < 2:
            Image.open(path).convert("P" if number == 0 else "RGB").save(path)
    for stem in list(READINGS)[:2]:
        put_png(root / "shcxr-lung-mask" / "mask" / "mask" / f"{stem}_mask.png", LUNGS)
    return root


def test_films_of_any_channels_have_their_label_and_lungs(root, tmp_path, monkeypatch):
    cohort = opened("shenzhen", root, monkeypatch, tmp_path, size=32)
    assert [dict(study.labels) for study in cohort.studies] == [
        {"tuberculosis": 0},
        *[{"tuberculosis": 1}] * 2,
    ]
    assert cohort.studies[1].attributes == {"sex": "F", "age": 32, "view": "frontal"}
    assert cohort.studies[2].attributes == {"sex": "M", "view": "frontal"}
    for number, study in enumerate(cohort.studies):
        np.testing.assert_array_equal(cohort.film(study), film(number, *SHAPE))
    for study in cohort.studies[:2]:
        np.testing.assert_array_equal(cohort.native_mask(study, "lungs"), LUNGS)
    assert not cohort.has_mask(cohort.studies[2], "lungs")
    assert any("without an age in years" in note and "CHNCXR_0328_1" not in note for note in cohort.notes)


def test_an_outline_of_another_size_is_refused(root, tmp_path, monkeypatch):
    put_png(root / "shcxr-lung-mask" / "mask" / "mask" / "CHNCXR_0001_0_mask.png", LUNGS[:-1])
    cohort = opened("shenzhen", root, monkeypatch, tmp_path, size=32)
    with pytest.raises(UsageError, match=r"has 43 x 50 pixels .* has 44 x 50; make them the same size"):
        cohort.native_mask(cohort.studies[0], "lungs")


def test_the_label_is_the_films_name_and_not_a_word_of_the_reading(root):
    rows, _ = rows_and_problems("shenzhen", root / "ChinaSet_AllFiles")
    assert [row.labels["tuberculosis"] for row in rows.values()] == [0, 1, 1]
    assert not any(row.masks for row in rows.values()), "the outlines are not under this root"


def test_a_wrong_folder_is_said(tmp_path):
    (tmp_path / "CXR").mkdir()
    with pytest.raises(
        UsageError, match=r"shenzhen: .* has no CXR_png .* it holds CXR. Expected the download"
    ):
        rows_and_problems("shenzhen", tmp_path)
