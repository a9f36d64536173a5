import pandas as pd
import pytest
from conformance import declared
from hypothesis import given
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.models.adapters.table_answers import read_answers
from radbench.models.adapters.table_file import open_delimited

KEYS = [f"{number:064x}" for number in range(6)]
SCORES = [0.1, 0.25, 0.5, 1.0, 0.0, 0.625]


@pytest.fixture
def spec(tmp_path):
    return declared(tmp_path, format="table", path="answers.csv", output="probabilities")


@pytest.fixture
def frame():
    return pd.DataFrame({"image_sha256": KEYS, "score": SCORES})


def said(path, spec):
    answers = read_answers(path, spec)
    return answers.of(KEYS).values.tolist(), "; ".join(answers.notes)


def test_a_plain_table_is_read_without_a_word(tmp_path, spec, frame):
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert said(tmp_path / "a.csv", spec) == (SCORES, "")


def test_the_row_numbers_of_pandas_are_not_read(tmp_path, spec, frame):
    frame.to_csv(tmp_path / "a.csv")
    values, notes = said(tmp_path / "a.csv", spec)
    assert values == SCORES
    assert "the first column has no name and is not read" in notes


@pytest.mark.parametrize("end", [",,", " , ,", "6,,", '"","",""'])
def test_rows_that_hold_nothing_are_not_read(tmp_path, spec, frame, end):
    path = tmp_path / "a.csv"
    path.write_text(frame.to_csv() + f"{end}\n{end}\n")
    values, notes = said(path, spec)
    assert values == SCORES
    assert "2 empty rows are not read" in notes


@pytest.mark.parametrize(
    ("delimiter", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (",", None)]
)
@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_delimiter_decimal_sign_and_mark(tmp_path, spec, frame, delimiter, word, decimal, encoding):
    path = tmp_path / "a.csv"
    frame.to_csv(path, sep=delimiter, decimal=decimal, encoding=encoding, index=False)
    values, notes = said(path, spec)
    assert values == SCORES
    assert ("parted by" in notes) == (word is not None) and (word or "") in notes
    assert ("decimal comma" in notes) == (decimal == ",")


def test_the_delimiter_that_a_spreadsheet_announces(tmp_path, spec, frame):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfsep=;\r\n" + frame.to_csv(sep=";", decimal=",", index=False).encode())
    assert said(path, spec)[0] == SCORES


def test_text_in_quotes_holds_delimiters_and_line_ends(tmp_path, spec, frame):
    frame["remark"] = ['a; "b", c', "two\nlines", "", "x", "y,", ";"]
    for delimiter in (",", ";"):
        frame.to_csv(tmp_path / "a.csv", sep=delimiter, index=False, quoting=1)
        assert said(tmp_path / "a.csv", spec)[0] == SCORES


def test_columns_without_a_name_at_the_end_may_be_empty_only(tmp_path, spec):
    path = tmp_path / "a.csv"
    path.write_text(f"image_sha256,score,,\n{KEYS[0]},0.5,,\n")
    assert read_answers(path, spec).of(KEYS[:1]).values.tolist() == [0.5]
    path.write_text(f"image_sha256,score,,\n{KEYS[0]},0.5,,\n{KEYS[1]},0,5,\n")
    with pytest.raises(UsageError, match=r"line 3: a value in a column without a name"):
        read_answers(path, spec)


def test_a_bare_decimal_comma_between_commas_is_refused(tmp_path, spec):
    path = tmp_path / "a.csv"
    path.write_text(f"image_sha256,score,remark\n{KEYS[0]},0,87,\n")
    with pytest.raises(UsageError, match=r"line 2: 4 cells, expected 3 .*decimal comma needs quotes"):
        read_answers(path, spec)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"image_sha256;score\n\xfc;1\n")
    with pytest.raises(UsageError, match=r"line \d: no CSV in UTF-8"):
        list(open_delimited(path).rows)


@given(
    cells=st.lists(
        st.tuples(st.text("abc;,|\t\" '0.", max_size=6), st.text("xyz;,\n", max_size=6)), max_size=6
    ),
    delimiter=st.sampled_from(",;|\t"),
)
def test_what_pandas_writes_is_what_is_read(tmp_path_factory, cells, delimiter):
    path = tmp_path_factory.mktemp("table") / "a.csv"
    given_frame = pd.DataFrame(cells, columns=["image_sha256", "b"], dtype=str)
    given_frame.to_csv(path, sep=delimiter, index=False, quoting=2)
    found = [tuple(row.cells.values()) for row in open_delimited(path).rows]
    expected = [tuple(cell.strip() or None for cell in row) for row in cells]
    assert found == [row for row in expected if any(row)]
