"""Which edited images the gallery shows: the worst, the best, and some drawn by lot from all the others.

The images are looked at one by one and only those that may be shown are held, so a gallery of ten thousand images
needs no more memory than one of twelve.
"""

import hashlib
from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from radbench.report.gallery import GalleryItem

WORST, BEST, RANDOM = "among the worst", "among the best", "drawn by lot"
Scores = Mapping[str, tuple[float | None, float | None]]
"""Model name to its score on the original and on the edited image."""


@dataclass(frozen=True)
class Candidate:
    """One edited image that may be shown; ``load`` reads it."""

    study_id: str
    scenario: str
    badness: float
    load: Callable[[], GalleryItem] = field(compare=False)

    @property
    def place(self) -> tuple[str, str]:
        """Study and scenario."""
        return self.study_id, self.scenario


@dataclass(frozen=True)
class Chosen:
    """One image that is shown, and why."""

    candidate: Candidate
    why: str


def badness(scores: Scores, label: int | None) -> float:
    """Return how badly some model does on the edited image, in [0, 1].

    That is the largest distance of a score from the label after the edit; where that label is unknown, the
    largest change of a score. An image that a model gave no score for counts as 0 for that model.
    """
    return max((_distance(*pair, label) for pair in scores.values()), default=0.0)


def _distance(before: float | None, after: float | None, label: int | None) -> float:
    aim = before if label is None else float(label)
    return 0.0 if after is None or aim is None else abs(after - aim)


class _Few:
    """The candidates that come first by a key, at most ``limit`` of them."""

    def __init__(self, limit: int, key: Callable[[Candidate], Any]) -> None:
        self._limit, self._key = limit, key
        self._found: list[tuple[Any, Candidate]] = []

    def offer(self, candidate: Candidate) -> None:
        insort(self._found, (self._key(candidate), candidate), key=lambda pair: pair[0])
        del self._found[self._limit :]

    def __iter__(self) -> Any:
        return (candidate for _, candidate in self._found)


def choose(
    candidates: Iterable[Candidate], *, worst: int, best: int, random: int, seed: int = 0
) -> tuple[list[Chosen], int]:
    """Choose the ``worst``, the ``best`` and a lot of ``random`` others; returns them and how many there were.

    The choice depends on the seed and on who the candidates are, not on their order. Where there are fewer
    candidates than seats, all are chosen.

    Args:
        candidates: Each study and scenario once.
        worst: Seats for those with the largest badness.
        best: Seats for those with the smallest.
        random: Seats for a lot among all the others.
        seed: Of the lot.
    """
    bad = _Few(worst, lambda one: (-one.badness, one.place))
    good = _Few(worst + best, lambda one: (one.badness, one.place))
    lot = _Few(2 * (worst + best) + random, lambda one: (_ticket(seed, one), one.place))
    total = 0
    for candidate in candidates:
        total += 1
        for few in (bad, good, lot):
            few.offer(candidate)
    chosen: dict[tuple[str, str], Chosen] = {}
    for few, why, seats in (
        (bad, WORST, worst),
        (good, BEST, worst + best),
        (lot, RANDOM, worst + best + random),
    ):
        for candidate in few:
            if len(chosen) < seats:
                chosen.setdefault(candidate.place, Chosen(candidate, why))
    return list(chosen.values()), total


def _ticket(seed: int, candidate: Candidate) -> str:
    return hashlib.sha256(repr((seed, *candidate.place)).encode()).hexdigest()
