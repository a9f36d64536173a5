"""Figures of the scores of weighted images: areas under curves, Brier score and calibration, with intervals.

A weighted image stands for as many images as its weight says. The curves, bins and widenings are those of ``scores``;
in every resample the weights are made anew (``standard``).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Floats, divide
from radbench.metrics.intervals import RARE, SAME, TOO_FEW, UNIT, Interval, percentiles
from radbench.metrics.scores import BINS, area_interval, bin_of, brier, with_rare_errors
from radbench.metrics.standard import Integers, Weighting, kish, standard_mean, standard_share

Figure: TypeAlias = Callable[[Floats, NDArray[Any], Floats], Floats]
"""From weights [R, N], labels [N] and scores [N] to a figure in each row of weights, float64 [R]."""


def weighted_auroc(weights: Floats, labels: NDArray[Any], scores: Floats) -> Floats:
    """Return the area under the ROC curve by rows of weights, float64 [R]; NaN where a class has none.

    The area is the weighted share of (positive, negative) pairs in order, ties counting half (Hanley and McNeil 1982,
    doi:10.1148/radiology.143.1.7063747), a pair having the product of both weights.

    Args:
        weights: float64 [R, N], none negative.
        labels: [N], 0 or 1.
        scores: float64 [N].
    """
    positive = np.asarray(labels) == 1
    order = np.argsort(scores[~positive], kind="stable")
    falling = scores[~positive][order]
    passed = np.zeros((len(weights), len(order) + 1))
    np.cumsum(weights[:, ~positive][:, order], axis=1, out=passed[:, 1:])
    ups = weights[:, positive]
    beaten = sum(
        passed[:, np.searchsorted(falling, scores[positive], side="left" if below else "right")]
        for below in (True, False)
    )
    return _settled(divide((ups * beaten).sum(axis=1) / 2, ups.sum(axis=1) * passed[:, -1]))


def weighted_auprc(weights: Floats, labels: NDArray[Any], scores: Floats) -> Floats:
    """Return the average precision by rows of weights, float64 [R]; NaN where no positive has any.

    As ``scores.auprc_replicates``, nothing is interpolated; the precision at a score is the positives' part of the
    weights from there upwards, the recall that it adds its part of the positives' weights.

    Args:
        weights: float64 [R, N], none negative.
        labels: [N], 0 or 1.
        scores: float64 [N].
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(scores[order]) < 0, True])  # the last image of every distinct score
    falling = weights[:, order]
    every = np.cumsum(falling, axis=1)[:, ends]
    found = np.cumsum(falling * (np.asarray(labels)[order] == 1), axis=1)[:, ends]
    precision = np.nan_to_num(divide(found, every))
    return _settled(divide((np.diff(found, axis=1, prepend=0.0) * precision).sum(axis=1), found[:, -1]))


def _settled(areas: Floats) -> Floats:
    """Return areas without the rounding of their sums: what is 1 is 1, however it was added up."""
    found: Floats = np.clip(np.round(areas, 12), 0.0, 1.0)
    return found


def weighted_gaps(weights: Floats, labels: NDArray[Any], scores: Floats) -> Floats:
    """Return the bins' weighted sums of (score - label) an image, float64 [R, BINS]; NaN where nothing has weight."""
    table = np.zeros((len(scores), BINS))
    table[np.arange(len(scores)), bin_of(scores)] = scores - labels
    total = weights.sum(axis=1)
    return divide(weights @ table, np.repeat(total[:, None], BINS, axis=1))


def weighted_ece(weights: Floats, labels: NDArray[Any], scores: Floats) -> Floats:
    """Return the expected calibration error by rows of weights, float64 [R]."""
    found: Floats = np.abs(weighted_gaps(weights, labels, scores)).sum(axis=1)
    return found


def weighted_brier(weights: Floats, labels: NDArray[Any], scores: Floats) -> Floats:
    """Return the Brier score by rows of weights, float64 [R]."""
    return divide(weights @ brier(labels, scores), weights.sum(axis=1))


WEIGHTED: Final[Mapping[str, Figure]] = {
    "auroc": weighted_auroc,
    "auprc": weighted_auprc,
    "brier": weighted_brier,
    "ece": weighted_ece,
}
"""Every figure of the scores."""


def weighted_interval(
    name: str, weighting: Weighting, places: Integers, labels: NDArray[Any], scores: Floats, value: float
) -> Interval:
    """Return the interval of a figure of ``WEIGHTED``, which exists for these images.

    Args:
        name: of the figure.
        weighting: of the N images.
        places: int64 [N] from ``Draws.places``.
        labels: [N], 0 or 1.
        scores: float64 [N] in [0, 1].
        value: the figure.
    """
    draws = weighting.standard.draws
    figure = weighted_gaps if name == "ece" else WEIGHTED[name]
    if name in {"auroc", "auprc"}:
        blocks = (weighting.in_draws(places, block) for block in draws.blocks())
        found = np.concatenate([figure(weights, labels, scores) for weights in blocks])
        return area_interval(found, value, min(_worth(weighting, places, labels == one) for one in (0, 1)))
    wrong = standard_share(weighting, places, np.abs(scores - labels) > 0.5)
    if name == "brier":
        limits = standard_mean(weighting, places, brier(labels, scores), UNIT).interval()
        return with_rare_errors(limits, value, wrong)
    if len(np.unique(places)) < RARE:
        return Interval(None, None, TOO_FEW)
    own = figure(weighting.image_weights()[None], labels, scores)[0]
    blocks = (weighting.in_draws(places, block) for block in draws.blocks())
    gaps = np.concatenate([figure(weights, labels, scores) for weights in blocks])
    lowest, _ = percentiles(np.abs(gaps).sum(axis=1))
    _, moved = percentiles(np.abs(gaps - own).sum(axis=1))  # as in scores.calibration_error_interval
    limits = Interval(max(0.0, value - moved), min(1.0, max(value, 2 * value - lowest)))
    return with_rare_errors(limits, value, wrong)


def _worth(weighting: Weighting, places: Integers, chosen: NDArray[np.bool_]) -> int:
    """Return how many patients the chosen images are worth, by Kish, rounded down; 0 for none."""
    if not chosen.any():
        return 0
    by_patient = np.bincount(places[chosen], weights=weighting.image_weights()[chosen]).astype(np.float64)
    own = by_patient[by_patient > 0]
    return int(kish(own, np.ones_like(own)) + SAME)
