import pytest
from dataset_world import put_text

from radbench.data.sources.tables import age_of, count_lines, header_of, number_or_none, rows_of, sex_of
from radbench.errors import UsageError


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_cells_are_text_stripped_and_numbered_as_a_spreadsheet_counts(tmp_path, name):
    path = put_text(tmp_path / name, "\ufeffid, cells,more\n007, None ,1e5\n0123456789012345678901,,NA\n")
    assert list(rows_of(path, ["id", "cells"], optional=["more", "absent"])) == [
        (2, {"id": "007", "cells": "None", "more": "1e5", "absent": ""}),
        (3, {"id": "0123456789012345678901", "cells": "", "more": "NA", "absent": ""}),
    ]
    assert header_of(path) == ["id", "cells", "more"]
    assert count_lines(path) == 3


def test_a_header_that_is_not_well_formed_is_read_by_position(tmp_path):
    path = put_text(tmp_path / "t.csv", "Image Index,Size[Width,Height]\na.png,10,20\n")
    assert list(rows_of(path, ["image", "height"], names=["image", "width", "height"])) == [
        (2, {"image": "a.png", "height": "20"})
    ]


def test_a_changed_or_broken_table_is_one_sentence(tmp_path):
    path = put_text(tmp_path / "t.csv", "a,b\n1,2\n")
    with pytest.raises(UsageError, match=r"t.csv has no column 'c'; found a, b"):
        list(rows_of(path, ["a", "c"]))
    with pytest.raises(UsageError, match="does not exist; download it again"):
        list(rows_of(tmp_path / "none.csv", ["a"]))
    broken = tmp_path / "t.csv.gz"
    broken.write_bytes(put_text(tmp_path / "u.csv.gz", "a,b\n" + "1,2\n" * 9000).read_bytes()[:-20])
    with pytest.raises(UsageError, match=r"t.csv.gz cannot be read after row \d+ .*download it again"):
        list(rows_of(broken, ["a"]))
    ragged = put_text(tmp_path / "r.csv", "a,b\n1,2\n1,2,3,4\n")
    with pytest.raises(UsageError, match=r"r.csv cannot be read after row"):
        list(rows_of(ragged, ["a"]))


def test_ages_sexes_and_numbers():
    assert [age_of(text) for text in ("58", "58.0", "058Y", "003M", "", "None", "-1", "414")] == [
        58, 58, 58, 0, None, None, None, None,
    ]  # fmt: skip
    assert [sex_of(text) for text in ("F", "male", "Female", "O", "Unknown", "")] == [
        "F",
        "M",
        "F",
        None,
        None,
        None,
    ]
    assert [number_or_none(text) for text in ("1.5", "nan", "inf", "x")] == [1.5, None, None, None]
