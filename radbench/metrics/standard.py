"""Direct standardisation: the figures of one set of images as they would be with the case mix of another.

The images of both sets are put into strata, the cross of some columns (label, sex, age band, view). With a_s of the
reference's and b_s of the other's images in stratum s, an image of the other set has the weight
(a_s / a) / (b_s / b), so that the weighted shares of the strata are the reference's (direct standardisation, or
post-stratification: Fleiss, Levin and Paik 2003, chapter 19; the same weights are the inverse odds of being in that
set given the columns: Westreich et al. 2017, doi:10.1093/aje/kwx164). Strata that only one set has cannot be
reweighted: both sets are cut down to the common ones.

The weights are estimates themselves. A share has its Agresti-Coull or Wilson limits on as many trials as it is worth:
its linearised variance over patients allows for the chance in the weights, those of the reference too (Deville 1999,
Survey Methodology 25), and is not taken to be less than it were with known weights, since a stratum of a few images
that are all right or all wrong seems to vary not at all; nor is a share worth more than Kish's effective number of
images (Kish 1965, section 11.7), (sum of weights)^2 / sum of squared weights. Everything else is resampled with weights
that are made anew in each resample; a stratum that a resample left without an image of either set is cut there too.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Draws, Floats, divide, influence
from radbench.metrics.intervals import ANY, SAME, UNIT, Mean

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Standard:
    """Two sets of images in the strata that both have.

    Attributes:
        draws: the shared draw of patients.
        reference: float64 [patients, strata], how many images of the reference each patient has there.
        other: float64 [patients, strata], likewise of the set that is weighted; no stratum of either is empty.
    """

    draws: Draws
    reference: Floats
    other: Floats

    @cached_property
    def weights(self) -> Floats:
        """The weight of an image of the other set by its stratum, float64 [strata]; their mean over images is 1."""
        wanted, found = self.reference.sum(axis=0), self.other.sum(axis=0)
        weights: Floats = (wanted / wanted.sum()) / (found / found.sum())
        return weights

    @property
    def effective(self) -> float:
        """Kish's effective number of images of the other set."""
        return kish(self.weights, self.other.sum(axis=0))


def kish(weights: Floats, counts: Floats) -> float:
    """Return (sum of weights)^2 / sum of squared weights of ``counts`` images with each weight."""
    return float((weights * counts).sum() ** 2 / (weights**2 * counts).sum())


@dataclass(frozen=True)
class Weighting:
    """Some images of one of the two sets of a ``Standard``.

    Attributes:
        standard: both sets.
        strata: int64 [N], each image's stratum.
        weighted: whether the images are weighted; else they are the reference's.
    """

    standard: Standard
    strata: Integers
    weighted: bool

    def take(self, numbers: Any) -> "Weighting":
        """Return only the images numbered ``numbers``, in that order."""
        return replace(self, strata=self.strata[np.asarray(numbers, np.int64)])

    def image_weights(self) -> Floats:
        """Return each image's weight, float64 [N]."""
        if not self.weighted:
            return np.ones(len(self.strata))
        found: Floats = self.standard.weights[self.strata]
        return found

    def in_draws(self, places: Integers, block: Floats) -> Floats:
        """Return each image's weight in each draw, float64 [R, N], up to a factor a draw.

        Args:
            places: int64 [N], each image's patient.
            block: float64 [R, patients], how often each patient was drawn.
        """
        wanted, found = block @ self.standard.reference, block @ self.standard.other
        by_stratum = divide(wanted, found) if self.weighted else np.where(found > 0, 1.0, np.nan)
        weights: Floats = block[:, places] * np.nan_to_num(by_stratum)[:, self.strata]
        return weights


@dataclass(frozen=True, kw_only=True)
class StandardMean(Mean):
    """A mean over images of one of the two sets; ``sums`` and ``sizes`` are weighted.

    Attributes:
        standard: both sets.
        tops: float64 [patients, strata], the sum over each patient's images there.
        bottoms: float64 [patients, strata], how many images that is: all of the set, or some (the positives).
        reference: whether the images are the reference's, which have no weights and are only cut.
    """

    weighted: ClassVar[bool] = True
    standard: Standard
    tops: Floats = field(repr=False)
    bottoms: Floats = field(repr=False)
    reference: bool = False

    @cached_property
    def n(self) -> int:
        """Images."""
        return int(self.bottoms.sum())

    @cached_property
    def patients(self) -> int:
        """Patients of the images."""
        return int((self.bottoms.sum(axis=1) > 0).sum())

    @cached_property
    def moves(self) -> Floats:
        """What each patient moves the mean by, through images and through weights, float64 [patients]."""
        return self.resample(np.ones((1, len(self.draws.patients))))[1][:, 0]

    @cached_property
    def replicates(self) -> Floats:
        """The mean in every resample, with that resample's own weights, float64 [replicates]."""
        return np.concatenate([self.resample(block)[0] for block in self.draws.blocks()])

    @cached_property
    def trials(self) -> float:
        """Independent trials that the images of a share are worth: at most Kish's number of them."""
        weights = np.ones(self.bottoms.shape[1]) if self.reference else self.standard.weights
        spread = self.value * (1 - self.value)
        if self.patients < 2 or spread <= SAME:
            own = self.bottoms @ weights
            return float(own.sum() ** 2 / (own**2).sum())
        most = kish(weights, self.bottoms.sum(axis=0))
        known = influence(self.sums, self.sizes)
        squares = max(float(self.moves @ self.moves), float(known @ known))
        variance = self.patients / (self.patients - 1) * squares
        return min(most, spread / variance) if variance > 0 else most

    def resample(self, block: Floats) -> tuple[Floats, Floats]:
        """Return the mean in each draw, and what each patient moves it by; see ``Mean.resample``."""
        found = block @ self.standard.other
        sums, sizes = block @ self.tops, block @ self.bottoms
        if self.reference:
            kept = (found > 0).astype(np.float64)
            total = (kept * sizes).sum(axis=1)
            values = divide((kept * sums).sum(axis=1), total)
            each = kept / _or_nan(total)[:, None]
            return values, self.tops @ each.T - self.bottoms @ (values[:, None] * each).T
        inverse = np.nan_to_num(divide(np.ones_like(found), found))
        weight = (block @ self.standard.reference) * inverse
        total = (weight * sizes).sum(axis=1)
        values = divide((weight * sums).sum(axis=1), total)
        each = weight / _or_nan(total)[:, None]
        left = (sums - values[:, None] * sizes) * inverse
        moves = self.tops @ each.T - self.bottoms @ (values[:, None] * each).T
        moves += self.standard.reference @ (left / _or_nan(total)[:, None]).T
        moves -= self.standard.other @ (each * left).T
        return values, moves


def _or_nan(values: Floats) -> Floats:
    return np.where(values > 0, values, np.nan)


def standard_mean(
    weighting: Weighting, places: Integers, values: Floats, span: tuple[float, float] = ANY
) -> StandardMean:
    """Return the mean of ``values`` (float64 [N], none of them NaN) of the images at ``places``; see ``mean``."""
    standard = weighting.standard
    shape = standard.other.shape
    tops, bottoms = np.zeros(shape), np.zeros(shape)
    np.add.at(tops, (places, weighting.strata), np.asarray(values, np.float64))
    np.add.at(bottoms, (places, weighting.strata), 1.0)
    weights = standard.weights if weighting.weighted else np.ones(shape[1])
    return StandardMean(
        standard.draws,
        tops @ weights,
        bottoms @ weights,
        None,
        span,
        standard=standard,
        tops=tops,
        bottoms=bottoms,
        reference=not weighting.weighted,
    )


def standard_share(weighting: Weighting, places: Integers, hits: NDArray[Any]) -> StandardMean:
    """Return the share of ``hits`` (booleans [N]) among the images at ``places``; see ``share``."""
    hits = np.asarray(hits, bool)
    rare = min(len(np.unique(places[hits])), len(np.unique(places[~hits])))
    return replace(standard_mean(weighting, places, hits.astype(np.float64), UNIT), rare=rare)
