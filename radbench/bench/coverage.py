"""How often a 95 % interval holds the truth: figures of known distributions, drawn many times.

Shares are drawn from a beta-binomial distribution (intraclass correlation 0.4 within a patient), paired shares from two
correlated normals cut at their rates, Dice from a skewed beta distribution with images of a patient alike, and paired
Dice by what an edit takes away from it. Where only half of the patients have a stress image, the two arms share those.
A Dice that collapses is a skewed one that one patient in ten multiplies by a tenth. The anchored estimate follows, on
what the reference models answer on the phantom (``anchored``).
"""

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.bench.anchored import print_anchored
from radbench.metrics.bootstrap import Draws, Floats, draw_patients
from radbench.metrics.intervals import UNIT, Interval, difference, mean, share

if TYPE_CHECKING:
    from rich.console import Console

PATIENTS: Final = (12, 20, 50, 100, 200)
IMAGES: Final = (1, 3)
DRAWS: Final = 1000
REPLICATES: Final = 1000
REDRAWN: Final = 50
"""Samples that share one draw of patients: the draw is what takes the time."""
ALIKE: Final = 0.4
"""Intraclass correlation of shares, and chance that an image's Dice is its patient's."""
COLLAPSED: Final = 0.1
"""Share of patients whose Dice collapses."""

Generator = np.random.Generator
_Ask = Callable[[Generator, Draws, NDArray[np.int64], int, int], Interval]


class Covered(NamedTuple):
    """Coverage of one figure.

    Attributes:
        figure: its name.
        truth: its true value.
        patients: how many.
        images: of each patient.
        coverage: share of samples whose interval holds the truth, in [0, 1].
        width: mean width.
        none: samples that have no interval; they count nowhere else.
    """

    figure: str
    truth: float
    patients: int
    images: int
    coverage: float
    width: float
    none: int


def measure_coverage(
    patients: Sequence[int] = PATIENTS,
    images: Sequence[int] = IMAGES,
    *,
    draws: int = DRAWS,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> list[Covered]:
    """Draw every figure ``draws`` times at every size and count the intervals that hold the truth."""
    found: list[Covered] = []
    for name, (truth, ask) in FIGURES.items():
        for count in patients:
            for each in images:
                rng = np.random.default_rng([seed, len(found)])
                found.append(_covered(name, truth, ask, (count, each), rng, (draws, replicates)))
    return found


def print_coverage(console: "Console", *, draws: int = DRAWS) -> None:
    """Measure and print coverage and mean width as two tables, a column a number of patients."""
    from rich.table import Table

    found = measure_coverage(draws=draws)
    console.print(
        f"Coverage of 95 % intervals: {draws} samples each, {REPLICATES} resamples; by chance alone "
        f"{1.96 * (0.95 * 0.05 / draws) ** 0.5:.3f} either way"
    )
    for title, value in (("Coverage", "coverage"), ("Mean width", "width")):
        table = Table("figure", "images each", title=f"{title}, by patients", title_justify="left")
        for count in PATIENTS:
            table.add_column(str(count), justify="right", no_wrap=True)
        for name in FIGURES:
            for each in IMAGES:
                row = [one for one in found if (one.figure, one.images) == (name, each)]
                table.add_row(name, str(each), *(f"{getattr(one, value):.3f}" for one in row))
        console.print(table)
    console.print("A share near 1 of few patients can take few values: no interval is at 0.95.")
    print_anchored(console, draws=draws)


def _covered(
    name: str, truth: float, ask: _Ask, size: tuple[int, int], rng: Generator, effort: tuple[int, int]
) -> Covered:
    count, each = size
    draws, replicates = effort
    ids = [f"{number:04d}" for number in range(count) for _ in range(each)]
    held, widths = 0, []
    for number in range(draws):
        if number % REDRAWN == 0:
            drawn = draw_patients(ids, replicates=replicates, seed=number)
            places = drawn.places(ids)
        low, high, _ = ask(rng, drawn, places, count, each)
        if low is None or high is None:
            continue
        held += low - 1e-12 <= truth <= high + 1e-12
        widths.append(high - low)
    known = len(widths)
    coverage, width = (held / known, float(np.mean(widths))) if known else (float("nan"), float("nan"))
    return Covered(name, truth, count, each, coverage, width, draws - known)


def _one_share(rate: float) -> _Ask:
    def ask(rng: Generator, draws: Draws, places: NDArray[np.int64], count: int, each: int) -> Interval:
        own = rng.beta(rate * (1 / ALIKE - 1), (1 - rate) * (1 / ALIKE - 1), (count, 1))
        return share(draws, places, (rng.random((count, each)) < own).ravel()).interval()

    return ask


def _two_shares(real: float, stress: float, alike: float, kept: float) -> _Ask:
    def ask(rng: Generator, draws: Draws, places: NDArray[np.int64], count: int, each: int) -> Interval:
        patient = rng.normal(size=(count, 1))
        first, second = (
            (alike**0.5 * patient + (1 - alike) ** 0.5 * rng.normal(size=(count, each))).ravel()
            < NormalDist().inv_cdf(rate)
            for rate in (real, stress)
        )
        some = slice(round(count * kept) * each)
        return difference(share(draws, places, first), share(draws, places[some], second[some]))

    return ask


def _dice(rng: Generator, count: int, each: int, shape: tuple[float, float]) -> Floats:
    patient, image = rng.beta(*shape, (count, 1)), rng.beta(*shape, (count, each))
    found: Floats = np.where(rng.random((count, each)) < (ALIKE if each > 1 else 0), patient, image)
    return found


def _mean_dice(first: float, second: float) -> _Ask:
    def ask(rng: Generator, draws: Draws, places: NDArray[np.int64], count: int, each: int) -> Interval:
        return mean(draws, places, _dice(rng, count, each, (first, second)).ravel(), UNIT).interval()

    return ask


def _dice_drop(rng: Generator, draws: Draws, places: NDArray[np.int64], count: int, each: int) -> Interval:
    real = _dice(rng, count, each, (9, 1))
    stress = real * (1 - rng.beta(1, 12, real.shape))
    return difference(mean(draws, places, real.ravel(), UNIT), mean(draws, places, stress.ravel(), UNIT))


def _collapsing_dice(
    rng: Generator, draws: Draws, places: NDArray[np.int64], count: int, each: int
) -> Interval:
    lost = np.where(rng.random((count, 1)) < COLLAPSED, 0.1, 1.0)
    return mean(draws, places, (_dice(rng, count, each, (9, 1)) * lost).ravel(), UNIT).interval()


FIGURES: Final[dict[str, tuple[float, _Ask]]] = {
    **{f"share {rate}": (rate, _one_share(rate)) for rate in (0.5, 0.8, 0.9, 0.95, 0.99)},
    "drop of a share, 0.9 to 0.7, paired": (0.2, _two_shares(0.9, 0.7, 0.5, 1.0)),
    "drop of a share, 0.9 to 0.3, half the patients": (0.6, _two_shares(0.9, 0.3, 0.2, 0.5)),
    "drop of a share, 0.98 to 0.9, half the patients": (0.08, _two_shares(0.98, 0.9, 0.8, 0.5)),
    "no drop of a share of 0.95, paired": (0.0, _two_shares(0.95, 0.95, 0.8, 1.0)),
    "mean Dice 0.9": (0.9, _mean_dice(9, 1)),
    "mean Dice 0.96, more skewed": (20 / 20.8, _mean_dice(20, 0.8)),
    "drop of a mean Dice, paired": (0.9 / 13, _dice_drop),
    "mean Dice, one patient in ten collapses": (0.9 * (1 - 0.9 * COLLAPSED), _collapsing_dice),
}
"""By name, the truth and a sample's interval."""
