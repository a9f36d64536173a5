"""Whether a score is a probability: Brier score, expected calibration error, and the bins of a reliability diagram.

The bins are ``BINS`` equal parts of [0, 1], each with its lower end, the last one with 1 as well (Naeini et al. 2015,
"Obtaining Well Calibrated Probabilities Using Bayesian Binning"; Guo et al. 2017, arXiv:1706.04599, equation 3,
here for the score of the target and not for the likelier class).
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Draws, Floats, divide
from radbench.metrics.intervals import RARE, TOO_FEW, WIDENED, Interval, Mean, percentiles, wilson

BINS: Final = 10
EDGES: Final = np.arange(BINS + 1) / BINS


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
    wrong_low, wrong_high = wilson(wrong.value, wrong.patients)
    low = max(0.0, min(found.low, value - (wrong.value - wrong_low)))
    high = min(1.0, max(found.high, value + wrong_high - wrong.value))
    return Interval(low, high, "; ".join(filter(None, (found.note, WIDENED))))


def _gaps(sums: Floats) -> Floats:
    """Return float64 [R, BINS], the bins' sums of (score - label) an image; NaN where no image was drawn."""
    return divide(sums[:, :BINS], np.repeat(sums[:, BINS:], BINS, axis=1))
