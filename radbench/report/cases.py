"""The gallery's cases: chosen edited images with each model's answer before and after the edit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from radbench.harness.result import AuditResult, CaseRow
from radbench.harness.words import capital, metric_name, number, plain
from radbench.report.choice import BEST, RANDOM, WORST, Candidate, Chosen, Scores, badness, choose
from radbench.report.config import GallerySettings
from radbench.report.gallery import GalleryItem, LazyGallery, Panel, case_name, outlined_panel, panels

Gallery = Iterable[GalleryItem] | LazyGallery
"""Edited images: given one by one, or read where they are shown."""
Answers = Mapping[tuple[str, str], Mapping[str, CaseRow]]
"""Study and scenario ("" for the real image) to each model's row."""


@dataclass(frozen=True)
class Change:
    """One model on one case: its answers before and after the edit, and whether the last one is right.

    ``right`` is None where an answer is better or worse rather than right or wrong, as a drawn mask is.
    """

    model: str
    before: str
    after: str
    right: bool | None


@dataclass(frozen=True)
class Case:
    """One edited image on the page; ``why`` it was chosen."""

    title: str
    scenario: str
    aim: str
    why: str
    panels: tuple[Panel, ...]
    changes: tuple[Change, ...]
    outlined: Panel


@dataclass(frozen=True)
class GalleryView:
    """The cases, out of how many, and how many more were chosen but left out to keep the page small."""

    cases: tuple[Case, ...]
    size: int
    left_out: int


class Answered:
    """What the models said of each image of a result."""

    def __init__(self, result: AuditResult) -> None:
        self.result = result
        self._real: Answers = _answers(result, "real")
        self._stress: Answers = _answers(result, "stress")
        self._labels = {
            scenario.name: scenario.labels_after.get(result.shift.target)
            for scenario in result.shift.scenarios
        }
        self._is_drawn = result.task == "segmentation"

    def rows(self, model: str, study: str, scenario: str) -> tuple[CaseRow, CaseRow] | None:
        """Return one model's row of the real and of the edited image, or None."""
        before = self._real.get((study, ""), {}).get(model)
        after = self._stress.get((study, scenario), {}).get(model)
        return None if before is None or after is None else (before, after)

    def label(self, scenario: str) -> int | None:
        """Return the target's label after a scenario; None for a segmentation."""
        return None if self._is_drawn else self._labels.get(scenario)

    def scores(self, study: str, scenario: str) -> Scores:
        """Return each model's score before and after; for a segmentation, its Dice."""
        found = {model.name: self.rows(model.name, study, scenario) for model in self.result.models}
        if self._is_drawn:
            return {name: (rows[0].value, rows[1].value) for name, rows in found.items() if rows}
        return {name: (_score(rows[0]), _score(rows[1])) for name, rows in found.items() if rows}


def _answers(result: AuditResult, arm: str) -> Answers:
    found: dict[tuple[str, str], dict[str, CaseRow]] = {}
    for row in result.cases:
        if row.arm == arm:
            found.setdefault((row.study_id, "" if arm == "real" else row.scenario), {})[row.model] = row
    return found


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
        label = answered.label(item.scenario) if item.label_after is None else item.label_after
        known = {} if answered.result.task == "segmentation" else item.scores
        scores = {**answered.scores(item.study_id, item.scenario), **known}
        bad = badness(scores, None if answered.result.task == "segmentation" else label)
        yield Candidate(item.study_id, item.scenario, bad, partial(_itself, item))


def _itself(item: GalleryItem) -> GalleryItem:
    return item


def draw_gallery(
    answered: Answered, chosen: list[Chosen], size: int, settings: GallerySettings
) -> GalleryView:
    """Draw the chosen images one by one, until the page's room for them is used up."""
    cases: list[Case] = []
    room = settings.megabytes * 1e6
    for one in chosen:
        case = _case(answered, one)
        room -= sum(len(panel.uri) for panel in case.panels)
        if room < 0:
            break
        cases.append(case)
    return GalleryView(tuple(cases), size, len(chosen) - len(cases))


def _case(answered: Answered, chosen: Chosen) -> Case:
    result, item = answered.result, chosen.candidate.load()
    changes = []
    for model in result.models:
        rows = answered.rows(model.name, item.study_id, item.scenario)
        if rows is not None:
            changes.append(_change(result, model.name, *rows))
        elif model.name in item.scores:
            before, after = item.scores[model.name]
            changes.append(Change(model.name, _words(before), _words(after), None))
    label = answered.label(item.scenario) if item.label_after is None else item.label_after
    return Case(
        capital(case_name(item.study_id)),
        plain(item.scenario),
        _aim(result, label),
        chosen.why,
        tuple(panels(item)),
        tuple(changes),
        outlined_panel(item),
    )


def first_cases(view: GalleryView) -> list[tuple[str, Case]]:
    """Return up to three cases for the top of the page: one of the worst, one drawn by lot, and one that held."""
    titles = ((WORST, "The worst"), (RANDOM, "Drawn by lot"), (BEST, "One that held"))
    found = ((title, next((case for case in view.cases if case.why == why), None)) for why, title in titles)
    return [(title, case) for title, case in found if case is not None]


def _aim(result: AuditResult, label: int | None) -> str:
    target = plain(result.shift.target)
    if result.task == "segmentation":
        return f"the {target} stay where they were; {metric_name(result.primary)} before and after"
    aims = {0: f"should be called: no {target}", 1: f"should be called: {target}"}
    return "" if label is None else aims[label]


def _change(result: AuditResult, model: str, before: CaseRow, after: CaseRow) -> Change:
    if result.task == "segmentation":
        return Change(model, number(before.value), number(after.value), None)
    return Change(model, _answer(before), _answer(after), after.decision == after.label)


def _answer(row: CaseRow) -> str:
    if row.decision == -1:
        return "no answer"
    return ("yes" if row.decision else "no") if row.score is None else _words(row.score)


def _words(score: float | None) -> str:
    return "no score" if score is None else f"{score:.2f}"


def named(chosen: Iterable[Chosen], study: Mapping[str, str]) -> list[Chosen]:
    """Return the chosen images with other names for their studies."""
    return [_named(one, study[one.candidate.study_id]) for one in chosen]


def _named(one: Chosen, name: str) -> Chosen:
    load = one.candidate.load
    return Chosen(replace(one.candidate, study_id=name, load=lambda: replace(load(), study_id=name)), one.why)
