"""Point metrics of a binary classifier at a locked operating point, counted by torchmetrics.

An image that the model gave no answer for is a decision of -1 and a score of NaN. It counts as wrong in every figure
of the decisions, and has no part in figures of the scores.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.scores import brier, calibration_error

Integers = NDArray[np.integer[Any]]
Scores = NDArray[np.float64] | None

SCORED: Final = ("auroc", "auprc", "brier", "ece")
"""Figures of the scores; all others are figures of the decisions."""
PROBABLE: Final = ("brier", "ece")
"""Figures of scores that are meant as probabilities."""
NO_POSITIVES = "undefined: no positives in this set"
NO_NEGATIVES = "undefined: no negatives in this set"
ONE_CLASS = "undefined: one class only in this set"
NO_SCORES = "undefined: the model gives labels and no scores"
NO_ANSWERS = "undefined: the model gave no answer for any image of this set"
NO_PROBABILITIES = (
    "undefined: the model's scores are calibrated to its operating point and are no probabilities"
)
NO_IMAGES = "undefined: no images in this set"
NO_PREVALENCE = "undefined: it depends on how common the target is, and the shift states no prevalence"
NEVER_YES = "undefined: the model never says yes in this set"
NEVER_NO = "undefined: the model never says no in this set"


class Point(NamedTuple):
    """A figure, or None with the reason why it is undefined."""

    value: float | None
    note: str = ""


def undefined_reason(
    name: str, labels: Integers, *, scored: bool, probable: bool = True, prevalence: float | None = None
) -> str:
    """Return why metric ``name`` does not exist for ``labels`` (int [N], 0 or 1), or "" where it does.

    Args:
        name: of a shift's ``metrics``.
        labels: the truth; for a figure of the scores, of the images that have one.
        scored: whether the model gives scores.
        probable: whether its scores are meant as probabilities.
        prevalence: share of patients with the target, for ``ppv`` and ``npv``.
    """
    positives = int(np.sum(labels))
    negatives = len(labels) - positives
    one_class = not positives or not negatives
    missing = [
        (name in SCORED and not scored, NO_SCORES),
        (name in PROBABLE and not probable, NO_PROBABILITIES),
        (name in {"ppv", "npv"} and prevalence is None, NO_PREVALENCE),
        (name == "sensitivity" and not positives, NO_POSITIVES),
        (name == "specificity" and not negatives, NO_NEGATIVES),
        (name in {"auroc", "auprc", "balanced_accuracy", "ppv", "npv"} and one_class, ONE_CLASS),
    ]
    if not len(labels):
        return NO_IMAGES
    return next((reason for holds, reason in missing if holds), "")


def point_metrics(
    names: Sequence[str],
    labels: Integers,
    decisions: Integers,
    scores: Scores,
    *,
    probable: bool = True,
    prevalence: float | None = None,
) -> dict[str, Point]:
    """Return the figures called ``names``.

    Args:
        names: of a shift's ``metrics`` for a classification.
        labels: int [N], 0 or 1.
        decisions: int [N], 0 or 1, at the locked operating point; -1 for no answer.
        scores: float64 [N] in [0, 1], NaN for no answer; or None for a model that gives none.
        probable: whether the scores are meant as probabilities.
        prevalence: share of patients with the target where ``ppv`` and ``npv`` are to hold.

    Returns:
        One point a name, in that order; undefined ones have value None and a note, never NaN or 0.
    """
    found = {}
    decided = _decided(names, labels, decisions, prevalence)
    known = np.zeros(len(labels), np.bool_) if scores is None else ~np.isnan(scores)
    for name in names:
        seen = labels[known] if name in SCORED and scores is not None else labels
        reason = undefined_reason(
            name, seen, scored=scores is not None, probable=probable, prevalence=prevalence
        )
        if reason:
            answers = name not in SCORED or bool(known.any()) or not len(labels) or scores is None
            found[name] = Point(None, reason if answers else NO_ANSWERS)
        elif name in SCORED and scores is not None:
            found[name] = Point(_of_scores(name, seen, scores[known]))
        else:
            found[name] = decided[name]
    return found


def predictive_value(sensitivity: float, specificity: float, prevalence: float, *, yes: bool) -> float | None:
    """Return the chance that a yes (or a no) is right, by Bayes' theorem; None where that answer never comes.

    Args:
        sensitivity: share of yes among the positives.
        specificity: share of no among the negatives.
        prevalence: share of positives where the model is used.
        yes: the positive predictive value; else the negative one.
    """
    right = prevalence * sensitivity if yes else (1 - prevalence) * specificity
    wrong = (1 - prevalence) * (1 - specificity) if yes else prevalence * (1 - sensitivity)
    return right / (right + wrong) if right + wrong > 0 else None


def _decided(
    names: Sequence[str], labels: Integers, decisions: Integers, prevalence: float | None
) -> dict[str, Point]:
    """Return the figures of the decisions; those that do not exist may be absent."""
    if not len(labels) or all(name in SCORED for name in names):
        return {}
    tp, fp, tn, fn = _counts(labels, decisions)
    found: dict[str, Point] = {"accuracy": Point((tp + tn) / (tp + fp + tn + fn))}
    sensitivity = tp / (tp + fn) if tp + fn else None
    specificity = tn / (tn + fp) if tn + fp else None
    if sensitivity is not None:
        found["sensitivity"] = Point(sensitivity)
    if specificity is not None:
        found["specificity"] = Point(specificity)
    if sensitivity is None or specificity is None:
        return found
    found["balanced_accuracy"] = Point((sensitivity + specificity) / 2)
    if prevalence is not None:
        for name, never in (("ppv", NEVER_YES), ("npv", NEVER_NO)):
            value = predictive_value(sensitivity, specificity, prevalence, yes=name == "ppv")
            found[name] = Point(value, "" if value is not None else never)
    return found


def _counts(labels: Integers, decisions: Integers) -> tuple[int, int, int, int]:
    import torch
    from torchmetrics.functional.classification import binary_stat_scores

    truth = np.asarray(labels, np.int64)
    answers = np.where(np.asarray(decisions) < 0, 1 - truth, decisions).astype(np.int64)  # no answer is wrong
    tp, fp, tn, fn, _ = binary_stat_scores(torch.from_numpy(answers), torch.from_numpy(truth)).tolist()
    return int(tp), int(fp), int(tn), int(fn)


def _of_scores(name: str, labels: Integers, scores: NDArray[np.float64]) -> float:
    if name == "brier":
        return float(brier(labels, scores).mean())
    if name == "ece":
        return calibration_error(labels, scores)
    import torch
    from torchmetrics.functional.classification import binary_auroc, binary_average_precision

    area = binary_auroc if name == "auroc" else binary_average_precision
    found = area(
        torch.from_numpy(np.ascontiguousarray(scores)), torch.from_numpy(np.asarray(labels, np.int64))
    )
    # torchmetrics answers in single precision: more digits than these would be noise
    return round(float(found), 6)
