"""The results for a CI system: JUnit XML that no hostile name breaks, and that calls nothing unknown a success."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.harness.gates import gated, unmet
from radbench.harness.ready import refusals
from radbench.harness.result import GateResult, Verdict
from radbench.models.base import Finding
from radbench.report.junit import junit_xml
from radbench.report.summary import plain
from radbench.specs import GateRule, GatesSpec

HOSTILE = '<script>alert("1")</script>]]>&\x00\x1b[31m\ud800\u202egnp.exe\n\ufffe'


def read(*results, **options):
    return ET.fromstring(junit_xml(results, **options))


def gate(verdict, **changes):
    fields = {
        "rule": "drop at most 0.1",
        "shift": "s",
        "model": "m",
        "estimate": None,
        "limit": 0.1,
        "sense": "max",
    }
    return GateResult(**(fields | {"verdict": verdict, "reason": "Because."} | changes))


def outcomes(suite):
    return [[child.tag for child in case] for case in suite.iter("testcase")]


def test_one_suite_a_shift_and_one_case_a_model(make_result):
    found = make_result()
    root = read(found, make_result(title="Another"))
    assert [suite.get("name") for suite in root] == ["manifestation", "manifestation"]
    suite = root[0]
    assert [case.get("classname") for case in suite.iter("testcase")] == [
        "radbench.manifestation.pneumothorax-biased",
        "radbench.manifestation.pneumothorax-robust",
    ]
    assert outcomes(suite) == [["failure"], []]
    assert suite.find("testcase/failure").get("type") == "FAIL"
    assert found.models[0].reason in suite.find("testcase/failure").get("message")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    assert (root.get("tests"), root.get("failures")) == ("4", "2")
    assert {"seed", "test set", "verdict"} <= {one.get("name") for one in suite.iter("property")}


@pytest.mark.parametrize(
    ("verdict", "asked", "tag"),
    [
        (Verdict.PASS, True, None),
        (Verdict.FAIL, True, "failure"),
        (Verdict.INCONCLUSIVE, True, "failure"),
        (Verdict.NOT_RUN, True, "error"),
        (Verdict.NOT_RUN, False, "skipped"),
        (Verdict.ERROR, False, "error"),
    ],
)
def test_only_a_pass_is_a_success(make_result, verdict, asked, tag):
    result = make_result().model_copy(update={"gates": [gate(verdict)], "gate": asked})
    (case,) = read(result).iter("testcase")
    assert [child.tag for child in case] == ([tag] if tag else [])
    if tag:
        assert case[0].get("message") == f"{verdict.value}: Because."


def test_rules_take_the_place_of_the_models_verdicts(make_result):
    spec = GatesSpec(name="g", rules=[GateRule(measure="kept", min=5), GateRule(measure="drop", max=0.5)])
    root = read(gated(make_result().model_copy(update={"gate": False}), spec))
    assert [case.get("name") for case in root.iter("testcase")] == [
        "images kept at least 5",
        "drop in stress at most 0.50",
        "drop in stress at most 0.50",
    ]


def test_rules_that_nothing_was_run_for_are_errors(make_result):
    spec = GatesSpec(name="g", rules=[GateRule(measure="drop", max=0.5, shift="population")])
    root = read(make_result(), unmet=unmet(spec, [make_result()]))
    assert root[-1].get("name") == "not run"
    assert outcomes(root[-1]) == [["error"]]
    assert root.get("errors") == "1"


def test_hostile_names_are_text(make_result):
    result = make_result(names=(HOSTILE, "ok"), title=HOSTILE)
    result = result.model_copy(
        update={"gates": [gate(Verdict.FAIL, rule=HOSTILE, reason=HOSTILE, model=HOSTILE)]}
    )
    data = junit_xml([result])
    assert b"<script" not in data
    assert not any(byte in data for byte in (b"\x00", b"\x1b", "\u202e".encode()))
    (failure,) = ET.fromstring(data).iter("failure")
    assert failure.text.startswith('<script>alert("1")</script>]]>&[31m')


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_at_all_is_well_formed(words):
    case = gate(Verdict.FAIL, rule=words, reason=words, model=words, shift=words)
    root = ET.fromstring(junit_xml([], unmet=[case]))
    assert next(root.iter("testcase")).get("name") == plain(words)


def test_the_same_results_give_the_same_bytes_without_time_or_place(make_result):
    data = junit_xml([make_result()])
    assert data == junit_xml([make_result()])
    assert not any(word in data for word in (b"timestamp", b"hostname", b"time="))


def test_no_results_are_a_document_too():
    assert read().get("tests") == "0"


def test_long_text_is_cut():
    assert plain("a" * 5000, 10) == "a" * 9 + "…"


def test_what_a_verdict_leaves_out_stands_beside_it_also_where_it_passes(make_result):
    gates = [
        gate(Verdict.PASS, left_out=["9 of 60 images <have> no answer."]),
        gate(Verdict.FAIL, left_out=["Two."], model="n"),
        gate(Verdict.PASS, model="o"),
    ]
    found = make_result().model_copy(update={"gates": gates, "gate": True})
    cohort = found.cohort.model_copy(update={"warnings": ["study a is flat"]})
    suite = read(found.model_copy(update={"cohort": cohort}))[0]
    cases = list(suite.iter("testcase"))
    assert [[child.tag for child in case] for case in cases] == [
        ["system-out"],
        ["failure", "system-out"],
        [],
    ]
    assert cases[0].findtext("system-out") == "9 of 60 images <have> no answer."
    assert "study a is flat" in suite.findtext("system-out")


def test_the_cause_of_a_failure_is_said_and_not_only_its_check(make_result):
    found = make_result()
    refused = Finding("loads", "failure", "loads and answers", "weights.onnx is a Git LFS stub", "Fetch it.")
    outcome = refusals({"m": [refused]}, ["m"], ())["m"]
    model = found.models[0].model_copy(
        update={"error": outcome.error, "reason": "Not audited.", "verdict": Verdict.NOT_RUN}
    )
    root = read(found.model_copy(update={"models": [model], "gate": False}))
    assert "weights.onnx is a Git LFS stub. Fetch it." in root.find(".//skipped").get("message")
