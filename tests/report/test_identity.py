"""Nobody is named in a report unless that was asked for."""

import io

import evidence
import pytest
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.harness.result import AuditResult, GateResult, Verdict
from radbench.report import deidentified, write_outputs
from radbench.report.gallery import RejectedItem
from radbench.report.identity import Identities, Numbers

NAME = "MRN-4711-Doe"


def gate(verdict, **changes):
    fields = {"rule": "r", "shift": "s", "estimate": None, "limit": 0.1, "sense": "max", "verdict": verdict}
    return GateResult(**(fields | changes))


def named(result):
    """The result with telling names in every place that may hold one."""
    cases = [
        case.model_copy(
            update={"study_id": f"{NAME}-{case.study_id}", "patient_id": f"{NAME}/{case.patient_id}"}
        )
        for case in result.cases
    ]
    model = result.models[0].model_copy(
        update={
            "error": f"The model crashed on study {NAME}-p0007.",
            "reason": f"'{NAME}-p0001' has no answer.",
            "preflight": [
                finding.model_copy(update={"observed": f"NaN for {NAME}-p0002"})
                for finding in result.models[0].preflight
            ],
        }
    )
    losses = [
        row.model_copy(update={"rejected": {f"no mask for {NAME}-p0003": 2}}) for row in result.attrition
    ]
    return result.model_copy(
        update={"cases": cases, "models": [model, *result.models[1:]], "attrition": losses}
    )


def test_no_name_is_left_in_any_file(result, gallery, tmp_path):
    made = named(evidence.with_evidence(synthetic.with_controls(result)))
    items = [item.__class__(**{**item.__dict__, "study_id": f"{NAME}-{item.study_id}"}) for item in gallery]
    refused = [RejectedItem(f"{NAME}-x", "a", f"the mask of {NAME}-p0004 is empty", gallery[0].edited)]
    write_outputs(made, items, tmp_path / "hidden", refused, sidecar=True)
    for file in sorted((tmp_path / "hidden").rglob("*")):
        assert NAME not in file.name
        assert file.is_dir() or NAME.encode() not in file.read_bytes(), file.name
    assert "Case 001" in (tmp_path / "hidden" / "report.html").read_text()
    write_outputs(made, items, tmp_path / "named", refused, identifiers=True)
    written = (tmp_path / "named" / "result.json").read_bytes()
    assert AuditResult.from_json(written) == AuditResult.from_json(made.to_json())
    assert f"{NAME}-p0000" in (tmp_path / "named" / "report.html").read_text()
    assert f"{NAME}-p0000" in (tmp_path / "named" / "cases.csv").read_text()


def test_numbers_keep_the_figures_and_pair_two_results_of_one_test_set(result):
    hidden = deidentified(result)
    assert deidentified(hidden) == hidden
    assert [case.value for case in hidden.cases] == [case.value for case in result.cases]
    assert hidden.models == result.models
    pairs = {
        (before.study_id, after.study_id) for before, after in zip(result.cases, hidden.cases, strict=True)
    }
    assert len(pairs) == len({before for before, _ in pairs}) == len({after for _, after in pairs})
    one = result.model_copy(
        update={"cases": [case for case in result.cases if case.model == result.models[1].name]}
    )
    assert {case.study_id for case in deidentified(one).cases} == {case.study_id for case in hidden.cases}


def test_studies_of_one_patient_keep_one_number(result):
    cases = [case.model_copy(update={"patient_id": case.study_id[:-1]}) for case in result.cases]
    hidden = deidentified(result.model_copy(update={"cases": cases}))
    assert len({case.patient_id for case in hidden.cases}) == 16


@settings(max_examples=60, deadline=None)
@given(st.sets(st.text(min_size=1, max_size=8), max_size=30), st.randoms())
def test_numbers_are_one_a_name_in_sorted_order_whatever_the_order_given(names, random):
    given_names = list(names)
    random.shuffle(given_names)
    numbers = Numbers("case", given_names)
    found = [numbers(name) for name in sorted(names)]
    assert found == sorted(set(found))
    assert [Numbers("case", found)(name) for name in found] == found


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("study 12: no mask", "study case-001: no mask"),
        ("of 12 images", "of 12 images"),
        ("failed on img_0099.", "failed on case-002."),
        ("ab is a word", "ab is a word"),
        ("the image 'ab'", "the image 'case-003'"),
    ],
)
def test_sentences_lose_names_and_keep_numbers_and_words(result, text, hidden):
    cases = [result.cases[0].model_copy(update={"study_id": name}) for name in ("12", "ab", "img_0099")]
    names = Identities(result.model_copy(update={"cases": cases}))
    assert names.words(text) == hidden.replace("002", "00X").replace("003", "002").replace("00X", "003")


def test_names_of_the_outside_get_numbers_of_their_own(result, gallery, tmp_path):
    empty = result.model_copy(update={"cases": []})
    write_outputs(empty, gallery, tmp_path)
    words = (tmp_path / "report.html").read_text()
    assert "p0000" not in words
    assert io.StringIO(words).read().count('<h3 id="case-1">Case 00') == 1


def test_warnings_about_films_name_nobody_either(result):
    first = result.cases[0].model_copy(update={"study_id": "img_0001", "patient_id": "doe1+roe2"})
    said = [
        "The same pixels stand in 2 studies: study img_0001 (sick 0), study ex9 (sick 1).",
        "patient 'roe2' is odd",
    ]
    cohort = result.cohort.model_copy(update={"warnings": said})
    gates = [gate(Verdict.FAIL, reason="study img_0001 is odd", left_out=["study img_0001 too"])]
    hidden = deidentified(result.model_copy(update={"cases": [first], "cohort": cohort, "gates": gates}))
    assert hidden.cohort.warnings == [
        "The same pixels stand in 2 studies: study case-001 (sick 0), study case-002 (sick 1).",
        "patient 'patient-002' is odd",
    ]
    assert (hidden.gates[0].reason, hidden.gates[0].left_out) == (
        "study case-001 is odd",
        ["study case-001 too"],
    )
    assert deidentified(hidden).cohort.warnings == hidden.cohort.warnings
