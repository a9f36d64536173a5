import pytest
from dataset_world import facts, opened, put_png, put_text, rows_and_problems
from test_chestx_ray14 import a_tree

from radbench.data.sources import get_source
from radbench.errors import UsageError

NIH = "NIH-CX14_TubeAnnotations_NonExperts_aggregated.csv"
PADCHEST = "PadChest_TubeAnnotations_NonExperts_aggregated.csv"
HEADER = ",Image Index,Drain_a1,Drain_Location_a1,Drain_a2,Drain_Location_a2,Drain"


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "neatx"
    rows = [
        HEADER,
        "0,00000001_000.png,1,left,1,left,1",
        "1,00000001_001.png,0,,0,,0.0",
        "2,00000002_000.png,1,left,0,,-1",
        "3,00000003_000.png,2,both,2,both,2",
        "4,00000099_000.png,0,,,,",
    ]
    put_text(root / NIH, "\n".join(rows) + "\n")
    rows = [
        ",ImageID,ImageDir,ImagePath,Chest_drain,NSG_tube,Endotracheal_tube,Tracheostomy_tube",
        "0,2168_00-061-061.png,47,x/2168_00-061-061.png,0,-1,0,1",
    ]
    put_text(root / PADCHEST, "\n".join(rows) + "\n")
    return root


def test_both_hosts_have_their_labels(root):
    rows, problems = rows_and_problems("neatx", root, "chestx-ray14")
    assert [row.labels for row in rows.values()] == [
        {"neatx_drain": 1},
        {"neatx_drain": 0},
        {"neatx_drain": -1},
        {"neatx_drain": 1},
        {},
    ]
    assert problems.counts == {"labels of 2 (several drains), taken as 1": 1}
    rows, _ = rows_and_problems("neatx", root, "padchest")
    assert rows["2168_00-061-061"].labels == {
        "neatx_drain": 0,
        "neatx_nsg_tube": -1,
        "neatx_endotracheal_tube": 0,
        "neatx_tracheostomy_tube": 1,
    }


def test_drains_join_the_films_of_chestx_ray14(root, tmp_path, monkeypatch):
    films = a_tree(tmp_path / "nih")
    for name in ("00000001_000", "00000001_001", "00000002_000", "00000003_000", "00000004_000"):
        put_png(films / "images" / f"{name}.png")
    monkeypatch.setenv("RADBENCH_DATA_NEATX", str(root))
    cohort = opened(
        "chestx-ray14",
        films,
        monkeypatch,
        tmp_path,
        split="train",
        masks_from=["neatx"],
        columns={"label_drain": "label_neatx_drain"},
        select={"neatx_drain": 1},
    )
    (study,) = cohort.studies
    assert study.study_id == "00000001_000"
    assert study.labels["drain"] == study.labels["cardiomegaly"] == 1
    assert "neatx: holds something of 4 of the 5 films of chestx-ray14." in cohort.notes
    assert any("two annotators without medical training" in note for note in cohort.notes)


def test_without_a_host_the_table_that_is_there_is_read(root, tmp_path):
    assert get_source("neatx").tables(root) == (root / NIH, root / PADCHEST)
    (root / NIH).unlink()
    assert facts("neatx", root, tmp_path / "index", "padchest").films == 1
    assert list(rows_and_problems("neatx", root)[0]) == ["2168_00-061-061"]
    with pytest.raises(
        UsageError, match=r"has no NIH-CX14.* \(tubes in films of chestx-ray14\); it holds PadChest"
    ):
        rows_and_problems("neatx", root, "chestx-ray14")
    (root / PADCHEST).unlink()
    with pytest.raises(UsageError, match=r"has no NIH-CX14.* or PadChest.* it holds nothing"):
        rows_and_problems("neatx", root)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"{HEADER}\n0,1.png,1,,1,,yes\n", "row 2 has Drain 'yes'; expected 0, 1, -1"),
        ("Image Index,Tube\n1.png,1\n", "has no column 'Drain'; found Image Index, Tube"),
    ],
)
def test_another_table_is_named(root, text, sentence):
    put_text(root / NIH, text)
    with pytest.raises(UsageError) as caught:
        rows_and_problems("neatx", root, "chestx-ray14")
    assert sentence in str(caught.value)
