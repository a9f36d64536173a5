"""Resampling patients: one seeded draw shared by everything that is compared, and bootstrap-t intervals by it.

Images of one patient are not independent, so patients are resampled and their images follow (the cluster
bootstrap: Davison and Hinkley 1997, section 3.8, doi:10.1017/CBO9780511802843). A replicate is a row of
counts, how often each patient was drawn; a statistic of all replicates is then a matrix product, without a loop over
them. Two arms or two models that use the same ``Draws`` are resampled together: that makes a difference of them paired.

Of a mean over patients, or a sum and difference of such means, every resample gives
t* = (figure* - figure) / standard error*, and the limits are figure - t* quantiles times the
standard error (Davison and Hinkley 1997, section 5.2.2, doi:10.1017/CBO9780511802843; Efron 1981,
doi:10.2307/3314608). Where figures are skewed, as a Dice near 1 is, it covers with 20 patients what percentiles cover
with 100. The standard error is that of a ratio of sums over patients (linearised; Cochran 1977, section 6.4), so that
several images of a patient, and patients that are in one mean only, are taken for what they are.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCK: Final = 1 << 17
"""Numbers that are held as floats at a time (1 MiB): so few stay in the processor's cache."""
ROUNDING: Final = 1e-12
"""Share of the observed variance under which a resample's variance is none."""
_Pairs = list[tuple[int, int]]
Resample: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]
"""From drawn counts, float64 [R, patients], to a figure in each draw, float64 [R], and what each patient moves it by,
float64 [patients, R]."""


@dataclass(frozen=True)
class Draws:
    """All replicates.

    Attributes:
        patients: the distinct patients; of one group sorted.
        counts: uint8 [replicates, patients]; every row sums to the number of patients, in each group.
    """

    patients: tuple[str, ...]
    counts: NDArray[np.uint8]

    def places(self, patient_ids: Sequence[str]) -> NDArray[np.int64]:
        """Return int64 [N], the column of each image's patient.

        Raises:
            KeyError: a patient that was not drawn from.
        """
        column = {patient: index for index, patient in enumerate(self.patients)}
        return np.array([column[patient] for patient in patient_ids], dtype=np.int64)

    def blocks(self) -> Iterator[Floats]:
        """Yield float64 [some, patients] pieces of ``counts``; a piece is overwritten by the next one."""
        rows = max(1, BLOCK // max(1, len(self.patients)))
        held = np.empty((min(rows, len(self.counts)), len(self.patients)))
        for start in range(0, len(self.counts), rows):
            piece = held[: len(self.counts) - start]
            np.copyto(piece, self.counts[start : start + rows])
            yield piece


def side_by_side(first: Draws, second: Draws) -> Draws:
    """Return both draws as one, of two groups that share no patient and have as many replicates."""
    return Draws((*first.patients, *second.patients), np.concatenate([first.counts, second.counts], axis=1))


def draw_patients(patient_ids: Iterable[str], *, replicates: int, seed: int | Sequence[int]) -> Draws:
    """Draw as many patients as there are, with replacement, ``replicates`` times.

    Args:
        patient_ids: of all images of all arms; order and repetition do not matter.
        replicates: number of replicates.
        seed: of the draw.
    """
    patients = tuple(sorted(set(patient_ids)))
    count = len(patients)
    counts = np.zeros((replicates, count), np.uint8)
    if count:
        rng = np.random.default_rng(seed)
        for row in counts:  # a draw is counted, not drawn as counts: that is many times faster
            row[:] = np.minimum(np.bincount(rng.integers(0, count, count), minlength=count), 255)
    return Draws(patients, counts)


def mean_replicates(draws: Draws, sums: Floats, sizes: Floats) -> Floats:
    """Return float64 [replicates], a mean over images in each; NaN where none of its images was drawn.

    Args:
        draws: the shared draw.
        sums: float64 [patients], the sum over each patient's images.
        sizes: float64 [patients], how many images each has.
    """
    pieces = [divide(block @ sums, block @ sizes) for block in draws.blocks()]
    return np.concatenate(pieces) if pieces else np.zeros(0)


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Return ``numerator / denominator``, NaN where the denominator is not positive."""
    empty = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)


class Term(NamedTuple):
    """One mean in a sum: its factor, and its patients' sums and numbers of images, float64 [patients] each."""

    factor: float
    sums: Floats
    sizes: Floats


@dataclass(frozen=True)
class Studentized:
    """A figure, its standard error and all t*.

    Attributes:
        value: the figure.
        error: its standard error; 0 where no patient differs.
        t: float64 [replicates]; infinite where a resample moved and had no spread, NaN where it had no images.
        moved: float64 [replicates], figure* - figure.
        patients: those of which any mean has an image.
    """

    value: float
    error: float
    t: Floats
    moved: Floats
    patients: int

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the limits; infinite where too many resamples have no spread, NaN for no resample."""
        known = self.t[~np.isnan(self.t)]
        if not len(known):
            return math.nan, math.nan
        tail = (1 - confidence) / 2
        low = float(np.quantile(known, tail, method="lower"))
        high = float(np.quantile(known, 1 - tail, method="higher"))
        return self.value - high * self.error, self.value - low * self.error

    def p_value(self) -> float:
        """Return the two-sided p-value of "the figure is 0", the observed sample counted among the resamples.

        A resample without spread has no t* to compare: it counts as beyond where it moved as far as the figure is.
        """
        if self.error == 0:
            return 1.0 if self.value == 0 else 1 / (len(self.t) + 1)  # all moved by the same
        known = ~np.isnan(self.t)
        flat = np.isinf(self.t)
        seen = np.where(flat, self.value, self.value / self.error)[known]
        found = np.where(flat, self.moved, self.t)[known]
        tail = min(int((found >= seen).sum()), int((found <= seen).sum()))
        return min(1.0, 2 * (tail + 1) / (int(known.sum()) + 1))


def influence(sums: Floats, sizes: Floats) -> Floats:
    """Return float64 [patients], what each patient moves a mean by: (sum - mean x size) / all images."""
    total = float(sizes.sum())
    found: Floats = (sums - sums.sum() / total * sizes) / total
    return found


def studentized(draws: Draws, terms: Sequence[Term]) -> Studentized:
    """Return the sum of ``factor`` times mean, all means resampled together; every mean has an image."""
    value = sum(term.factor * float(term.sums.sum() / term.sizes.sum()) for term in terms)
    moves = np.sum([term.factor * influence(term.sums, term.sizes) for term in terms], axis=0)
    patients = int(np.any([term.sizes > 0 for term in terms], axis=0).sum())
    columns, pairs = _columns(terms)
    resample = lambda block: _resample(block @ columns, terms, pairs)  # noqa: E731
    return _studentized(draws, value, float(moves @ moves), patients, resample)


def studentized_by(
    draws: Draws, factors: Sequence[float], parts: Sequence[Resample], patients: int
) -> Studentized:
    """Return the sum of ``factors`` times figures of any kind that say what each patient moves them by.

    Args:
        draws: the shared draw.
        factors: one a figure.
        parts: each figure; drawing every patient once gives it as it was seen.
        patients: those of which any figure has an image.
    """

    def together(block: Floats) -> tuple[Floats, Floats]:
        found = [part(block) for part in parts]
        values = sum((factor * own for factor, (own, _) in zip(factors, found, strict=True)), np.zeros(1))
        moves = sum((factor * own for factor, (_, own) in zip(factors, found, strict=True)), np.zeros((1, 1)))
        return values, moves

    def resample(block: Floats) -> tuple[Floats, Floats]:
        values, moves = together(block)
        return values - value, np.einsum("rp,pr,pr->r", block, moves, moves)

    own, moves = together(np.ones((1, len(draws.patients))))
    value = float(own[0])
    return _studentized(draws, value, float((moves**2).sum()), patients, resample)


def _studentized(draws: Draws, value: float, spread: float, patients: int, resample: Resample) -> Studentized:
    """Return a figure by its sum of squared influences, and how far each resample moves with its own such sum."""
    if patients < 2 or spread <= ROUNDING**2:
        nothing = np.zeros(len(draws.counts))
        return Studentized(value, 0.0, np.full_like(nothing, np.nan), nothing, patients)
    small = patients / (patients - 1)
    found = [resample(block) for block in draws.blocks()]
    moved = np.concatenate([part for part, _ in found])
    variance = small * np.concatenate([part for _, part in found])
    flat = variance <= ROUNDING * small * spread
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(flat, np.sign(moved) * np.inf, moved / np.sqrt(np.where(variance > 0, variance, np.nan)))
    t[flat & (np.abs(moved) <= ROUNDING * abs(spread) ** 0.5)] = 0.0
    t[np.isnan(moved)] = np.nan
    return Studentized(value, math.sqrt(small * spread), t, moved, patients)


def _columns(terms: Sequence[Term]) -> tuple[NDArray[np.float64], _Pairs]:
    """Return float64 [patients, columns]: each mean's sums about it and sizes, then the products of every pair."""
    centred = [(term.sums - term.sums.sum() / term.sizes.sum() * term.sizes, term.sizes) for term in terms]
    pairs = [(one, two) for one in range(len(terms)) for two in range(one, len(terms))]
    columns = [column for pair in centred for column in pair]
    for one, two in pairs:
        (sums, sizes), (other_sums, other_sizes) = centred[one], centred[two]
        columns += [sums * other_sums, sums * other_sizes, sizes * other_sums, sizes * other_sizes]
    return np.stack(columns, axis=1), pairs


def _resample(drawn: Floats, terms: Sequence[Term], pairs: _Pairs) -> tuple[Floats, Floats]:
    """Return how far each resample moves, and its sum of squared influences, float64 [some] each."""
    with np.errstate(divide="ignore", invalid="ignore"):
        totals = [drawn[:, 2 * place + 1] for place in range(len(terms))]
        means = [drawn[:, 2 * place] / totals[place] for place in range(len(terms))]
        moved = sum((term.factor * mean for term, mean in zip(terms, means, strict=True)), np.zeros(1))
        squares = np.zeros(len(drawn))
        for number, (one, two) in enumerate(pairs):
            place = 2 * len(terms) + 4 * number
            ss, sn, ns, nn = drawn[:, place : place + 4].T
            product = ss - means[two] * sn - means[one] * ns + means[one] * means[two] * nn
            weight = terms[one].factor * terms[two].factor * (1 if one == two else 2)
            squares += weight * product / (totals[one] * totals[two])
    return moved, squares
