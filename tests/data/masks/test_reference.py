import os

import pytest

from radbench.data.masks.reference import MaskReference
from radbench.errors import UsageError


def test_a_selection_is_values_and_words(tmp_path):
    found = MaskReference.read("m.png#1,FF0000", tmp_path)
    assert (found.path, found.values, found.options) == (tmp_path / "m.png", ("1", "ff0000"), {})
    found = MaskReference.read("a/m.csv#rle=relative, order=column,row=x y", tmp_path)
    assert found.options == {"rle": "relative", "order": "column", "row": "x y"}


def test_a_hash_in_the_name_of_a_file_is_part_of_it(tmp_path):
    for name in ("m#1.png", "m#1"):
        (tmp_path / name).touch()
    assert MaskReference.read("m#1.png", tmp_path).path == tmp_path / "m#1.png"
    assert MaskReference.read("m#1.png#2", tmp_path).values == ("2",)
    assert MaskReference.read("m#1#3", tmp_path).path == tmp_path / "m#1"


@pytest.mark.skipif(os.name == "nt", reason="a backslash is no letter of a name there")
def test_a_backslash_is_a_slash_unless_a_file_has_one(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "m.png").touch()
    assert MaskReference.read("a\\m.png#1", tmp_path).path == tmp_path / "a" / "m.png"
    (tmp_path / "a\\m.png").touch()
    assert MaskReference.read("a\\m.png", tmp_path).path == tmp_path / "a\\m.png"


@pytest.mark.parametrize(
    "text", ["1,2,3,4", "1.5 2 30 4;5 6 7 8", "5 3 20 4#rle=absolute", "-1#rle=relative", "7#rle=x"]
)
def test_numbers_are_no_file(text, tmp_path):
    found = MaskReference.read(text, tmp_path)
    assert found.path is None
    assert found.inline == text.split("#")[0]


def test_a_file_named_by_numbers_is_a_file(tmp_path):
    (tmp_path / "1,2").touch()
    assert MaskReference.read("1,2", tmp_path).path == tmp_path / "1,2"
    assert MaskReference.read("0001", tmp_path).path == tmp_path / "0001"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("m.png#", "has an empty part"),
        ("m.png#1,,2", "has an empty part"),
        ("m.csv#rle=", "has an empty part"),
        ("m.csv#ordr=row", "unknown word 'ordr'.*Did you mean 'order'"),
        ("m.csv#order=row,order=column", "'order' twice"),
    ],
)
def test_a_wrong_selection_is_named(text, sentence, tmp_path):
    with pytest.raises(UsageError, match=sentence):
        MaskReference.read(text, tmp_path)


def test_the_digest_is_the_files_own_unless_something_is_selected(tmp_path):
    assert MaskReference.read("m.png", tmp_path).digest(lambda path: "d") == "d"
    digests = {
        str(MaskReference.read(f"m.png#{part}", tmp_path).digest(lambda path: "d"))
        for part in ("1", "2", "order=row", "1,2")
    }
    assert len(digests) == 4
    assert MaskReference.read("1,2,3,4").digest(str) != MaskReference.read("1,2,3,5").digest(str)
