import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.data.images import write_png
from radbench.data.manifest import LabelRule, read_manifest, typed
from radbench.errors import UsageError

HEADER = ["study_id", "patient_id", "image", "label_ptx", "mask_ptx", "age", "report"]
ROWS = [
    ["s1", "p1", "img/a.png", "1", "m.png", "50", "nothing, really"],
    ["s2", "p1", "img/b.png", "0", "", "61", ""],
    ["s3", "p2", "img/c.png", "", "m.png#1", "70", "fluid; left"],
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "img").mkdir()
    for name in ("img/a.png", "img/b.png", "img/c.png", "m.png"):
        write_png(tmp_path / name, np.zeros((4, 4), dtype=np.uint8))
    return tmp_path


def _text(rows, delimiter=","):
    def cell(text):
        return f'"{text}"' if delimiter in text else text

    return "".join(delimiter.join(cell(text) for text in row) + "\r\n" for row in rows)


def _read(
    folder, rows, *, delimiter=",", encoding="utf-8", name="manifest.csv", before="", after="", **options
):
    (folder / name).write_bytes((before + _text(rows, delimiter) + after).encode(encoding))
    return read_manifest(folder / name, **options)


def _seen(manifest):
    return [
        (e.row, e.study, e.image, {name: (mask.path, mask.values) for name, mask in e.masks.items()}, e.split)
        for e in manifest.entries
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_and_encoding_reads_the_same(delimiter, encoding, folder):
    plain = _seen(_read(folder, [HEADER, *ROWS]))
    assert plain[0][1].report == "nothing, really"
    assert plain[2][3] == {"ptx": (folder / "m.png", ("1",))}
    assert _seen(_read(folder, [HEADER, *ROWS], delimiter=delimiter, encoding=encoding)) == plain


def test_empty_rows_nameless_columns_and_trailing_delimiters_are_passed_over(folder):
    plain = _read(folder, [HEADER, *ROWS])
    assert _seen(_read(folder, [HEADER, *ROWS], after=",,,,,,\r\n , ,,,,,\r\n\r\n")) == _seen(plain)
    with_index = [["", *HEADER], *([str(i), *row] for i, row in enumerate(ROWS))]
    assert _seen(_read(folder, with_index)) == _seen(plain)
    trailing = [[*HEADER, "", ""], *([*row, "", ""] for row in ROWS)]
    assert _seen(_read(folder, trailing)) == _seen(plain)


def test_excels_line_of_the_delimiter_keeps_the_rows_numbers(folder):
    found = _read(folder, [HEADER, *ROWS], delimiter=";", before="sep=;\r\n")
    assert [entry.row for entry in found.entries] == [3, 4, 5]


def test_windows_text_is_read_and_said(folder):
    rows = [[*ROWS[0][:6], "Erguß"]]
    found = _read(folder, [HEADER, *rows], encoding="cp1252")
    assert found.entries[0].study.report == "Erguß"
    assert "was read as Windows-1252" in found.notes[0]
    assert _read(folder, [HEADER, *rows]).notes == ()


def test_decimal_commas_are_numbers_where_the_comma_divides_nothing(folder):
    rows = [
        [*row[:3], label, *row[4:5], age, row[6]]
        for row, label, age in zip(ROWS, ("1,0", "0,0", ""), ("50,5", "61", ""), strict=True)
    ]
    found = _read(folder, [HEADER, *rows], delimiter=";")
    assert [dict(entry.study.labels) for entry in found.entries] == [{"ptx": 1}, {"ptx": 0}, {}]
    assert [entry.study.attributes.get("age") for entry in found.entries] == [50.5, 61.0, None]
    found = _read(folder, [HEADER, [*ROWS[0][:5], "50,5", ""]])
    assert found.entries[0].study.attributes["age"] == "50,5"


def test_an_unknown_attribute_is_absent_and_leaves_numbers_numbers(folder):
    rows = [[*row[:5], age, ""] for row, age in zip(ROWS, ("45.0", "", "50.0"), strict=True)]
    found = [dict(entry.study.attributes) for entry in _read(folder, [HEADER, *rows]).entries]
    assert found == [{"age": 45}, {}, {"age": 50}]
    assert type(found[0]["age"]) is int


@pytest.mark.skipif(os.name == "nt", reason="a backslash is no letter of a name there")
def test_backslashes_are_slashes_unless_a_file_has_one(folder):
    rows = [[row[0], row[1], row[2].replace("/", "\\"), *row[3:]] for row in ROWS]
    assert _seen(_read(folder, [HEADER, *rows])) == _seen(_read(folder, [HEADER, *ROWS]))
    write_png(folder / "img\\a.png", np.ones((4, 4), dtype=np.uint8))
    assert _read(folder, [HEADER, *rows]).entries[0].image == folder / "img\\a.png"


def test_an_absolute_path_is_taken_as_it_is(folder, tmp_path_factory):
    away = tmp_path_factory.mktemp("away") / "x.png"
    write_png(away, np.zeros((4, 4), dtype=np.uint8))
    assert _read(folder, [HEADER, ["s", "p", str(away), *ROWS[0][3:]]]).entries[0].image == away


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1", 1),
        ("0", 0),
        ("1.0", 1),
        ("0.0", 0),
        ("True", 1),
        ("FALSE", 0),
        ("", None),
        ("nan", None),
        ("NA", None),
        ("1.00", 1),
    ],
)
def test_a_label_is_0_1_or_unknown(cell, value, folder):
    found = _read(folder, [HEADER, [*ROWS[0][:3], cell, *ROWS[0][4:]]])
    assert found.entries[0].study.labels.get("ptx") == value


@pytest.mark.parametrize("cell", ["2", "yes", "0.5", "50%", "1,0", "-2"])
def test_any_other_label_is_refused(cell, folder):
    with pytest.raises(UsageError, match=r"row 2: label_ptx is '.*'; expected 0, 1 or an empty cell"):
        _read(folder, [HEADER, [*ROWS[0][:3], cell, *ROWS[0][4:]]])


@pytest.mark.parametrize("cell", ["-1", "-1.0"])
def test_an_uncertain_label_is_what_the_shift_says(cell, folder):
    rows = [HEADER, [*ROWS[0][:3], cell, *ROWS[0][4:]], ROWS[1]]
    with pytest.raises(UsageError, match=rf"row 2: label_ptx is '{cell}'.*labels: {{uncertain: ignore}}"):
        _read(folder, rows)
    for uncertain, value, taken in (("ignore", None, "unknown"), ("positive", 1, "1"), ("negative", 0, "0")):
        found = _read(folder, rows, labels=LabelRule(uncertain))
        assert found.entries[0].study.labels.get("ptx") == value
        assert found.entries[1].study.labels == {"ptx": 0}
        assert found.notes[0].endswith(f"1 uncertain cell of label_ptx taken as {taken}.")


def test_codes_are_those_that_are_declared(folder):
    rule = LabelRule("ignore", ("2", "maybe"))
    rows = [
        HEADER,
        *([*row[:3], cell, *row[4:]] for row, cell in zip(ROWS, ("2.0", "maybe", "1"), strict=True)),
    ]
    assert [dict(e.study.labels) for e in _read(folder, rows, labels=rule).entries] == [{}, {}, {"ptx": 1}]
    with pytest.raises(UsageError, match="row 2: label_ptx is '-1'"):
        _read(folder, [HEADER, [*ROWS[0][:3], "-1", *ROWS[0][4:]]], labels=rule)


OTHER = ["ImageID", "Patient", "Path", "PTX", "Lung RLE", "Age", "label_drain", "Site"]
COLUMNS = {
    "study_id": "ImageID",
    "patient_id": "Patient",
    "image": "Path",
    "label_ptx": "PTX",
    "age": "Age",
    "mask_lung": "Lung RLE#rle=absolute,order=row,size=film",
}


def test_a_users_own_columns_are_mapped(folder):
    rows = [
        ["s1", "p1", "img\\a.png", "1.0", "5 3", "44", "0", "X"],
        ["s2", "p2", "img\\b.png", "", "", "", "1", "Y"],
    ]
    first, second = _read(folder, [OTHER, *rows], delimiter=";", columns=COLUMNS).entries
    assert first.study.labels == {"ptx": 1, "drain": 0}
    assert first.study.attributes == {"age": 44}
    assert first.masks["lung"].inline == "5 3"
    assert first.masks["lung"].options == {"rle": "absolute", "order": "row", "size": "film"}
    assert (second.study.labels, second.study.attributes, second.masks) == ({"drain": 1}, {}, {})


def test_one_column_may_serve_twice_and_a_mapped_name_wins(folder):
    header = ["image", "path", "label_ptx"]
    columns = {"study_id": "path", "patient_id": "path", "image": "path"}
    found = _read(folder, [header, ["nowhere.png", "img/a.png", "1"]], columns=columns).entries[0]
    assert (found.study.study_id, found.study.patient_id, found.image) == (
        "img/a.png",
        "img/a.png",
        folder / "img/a.png",
    )
    assert found.study.labels == {"ptx": 1}


def test_a_mapped_column_that_is_not_there_is_named(folder):
    with pytest.raises(
        UsageError,
        match=r"no column 'PTXX', which the shift's columns name for 'label_ptx'.*Did you mean 'PTX'",
    ):
        _read(folder, [OTHER], columns={**COLUMNS, "label_ptx": "PTXX"})
    with pytest.raises(UsageError, match="no column 'image'"):
        _read(folder, [OTHER], columns={k: v for k, v in COLUMNS.items() if k != "image"})


def test_parquet_reads_as_the_text_does(folder):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(ROWS, columns=HEADER)
    frame["age"] = pd.Series([50, None, 70], dtype="float64")
    frame["label_ptx"] = pd.Series([1, 0, None], dtype="Int64")
    frame["mask_ptx"] = frame["mask_ptx"].replace("", None)
    frame["smoker"] = [True, False, None]
    frame.to_parquet(folder / "manifest.parquet")
    found = read_manifest(folder / "manifest.parquet")
    assert [dict(e.study.labels) for e in found.entries] == [{"ptx": 1}, {"ptx": 0}, {}]
    assert [dict(e.study.attributes) for e in found.entries] == [
        {"age": 50, "smoker": "True"},
        {"smoker": "False"},
        {"age": 70},
    ]
    assert [sorted(e.masks) for e in found.entries] == [["ptx"], [], ["ptx"]]
    (folder / "manifest.parquet").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="as Parquet"):
        read_manifest(folder / "manifest.parquet")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (["s1", "p", "img/b.png", "", "", "", ""], "row 3: study_id 's1' is already in row 2"),
        (
            ["s9", "p", "img/b.png", "", "m.png#ordr=row", "", ""],
            "row 3: mask_ptx: the selection .* unknown word 'ordr'",
        ),
        (["s9", "p", "img/b.png", "", "q.png#1", "", ""], r"row 3: the mask_ptx .*q\.png does not exist"),
        (["s9", "p", "img/z.png", "", "", "", ""], r"row 3: the image .*z\.png does not exist"),
        (["s9", "p", "img/b.png"], "row 3: expected 7 cells, found 3 .the delimiter is the comma"),
    ],
)
def test_every_bad_row_is_named(row, sentence, folder):
    with pytest.raises(UsageError, match=sentence):
        _read(folder, [HEADER, ROWS[0], row])


def test_a_workbook_is_no_text(folder):
    (folder / "manifest.csv").write_bytes(b"PK\x03\x04 and more")
    with pytest.raises(UsageError, match="spreadsheet's own file"):
        read_manifest(folder / "manifest.csv")


@given(st.lists(st.integers(-(10**12), 10**12) | st.none(), min_size=1))
def test_integers_come_back_with_their_gaps(values):
    for text in (str, lambda value: f"{value}.0"):
        assert typed(["" if value is None else text(value) for value in values]) == values


@given(st.lists(st.decimals(-1000, 1000, places=2) | st.none(), min_size=1))
def test_decimals_come_back_with_points_and_commas(values):
    expected = [None if value is None else float(value) for value in values]
    cells = ["" if value is None else str(value) for value in values]
    assert typed(cells) == expected
    assert typed([cell.replace(".", ",") for cell in cells], decimal_comma=True) == expected


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["45", "45.0", ""], [45, 45, None]),
        (["40", "41.5"], [40.0, 41.5]),
        (["007", "008"], ["007", "008"]),
        (["1e5", "2"], ["1e5", "2"]),
        (["45", "NA", "nan"], [45, None, None]),
        (["NA", "b", "nan"], ["NA", "b", None]),
        (["", ""], [None, None]),
        (["40,5"], ["40,5"]),
        (["45", "unknown"], ["45", "unknown"]),
    ],
)
def test_a_column_has_one_type(cells, values):
    found = typed(cells)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]
