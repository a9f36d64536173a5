import gzip
import shutil

import pytest
from dataset_world import facts, film, opened, put_dicom, put_png, put_text, real_table, rows_and_problems

from radbench.data.sources.vindr_cxr import _GLOBAL, _LOCAL
from radbench.errors import UsageError

KAGGLE = [
    "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max",
    "a1,Cardiomegaly,3,R10,5,30,45,50",
    "a1,Cardiomegaly,3,R8,10,25,40,50",
    "a1,Pneumothorax,12,R8,1,2,11,22",
    "a1,No finding,14,R9,,,,",
    "b2,No finding,14,R1,,,,",
    "b2,No finding,14,R2,,,,",
    "b2,No finding,14,R3,,,,",
    "c3,No finding,14,R1,,,,",
]
TRAIN = [*_LOCAL, *_GLOBAL, "No finding"]
TEST = ["Other disease" if name == "Other diseases" else name for name in reversed(TRAIN)]


def labels_row(ids, columns, *positive, blank=()):
    cells = ["" if name in blank else f"{int(name in positive)}" for name in columns]
    return ",".join([*ids, *cells])


def physionet(root):
    notes = root / "annotations"
    put_text(
        notes / "image_labels_train.csv",
        "\n".join(
            [
                ",".join(["image_id", "rad_id", *TRAIN]),
                labels_row(["a1", "R10"], TRAIN, "Cardiomegaly", "Pneumonia"),
                labels_row(["a1", "R8"], TRAIN, "Cardiomegaly", "Pneumothorax"),
                labels_row(["a1", "R9"], TRAIN, "No finding", blank=("Pneumonia",)),
                labels_row(["a1", "R9"], TRAIN, "Atelectasis"),
            ]
        )
        + "\n",
    )
    put_text(
        notes / "image_labels_test.csv",
        "\n".join([",".join(["image_id", *TEST]), labels_row(["t1"], TEST, "Other disease")]) + "\n",
    )
    put_text(notes / "annotations_train.csv", without_class_id(KAGGLE))
    put_text(
        notes / "annotations_test.csv",
        "image_id,class_name,x_min,y_min,x_max,y_max\nt1,Nodule/Mass,2,3,4,8\nt1,Other disease,,,,\nzz,ILD,1,1,2,2\n",
    )
    put_dicom(root / "train" / "a1.dicom", film(1, 60, 90), PatientSex="M", PatientAge="044Y")
    put_dicom(root / "test" / "t1.dicom", film(2, 90, 60))
    return root


def without_class_id(rows):
    kept = [[cell for place, cell in enumerate(row.split(",")) if place != 2] for row in rows[:5]]
    return "\n".join(",".join(row) for row in kept) + "\n"


@pytest.fixture
def kaggle(tmp_path):
    """Two films of 60 x 90 pixels with three readers each, one row of a film that is not there."""
    root = tmp_path / "vinbigdata"
    put_text(root / "train.csv", "\n".join(KAGGLE) + "\n")
    put_dicom(root / "train" / "a1.dicom", film(1, 60, 90), PatientSex="M", PatientAge="044Y")
    put_dicom(root / "train" / "b2.dicom", film(2, 90, 60))
    return root


def by_id(cohort):
    return {study.study_id: study for study in cohort.studies}


def test_the_majority_of_readers_is_the_label_and_one_or_all_have_their_own(kaggle, tmp_path, monkeypatch):
    cohort = opened("vindr-cxr", kaggle, monkeypatch, tmp_path, split="train")
    found = by_id(cohort)
    first = found["a1"]
    assert [first.labels[f"{name}cardiomegaly"] for name in ("", "any_", "all_")] == [1, 1, 0]
    assert [first.labels[f"{name}pneumothorax"] for name in ("", "any_", "all_")] == [0, 1, 0]
    assert [first.labels[f"{name}no_finding"] for name in ("", "any_", "all_")] == [0, 1, 0]
    assert found["b2"].labels["all_no_finding"] == 1
    assert "edema" not in first.labels, "not one of Kaggle's findings"
    assert (first.report, found["b2"].report) == ("Cardiomegaly.", "No findings")
    assert first.attributes == {"sex": "M", "age": 44, "view": "PA", "split": "train"}


def test_a_mask_is_the_union_of_all_readers_boxes_at_the_films_own_size(kaggle, tmp_path, monkeypatch):
    cohort = opened("vindr-cxr", kaggle, monkeypatch, tmp_path, split="train")
    first = by_id(cohort)["a1"]
    heart = cohort.native_mask(first, "box_cardiomegaly")
    assert heart.shape == (60, 90)
    assert heart[30:50, 5:45].all() and heart[25:50, 10:40].all()
    assert heart.sum() == 20 * 40 + 5 * 30
    assert cohort.native_mask(first, "box_pneumothorax")[2:22, 1:11].all(), "also of one reader in three"
    assert not cohort.has_mask(by_id(cohort)["b2"], "box_cardiomegaly")


def test_films_that_are_not_there_or_read_by_fewer_are_counted(kaggle, tmp_path):
    put_dicom(kaggle / "train" / "c3.dicom", film(3))
    (kaggle / "train" / "b2.dicom").unlink()
    found = facts("vindr-cxr", kaggle, tmp_path / "index")
    assert found.problems == {
        "films of the table without a file, left out": 1,
        "films of the training part read by other than three readers, kept": 1,
    }
    assert found.splits == {"train": 2}


def test_physionet_has_a_test_part_by_consensus(tmp_path, monkeypatch):
    root = physionet(tmp_path / "vindr")
    cohort = opened("vindr-cxr", root, monkeypatch, tmp_path, split="test")
    (study,) = cohort.studies
    assert study.labels["other_diseases"] == 1 and study.labels["no_finding"] == 0
    assert not any(name.startswith(("any_", "all_")) for name in study.labels)
    assert study.report == "Other diseases."
    mask = cohort.native_mask(study, "box_nodule_mass")
    assert mask.shape == (90, 60) and mask[3:8, 2:4].all() and mask.sum() == 10
    notes = " ".join(cohort.notes)
    assert "1 rows of a film and reader that another row is about, left out" in notes
    assert "1 boxes of annotations_test.csv of films without labels, left out" in notes


def test_physionets_readers_are_counted_and_a_tie_is_uncertain(tmp_path):
    rows, _ = rows_and_problems("vindr-cxr", physionet(tmp_path))
    labels = rows["a1"].labels
    assert [labels[f"{name}cardiomegaly"] for name in ("", "any_", "all_")] == [1, 1, 0]
    assert [labels[f"{name}pneumonia"] for name in ("", "any_", "all_")] == [-1, 1, 0]
    assert labels["atelectasis"] == 0, "a reader's second row is not counted"
    assert rows["a1"].split == "train" and rows["t1"].split == "test"


def test_a_part_without_films_is_left_out_and_no_part_at_all_is_half_a_download(tmp_path, monkeypatch):
    root = physionet(tmp_path / "vindr")
    shutil.rmtree(root / "test")
    found = facts("vindr-cxr", root, tmp_path / "index")
    assert found.splits == {"train": 1}
    assert found.problems["folders of films that are not there, their films left out"] == 1
    shutil.rmtree(root / "train")
    with pytest.raises(UsageError, match=r"has no train or test \(the films\); it holds annotations"):
        opened("vindr-cxr", root, monkeypatch, tmp_path)
    shutil.rmtree(root / "annotations")
    with pytest.raises(UsageError, match=r"has no train.csv or .*Expected the download"):
        opened("vindr-cxr", root, monkeypatch, tmp_path)


def test_tables_of_boxes_may_be_left_out(tmp_path):
    root = physionet(tmp_path)
    (root / "annotations" / "annotations_train.csv").unlink()
    (root / "annotations" / "image_labels_test.csv").unlink()
    rows, problems = rows_and_problems("vindr-cxr", root)
    assert list(rows) == ["a1"] and rows["a1"].masks == {}
    assert problems.counts["tables of boxes that are not there, their films without masks"] == 1
    assert problems.examples["tables of labels that are not there, their films left out"] == [
        "image_labels_test.csv"
    ]


def test_pictures_instead_of_films_are_refused(kaggle, tmp_path, monkeypatch):
    shutil.rmtree(kaggle / "train")
    put_png(kaggle / "train" / "a1.png")
    with pytest.raises(UsageError, match=r"holds pictures, expected DICOM films .*scaled copy does not say"):
        opened("vindr-cxr", kaggle, monkeypatch, tmp_path)


def test_a_lateral_film_is_told_by_its_header(kaggle, tmp_path):
    put_dicom(kaggle / "train" / "b2.dicom", film(2), ViewPosition="LL")
    assert facts("vindr-cxr", kaggle, tmp_path / "index").views == {"PA": 1, "lateral": 1}


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a1,Cardiomegali,3,R1,1,2,3,4", "row 2 has the finding 'Cardiomegali'; expected one of Aortic"),
        ("a1,Cardiomegaly,3,R1,1,2,,4", "row 2 has the box '1, 2, , 4'"),
    ],
)
def test_a_row_that_is_not_as_published_is_named(kaggle, row, sentence):
    put_text(kaggle / "train.csv", f"{KAGGLE[0]}\n{row}\n")
    with pytest.raises(UsageError) as caught:
        rows_and_problems("vindr-cxr", kaggle)
    assert sentence in str(caught.value)


def test_another_table_of_labels_and_another_value_are_named(tmp_path):
    root = physionet(tmp_path)
    path = root / "annotations" / "image_labels_train.csv"
    put_text(path, path.read_text().replace("a1,R10,0", "a1,R10,7", 1))
    with pytest.raises(UsageError, match="row 2 has Aortic enlargement '7'; expected 0, 1 or an empty cell"):
        rows_and_problems("vindr-cxr", root)
    put_text(path, "image_id,rad_id,Pneumonia\na1,R1,1\n")
    with pytest.raises(UsageError, match="has no column 'Aortic enlargement', 'Atelectasis'"):
        rows_and_problems("vindr-cxr", root)


def test_the_real_table_is_read_whole(tmp_path, monkeypatch):
    text = gzip.decompress(real_table("vinbigdata-train.csv.gz").read_bytes())
    (tmp_path / "train.csv").write_bytes(text)
    images = sorted({line.split(",")[0] for line in text.decode().splitlines()[1:]})
    (tmp_path / "train").mkdir()
    monkeypatch.setattr(
        "radbench.data.sources.vindr_cxr.files_by_stem",
        lambda folder, suffixes: {image: folder / f"{image}{suffixes[0]}" for image in images},
    )
    rows, problems = rows_and_problems("vindr-cxr", tmp_path)
    assert (len(rows), problems.counts) == (15_000, {})
    boxes = [text for row in rows.values() for text in row.masks.values()]
    assert sum(text.split("#")[0].count(";") + 1 for text in boxes) == 67_914 - 31_818
    assert sum(row.labels["all_no_finding"] for row in rows.values()) == 31_818 // 3
    for row in rows.values():
        for label in ("pneumothorax", "cardiomegaly", "no_finding"):
            some, most, all_ = (row.labels[f"{name}{label}"] for name in ("any_", "", "all_"))
            assert some >= most >= all_
