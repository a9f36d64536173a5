"""Point metrics of a binary classifier at a locked operating point, counted by torchmetrics."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]


class Point(NamedTuple):
    """A figure, or None with the reason why it is undefined."""

    value: float | None
    note: str = ""


NO_POSITIVES = "undefined: no positives in this set"
NO_NEGATIVES = "undefined: no negatives in this set"
ONE_CLASS = "undefined: one class only in this set"
NO_SCORES = "undefined: the model gives labels and no scores"
NO_IMAGES = "undefined: no images in this set"


def undefined_reason(name: str, labels: Integers, *, scored: bool) -> str:
    """Return why metric ``name`` does not exist for ``labels`` (int [N], 0 or 1), or "" where it does.

    Args:
        name: "accuracy", "sensitivity", "specificity" or "auroc".
        labels: the truth.
        scored: whether the model gives scores.
    """
    positives = int(np.sum(labels))
    negatives = len(labels) - positives
    if not len(labels):
        return NO_IMAGES
    if name == "sensitivity":
        return "" if positives else NO_POSITIVES
    if name == "specificity":
        return "" if negatives else NO_NEGATIVES
    if name == "auroc":
        if not scored:
            return NO_SCORES
        return "" if positives and negatives else ONE_CLASS
    return ""


def point_metrics(
    names: Sequence[str], labels: Integers, decisions: Integers, scores: NDArray[np.float64] | None
) -> dict[str, Point]:
    """Return the figures called ``names``.

    Args:
        names: of "accuracy", "sensitivity", "specificity", "auroc".
        labels: int [N], 0 or 1.
        decisions: int [N], 0 or 1, at the locked operating point.
        scores: float64 [N] in [0, 1], or None for a model that gives none.

    Returns:
        One point a name, in that order; undefined ones have value None and a note, never NaN or 0.
    """
    reasons = {name: undefined_reason(name, labels, scored=scores is not None) for name in names}
    values = _values([name for name in names if not reasons[name]], labels, decisions, scores)
    return {name: Point(values.get(name), reasons[name]) for name in names}


def _values(
    names: Sequence[str], labels: Integers, decisions: Integers, scores: NDArray[np.float64] | None
) -> dict[str, float]:
    if not names:
        return {}
    import torch
    from torchmetrics.functional.classification import binary_auroc, binary_stat_scores

    truth = torch.from_numpy(np.asarray(labels, np.int64))
    counts = binary_stat_scores(torch.from_numpy(np.asarray(decisions, np.int64)), truth)
    tp, fp, tn, fn = (int(count) for count in counts[:4])
    values = {"accuracy": (tp + tn) / (tp + fp + tn + fn)}
    if tp + fn:
        values["sensitivity"] = tp / (tp + fn)
    if tn + fp:
        values["specificity"] = tn / (tn + fp)
    if scores is not None and "auroc" in names:
        # torchmetrics answers in single precision: more digits than these would be noise
        values["auroc"] = round(float(binary_auroc(torch.from_numpy(scores), truth)), 6)
    return {name: values[name] for name in names}
