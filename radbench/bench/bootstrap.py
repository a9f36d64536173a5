"""How fast resampling is: all resamples at once against a loop that repeats the images of every resample.

What is resampled is the t of a mean's bootstrap-t interval (``studentized``) and an area under the ROC curve; the
intervals of shares need no resamples.

The loop draws patients, repeats their images and computes the figure, one resample at a time, as one would write it
without thinking of speed. It runs a few resamples, and its time is scaled to as many as the other has.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from radbench.metrics.bootstrap import Draws, Floats, Term, draw_patients, studentized
from radbench.metrics.intervals import mean
from radbench.metrics.scores import auroc_replicates

if TYPE_CHECKING:
    from rich.console import Console

REPLICATES: Final = 10_000
IMAGES: Final = 10_000
SIZES: Final = (1_250, 2_500, 5_000, 10_000)
LOOPED: Final = 200
FIGURES: Final = ("mean", "auroc")


@dataclass(frozen=True)
class BootstrapTimes:
    """Seconds of every part at one number of images, one image a patient.

    Attributes:
        images: how many.
        replicates: resamples.
        draw: seconds of the shared draw.
        figures: by figure, seconds of all resamples at once.
        loop: by figure, seconds of the loop, scaled to ``replicates``; empty where it was not run.
    """

    images: int
    replicates: int
    draw: float
    figures: dict[str, float]
    loop: dict[str, float]

    @property
    def total(self) -> float:
        """Seconds of the draw and all figures."""
        return self.draw + sum(self.figures.values())


class _Sample(NamedTuple):
    ids: list[str]
    labels: NDArray[np.int64]
    scores: Floats


def measure_bootstrap(
    sizes: Sequence[int] = SIZES, replicates: int = REPLICATES, looped: int = LOOPED
) -> list[BootstrapTimes]:
    """Time the draw and the figures at every size; the loop at the largest one only.

    Args:
        sizes: numbers of images.
        replicates: resamples.
        looped: resamples that the loop runs.
    """
    return [_times(count, replicates, looped if count == max(sizes) else 0) for count in sorted(sizes)]


def print_bootstrap(
    console: "Console", sizes: Sequence[int] = SIZES, replicates: int = REPLICATES, looped: int = LOOPED
) -> None:
    """Measure and print the times as two tables."""
    from rich.table import Table

    found = measure_bootstrap(sizes, replicates, looped)
    largest = found[-1]
    console.print(f"Bootstrap: {replicates:,} resamples of {largest.images:,} images, one image a patient")
    table = Table("part", "all at once, s", f"loop, s (scaled from {looped})", "times faster")
    table.add_row("shared draw", f"{largest.draw:.2f}", "", "")
    for name, seconds in largest.figures.items():
        slow = largest.loop[name]
        table.add_row(name, f"{seconds:.2f}", f"{slow:.1f}", f"{slow / seconds:.1f}")
    table.add_row("in all", f"{largest.total:.2f}", f"{sum(largest.loop.values()):.1f}", "")
    console.print(table)
    growth = Table("images", *(f"{name}, s" for name in ("draw", *FIGURES)), "in all, s")
    for row in found:
        cells = (row.draw, *row.figures.values(), row.total)
        growth.add_row(f"{row.images:,}", *(f"{cell:.2f}" for cell in cells))
    console.print(growth)


def _times(count: int, replicates: int, looped: int) -> BootstrapTimes:
    sample = _sample(count)
    draw, draws = _timed(lambda: draw_patients(sample.ids, replicates=replicates, seed=0))
    figures = {name: _timed(partial(_at_once, name, draws, sample))[0] for name in FIGURES}
    slow = {name: partial(_one_by_one, name, sample, looped) for name in FIGURES if looped}
    loop = {name: _timed(work)[0] * replicates / looped for name, work in slow.items()}
    return BootstrapTimes(count, replicates, draw, figures, loop)


def _sample(count: int) -> _Sample:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, count)
    return _Sample([f"{number:07d}" for number in range(count)], labels, rng.normal(labels, 1.0))


def _at_once(name: str, draws: Draws, sample: _Sample) -> Floats:
    places = draws.places(sample.ids)
    if name == "auroc":
        return auroc_replicates(draws, places, sample.labels, sample.scores)
    found = mean(draws, places, sample.scores)
    return studentized(draws, [Term(1.0, found.sums, found.sizes)]).t


def _one_by_one(name: str, sample: _Sample, looped: int) -> list[float]:
    rng, count = np.random.default_rng(0), len(sample.ids)
    found, truth = [], float(sample.scores.mean())
    for _ in range(looped):
        rows = rng.integers(0, count, count)
        if name == "auroc":
            found.append(_auroc(sample.labels[rows], sample.scores[rows]))
        else:
            scores = sample.scores[rows]
            found.append(float((scores.mean() - truth) / (scores.std(ddof=1) / np.sqrt(count))))
    return found


def _auroc(labels: NDArray[np.int64], scores: Floats) -> float:
    values, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    ups = int(labels.sum())
    return float((ranks[labels == 1].sum() - ups * (ups + 1) / 2) / (ups * (len(values[place]) - ups)))


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found
