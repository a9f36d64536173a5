"""The CSV files: the same numbers as the result, nothing empty, nothing that a spreadsheet would run."""

import csv
import io

import evidence
import pytest
import synthetic
from html_page import HOSTILE

from radbench.report.tables import HEADERS, safe_cell, table, tables


@pytest.fixture(scope="module")
def made(result):
    return synthetic.with_anchors(evidence.with_evidence(synthetic.with_controls(result)))


def read(data):
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_every_table_is_there_with_its_columns(made):
    found = tables(made)
    between = {"case_mix", "strata"}  # of two cohorts that are compared
    assert sorted(found) == sorted(f"{name}.csv" for name in HEADERS if name not in between)
    for name, header in ((name, header) for name, header in HEADERS.items() if name not in between):
        assert found[f"{name}.csv"].decode().splitlines()[0] == ",".join(header)
        assert all(None not in row and None not in row.values() for row in read(found[f"{name}.csv"]))


def test_tables_without_a_row_are_left_out(result):
    bare = result.model_copy(
        update={"cases": [], "models": [], "testset": result.testset.model_copy(update={"attrition": {}})}
    )
    assert list(tables(bare)) == ["metrics.csv"]


def test_numbers_come_back_as_they_were(made):
    found = tables(made)
    groups = read(found["subgroups.csv"])
    expected = [group for model in made.models for group in model.subgroups]
    assert [float(row["drop_low"]) for row in groups] == [group.drop.low for group in expected]
    assert [row["small"] for row in groups] == ["yes" if group.small else "no" for group in expected]
    cases = read(found["cases.csv"])
    assert len(cases) == len(made.cases)
    assert [float(row["score"]) for row in cases] == [case.score for case in made.cases]
    claims = read(found["claims.csv"])
    assert (claims[2]["value"], claims[2]["verdict"]) == ("", "not measured")
    rules = read(found["gates.csv"])
    assert [row["verdict"] for row in rules] == ["FAIL", "PASS", "INCONCLUSIVE", "NOT_RUN", "ERROR"]


def test_a_segmentation_lists_each_image_s_distances(result):
    made = synthetic.segmentation(result)
    rows = read(tables(made)["cases.csv"])
    assert list(rows[0])[-2:] == list(synthetic.DISTANCES)
    assert [row["hausdorff_95"] for row in rows if row["value"] == "0.0"] == [""]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_what_a_spreadsheet_would_run_is_quoted(text):
    assert safe_cell(text) == f"'{text}"
    assert safe_cell(-0.5) == -0.5
    (row,) = csv.reader(io.StringIO(table(("a",), [(text,)]).decode().split("\n", 1)[1], newline=""))
    assert row == [f"'{text}"]


def test_no_text_breaks_a_row():
    data = table(("a", "b"), [("x\r=1", 1), ("y\nz", None)])
    assert list(csv.reader(io.StringIO(data.decode(), newline=""))) == [
        ["a", "b"],
        ["x =1", "1"],
        ["y\nz", ""],
    ]


def test_hostile_names_stay_in_their_cell(made):
    models = [made.models[0].model_copy(update={"name": HOSTILE + ',"\n'}), *made.models[1:]]
    rows = read(tables(made.model_copy(update={"models": models}))["claims.csv"])
    assert rows[0]["model"] == HOSTILE + ',"\n'
    assert len(rows) == 3
