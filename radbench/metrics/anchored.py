"""The true figure under a shift from few real images and many synthetic ones, at 95 % whatever the synthetic are worth.

The real images that show the shift (anchors) are few, the synthetic ones many and perhaps wrong. The figure borrows by
a robust mixture prior (Schmidli et al. 2014, doi:10.1111/biom.12242): with a belief of one half the synthetic images
are of the same figure as the anchors, with the other half they say nothing (a flat prior). The anchors themselves turn
that belief up or down; ``value`` is the pooled figure and the anchors' own, weighted by it.

The interval is not the posterior's, which loses its coverage where the editor is a little wrong. It is Pratt's (1961,
doi:10.1080/01621459.1961.10480644; "frequentist, assisted by Bayes": Yu and Hoff 2018, doi:10.1093/biomet/asy009): a
figure belongs to it if a test of that figure at the 5 % level, made of the anchors alone, does not reject it; the prior
only chooses which outcomes of the anchors the test rejects, those that are unlikely under the figure beside the prior's
prediction. Every such test has its level, and the synthetic images are of other patients than the anchors, so that the
coverage is the anchors' own for any error of the editor. What an error costs is width; a mixture with a flat part goes
back to the anchors' own interval where the two disagree (Cortinovis and Caron 2024, arXiv:2410.20169).

What can be gained is bounded: no interval that holds its coverage for every error of the editor is on average narrower
than 0.85 of the usual one, not even with endless synthetic images that are right (Pratt 1961). Plain pooling is much
narrower, and covers nothing as soon as the editor is wrong.

Shares have the exact binomial test, on as many images as they are worth by their design effect; other means the
bootstrap-t of the anchors, whose 5 % are laid on its two tails as the prior wants it.
"""

import math
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Floats, Studentized, Term, studentized
from radbench.metrics.intervals import CONFIDENCE, RARE, SAME, TOO_FEW, Interval, Mean

BELIEF: Final = 0.5
"""Belief, before the anchors are looked at, that the synthetic images show the anchors' figure."""
SPLITS: Final = np.linspace(0.05, 0.95, 46)
"""Parts of the level that may be laid on the upper tail."""
GRID: Final = 2001
"""Shares that are tested."""
NEAR: Final = 801
"""Means that are tested within eight standard errors; half as many over the whole span."""
_BLOCK: Final = 1 << 21
_SLACK: Final = 1e-9


class Anchored(NamedTuple):
    """An anchored figure.

    Attributes:
        value: the estimate; None where it cannot be given.
        low: lower limit; None as above.
        high: upper limit; None as above.
        belief: in [0, 1], that the synthetic images show the anchors' figure, after the anchors.
        borrowed: independent synthetic images that are borrowed: ``belief`` times what they are worth.
        note: what qualifies it.
    """

    value: float | None
    low: float | None
    high: float | None
    belief: float
    borrowed: float
    note: str = ""

    @property
    def interval(self) -> Interval:
        """The limits with their note."""
        return Interval(self.low, self.high, self.note)


def anchored(anchors: Mean, synthetic: Mean, belief: float = BELIEF) -> Anchored:
    """Return the figure under the shift from both; both are shares, or both are not, of one draw of patients.

    Synthetic images of a patient who also has an anchor are not borrowed, for the two must be independent.

    Args:
        anchors: of the real images that show the shift.
        synthetic: of the synthetic ones.
        belief: before the anchors are looked at, in [0, 1).
    """
    if not anchors.n:
        return Anchored(None, None, None, 0.0, 0.0)
    apart = without(synthetic, anchors)
    if not apart.n:
        belief = 0.0
    return (
        _of_shares(anchors, apart, belief) if anchors.rare is not None else _of_means(anchors, apart, belief)
    )


def without(mean: Mean, other: Mean) -> Mean:
    """Return a mean without the images of patients who have an image in ``other``."""
    shared = other.sizes > 0
    return replace(mean, sums=np.where(shared, 0.0, mean.sums), sizes=np.where(shared, 0.0, mean.sizes))


def fall_to(real: Mean, anchors: Mean, found: Anchored) -> Interval:
    """Return the interval of the fall from ``real`` to an anchored figure, from the limits of both.

    By the method of variance estimates recovery (Zou and Donner 2008, doi:10.1002/sim.3095). Where patients have
    images in the real set and among the anchors, a negative correlation of the two widens it; a positive one is left
    out, which is the safe side.
    """
    low, high, note = real.interval()
    if low is None or high is None or found.value is None or found.low is None or found.high is None:
        return Interval(None, None, note or found.note)
    scale = math.sqrt(float(real.moves @ real.moves) * float(anchors.moves @ anchors.moves))
    alike = min(0.0, float(real.moves @ anchors.moves) / scale) if scale > 0 else 0.0
    down, up = (real.value - low, found.high - found.value), (high - real.value, found.value - found.low)
    fall = real.value - found.value
    reach = [math.sqrt(one * one + two * two - 2 * alike * one * two) for one, two in (down, up)]
    return Interval(fall - reach[0], fall + reach[1], found.note)


def worth(mean: Mean) -> float:
    """Return the independent images that those of a share are worth: all of them where every patient has one."""
    return float(mean.n) if mean.n == mean.patients else mean.trials


def _of_shares(anchors: Mean, synthetic: Mean, belief: float) -> Anchored:
    trials, more = worth(anchors), worth(synthetic) if synthetic.n else 0.0
    share = synthetic.value if synthetic.n else 0.5
    prior = (1 + more * share, 1 + more * (1 - share))
    hits = anchors.value * trials
    told = math.exp(float(_log_predicted(np.array(hits), trials, *prior)))
    belief = belief * told / (belief * told + (1 - belief) / (trials + 1))
    pooled = (hits + more * share) / (trials + more)
    value = belief * pooled + (1 - belief) * anchors.value
    whole = max(1, math.floor(trials + _SLACK))
    low, high = share_limits(whole, round(prior[0], 6), round(prior[1], 6), BELIEF if synthetic.n else 0.0)
    place = min(anchors.value * whole, float(whole))
    ends = [float(np.interp(place, np.arange(whole + 1), limits)) for limits in (low, high)]
    return Anchored(min(max(value, ends[0]), ends[1]), ends[0], ends[1], belief, belief * more)


def _log_predicted(hits: Floats, trials: float, yes: float, no: float) -> Floats:
    """Return the log chance of ``hits`` of ``trials`` under a beta prior of ``yes`` and ``no``."""
    from scipy.special import betaln

    ways = -np.log(trials + 1) - betaln(trials - hits + 1, hits + 1)
    found: Floats = ways + betaln(yes + hits, no + trials - hits) - betaln(yes, no)
    return found


@lru_cache(maxsize=256)
def share_limits(trials: int, yes: float, no: float, belief: float) -> tuple[Floats, Floats]:
    """Return the limits of every number of hits, float64 [trials + 1] each, by Pratt's inverted binomial tests.

    Args:
        trials: independent images.
        yes: of the beta prior that the synthetic images make.
        no: likewise.
        belief: in that prior beside a flat one.
    """
    hits = np.arange(trials + 1.0)
    predicted = belief * np.exp(_log_predicted(hits, trials, yes, no)) + (1 - belief) / (trials + 1)
    shares = np.linspace(0.0, 1.0, GRID)
    low, high = np.full(trials + 1, np.nan), np.full(trials + 1, np.nan)
    rows = max(1, _BLOCK // (trials + 1))
    for start in range(0, GRID, rows):
        some = shares[start : start + rows]
        kept = _kept(some, trials, predicted)
        any_kept, first = kept.any(axis=0), some[kept.argmax(axis=0)]
        last = some[len(some) - 1 - kept[::-1].argmax(axis=0)]
        low = np.where(np.isnan(low) & any_kept, first, low)
        high = np.where(any_kept, last, high)
    step = shares[1]
    own = hits / trials
    low, high = np.fmin(low, own), np.fmax(high, own)
    return np.where(low > 0, np.maximum(low - step, 0), low), np.where(
        high < 1, np.minimum(high + step, 1), high
    )


def _kept(shares: Floats, trials: int, predicted: Floats) -> NDArray[np.bool_]:
    """Return bool [shares, trials + 1]: the outcomes that the test of each share accepts.

    Taken are those with the highest chance beside the predicted one, until they have ``CONFIDENCE`` together.
    """
    from scipy.stats import binom

    chance: Floats = np.asarray(binom.pmf(np.arange(trials + 1)[None], trials, shares[:, None]))
    order = np.argsort(-chance / predicted, axis=1, kind="stable")
    sorted_chance = np.take_along_axis(chance, order, axis=1)
    before = np.cumsum(sorted_chance, axis=1) - sorted_chance
    kept = np.zeros(chance.shape, bool)
    np.put_along_axis(kept, order, before < CONFIDENCE, axis=1)
    return kept


def _of_means(anchors: Mean, synthetic: Mean, belief: float) -> Anchored:
    found = studentized(anchors.draws, [Term(1.0, anchors.sums, anchors.sizes)])
    if anchors.patients < RARE or found.error < SAME:
        return Anchored(anchors.value, None, None, 0.0, 0.0, TOO_FEW)
    own, other, centre = found.error, 0.0, anchors.value
    if synthetic.n:
        centre, other = synthetic.value, _error(synthetic)
    flat = 1.0 / (anchors.span[1] - anchors.span[0])
    spread = math.hypot(own, other)
    told = math.exp(-0.5 * ((anchors.value - centre) / spread) ** 2) / (spread * math.sqrt(2 * math.pi))
    after = belief * told / (belief * told + (1 - belief) * flat)
    weight = own**2 / (own**2 + other**2)
    value = anchors.value + after * weight * (centre - anchors.value)
    # the anchors' own spread may not decide the tails: the synthetic images tell how much as many patients vary
    planned = other * math.sqrt(synthetic.patients / anchors.patients) if other > SAME else own
    low, high = _tilted(found, anchors.span, (centre, math.hypot(planned, other)), planned, flat, belief)
    return Anchored(min(max(value, low), high), low, high, after, after * synthetic.patients)


def _error(mean: Mean) -> float:
    """Return the standard error over patients; 0 for one patient."""
    if mean.patients < 2:
        return 0.0
    return math.sqrt(mean.patients / (mean.patients - 1) * float(mean.moves @ mean.moves))


def _tilted(
    found: Studentized,
    span: tuple[float, float],
    predicted: tuple[float, float],
    sd: float,
    flat: float,
    belief: float,
) -> tuple[float, float]:
    """Return the limits of a mean: those figures whose t lies between the quantiles that their tails leave."""
    near = found.value + found.error * np.linspace(-8, 8, NEAR)
    figures = np.unique(np.clip(np.concatenate([np.linspace(*span, NEAR // 2), near]), *span))
    upper = upper_tail(figures, sd, predicted, flat, belief)
    known = np.sort(found.t[~np.isnan(found.t)])
    level = 1 - CONFIDENCE
    least = np.quantile(known, level * (1 - upper), method="lower")
    most = np.quantile(known, 1 - level * upper, method="higher")
    t = (found.value - figures) / found.error
    kept = np.flatnonzero((least <= t) & (t <= most))
    if not len(kept):
        return found.value, found.value
    low, high = figures[max(kept[0] - 1, 0)], figures[min(kept[-1] + 1, len(figures) - 1)]
    return float(min(low, found.value)), float(max(high, found.value))


def upper_tail(
    figures: Floats, sd: float, predicted: tuple[float, float], flat: float, belief: float
) -> Floats:
    """Return the part of the level that the test of each figure lays on its upper tail, float64 of ``figures``' shape.

    It is the part with which the accepted outcomes have the least chance under the prior's prediction.

    Args:
        figures: float64 [N], the figures that are tested.
        sd: standard deviation of the anchors' mean.
        predicted: mean and standard deviation of what the synthetic images predict of it.
        flat: density of the flat part.
        belief: in the synthetic images.
    """
    from scipy.special import ndtr, ndtri

    level = 1 - CONFIDENCE
    centre, spread = predicted
    up = figures[:, None] + sd * ndtri(1 - level * SPLITS)[None]
    down = figures[:, None] - sd * ndtri(1 - level * (1 - SPLITS))[None]
    mass = belief * (ndtr((up - centre) / spread) - ndtr((down - centre) / spread))
    mass += (1 - belief) * flat * (up - down)
    found: Floats = SPLITS[np.argmin(np.round(mass, 12), axis=1)]
    return found
