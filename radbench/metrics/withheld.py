"""Figures of the scores where a model withholds some answers: the worst and the best that they can be.

A figure of the answered images alone gets the better, the more of the hard ones a model is silent about. What it can be
over all images is bounded by the answers that would be worst, and best:

- ``auroc``, ``auprc``: at worst every withheld positive ranks below, and every withheld negative above everything that
  was answered (and the positives below the negatives); at best the reverse. No other order gives less, or more.
- ``brier``: at worst every withheld score is 1 away from its label, at best it is its label.
- ``ece``: at worst the withheld scores are those of [0, 1] that make the expected calibration error largest: all
  positives in one bin and all negatives in one bin, at the far end of it, found by trying every sign of every bin's
  gap. At best they are their labels, which adds nothing to any gap.

Bounds without assumptions about what is missing: Manski (1989, doi:10.2307/145818); for a diagnostic test with
indeterminate results, Shinkins et al. (2013, doi:10.1136/bmj.f2778).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.calibration import BINS, EDGES, bin_of

Floats = NDArray[np.float64]

RANKED: Final = ("auroc", "auprc")
MORE_IS_BETTER: Final = RANKED
_SIGNS: Final = 1.0 - 2.0 * ((np.arange(2**BINS)[:, None] >> np.arange(BINS)) & 1)
"""Every sign of every bin's gap, [2^BINS, BINS]."""


def answered_for(name: str, labels: NDArray[Any], scores: Floats, *, best: bool) -> Floats:
    """Return the scores with every withheld one replaced by what makes a figure worst (or best).

    Args:
        name: "auroc", "auprc", "brier" or "ece".
        labels: [N], 0 or 1.
        scores: float64 [N] in [0, 1], NaN where the answer is withheld.
        best: whether the best case is asked for.

    Returns:
        float64 [N] in [0, 1] without NaN. For "auroc" and "auprc" these are ranks, of which only the order counts.

    Raises:
        ValueError: an unknown name.
    """
    truth = np.asarray(labels, np.float64)
    if name in RANKED:
        return _ranks(truth, scores, best=best)
    if name == "brier":
        return np.where(np.isnan(scores), truth if best else 1 - truth, scores)
    if name == "ece":
        worst_positive, worst_negative = (1.0, 0.0) if best else _farthest(truth, scores)
        given = np.where(truth == 1, worst_positive, worst_negative)
        return np.where(np.isnan(scores), given, scores)
    raise ValueError(f"unknown metric '{name}', expected one of auroc, auprc, brier, ece")


def _ranks(truth: Floats, scores: Floats, *, best: bool) -> Floats:
    """Return ranks in [0, 1]; no two withheld answers share one, for ties would soften an average precision."""
    silent = np.flatnonzero(np.isnan(scores))
    filled = scores.copy()
    up = (truth[silent] == 1) == best
    steps = 1.0 + np.arange(len(silent))
    filled[silent] = np.where(up, 1 + steps, -steps)
    values, place = np.unique(filled, return_inverse=True)
    ranks: Floats = place / max(1, len(values) - 1)
    return ranks


def _farthest(truth: Floats, scores: Floats) -> tuple[float, float]:
    """Return the score for all withheld positives, and that for all withheld negatives."""
    known = ~np.isnan(scores)
    gaps = np.bincount(bin_of(scores[known]), weights=(scores - truth)[known], minlength=BINS)
    ends = np.array([*EDGES[1:-1], np.inf])
    lows, highs = EDGES[:-1], np.minimum(np.nextafter(ends, 0), 1.0)
    # a positive's gap is its score less 1, a negative's its score; either end of a bin may be the farther one
    positive = np.maximum(_SIGNS * (lows - 1), _SIGNS * (highs - 1))
    negative = np.maximum(_SIGNS * lows, _SIGNS * highs)
    silent_positives = int((truth[~known] == 1).sum())
    silent_negatives = int((~known).sum()) - silent_positives
    total = _SIGNS @ gaps + silent_positives * positive.max(axis=1) + silent_negatives * negative.max(axis=1)
    row = int(np.argmax(total))
    first, second = int(positive[row].argmax()), int(negative[row].argmax())
    up = _SIGNS[row] > 0
    return float((highs if up[first] else lows)[first]), float((highs if up[second] else lows)[second])
