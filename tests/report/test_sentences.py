"""The sentences of the view, the flow and the provenance."""

import pytest

from radbench.harness.result import Verdict
from radbench.report.controls import flow_views
from radbench.report.methods import provenance
from radbench.report.view import expected_flips, headline, model_view, reference_metric


def test_a_set_of_one_class_is_held_against_its_own_class(result):
    assert reference_metric(result) == "specificity"
    positive = [c.model_copy(update={"label": 1}) if c.arm == "stress" else c for c in result.cases]
    assert reference_metric(result.model_copy(update={"cases": positive})) == "sensitivity"
    assert reference_metric(result.model_copy(update={"cases": []})) is None


def test_the_faultless_flip_rate_follows_from_the_labels(result):
    assert expected_flips(result) == 1.0
    kept = [c.model_copy(update={"label": 1}) if c.arm == "stress" else c for c in result.cases]
    assert expected_flips(result.model_copy(update={"cases": kept})) == 0.0
    assert expected_flips(result.model_copy(update={"cases": []})) is None


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_headline(result, verdict):
    models = [model.model_copy(update={"verdict": verdict}) for model in result.models]
    line = headline(result.model_copy(update={"verdict": verdict, "models": models}))
    assert line
    assert "1 of" not in line


def test_each_arm_has_its_line(result):
    view = model_view(result, result.models[0])
    assert [row.arm for row in view.rows] == ["real", "stress", "reconstruction", "truth"]
    assert view.stress.text == "3.0 %"
    assert view.reference.text == "97.5 %"


def test_the_flow_ends_at_the_judged_images(result):
    (view,) = flow_views(result)
    assert view.lines == (
        ("Real studies of 160 patients", 160, False), ("without pneumothorax", 80, True),
        ("without drain", 4, True), ("Eligible", 76, False), ("beyond the limit", 10, True),
        ("Edits planned", 66, False), ("rejected: the edit mask is empty", 1, True), ("failed", 1, True),
        ("Kept, and shown to the models", 64, False),
    )  # fmt: skip
    assert "left out: 80 without pneumothorax; 4 without drain" in view.chart.description


def test_provenance_holds_every_digest(result):
    facts = {fact.value for group in provenance(result) for fact in group.facts}
    digests = {result.cohort.digest, result.testset.key, "01" * 32, "23" * 32, result.models[0].digest}
    assert digests <= facts
    assert "No acute cardiopulmonary process" in facts


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.NOT_RUN])
def test_films_that_the_bundle_never_saw_come_first(result, verdict):
    reason = "The bundle never saw such films."
    models = [model.model_copy(update={"verdict": verdict}) for model in result.models]
    told = result.model_copy(update={"verdict": verdict, "models": models, "out_of_domain": reason})
    assert headline(told) == reason.removesuffix(".")
