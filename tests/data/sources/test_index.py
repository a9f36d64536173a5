import json
from itertools import islice

import pytest
from dataset_world import SMALL_HEADER, Small, a_tree, put_text

from radbench.data.sources import index as index_module
from radbench.data.sources.index import Facts, build_index, index_folder, label_counts, open_index
from radbench.data.sources.mask_store import MaskStore
from radbench.data.sources.source import UNCERTAIN
from radbench.errors import UsageError

ROWS = [
    "a,p1,train,PA,1,40,1 3",
    "b,p1,test,AP,-1,,",
    "c,p2,train,lateral,0,70,5 2",
    "d,p3,test,PA,,33,9 1",
    "d,p3,test,PA,,33,9 1",
    "e,p4,test,PA,1,50,",
]


def test_an_index_holds_every_film_once_and_counts_what_is_odd(tmp_path):
    index = build_index(Small(), a_tree(tmp_path / "root", ROWS, missing=("e",)), tmp_path / "cache")
    rows = index.films().to_pylist()
    assert [row["study_id"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["label_effusion"] for row in rows] == [1, UNCERTAIN, 0, None]
    assert [row["report"] for row in rows] == ["Effusion.", "No findings", "No findings", "No findings"]
    assert label_counts(index.facts) == {"effusion": (1, 1, 1)}
    assert (index.facts.films, index.facts.patients) == (4, 3)
    assert index.facts.straddlers == ["p1"]
    assert index.facts.told() == [
        "1 films of the table without a file, left out: e",
        "1 films that the tables name twice, the first one taken: d",
    ] or index.facts.problems == {
        "films of the table without a file, left out": 1,
        "films that the tables name twice, the first one taken": 1,
    }


def test_masks_are_found_by_their_row_whatever_the_parts(tmp_path, monkeypatch):
    rows = [f"f{number},p{number},test,PA,1,40,{number + 1} 1" for number in range(23)]
    root = a_tree(tmp_path / "root", rows)
    monkeypatch.setattr(index_module, "PART", 5)
    monkeypatch.setattr(index_module, "MASK_GROUP", 2)
    index = build_index(Small(), root, tmp_path / "cache")
    store = MaskStore(index.masks, root)
    for row in index.films().to_pylist():
        assert store[row["mask_lung"]].startswith(f"{int(row['study_id'][1:]) + 1} 1#")


def test_an_interrupted_index_goes_on_and_is_the_same(tmp_path, monkeypatch):
    rows = [f"f{number},p{number},test,PA,1,40,{number + 1} 1" for number in range(23)]
    root = a_tree(tmp_path / "root", rows, missing=("f2", "f21"))
    monkeypatch.setattr(index_module, "PART", 5)
    whole = build_index(Small(), root, tmp_path / "whole")
    asked = []

    class Dies(Small):
        def probe(self, root, row, problems):
            asked.append(row.study_id)
            if len(asked) == 13:
                raise KeyboardInterrupt
            return super().probe(root, row, problems)

    with pytest.raises(KeyboardInterrupt):
        build_index(Dies(), root, tmp_path / "cache")
    again = build_index(Dies(), root, tmp_path / "cache")
    assert asked[13:] == [f"f{number}" for number in range(10, 23)], "finished parts are not looked at again"
    assert again.films().equals(whole.films())
    assert again.facts == whole.facts
    assert not list(again.folder.glob("parts-*"))


def test_a_current_index_is_opened_and_a_changed_table_makes_a_new_one(tmp_path, monkeypatch):
    root, cache = a_tree(tmp_path / "root", ROWS), tmp_path / "cache"
    first = open_index(Small(), root, cache)
    monkeypatch.setattr(Small, "films", None)
    assert open_index(Small(), root, cache).facts == first.facts, "no row is read again"
    (root / "table.csv").touch()
    assert open_index(Small(), root, cache).facts == first.facts, "its digest is the same"
    monkeypatch.undo()
    put_text(root / "table.csv", SMALL_HEADER + ROWS[0] + "\n")
    assert open_index(Small(), root, cache).facts.films == 1


def test_a_dataset_without_a_film_is_refused_and_leaves_no_index(tmp_path):
    root, cache = a_tree(tmp_path / "root", ROWS[:1], missing=("a",)), tmp_path / "cache"
    with pytest.raises(
        UsageError, match=r"small: no film of .* can be used \(1 films of the table without a file"
    ):
        build_index(Small(), root, cache)
    assert not (index_folder(Small(), root, cache) / "index.json").exists()


def test_a_damaged_index_is_made_again(tmp_path):
    root, cache = a_tree(tmp_path / "root", ROWS), tmp_path / "cache"
    facts = open_index(Small(), root, cache).folder / "index.json"
    for text in ("", "{}", json.dumps({"tables": [{}]})):
        facts.write_text(text, encoding="utf-8")
        assert isinstance(open_index(Small(), root, cache).facts, Facts)


def test_progress_ends_with_every_film(tmp_path, monkeypatch):
    root = a_tree(tmp_path / "root", ROWS)
    monkeypatch.setattr(index_module, "PART", 4)
    told = []
    build_index(Small(), root, tmp_path / "cache", report=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == [4, 6]
    assert all(done <= total for done, total in told)
    assert list(islice(told, 1))
