import zipfile

import pytest
from dataset_world import facts, film, opened, put_png, rows_and_problems
from mimic_world import FILMS, labels, path_of, put_reports, put_tables

from radbench.errors import UsageError


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "mimic-cxr-jpg" / "2.1.0"
    put_tables(root)
    put_reports(root)
    for number, dicom in enumerate(FILMS):
        if dicom != "gggg":
            put_png(root / path_of(dicom, ".jpg"), film(number, 80, 64))
    return root


def test_a_film_has_its_studys_labels_of_each_labeller_and_its_impression(root, tmp_path, monkeypatch):
    cohort = opened("mimic-cxr-jpg", root, monkeypatch, tmp_path, split="train")
    by_id = {study.study_id: study for study in cohort.studies}
    assert set(by_id) == {"aaaa", "cccc"}, "the lateral film is left out"
    first = by_id["aaaa"]
    assert dict(first.labels) == {"pneumothorax": 0, "support_devices": 1, "negbio_pneumothorax": 1}
    assert (first.patient_id, first.report) == ("10000032", "1. No pneumothorax. 2. Chest tube in place.")
    assert first.attributes == {
        "view": "PA",
        "split": "train",
        "study": "50414267",
        "procedure": "CHEST (PA, LAT)",
        "orientation": "erect",
    }
    assert by_id["cccc"].report == "", "no impression is not 'No findings'"
    assert by_id["cccc"].attributes["view"] == "AP", "by the view code"
    assert cohort.film(first).shape == (80, 64)
    assert any("1 uncertain labels of edema taken as unknown" in note for note in cohort.notes)
    assert any("histogram-equalised" in note for note in cohort.notes)


def test_splits_views_and_the_radiologists_labels_are_in_our_words(root):
    rows, problems = rows_and_problems("mimic-cxr-jpg", root)
    assert {name: row.split for name, row in rows.items()} == {
        **dict.fromkeys(("aaaa", "bbbb", "cccc"), "train"),
        "dddd": "val",
        **dict.fromkeys(("eeee", "ffff", "gggg"), "test"),
    }
    assert [row.view for row in rows.values()] == ["PA", "lateral", "AP", "AP", "AP", "unknown", "other"]
    read = {name: value for name, value in rows["eeee"].labels.items() if name.startswith("radiologist_")}
    assert read == {
        "radiologist_lung_opacity": 1,
        "radiologist_no_finding": -1,
        "radiologist_pneumothorax": 0,
    }
    assert rows["eeee"].labels["negbio_pneumothorax"] == -1
    assert rows["bbbb"].labels == rows["aaaa"].labels, "labels are of the study"
    assert rows["cccc"].labels == {}
    assert problems.counts["films without a ViewPosition, their view taken from the view code"] == 1
    assert (
        problems.counts["films whose study has no row in mimic-cxr-2.0.0-chexpert, its labels unknown"] == 1
    )
    assert len(rows) == len(FILMS)


def test_what_lacks_a_file_a_report_or_an_impression_is_counted(root, tmp_path):
    found = facts("mimic-cxr-jpg", root, tmp_path / "index")
    counted = {kind.split(" (")[0]: count for kind, count in found.problems.items()}
    assert counted["films of the table without a file, left out"] == 1
    assert counted["films without a report file, their report left empty"] == 2
    assert counted["films whose report has no impression, their report left empty"] == 1
    assert found.films == 6
    assert found.splits == {"test": 2, "train": 3, "val": 1}


def test_reports_are_read_from_the_zip_file_which_is_one_of_the_tables(root, tmp_path, monkeypatch):
    for text in root.rglob("*.txt"):
        text.unlink()
    cohort = opened("mimic-cxr-jpg", root, monkeypatch, tmp_path, split="val")
    assert cohort.studies[0].report == ""
    with zipfile.ZipFile(root.parent / "mimic-cxr-reports.zip", "w") as file:
        file.writestr("files/p11/p11000033/s53911762.txt", "FINAL\n CONCLUSION:  Normal.\n")
    cohort = opened("mimic-cxr-jpg", root, monkeypatch, tmp_path, split="val")
    assert cohort.studies[0].report == "Normal.", "the new file makes a new index"


def test_rows_that_a_table_repeats_multiply_no_film(root):
    table = root / "mimic-cxr-2.0.0-chexpert.csv"
    put_tables(root, ".csv")
    (root / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    text = table.read_text()
    table.write_text(text + f"10000032,50414267,{labels(pneumothorax='1.0')}\n")
    rows, problems = rows_and_problems("mimic-cxr-jpg", root)
    assert len(rows) == len(FILMS)
    assert rows["aaaa"].labels["pneumothorax"] == 0
    assert problems.counts["studies with several rows in a table of labels, the first one taken"] == 1


def test_unzipped_tables_one_folder_deeper_are_found(root, tmp_path):
    for path in root.glob("*.csv.gz"):
        path.unlink()
    put_tables(root, ".csv")
    rows, _ = rows_and_problems("mimic-cxr-jpg", root.parent)
    assert rows["aaaa"].image == "2.1.0/" + path_of("aaaa", ".jpg")
    assert facts("mimic-cxr-jpg", root.parent, tmp_path / "index").films == 6


@pytest.mark.parametrize("lacking", ["metadata", "split", "chexpert"])
def test_half_a_download_is_named(root, lacking):
    (root / f"mimic-cxr-2.0.0-{lacking}.csv.gz").unlink()
    with pytest.raises(
        UsageError, match=f"has no mimic-cxr-2.0.0-{lacking}.csv.gz or .*it holds files, mimic"
    ):
        rows_and_problems("mimic-cxr-jpg", root)


def test_the_optional_tables_may_lack_and_that_is_said(root):
    (root / "mimic-cxr-2.0.0-negbio.csv.gz").unlink()
    (root / "mimic-cxr-2.1.0-test-set-labeled.csv").unlink()
    rows, problems = rows_and_problems("mimic-cxr-jpg", root)
    assert problems.counts["tables that are not there, so nothing of them is known"] == 2
    assert not any("_pneumothorax" in label for row in rows.values() for label in row.labels)


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        (
            "chexpert",
            "0.0",
            "0.5",
            r"chexpert.csv, row 2: 'Pneumothorax' is '0.5', expected 1, 0, -1 \(uncertain\)",
        ),
        ("chexpert", "Pneumothorax", "PTX", "has no column 'Pneumothorax'; found subject_id, study_id"),
        (
            "split",
            "validate",
            "dev",
            "split.csv, row 5: the split is 'dev', expected train, validate or test",
        ),
        (
            "metadata",
            ",10000032,",
            ",1.00E+07,",
            r"metadata.csv, row 2: subject_id is '1.00E\+07', expected digits",
        ),
    ],
)
def test_a_table_that_is_not_as_published_is_one_sentence(root, name, old, new, sentence):
    for path in root.glob("*.csv.gz"):
        path.unlink()
    put_tables(root, ".csv")
    table = root / f"mimic-cxr-2.0.0-{name}.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(UsageError, match=sentence):
        rows_and_problems("mimic-cxr-jpg", root)
