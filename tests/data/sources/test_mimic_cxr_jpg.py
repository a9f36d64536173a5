import shutil
import zipfile

import pytest
from dataset_world import facts, film, opened, put_dicom, put_text, rows_and_problems

from radbench.data.images import write_png
from radbench.errors import UsageError

FINDINGS = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,"
    "No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)
METADATA = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,"
    "ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"
)
FILMS = {  # dicom: subject, study, ViewPosition, view code, orientation, split
    "aaaa": ("10000032", "50414267", "PA", "postero-anterior", "Erect", "train"),
    "bbbb": ("10000032", "50414267", "LATERAL", "lateral", "Erect", "train"),
    "cccc": ("10000032", "53189527", "", "antero-posterior", "Recumbent", "train"),
    "dddd": ("11000033", "53911762", "AP", "antero-posterior", "", "validate"),
    "eeee": ("12000044", "56699142", "AP", "antero-posterior", "", "test"),
    "ffff": ("12000044", "56699143", "", "", "", "test"),
    "gggg": ("12000044", "56699144", "PA LLD", "", "", "test"),
}
IMPRESSIONS = {
    "50414267": " IMPRESSION: \n \n 1. No pneumothorax.\n 2. Chest tube in place.\n",
    "53189527": " FINDINGS:  Clear.\n",
    "53911762": " CONCLUSION:  Normal.\n",
}


def labels(**positive):
    """A row of labels in the tables' order, blank but for these."""
    names = [name.lower().replace(" ", "_") for name in FINDINGS.split(",")]
    return ",".join(str(positive.get(name, "")) for name in names)


def path_of(dicom, suffix):
    subject, study, *_ = FILMS[dicom]
    return f"files/p{subject[:2]}/p{subject}/s{study}/{dicom}{suffix}"


def put_tables(root, end=".csv.gz"):
    rows = [
        f'{dicom},{subject},{study},"CHEST (PA, LAT)",{view},80,64,21800506,213014.531,CHEST,{code},{pose}'
        for dicom, (subject, study, view, code, pose, _) in FILMS.items()
    ]
    put_text(root / f"mimic-cxr-2.0.0-metadata{end}", "\n".join([METADATA, *rows]) + "\n")
    rows = [f"{dicom},{found[1]},{found[0]},{found[5]}" for dicom, found in FILMS.items()]
    put_text(
        root / f"mimic-cxr-2.0.0-split{end}", "\n".join(["dicom_id,study_id,subject_id,split", *rows]) + "\n"
    )
    rows = [
        f"10000032,50414267,{labels(pneumothorax='0.0', support_devices='1.0', edema='-1.0')}",
        f"10000032,53189527,{labels()}",
        f"11000033,53911762,{labels(no_finding='1.0')}",
        f"12000044,56699142,{labels(pneumothorax='1.0', cardiomegaly='1.0')}",
        f"12000044,56699143,{labels(pneumothorax='1.0')}",
    ]
    head = f"subject_id,study_id,{FINDINGS}"
    put_text(root / f"mimic-cxr-2.0.0-chexpert{end}", "\n".join([head, *rows]) + "\n")
    put_text(
        root / f"mimic-cxr-2.0.0-negbio{end}",
        f"{head}\n10000032,50414267,{labels(pneumothorax='1.0')}\n12000044,56699142,{labels(pneumothorax='-1.0')}\n",
    )
    read = FINDINGS.replace("Lung Opacity", "Airspace Opacity").replace("No Finding", "No Findings")
    put_text(
        root / "mimic-cxr-2.1.0-test-set-labeled.csv",
        f"study_id,{read}\n56699142,{labels(lung_opacity='1.0', no_finding='-1.0', pneumothorax='0.0')}\n",
    )


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "mimic-cxr-jpg" / "2.1.0"
    put_tables(root)
    for number, dicom in enumerate(FILMS):
        if dicom != "gggg":
            path = root / path_of(dicom, ".jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, film(number, 80, 64))
    for subject, study, *_ in FILMS.values():
        if study in IMPRESSIONS:
            text = " " * 33 + "FINAL REPORT\n EXAMINATION:  CHEST\n \n" + IMPRESSIONS[study]
            put_text(root / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}.txt", text)
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


@pytest.fixture
def dicom_root(tmp_path, root):
    """The DICOM release with the list of records alone."""
    dicoms = tmp_path / "mimic-cxr"
    rows = [f"{found[0]},{found[1]},{dicom},{path_of(dicom, '.dcm')}" for dicom, found in FILMS.items()]
    put_text(
        dicoms / "cxr-record-list.csv.gz", "\n".join(["subject_id,study_id,dicom_id,path", *rows]) + "\n"
    )
    for number, (dicom, found) in enumerate(FILMS.items()):
        view = {"ViewPosition": found[2]} if found[2] else {}
        put_dicom(dicoms / path_of(dicom, ".dcm"), film(number, 80, 64).astype("uint16") * 16, **view)
    shutil.copytree(
        root / "files", dicoms / "files", ignore=shutil.ignore_patterns("*.jpg"), dirs_exist_ok=True
    )
    return dicoms


def test_the_dicom_release_alone_has_films_views_and_reports(dicom_root, tmp_path, monkeypatch):
    cohort = opened("mimic-cxr", dicom_root, monkeypatch, tmp_path)
    by_id = {study.study_id: study for study in cohort.studies}
    assert set(by_id) == {"aaaa", "dddd", "eeee"}, "by the headers' views"
    assert by_id["dddd"].report == "Normal."
    assert dict(by_id["eeee"].labels) == {}
    assert cohort.film(by_id["eeee"]).dtype == "uint16"
    assert any("tables that are not there" in note for note in cohort.notes)


def test_the_dicom_release_has_the_labels_of_the_tables_in_its_root(dicom_root, tmp_path, monkeypatch):
    put_tables(dicom_root)
    cohort = opened("mimic-cxr", dicom_root, monkeypatch, tmp_path, split="test")
    (study,) = cohort.studies
    assert (study.study_id, study.labels["pneumothorax"], study.labels["radiologist_pneumothorax"]) == (
        "eeee",
        1,
        0,
    )
