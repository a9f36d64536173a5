"""Which edited images the gallery shows, the worst, the best, and some drawn by lot, with each model's answers.

The images are looked at one by one and only those that may be shown are held, so a gallery of ten thousand images
needs no more memory than one of twelve. Patients are named only if that is asked for.
"""

import hashlib
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from types import SimpleNamespace as Row
from typing import Any

from radbench.harness.result import AuditResult, CaseRow
from radbench.harness.result.words import capital, metric_name, number, plain
from radbench.report.config import GallerySettings
from radbench.report.gallery import (
    GalleryItem,
    LazyGallery,
    RejectedItem,
    case_name,
    kind_of,
    outlined_panel,
    panels,
)
from radbench.report.identity import Identities

WORST, BEST, RANDOM = "among the worst", "among the best", "drawn by lot"
Scores = Mapping[str, tuple[float | None, float | None]]
"""Model name to its score on the original and on the edited image."""
Gallery = Iterable[GalleryItem] | LazyGallery
"""Edited images: given one by one, or read where they are shown."""


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

    def distance(before: float | None, after: float | None) -> float:
        aim = before if label is None else float(label)
        return 0.0 if after is None or aim is None else abs(after - aim)

    return max((distance(*pair) for pair in scores.values()), default=0.0)


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

    def ticket(one: Candidate) -> str:
        return hashlib.sha256(repr((seed, *one.place)).encode()).hexdigest()

    bad = _Few(worst, lambda one: (-one.badness, one.place))
    good = _Few(worst + best, lambda one: (one.badness, one.place))
    lot = _Few(2 * (worst + best) + random, lambda one: (ticket(one), one.place))
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


class Answered:
    """What the models said of each image of a result."""

    def __init__(self, result: AuditResult) -> None:
        self.result = result
        self._is_drawn = result.task == "segmentation"
        self._rows: dict[tuple[str, str | None], dict[str, CaseRow]] = {}
        for row in [*result.cases, *result.originals]:
            if row.arm in {"real", "stress"}:
                place = row.study_id, None if row.arm == "real" else row.scenario
                self._rows.setdefault(place, {})[row.model] = row

    def rows(self, model: str, study: str, scenario: str) -> tuple[CaseRow, CaseRow] | None:
        """Return one model's row of the real and of the edited image, or None."""
        before = self._rows.get((study, None), {}).get(model)
        after = self._rows.get((study, scenario), {}).get(model)
        return None if before is None or after is None else (before, after)

    def label(self, scenario: str, known: int | None = None) -> int | None:
        """Return the target's label after a scenario, or the one that is ``known``; None for a segmentation."""
        if self._is_drawn:
            return None
        shift = self.result.shift
        after = next((one.labels_after for one in shift.scenarios if one.name == scenario), {})
        return after.get(shift.target) if known is None else known

    def scores(self, study: str, scenario: str) -> Scores:
        """Return each model's score before and after; for a segmentation, its Dice."""
        found = {model.name: self.rows(model.name, study, scenario) for model in self.result.models}
        score = (lambda row: row.value) if self._is_drawn else _score
        return {name: (score(rows[0]), score(rows[1])) for name, rows in found.items() if rows}


def _score(row: CaseRow) -> float | None:
    """Return a row's score; the decision stands for it where a model gives labels only."""
    if row.score is not None or row.decision is None or row.decision < 0:
        return row.score
    return float(row.decision)


def choose_cases(answered: Answered, gallery: Gallery, settings: GallerySettings) -> tuple[list[Chosen], int]:
    """Choose the images that the gallery shows; none but these is held, and of a lazy gallery none is read."""
    seats = {"worst": settings.worst, "best": settings.best, "random": settings.random}
    return choose(_candidates(answered, gallery), seed=answered.result.seed, **seats)


def _candidates(answered: Answered, gallery: Gallery) -> Iterator[Candidate]:
    if isinstance(gallery, LazyGallery):
        for study, scenario in gallery.keys:
            bad = badness(answered.scores(study, scenario), answered.label(scenario))
            yield Candidate(study, scenario, bad, partial(gallery.load, (study, scenario)))
        return
    for item in gallery:
        known = {} if answered.result.task == "segmentation" else item.scores
        scores = {**answered.scores(item.study_id, item.scenario), **known}
        bad = badness(scores, answered.label(item.scenario, item.label_after))
        yield Candidate(item.study_id, item.scenario, bad, partial(lambda held: held, item))


@dataclass(frozen=True)
class Material:
    """What a page shows; ``size`` and ``rejected_size`` count the images among which were chosen."""

    result: AuditResult
    chosen: list[Chosen]
    size: int
    rejected: list[RejectedItem]
    rejected_size: int


def gather(
    result: AuditResult,
    gallery: Gallery,
    rejected: Iterable[RejectedItem],
    settings: GallerySettings,
    identities: Identities | None = None,
) -> Material:
    """Choose the images, holding none but the chosen; with ``identities``, numbers stand for all names."""
    chosen, size = choose_cases(Answered(result), gallery, settings)
    refused, refused_size = choose_rejected(rejected, settings.rejected)
    if identities is None:
        return Material(result, chosen, size, refused, refused_size)
    names = sorted({one.candidate.study_id for one in chosen} | {item.study_id for item in refused})
    numbers = {name: identities.study(name) for name in names}
    refused = [
        replace(item, study_id=numbers[item.study_id], reason=identities.words(item.reason))
        for item in refused
    ]
    chosen = [_named(one, numbers[one.candidate.study_id]) for one in chosen]
    return Material(identities.hide(result), chosen, size, refused, refused_size)


def _named(one: Chosen, name: str) -> Chosen:
    load = one.candidate.load
    return Chosen(replace(one.candidate, study_id=name, load=lambda: replace(load(), study_id=name)), one.why)


def choose_rejected(items: Iterable[RejectedItem], cases: int) -> tuple[list[RejectedItem], int]:
    """Choose at most ``cases`` items so that every kind of reason is seen; returns them and how many there were.

    Reasons that differ in their numbers only are of one kind; the kinds take turns. The order given does not
    matter, and of each kind no more than ``cases`` items are held.
    """
    kinds: dict[str, list[RejectedItem]] = {}
    total = 0
    for item in items:
        total += 1
        found = kinds.setdefault(kind_of(item.reason), [])
        insort(found, item, key=lambda one: (one.scenario, one.study_id, one.reason))
        del found[cases:]
    turns = zip_longest(*(kinds[kind] for kind in sorted(kinds)))
    return [item for turn in turns for item in turn if item is not None][:cases], total


def draw_gallery(answered: Answered, chosen: list[Chosen], size: int, settings: GallerySettings) -> Row:
    """Draw the chosen images one by one, until the page's room for them is used up.

    Returns the ``cases``, out of how many (``size``), and how many more were chosen but ``left_out``. A case's
    ``changes`` are the models' answers before and after; ``right`` is None where an answer is better or worse rather
    than right or wrong, as a drawn mask is.
    """
    cases: list[Row] = []
    room = settings.megabytes * 1e6
    for one in chosen:
        case = _case(answered, one)
        room -= sum(len(panel.uri) for panel in case.panels)
        if room < 0:
            break
        cases.append(case)
    return Row(cases=cases, size=size, left_out=len(chosen) - len(cases))


def _case(answered: Answered, chosen: Chosen) -> Row:
    result, item = answered.result, chosen.candidate.load()
    changes = []
    for model in result.models:
        rows = answered.rows(model.name, item.study_id, item.scenario)
        if rows is not None:
            before, after = map(_answer, rows)
            right = None if result.task == "segmentation" else rows[1].decision == rows[1].label
            changes.append(Row(model=model.name, before=before, after=after, right=right))
        elif model.name in item.scores:
            before, after = map(_words, item.scores[model.name])
            changes.append(Row(model=model.name, before=before, after=after, right=None))
    target, label = plain(result.shift.target), answered.label(item.scenario, item.label_after)
    aim = f"the {target} stay where they were; {metric_name(result.primary)} before and after"
    if result.task != "segmentation":
        aims = {0: f"should be called: no {target}", 1: f"should be called: {target}"}
        aim = "" if label is None else aims[label]
    return Row(
        title=capital(case_name(item.study_id)),
        scenario=plain(item.scenario),
        aim=aim,
        why=chosen.why,
        panels=tuple(panels(item)),
        changes=changes,
        outlined=outlined_panel(item),
    )


def first_cases(cases: list[Row]) -> list[tuple[str, Row]]:
    """Return up to three cases for the top of the page: one of the worst, one drawn by lot, and one that held."""
    titles = ((WORST, "The worst"), (RANDOM, "Drawn by lot"), (BEST, "One that held"))
    found = ((title, next((case for case in cases if case.why == why), None)) for why, title in titles)
    return [(title, case) for title, case in found if case is not None]


def _answer(row: CaseRow) -> str:
    if row.decision is None:  # of a segmentation
        return number(row.value)
    if row.decision == -1:
        return "no answer"
    return ("yes" if row.decision else "no") if row.score is None else _words(row.score)


def _words(score: float | None) -> str:
    return "no score" if score is None else f"{score:.2f}"
