"""Figures of the scores where a model withholds some answers: the worst and the best that they can be.

A figure of the answered images alone gets the better, the more of the hard ones a model is silent about. What it can be
over all images is bounded by the answers that would be worst, and best:

- ``auroc``, ``auprc``: at worst every withheld positive ranks below, and every withheld negative above everything that
  was answered (and the positives below the negatives); at best the reverse. No other order gives less, or more, but for
  an average precision where positives share a score: all of them have the precision below the last of them, and a
  withheld positive just above them may take more away than at the bottom. Every such place is tried.
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

from radbench.metrics.bootstrap import Floats
from radbench.metrics.scores import BINS, EDGES, bin_of

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
        places = _worst_places(truth, scores) if name == "auprc" and not best else None
        return _ranks(truth, scores, places, best=best)
    if name == "brier":
        return np.where(np.isnan(scores), truth if best else 1 - truth, scores)
    if name == "ece":
        worst_positive, worst_negative = (1.0, 0.0) if best else _farthest(truth, scores)
        given = np.where(truth == 1, worst_positive, worst_negative)
        return np.where(np.isnan(scores), given, scores)
    raise ValueError(f"unknown metric '{name}', expected one of auroc, auprc, brier, ece")


def _ranks(truth: Floats, scores: Floats, places: Floats | None, *, best: bool) -> Floats:
    """Return ranks in [0, 1]; no two withheld answers share one, for ties would soften an average precision.

    ``places``: for each withheld positive, the score just above which it ranks; None: at the end.
    """
    silent = np.flatnonzero(np.isnan(scores))
    filled = scores.copy()
    up = (truth[silent] == 1) == best
    steps = 1.0 + np.arange(len(silent))
    filled[silent] = np.where(up, 1 + steps, -steps)
    if places is not None:
        filled[silent[truth[silent] == 1]] = places
    order = np.lexsort((np.arange(len(filled)) * np.isnan(scores), np.isnan(scores), filled))
    new = np.r_[False, (np.diff(filled[order]) != 0) | np.isnan(scores[order])[1:]]
    ranks = np.empty(len(filled))
    ranks[order] = np.cumsum(new) / max(1, int(new.sum()))
    return ranks


def _worst_places(truth: Floats, scores: Floats) -> Floats | None:
    """Return for each withheld positive the score just above which it makes an average precision least.

    -1 for the bottom; None where all of them belong there: no score is shared by two positives. Above which of the
    shared scores how many of them rank is found exactly, from the top score to the bottom one: the least sum of
    precisions for every number of withheld positives that are used up.
    """
    known = ~np.isnan(scores)
    count = int((truth[~known] == 1).sum())
    values, group = np.unique(-scores[known], return_inverse=True)
    positives = np.bincount(group, weights=truth[known] == 1)
    shared = np.flatnonzero(positives > 1)
    if not count or not len(shared):
        return None
    above = np.r_[0, np.cumsum(positives)]
    wrong = np.r_[0, np.cumsum(np.bincount(group) - positives)] + (truth[~known] == 0).sum()
    used = np.arange(count + 1)
    least, came = np.where(used == 0, 0.0, np.inf), []
    for begin, end in zip(shared, np.r_[shared[1:], len(positives)], strict=True):
        least, source = _insert(least, above[begin], wrong[begin])
        came.append(source)
        for each in np.flatnonzero(positives[begin:end]) + begin:
            precision = (above[each + 1] + used) / (above[each + 1] + used + wrong[each + 1])
            least = least + positives[each] * precision
    left = int(_insert(least, above[-1], wrong[-1])[1][count])
    places = np.full(count, -1.0)
    for begin, source in zip(shared[::-1], came[::-1], strict=True):
        places[source[left] : left] = -values[begin]
        left = int(source[left])
    return places


def _insert(least: Floats, above: float, wrong: float) -> tuple[Floats, NDArray[np.intp]]:
    """Return the least sums after any number of withheld positives were ranked here, and the number before it.

    Args:
        least: float64 [withheld positives + 1], the least sum of precisions by how many of them are used up.
        above: answered positives above this place.
        wrong: negatives above it.
    """
    used = np.arange(len(least))
    own = np.cumsum(np.where(used > 0, (above + used) / np.maximum(above + used + wrong, 1), 0.0))
    spare = least - own
    source = np.maximum.accumulate(np.where(spare <= np.minimum.accumulate(spare), used, 0))
    return own + spare[source], source


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
