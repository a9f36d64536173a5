"""Resampling patients: one seeded draw shared by everything that is compared, without a loop over replicates.

Images of one patient are not independent, so patients are resampled and their images follow (the cluster
bootstrap: Davison and Hinkley 1997, section 3.8, doi:10.1017/CBO9780511802843). A replicate is a row of
counts, how often each patient was drawn; a statistic of all replicates is then a matrix product. Two arms
or two models that use the same ``Draws`` are resampled together: that makes a difference of them paired.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCK: Final = 1 << 17
"""Numbers that are held as floats at a time (1 MiB): so few stay in the processor's cache."""


@dataclass(frozen=True)
class Draws:
    """All replicates.

    Attributes:
        patients: the distinct patients, sorted.
        counts: uint8 [replicates, patients]; every row sums to the number of patients.
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


def draw_patients(patient_ids: Iterable[str], *, replicates: int, seed: int) -> Draws:
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
