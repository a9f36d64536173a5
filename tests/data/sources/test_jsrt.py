import numpy as np
import pytest
from dataset_world import opened, put_text, rows_and_problems
from PIL import Image

from radbench.data.films.raw import RawLayout
from radbench.data.sources import jsrt
from radbench.errors import UsageError

SIDE = 64
NODULES = (
    "JPCLN001.IMG\t5\t15\t53\tmale\t34\t20\tmalignant\tl.upper lobe\tlung cancer\t\r"
    "JPCLN002.IMG\t1\t30\t?\tfemale\t10\t50\tbenign\tl.upper lobe(S5)\tpulmonary hematoma"
    "JPCLN003.IMG\t3\t8\t63\tfemale\t60\t40\tmalignant\tl.upper lobe(S1+2)\tlung cancer\r\r"
)
OTHERS = "JPCNN001.IMG    48  female  non-nodule\rJPCNN002.IMG 61  male non-nodule\r"
ORGANS = {
    "left lung": (36, 60),
    "right lung": (4, 28),
    "heart": (26, 44),
    "left clavicle": (34, 58),
    "right clavicle": (6, 30),
}


def organ(name):
    """At half the film's size; the patient's left is on the film's right."""
    mask = np.zeros((SIDE // 2, SIDE // 2), dtype=bool)
    first, last = ORGANS[name]
    mask[6:20, first // 2 : last // 2] = True
    return mask


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Five raw films at a small size; organs of two of them."""
    monkeypatch.setattr(
        jsrt, "_LAYOUT", RawLayout(SIDE, SIDE, ">u2", 12, inverted=True, spacing=(0.175 * 32, 0.175 * 32))
    )
    root = tmp_path / "jsrt"
    for number, stem in enumerate(["JPCLN001", "JPCLN002", "JPCLN003", "JPCNN001", "JPCNN002"]):
        values = np.random.default_rng(number).integers(0, 4096, (SIDE, SIDE)).astype(">u2")
        (root / "All247images").mkdir(parents=True, exist_ok=True)
        values.tofile(root / "All247images" / f"{stem}.IMG")
    put_text(root / "Clinical_Information" / "CLNDAT_EN.txt", NODULES)
    put_text(root / "Clinical_Information" / "CNNDAT_EN.TXT", OTHERS)
    for fold, stem in ((1, "JPCLN001"), (2, "JPCLN002")):
        for name in ORGANS:
            folder = root / "scratch" / f"fold{fold}" / "masks" / name
            folder.mkdir(parents=True)
            Image.fromarray(organ(name).astype(np.uint8) * 255).save(folder / f"{stem}.gif")
    return root


def test_raw_films_are_inverted_and_have_their_spacing(root, tmp_path, monkeypatch):
    cohort = opened("jsrt", root, monkeypatch, tmp_path, size=32)
    stored = np.fromfile(root / "All247images" / "JPCLN001.IMG", dtype=">u2").reshape(SIDE, SIDE)
    film = cohort.film(cohort.studies[0])
    assert film.dtype == np.uint16
    assert np.corrcoef(film.ravel(), stored.ravel())[0, 1] < -0.999
    assert cohort.spacing(cohort.studies[0]) == pytest.approx((5.6, 5.6))
    assert jsrt.RawLayout(2048, 2048, ">u2", 12).size == 8_388_608


def test_records_that_run_together_are_read(root, tmp_path, monkeypatch):
    cohort = opened("jsrt", root, monkeypatch, tmp_path, size=32)
    told = {study.study_id: (dict(study.labels), dict(study.attributes)) for study in cohort.studies}
    common = {"view": "PA"}

    def kind(size, subtlety, malignancy):
        return {"nodule_mm": size, "nodule_subtlety": subtlety, "nodule_kind": malignancy, **common}

    assert told == {
        "JPCLN001": ({"nodule": 1}, {"sex": "M", "age": 53, **kind(15, 5, "malignant")}),
        "JPCLN002": ({"nodule": 1}, {"sex": "F", **kind(30, 1, "benign")}),
        "JPCLN003": ({"nodule": 1}, {"sex": "F", "age": 63, **kind(8, 3, "malignant")}),
        "JPCNN001": ({"nodule": 0}, {"sex": "F", "age": 48, **common}),
        "JPCNN002": ({"nodule": 0}, {"sex": "M", "age": 61, **common}),
    }  # fmt: skip
    assert [study.report for study in cohort.studies][2:4] == ["Nodule.", "No findings"]
    assert any("records without an age" in note and "JPCLN002" not in note for note in cohort.notes)


def test_organs_of_half_the_size_land_on_the_film(root, tmp_path, monkeypatch):
    cohort = opened("jsrt", root, monkeypatch, tmp_path, size=32)
    study = cohort.studies[0]
    for folder, (name, _) in jsrt._ORGANS.items():
        reading = cohort.mask_reading(study, name)
        np.testing.assert_array_equal(reading.mask, np.kron(organ(folder), np.ones((2, 2), dtype=bool)))
        assert not reading.warnings
    both = cohort.native_mask(study, "lungs")
    np.testing.assert_array_equal(
        both, cohort.native_mask(study, "lung_left") | cohort.native_mask(study, "lung_right")
    )
    assert np.nonzero(cohort.native_mask(study, "lung_left"))[1].mean() > SIDE / 2
    assert not cohort.has_mask(cohort.studies[2], "heart")


def test_a_nodule_is_a_box_of_its_size_around_its_centre(root, tmp_path, monkeypatch):
    cohort = opened("jsrt", root, monkeypatch, tmp_path, size=32)
    mask = cohort.native_mask(cohort.studies[1], "nodule")
    rows, columns = np.nonzero(mask)
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((50, 10), abs=1)
    assert mask.sum() == pytest.approx((30 / 5.6) ** 2, rel=0.3)
    assert any("no outline" in note for note in cohort.notes)
    assert not cohort.has_mask(cohort.studies[3], "nodule")


def test_a_cut_film_costs_one_sentence(root, tmp_path, monkeypatch):
    path = root / "All247images" / "JPCLN003.IMG"
    path.write_bytes(path.read_bytes()[:-10])
    cohort = opened("jsrt", root, monkeypatch, tmp_path, size=32)
    with pytest.raises(UsageError, match=r"JPCLN003.IMG has 8,182 bytes; expected 8,192"):
        cohort.film(cohort.studies[2])


@pytest.mark.parametrize(
    ("table", "text", "sentence"),
    [
        (
            "CLNDAT_EN.txt",
            "JPCLN001.IMG\t5\t15\t53\tmale\t34\r",
            "JPCLN001: found '5 15 53 male 34'; expected subtlety",
        ),
        (
            "CLNDAT_EN.txt",
            NODULES.replace("male\t34", "male\tx"),
            "expected subtlety, size in mm, age, sex, x, y",
        ),
        (
            "CNNDAT_EN.TXT",
            "JPCNN001.IMG female 48 non-nodule",
            "JPCNN001: found 'female 48 non-nodule'; expected age and sex",
        ),
    ],
)
def test_a_record_that_is_not_as_published_is_said(root, table, text, sentence):
    put_text(root / "Clinical_Information" / table, text)
    with pytest.raises(UsageError, match=sentence):
        rows_and_problems("jsrt", root)


def test_what_is_missing_is_counted_or_said(root):
    put_text(root / "Clinical_Information" / "CNNDAT_EN.TXT", "JPCNN001.IMG 48 female non-nodule\r")
    rows, problems = rows_and_problems("jsrt", root)
    assert rows["JPCNN002"].attributes == {} and rows["JPCNN002"].labels == {"nodule": 0}
    assert (
        problems.counts["films without a record in the clinical tables, whose sex and age are unknown"] == 1
    )
    for path in (root / "All247images").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match=r"jsrt: .* has no All247images/JPCLN001.IMG"):
        rows_and_problems("jsrt", root)
    (root / "Clinical_Information" / "CLNDAT_EN.txt").unlink()
    with pytest.raises(UsageError, match=r"has no CLNDAT_EN.txt or CNNDAT_EN.TXT \(the clinical tables\)"):
        rows_and_problems("jsrt", root)
