"""Figures of the order of the scores, in every replicate at once: areas under the ROC and precision-recall curves.

Images are sorted once; a replicate is then a row of weights (how often each image's patient was drawn), and a curve
is a running sum over it. Ties stand on one point of a curve, whatever their order.
"""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Draws, Floats, divide
from radbench.metrics.intervals import RARE, WIDENED, Interval, percentiles, wilson

Integers = NDArray[np.int64]

ROWS: Final = 16
"""Replicates whose curves are held at a time: bounds the memory, changes no figure."""


def auroc_replicates(draws: Draws, places: Integers, labels: NDArray[Any], scores: Floats) -> Floats:
    """Return float64 [replicates], the area under the ROC curve in each; NaN where a class was not drawn.

    The area is the share of (positive, negative) pairs in order, ties counting half (Hanley and McNeil 1982,
    doi:10.1148/radiology.143.1.7063747), each pair weighted by both images' counts.

    Args:
        draws: the shared draw.
        places: int64 [N] from ``Draws.places``.
        labels: [N], 0 or 1.
        scores: float64 [N].
    """
    positive = np.asarray(labels) == 1
    order = np.argsort(scores[~positive], kind="stable")
    downs, ups = places[~positive][order], places[positive]
    if not len(downs) or not len(ups):
        return np.full(len(draws.counts), np.nan)
    negatives = scores[~positive][order]
    below = np.searchsorted(negatives, scores[positive], side="left")
    up_to = np.searchsorted(negatives, scores[positive], side="right")
    pieces = []
    for block in _counts(draws):
        weights = block.take(ups, axis=1).astype(np.float64)
        passed = np.zeros((len(block), len(downs) + 1), np.int32)
        np.cumsum(block.take(downs, axis=1), axis=1, dtype=np.int32, out=passed[:, 1:])
        beaten = passed.take(below, axis=1) + passed.take(up_to, axis=1)
        ordered = np.einsum("ri,ri->r", weights, beaten.astype(np.float64)) / 2
        pieces.append(divide(ordered, weights.sum(axis=1) * passed[:, -1]))
    return np.concatenate(pieces)


def auprc_replicates(draws: Draws, places: Integers, labels: NDArray[Any], scores: Floats) -> Floats:
    """Return float64 [replicates], the average precision in each; NaN where no positive was drawn.

    The average precision is the sum over the distinct scores, from the highest, of the precision down to that score
    times the recall that it adds; nothing is interpolated (Davis and Goadrich 2006, doi:10.1145/1143844.1143874).

    Args:
        draws: the shared draw.
        places: int64 [N] from ``Draws.places``.
        labels: [N], 0 or 1.
        scores: float64 [N].
    """
    order = np.argsort(-scores, kind="stable")
    if not len(order):
        return np.full(len(draws.counts), np.nan)
    falling, place = scores[order], places[order]
    positive = (np.asarray(labels)[order] == 1).astype(np.uint8)
    ends = np.flatnonzero(np.r_[np.diff(falling) < 0, True])  # the last image of every distinct score
    pieces = []
    for block in _counts(draws):
        weights = block.take(place, axis=1)
        every = np.cumsum(weights, axis=1, dtype=np.int32).take(ends, axis=1)
        found = np.cumsum(weights * positive, axis=1, dtype=np.int32).take(ends, axis=1)
        gained = np.diff(found, axis=1, prepend=0)
        precision = found / np.maximum(every, 1)
        pieces.append(
            divide(
                np.einsum("rg,rg->r", gained.astype(np.float64), precision), found[:, -1].astype(np.float64)
            )
        )
    return np.concatenate(pieces)


def auroc_interval(
    draws: Draws, places: NDArray[np.int64], labels: NDArray[Any], scores: Floats, value: float
) -> Interval:
    """Return the interval of an area under the ROC curve of ``value``; ``labels`` must have both classes.

    An area of exactly 0 or 1, or of fewer than ``RARE`` patients of a class, is widened to Wilson's interval over as
    many pairs as can be formed without using a patient twice: each such pair is in order with a probability that is
    the area.
    """
    return _area(auroc_replicates(draws, places, labels, scores), value, _pairs(places, labels))


def auprc_interval(
    draws: Draws, places: NDArray[np.int64], labels: NDArray[Any], scores: Floats, value: float
) -> Interval:
    """Return the interval of an average precision of ``value``; ``labels`` must have both classes.

    It is widened where ``auroc_interval`` is, and to the same number of trials: no more of them than patients with a
    positive image, as in the binomial interval of Boyd, Eng and Page (2013, doi:10.1007/978-3-642-40994-3_55).
    """
    return _area(auprc_replicates(draws, places, labels, scores), value, _pairs(places, labels))


def _pairs(places: NDArray[np.int64], labels: NDArray[Any]) -> int:
    """Return how many pairs of a positive and a negative can be formed without using a patient twice."""
    return min(len(np.unique(places[labels == 1])), len(np.unique(places[labels == 0])))


def _area(replicates: Floats, value: float, pairs: int) -> Interval:
    left_out = int(np.isnan(replicates).sum())
    note = f"{left_out} of {len(replicates)} resamples had one class and were left out" if left_out else ""
    low, high = percentiles(replicates)
    if low < high and 0 < value < 1 and pairs >= RARE:
        return Interval(low, high, note)
    wilson_low, wilson_high = wilson(value, pairs)
    low, high = (
        (wilson_low, wilson_high) if math.isnan(low) else (min(low, wilson_low), max(high, wilson_high))
    )
    return Interval(low, high, "; ".join(filter(None, (note, WIDENED))))


def _counts(draws: Draws) -> Iterator[NDArray[np.uint8]]:
    """Yield uint8 [<= ROWS, patients] pieces of the draw: few rows at a time stay in the processor's cache."""
    for start in range(0, len(draws.counts), ROWS):
        yield draws.counts[start : start + ROWS]
