"""Figures of the scores and their intervals: areas under the ROC and precision-recall curves, and calibration.

Areas are computed in every replicate at once: images are sorted once, a replicate is then a row of weights (how often
each image's patient was drawn), and a curve is a running sum over it. Ties stand on one point of a curve, whatever
their order.

Whether a score is a probability is told by the Brier score, the expected calibration error, and the bins of a
reliability diagram. The bins are ``BINS`` equal parts of [0, 1], each with its lower end, the last one with 1 as well
(Naeini et al. 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"; Guo et al. 2017,
arXiv:1706.04599, equation 3, here for the score of the target and not for the likelier class).
"""

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Draws, Floats, divide
from radbench.metrics.intervals import RARE, TOO_FEW, WIDENED, Interval, Mean, percentiles, wilson

Integers = NDArray[np.int64]

ROWS: Final = 16
"""Replicates whose curves are held at a time: bounds the memory, changes no figure."""
BINS: Final = 10
EDGES: Final = np.arange(BINS + 1) / BINS


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
    return area_interval(auroc_replicates(draws, places, labels, scores), value, _pairs(places, labels))


def auprc_interval(
    draws: Draws, places: NDArray[np.int64], labels: NDArray[Any], scores: Floats, value: float
) -> Interval:
    """Return the interval of an average precision of ``value``; ``labels`` must have both classes.

    It is widened where ``auroc_interval`` is, and to the same number of trials: no more of them than patients with a
    positive image, as in the binomial interval of Boyd, Eng and Page (2013, doi:10.1007/978-3-642-40994-3_55).
    """
    return area_interval(auprc_replicates(draws, places, labels, scores), value, _pairs(places, labels))


def _pairs(places: NDArray[np.int64], labels: NDArray[Any]) -> int:
    """Return how many pairs of a positive and a negative can be formed without using a patient twice."""
    return min(len(np.unique(places[labels == 1])), len(np.unique(places[labels == 0])))


def area_interval(replicates: Floats, value: float, pairs: int) -> Interval:
    """Return the percentiles of an area of ``value``, widened as ``auroc_interval`` says.

    Args:
        replicates: float64 [replicates], NaN where the area is undefined.
        value: the area.
        pairs: pairs of a positive and a negative that use no patient twice.
    """
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


class Bin(NamedTuple):
    """One bin: its ends, its images, their mean score and the share of them that have the target (None for none)."""

    low: float
    high: float
    n: int
    score: float | None
    positive: float | None


def bin_of(scores: Floats) -> NDArray[np.int64]:
    """Return int64 [N], the number of the bin of each score in [0, 1]."""
    found = np.searchsorted(EDGES, scores, side="right") - 1
    return np.clip(found, 0, BINS - 1).astype(np.int64)


def reliability(labels: NDArray[Any], scores: Floats) -> list[Bin]:
    """Return the ``BINS`` bins of scores in [0, 1] with labels in {0, 1}, both [N]."""
    number = bin_of(scores)
    counts = np.bincount(number, minlength=BINS)
    said = np.bincount(number, weights=scores, minlength=BINS)
    true = np.bincount(number, weights=np.asarray(labels, np.float64), minlength=BINS)
    return [
        Bin(
            float(EDGES[index]),
            float(EDGES[index + 1]),
            int(n),
            float(said[index] / n) if n else None,
            float(true[index] / n) if n else None,
        )
        for index, n in enumerate(counts)
    ]


def brier(labels: NDArray[Any], scores: Floats) -> Floats:
    """Return float64 [N], each image's (score - label)^2; their mean is the Brier score (Brier 1950)."""
    found: Floats = (scores - np.asarray(labels, np.float64)) ** 2
    return found


def calibration_error(labels: NDArray[Any], scores: Floats) -> float:
    """Return the expected calibration error of N >= 1 images: mean over images of their bin's |score - positive|."""
    gaps = np.bincount(bin_of(scores), weights=scores - labels, minlength=BINS)
    return float(np.abs(gaps).sum() / len(scores))


def calibration_error_interval(
    draws: Draws, places: NDArray[np.int64], labels: NDArray[Any], scores: Floats
) -> Interval:
    """Return the interval of the expected calibration error; none for fewer than ``RARE`` patients.

    Chance alone makes bins differ from their scores, so that the figure and, more so, its resamples lie above the
    truth, and a percentile interval may hold neither. The upper limit is therefore the basic bootstrap's (Davison and
    Hinkley 1997, section 5.2, doi:10.1017/CBO9780511802843), and the lower one is the figure minus what the bins
    move by chance, 97.5 % of the resamples' sums of absolute moves: by the triangle inequality the truth is not lower.

    Args:
        draws: the shared draw.
        places: int64 [N] from ``Draws.places``.
        labels: [N], 0 or 1.
        scores: float64 [N] in [0, 1], N >= 1.
    """
    if len(np.unique(places)) < RARE:
        return Interval(None, None, TOO_FEW)
    gap = np.zeros((len(scores), BINS + 1))
    gap[np.arange(len(scores)), bin_of(scores)] = scores - labels
    gap[:, BINS] = 1.0
    table = np.zeros((len(draws.patients), BINS + 1))
    np.add.at(table, places, gap)
    own = table[:, :BINS].sum(axis=0) / len(scores)
    gaps = np.concatenate([_gaps(block @ table) for block in draws.blocks()])
    value = float(np.abs(own).sum())
    lowest, _ = percentiles(np.abs(gaps).sum(axis=1))
    _, moved = percentiles(np.abs(gaps - own).sum(axis=1))
    return Interval(max(0.0, value - moved), min(1.0, max(value, 2 * value - lowest)))


def with_rare_errors(found: Interval, value: float, wrong: Mean) -> Interval:
    """Return the interval of an error in [0, 1], widened where (almost) all images are right, or wrong.

    Resampling images that a model is surely right about cannot know of those it is surely wrong about. An image that
    is wrong adds at most 1, so the limits are moved as far as Wilson's limits, of as many trials as there are patients,
    are from the share of wrong images.

    Args:
        found: the interval by resampling.
        value: the error: a mean over images, or over bins of them.
        wrong: the share of images whose score is on the wrong side of one half.
    """
    if found.low is None or found.high is None or not wrong.is_rare:
        return found
    wrong_low, wrong_high = wilson(
        wrong.value, min(wrong.patients, wrong.trials) if wrong.weighted else wrong.patients
    )
    low = max(0.0, min(found.low, value - (wrong.value - wrong_low)))
    high = min(1.0, max(found.high, value + wrong_high - wrong.value))
    return Interval(low, high, "; ".join(filter(None, (found.note, WIDENED))))


def _gaps(sums: Floats) -> Floats:
    """Return float64 [R, BINS], the bins' sums of (score - label) an image; NaN where no image was drawn."""
    return divide(sums[:, :BINS], np.repeat(sums[:, BINS:], BINS, axis=1))
