import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radbench.data.films import film_shape
from radbench.data.folder import FolderCohort, open_folder_cohort
from radbench.data.images import write_png
from radbench.data.manifest import LabelRule
from radbench.errors import UsageError

HEADER = "study_id,patient_id,image,label_ptx,mask_ptx,hospital,age,code,report,split"


def _folder(root, *rows, header=HEADER):
    rng = np.random.default_rng(3)
    for name in ("a", "b", "c"):
        write_png(root / f"{name}.png", rng.integers(0, 256, (40, 50), dtype=np.uint8))
    mask = np.zeros((40, 50), dtype=bool)
    mask[10:30, 10:40] = True
    write_png(root / "m.png", mask)
    (root / "manifest.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return root


ROWS = (
    's1,p1,a.png,1,m.png,A,50,007,"one, two",test',
    "s2,p1,b.png,0,,B,61,008,,test",
    "s3,p2,c.png,,m.png,B,70,009,,train",
)


def test_a_folder_becomes_a_cohort(tmp_path):
    cohort = open_folder_cohort(f"folder:{_folder(tmp_path, *ROWS)}", image_size=32)
    first, second, third = cohort.studies
    assert (first.study_id, first.patient_id, dict(first.labels)) == ("s1", "p1", {"ptx": 1})
    assert dict(first.attributes) == {"hospital": "A", "age": 50, "code": "007"}
    assert first.report == "one, two"
    assert third.labels == {}
    assert not cohort.truth_known
    assert cohort.counterfactual(first, {"ptx": 0}) is None
    assert cohort.counterfactual(first, {"ptx": 1}, {"side": "left"}) is None
    image, mask = cohort.image(first), cohort.mask(first, "ptx")
    assert image.shape == mask.shape == (32, 32)
    assert (image.dtype, mask.dtype) == (np.uint8, np.bool_)
    assert (image.min(), image.max()) == (0, 255)
    assert cohort.framing(first).undo_mask(mask).shape == (40, 50)
    with pytest.raises(UsageError, match=r"s2.*no mask 'ptx'"):
        cohort.mask(second, "ptx")
    with pytest.raises(UsageError, match="Did you mean 'ptx'"):
        cohort.mask(first, "ptxx")


def test_the_split_and_the_draw(tmp_path):
    folder = _folder(tmp_path, *ROWS)
    assert [s.study_id for s in open_folder_cohort(folder, split="test").studies] == ["s1", "s2"]
    one = {s.study_id for s in open_folder_cohort(folder, size=1, seed=4).studies}
    two = {s.study_id for s in open_folder_cohort(folder, size=2, seed=4).studies}
    assert len(one) == 1
    assert one < two
    with pytest.raises(UsageError, match="no row of split 'tset'; its splits are: test, train"):
        open_folder_cohort(folder, split="tset")


def test_the_digest_follows_the_bytes(tmp_path):
    folder = _folder(tmp_path, *ROWS)
    before = open_folder_cohort(folder).digest
    assert before == open_folder_cohort(folder / "manifest.csv").digest
    assert before != open_folder_cohort(folder, image_size=64).digest
    write_png(folder / "b.png", np.zeros((40, 50), dtype=np.uint8))
    assert before != open_folder_cohort(folder).digest


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("s1,p3,a.png,1,,A,1,1,,test", "row 3: study_id 's1' is already in row 2"),
        ("s9,p3,a.png,yes,,A,1,1,,test", "row 3: label_ptx is 'yes'; expected 0, 1"),
        ("s9,p3,zz.png,1,,A,1,1,,test", r"row 3: the image .*zz\.png does not exist"),
        ("s9,p3,a.png,1,q.png,A,1,1,,test", r"row 3: the mask_ptx .*q\.png does not exist"),
        ("s9,,a.png,1,,A,1,1,,test", "row 3: patient_id is empty"),
        ("s9,p3,a.png", "row 3: expected 10 cells, found 3"),
        ("\ns9,p3,a.png", "row 4: expected 10 cells, found 3"),
        ('s9,"p3', "not a valid CSV"),
    ],
)
def test_every_bad_row_is_named(row, sentence, tmp_path):
    with pytest.raises(UsageError, match=rf"manifest\.csv.*{sentence}"):
        open_folder_cohort(_folder(tmp_path, ROWS[0], row))


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (HEADER.replace("patient_id", "patientid"), "no column 'patient_id'.*Did you mean 'patientid'"),
        (HEADER.replace("code", "hospital"), "names the column 'hospital' twice"),
        ("", "no column 'study_id'; found nothing"),
    ],
)
def test_a_bad_header_is_named(header, sentence, tmp_path):
    with pytest.raises(UsageError, match=sentence):
        open_folder_cohort(_folder(tmp_path, header=header))


def test_a_missing_empty_or_binary_manifest(tmp_path):
    with pytest.raises(UsageError, match="Cannot read the manifest"):
        open_folder_cohort(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="no rows"):
        open_folder_cohort(_folder(tmp_path))
    (tmp_path / "manifest.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        open_folder_cohort(tmp_path)


def test_a_mask_of_another_size_and_a_corrupt_image_are_named(tmp_path):
    cohort = open_folder_cohort(_folder(tmp_path, *ROWS))
    write_png(tmp_path / "m.png", np.ones((40, 40), dtype=bool))
    with pytest.raises(UsageError, match=r"row 2: the mask .*m\.png has 40 x 40 .*a\.png has 40 x 50"):
        cohort.mask(cohort.studies[0], "ptx")
    (tmp_path / "a.png").write_bytes(b"not a picture")
    with pytest.raises(UsageError, match=r"a\.png is corrupt"):
        cohort.image(cohort.studies[0])


def test_what_the_shift_declares_is_in_the_digest(tmp_path):
    folder = _folder(tmp_path, *ROWS)
    plain = open_folder_cohort(folder)
    mapped = open_folder_cohort(folder, columns={"age": "age"})
    assert dict(mapped.studies[0].attributes) == {"age": 50}
    rules = [open_folder_cohort(folder, labels=LabelRule(what)) for what in ("ignore", "positive")]
    assert len({cohort.digest for cohort in (plain, mapped, *rules)}) == 4


def test_what_is_selected_of_a_mask_is_in_the_digest(tmp_path):
    folder = _folder(tmp_path, *ROWS)
    plain = open_folder_cohort(folder).digest
    _folder(tmp_path, ROWS[0].replace("m.png", "m.png#255"), *ROWS[1:])
    named = open_folder_cohort(folder)
    assert named.digest != plain
    _folder(tmp_path, ROWS[0].replace("m.png", '"10,10,30,20"'), *ROWS[1:])
    boxed = open_folder_cohort(folder)
    assert boxed.digest not in {plain, named.digest}
    for cohort in (named, boxed):
        reading = cohort.mask_reading(cohort.studies[0], "ptx")
        assert reading.mask.shape == (40, 50)
        assert reading.mask[10:30, 10:40].all()
        assert reading.mask.sum() == 600


def test_a_folders_manifest_may_be_of_tabs_or_parquet(tmp_path):
    folder = _folder(tmp_path, *ROWS)
    plain = open_folder_cohort(folder)
    frame = pd.read_csv(folder / "manifest.csv", dtype=str)
    (folder / "manifest.csv").unlink()
    frame.to_csv(folder / "manifest.tsv", sep="\t", index=False)
    assert open_folder_cohort(folder).digest == plain.digest
    (folder / "manifest.tsv").unlink()
    frame.to_parquet(folder / "manifest.parquet")
    assert (
        open_folder_cohort(folder).digest
        == plain.digest
        == open_folder_cohort(folder / "manifest.parquet").digest
    )


REAL = os.environ.get("RADBENCH_TEST_CXR", "")


@pytest.mark.skipif(
    not Path(REAL, "manifest.csv").is_file(), reason="RADBENCH_TEST_CXR names no folder of X-rays"
)
def test_real_radiographs_come_through_the_geometry(tmp_path):
    files = sorted(Path(REAL).rglob("*.png"))[:12]
    rows = [f"s{i},p{i},{os.path.relpath(path, tmp_path)}" for i, path in enumerate(files)]
    (tmp_path / "manifest.csv").write_text("\n".join(["study_id,patient_id,image", *rows]), encoding="utf-8")
    cohort: FolderCohort = open_folder_cohort(tmp_path)
    for study, path in zip(cohort.studies, files, strict=True):
        image = cohort.image(study)
        assert image.shape == (128, 128)
        assert (image.min(), image.max()) == (0, 255)
        assert cohort.framing(study).undo_mask(image > 100).shape == film_shape(path)
