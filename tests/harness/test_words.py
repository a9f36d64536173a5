"""Numbers in words, the score figure's geometry, and the sentences of the view."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radbench.report.figures import BINS, score_figure

from radbench.harness.result import Estimate, Verdict
from radbench.harness.words import count, footnotes, grey_levels, show
from radbench.report.controls import flow_views
from radbench.report.methods import provenance
from radbench.report.view import expected_flips, headline, model_view, reference_metric


def test_estimates_in_words():
    shown = show(Estimate(value=0.9753, low=0.95, high=1.0, n=160))
    assert (shown.text, shown.interval) == ("97.5 %", "95.0 to 100.0 %")
    assert show(Estimate(value=-0.016, n=3), "points").text == "−1.6 points"
    assert show(Estimate(value=-0.0001, n=3), "score").text == "0.000"
    assert show(Estimate(value=0.25, n=3), "score").text == "+0.250"


def test_undefined_is_said_with_its_reason():
    shown = show(Estimate(value=None, n=64, note="one class only"))
    assert (shown.text, shown.defined, shown.note, shown.n) == ("undefined", False, "one class only", 64)
    assert show(None, missing="not run").note == "not run"
    assert show(Estimate(value=None, n=0, note="undefined: no images")).note == "no images"
    assert show(Estimate(value=None, n=0)).note


@settings(max_examples=40, deadline=None)
@given(st.floats(-1, 1))
def test_no_number_reads_as_minus_zero(value):
    for unit in ("share", "points", "score"):
        text = show(Estimate(value=value, n=1), unit).text
        assert "−0.0 " not in text + " "
        assert "−0.000" not in text


def test_small_words():
    assert (count(1, "model"), count(2, "model")) == ("1 model", "2 models")
    assert (grey_levels(None), grey_levels(0.5)) == ("not known", "127.5")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_bars_count_every_image_and_stay_inside(scores):
    figure = score_figure([("stress", "Synthetic", scores), ("real", "none", [])], 0.5)
    (strip,) = figure.strips
    assert sum(int(bar.title.split()[0]) for bar in strip.bars) == len(scores)
    assert len(strip.bars) <= BINS
    for bar in strip.bars:
        assert 0 <= bar.x < bar.x + bar.width <= figure.width
        assert figure.top <= bar.y < bar.y + bar.height <= figure.bottom + 0.01
    share = np.mean(np.asarray(scores) >= 0.5)
    assert f"{share:.0%} at or above the operating point" in figure.description


def test_no_scores_no_figure():
    assert score_figure([("stress", "Synthetic", [])], 0.5) is None


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


def test_a_note_is_said_once_with_its_rows():
    def shown(note):
        return show(Estimate(value=0.5, n=3, note=note))

    rows = [
        ("Real", shown("few")),
        ("Sham", shown("one class; few")),
        ("Truth", shown("")),
        ("Gone", show(None)),
    ]
    assert footnotes(rows) == ("Real, Sham: few.", "Sham: one class.")
    assert footnotes(rows[:2]) == ("All figures: few.", "Sham: one class.")
    many = [(str(number), shown("few" if number else "")) for number in range(7)]
    assert footnotes(many) == ("6 of 7 figures: few.",)
