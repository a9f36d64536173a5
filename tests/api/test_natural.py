"""The same models on the films of two hospitals of the phantom, from the YAML file to the report and the exit code.

Of ``phantom/acquisition`` all COVID-19 is from hospital B and all else from hospital A, as the biased model learnt it;
in ``phantom/acquisition-unconfounded`` all films are from hospital B.
"""

import html
import re
import sys

import pytest
import yaml

import radbench
from radbench.errors import UsageError
from radbench.harness.result import Verdict

SHIFT = {
    "name": "site-b",
    "title": "Hospital B after hospital A",
    "description": "The same models on the films of two hospitals.",
    "kind": "natural",
    "target": "covid",
    "source": {"cohort": "phantom/acquisition", "size": 70},
    "against": {"cohort": "phantom/acquisition-unconfounded", "size": 60, "seed": 1},
    "reweight": ["covid", "sex"],
    "metrics": ["accuracy", "sensitivity", "specificity", "auroc", "brier"],
    "subgroups": ["sex"],
    "max_drop": 0.15,
    "models": ["covid-biased"],
}


def write(folder, **changes):
    file = folder / "site-b.yaml"
    file.write_text(yaml.safe_dump({**SHIFT, **changes}), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def found(tmp_path_factory, cache):
    folder = tmp_path_factory.mktemp("natural")
    sys.modules.setdefault(
        "diffusers", None
    )  # importing it now fails, unless another test has done so before
    gates = radbench.GatesSpec(
        name="release", rules=[{"measure": "drop", "max": 0.15}, {"measure": "kept", "min": 5}]
    )
    audit = radbench.audit(write(folder), gates=gates, device="cpu", cache=cache, progress=False)
    if sys.modules.get("diffusers", 0) is None:
        del sys.modules["diffusers"]
    audit.report(folder / "out", figures=True)
    return audit, folder / "out"


def test_a_model_that_knows_the_hospital_falls_at_the_other(found):
    audit, _ = found
    (model,) = audit.result.models
    assert model.metric("real", "accuracy").value > 0.95
    assert model.metric("natural", "specificity").value < 0.3
    assert model.paired["reweighted"].drop.low > 0.3
    assert (audit.verdict, audit.exit_code) == (Verdict.FAIL, 3)
    rules = [gate.rule for gate in audit.result.gates]
    assert rules[0] == "drop in reweighted at most 0.15"
    assert [gate.verdict for gate in audit.result.gates] == [
        Verdict.FAIL,
        Verdict.NOT_RUN,
    ]  # nothing was kept


def test_everything_is_written_and_can_be_read_again(found):
    audit, folder = found
    written = {path.name for path in folder.iterdir()}
    assert {"report.html", "result.json", "metrics.csv", "case_mix.csv", "strata.csv", "junit.xml"} <= written
    assert "attrition.csv" not in written
    again = radbench.load(folder)
    assert again.result.case_mix == audit.result.case_mix
    assert again.table("case_mix").shape[0] > 4
    assert set(again.metrics["arm"]) == {"real", "natural", "reweighted"}
    assert (folder / "figures" / "effects.svg").is_file()
    assert not (folder / "figures" / "before_after.svg").exists()
    with pytest.raises(UsageError, match="edits nothing"):
        audit.edits  # noqa: B018


def test_the_report_tells_of_two_cohorts_and_of_no_edit(found):
    page = (found[1] / "report.html").read_text(encoding="utf-8")
    words = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    words = html.unescape(re.sub(r"<[^>]+>", " ", words))
    assert "Who is in the two cohorts" in words
    assert "60 films of cohort B (phantom/acquisition-unconfounded) against 70 films of cohort A" in words
    told = re.sub(r"images kept.*?\n", "", words)  # the rule of this test
    assert not re.findall(r"(?i)[^\n]*\b(?:edited|edits?|editor|synthetic|sham|stress|prompt)\b[^\n]*", told)
    summary = (found[1] / "summary.md").read_text(encoding="utf-8")
    assert "70 images of cohort A and 60 of cohort B" in summary
    assert "synthetic" not in summary


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"limit": 4}, "limit is about edits"),
        ({"bundle": "phantom"}, "bundle is about edits"),
        ({"controls": ["covid-robust"]}, "no editor that a control model could check"),
    ],
)
def test_options_about_edits_are_refused(tmp_path, cache, options, told):
    with pytest.raises(UsageError, match=told):
        radbench.audit(write(tmp_path), device="cpu", cache=cache, progress=False, **options)


def test_there_is_nothing_to_build(tmp_path, cache):
    with pytest.raises(UsageError, match="no test set to build"):
        radbench.build(write(tmp_path), device="cpu", cache=cache, progress=False)


def test_hospitals_without_a_finding_in_common_cannot_be_brought_to_one_mix(tmp_path, cache):
    sides = {
        "source": {**SHIFT["source"], "select": {"hospital": "A"}},
        "against": {"cohort": "phantom/acquisition", "size": 60, "select": {"hospital": "B"}},
    }
    with pytest.raises(UsageError, match=r"no stratum of covid in common \(A has 0 and B has 1\)"):
        radbench.audit(
            write(tmp_path, reweight=["covid"], **sides), device="cpu", cache=cache, progress=False
        )


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"measure": "flip_rate", "max": 0.1, "shift": "site-b"}, "two real cohorts and has no 'flip_rate'"),
        ({"measure": "drop", "max": 0.1, "arm": "sham", "shift": "site-b"}, "has no arm 'sham'"),
    ],
)
def test_rules_about_edits_are_refused_where_they_name_the_shift(tmp_path, cache, rule, told):
    gates = radbench.GatesSpec(name="release", rules=[rule])
    with pytest.raises(UsageError, match=told):
        radbench.audit(write(tmp_path), gates=gates, device="cpu", cache=cache, progress=False)
