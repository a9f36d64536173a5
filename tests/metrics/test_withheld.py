"""Withheld answers: no answers that could have been given lie outside the worst and the best case."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.metrics.scores import calibration_error
from radbench.metrics.withheld import answered_for


def auroc(labels, scores):
    gaps = scores[labels == 1][:, None] - scores[labels == 0][None]
    return ((gaps > 0) + 0.5 * (gaps == 0)).mean()


def auprc(labels, scores):
    found = 0.0
    for cut in sorted(set(scores.tolist()), reverse=True):
        said = scores >= cut
        found += labels[said].mean() * labels[scores == cut].sum()
    return found / labels.sum()


FIGURES = {
    "auroc": auroc,
    "auprc": auprc,
    "brier": lambda labels, scores: ((scores - labels) ** 2).mean(),
    "ece": calibration_error,
}


@given(st.integers(0, 10**6), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_whatever_is_answered_lies_between_the_two(seed, silent):
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, 8)]
    scores = np.round(rng.uniform(0, 1, 10), int(rng.integers(1, 4)))
    withheld = rng.permutation(10)[:silent]
    given_scores = scores.copy()
    given_scores[withheld] = np.nan
    for name, figure in FIGURES.items():
        ends = [figure(labels, answered_for(name, labels, given_scores, best=best)) for best in (False, True)]
        low, high = sorted(ends)
        found = figure(labels, scores)
        if name == "ece":  # at best nothing is added, but a wrong answer may hide another one
            assert found <= high + 1e-9
            assert ends[0] == high
        else:
            assert low - 1e-9 <= found <= high + 1e-9


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_the_worst_average_precision_is_the_least_of_all_places(seed, silent):
    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, 6)]
    scores = rng.integers(1, 5, 8) / 5
    scores[rng.permutation(8)[:silent]] = np.nan
    between = np.r_[np.arange(1, 5) / 5, np.arange(0, 5) / 5 + 0.1]
    withheld = np.isnan(scores)
    least = np.inf
    for given_scores in product(between, repeat=silent):
        for order in (1, -1):  # withheld answers at one place, either of them first
            tried = scores.copy()
            tried[withheld] = given_scores + np.arange(silent) * order * 1e-6
            least = min(least, auprc(labels, tried))
    worst = answered_for("auprc", labels, scores, best=False)
    assert ((worst >= 0) & (worst <= 1)).all()
    known = ~withheld
    assert (
        np.sign(np.subtract.outer(worst[known], worst[known]))
        == np.sign(np.subtract.outer(scores[known], scores[known]))
    ).all()
    assert auprc(labels, worst) == pytest.approx(least)


def test_a_withheld_positive_above_shared_scores_may_be_worse_than_at_the_bottom():
    labels = np.array([0, 1, 0, 1, 1, 1, 1, 0, 1, 1])
    scores = np.array([0.1, 0.01, 0.31, 0.69, 0.72, 0.2, np.nan, 0.34, 0.23, 0.01])
    bottom = np.where(np.isnan(scores), 0.0, scores)
    worst = auprc(labels, answered_for("auprc", labels, scores, best=False))
    assert worst == pytest.approx(auprc(labels, np.where(np.isnan(scores), 0.04, scores)))
    assert worst < auprc(labels, bottom) - 1e-3


def test_the_worst_calibration_is_found_among_all_answers():
    labels = np.array([1, 0, 1, 0, 0, 1])
    scores = np.array([0.3, 0.35, 0.92, 0.9, np.nan, np.nan])
    worst = calibration_error(labels, answered_for("ece", labels, scores, best=False))
    tried = []
    for pair in product(np.r_[np.arange(10) / 10, np.arange(1, 10) / 10 - 1e-9, 1.0, 0.37], repeat=2):
        filled = scores.copy()
        filled[4:] = pair
        tried.append(calibration_error(labels, filled))
    assert worst == pytest.approx(max(tried), abs=1e-6)


def test_withheld_answers_are_the_wrong_way_round_also_among_each_other():
    labels = np.array([1, 0, 1, 0])
    scores = np.array([0.9, 0.1, np.nan, np.nan])
    assert auroc(labels, answered_for("auroc", labels, scores, best=False)) == 0.25
    assert auroc(labels, answered_for("auroc", labels, scores, best=True)) == 1.0
    silent = np.full(4, np.nan)
    assert auroc(labels, answered_for("auroc", labels, silent, best=False)) == 0.0
    assert answered_for("brier", labels, silent, best=False).tolist() == [0, 1, 0, 1]


def test_nothing_withheld_changes_no_figure():
    rng = np.random.default_rng(3)
    labels, scores = np.r_[0, 1, rng.integers(0, 2, 30)], rng.uniform(0, 1, 32)
    for name, figure in FIGURES.items():
        for best in (False, True):
            found = figure(labels, answered_for(name, labels, scores, best=best))
            assert found == pytest.approx(figure(labels, scores), abs=1e-12)


def test_an_unknown_figure_is_refused():
    with pytest.raises(ValueError, match="unknown metric 'accuracy'"):
        answered_for("accuracy", np.array([0, 1]), np.array([0.5, 0.5]), best=True)
