"""The page over several shifts: links, escaping, and the same bytes every time."""

import evidence
import pytest
import synthetic
from html_page import HOSTILE, Page

from radbench.harness.result import Verdict
from radbench.report.index import IndexShift, make_index, render_index, summarise, write_index

SETTINGS = {"tool": {"radbench": "0"}, "seed": 0, "max_drop": 0.1}


def shifts(result):
    gone = IndexShift(
        name="gone", title=HOSTILE, kind="acquisition", task="classification", target="covid",
        verdict=Verdict.NOT_RUN, reason="no chosen model answers 'covid'",
    )  # fmt: skip
    found = [synthetic.with_controls(result), synthetic.segmentation(result)]
    return [*(summarise(one, one.shift.name) for one in found), gone]


def test_the_page_leads_to_each_report_and_to_nothing_else(result):
    text = render_index(make_index(shifts(result), gate=True, **SETTINGS)).decode()
    page = Page(text)
    links = [value for value in page.fetches if not value.startswith(("data:", "#"))]
    assert links == ["manifestation/report.html", "population/report.html"]
    assert page.of("script") == []
    assert "<script>alert" not in text
    assert set(page.refs) <= set(page.ids)
    words = " ".join(" ".join(page.words).split())
    for phrase in (
        "FAIL : A model fails under 2 of 3 shifts", "94.5 points (91.5 to 97.5)", "control model", "lungs-weak",
        "10 points of accuracy or 0.1 of Dice", "no chosen model answers 'covid'", "the exit code is 3",
    ):  # fmt: skip
        assert phrase in words.replace("FAIL:", "FAIL :"), phrase


def test_each_shift_s_own_limit_is_said(result):
    first, second, gone = shifts(result)
    second = second.model_copy(update={"max_drop": 0.03})
    text = render_index(make_index([first, second, gone], gate=False, **SETTINGS)).decode()
    assert "each shift's own limit, 10 points of accuracy or 0.03 of Dice" in text.replace("&#39;", "'")


@pytest.mark.parametrize("gate", [True, False])
def test_what_was_not_run_is_no_pass(result, gate):
    passed = summarise(result.model_copy(update={"verdict": Verdict.PASS}), "a")
    index = make_index([passed, shifts(result)[-1]], gate=gate, **SETTINGS)
    assert index.verdict is Verdict.NOT_RUN
    assert index.exit_code == 4
    assert make_index([passed], gate=gate, **SETTINGS).exit_code == 0


def test_the_same_audits_give_the_same_bytes(result, tmp_path):
    for name in ("a", "b"):
        made = make_index(shifts(result), gate=False, **SETTINGS)
        assert write_index(made, tmp_path / name) == tmp_path / name / "index.html"
    for file in ("index.html", "index.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_rules_are_listed_and_those_that_speak_of_nothing_hold_the_gate_shut(result):
    passed = result.model_copy(update={"verdict": Verdict.PASS})
    rules = evidence.gates(passed, HOSTILE)
    known = summarise(passed.model_copy(update={"gates": rules[1:2]}), "a")
    index = make_index([known], gate=True, unmet=[rules[3]], **SETTINGS)
    assert (index.verdict, index.exit_code) == (Verdict.NOT_RUN, 4)
    assert make_index([known], gate=True, **SETTINGS).exit_code == 0
    text = render_index(index).decode()
    words = " ".join(" ".join(Page(text).words).split())
    assert "A rule speaks of what was not run" in words
    assert "edited images kept at least 50" in words
    assert "<script>alert" not in text
