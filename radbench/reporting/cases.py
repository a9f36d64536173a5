"""The gallery's cases: chosen edited images with each model's score and decision before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from radbench.audit.result import AuditResult, CaseRow
from radbench.reporting.gallery import GalleryItem, Panel, choose, panels
from radbench.reporting.words import plain

Rows = Mapping[tuple[str, str, str], CaseRow]
"""(model, study, scenario) to the row of one arm; the real arm has "" for the scenario."""


@dataclass(frozen=True)
class Change:
    """One model on one case: its answers before and after the edit, and whether the last one is right."""

    model: str
    before: str
    after: str
    right: bool | None


@dataclass(frozen=True)
class Case:
    """One edited image on the page."""

    study_id: str
    scenario: str
    aim: str
    panels: tuple[Panel, ...]
    changes: tuple[Change, ...]


def gallery_cases(result: AuditResult, items: Sequence[GalleryItem], cases: int, worst: int) -> list[Case]:
    """Choose and draw at most ``cases`` cases; scores and labels that an item lacks come from the result."""
    rows = result.cases
    real: Rows = {(row.model, row.study_id, ""): row for row in rows if row.arm == "real"}
    stress: Rows = {(row.model, row.study_id, row.scenario): row for row in rows if row.arm == "stress"}
    completed = [_complete(result, item, real, stress) for item in items]
    return [_case(result, item, real, stress) for item in choose(completed, cases, worst)]


def _complete(result: AuditResult, item: GalleryItem, real: Rows, stress: Rows) -> GalleryItem:
    after = {scenario.name: scenario.labels_after for scenario in result.shift.scenarios}
    label = item.label_after
    if label is None:
        label = after.get(item.scenario, {}).get(result.shift.target)
    scores = dict(item.scores)
    for model in result.models:
        rows = _rows(model.name, item, real, stress)
        if model.name not in scores and rows is not None:
            scores[model.name] = (rows[0].score, rows[1].score)
    return replace(item, scores=scores, label_after=label)


def _rows(model: str, item: GalleryItem, real: Rows, stress: Rows) -> tuple[CaseRow, CaseRow] | None:
    before, after = real.get((model, item.study_id, "")), stress.get((model, item.study_id, item.scenario))
    return None if before is None or after is None else (before, after)


def _case(result: AuditResult, item: GalleryItem, real: Rows, stress: Rows) -> Case:
    target = plain(result.shift.target)
    aim = {0: f"should be called: no {target}", 1: f"should be called: {target}"}
    changes = []
    for model in result.models:
        rows = _rows(model.name, item, real, stress)
        if rows is not None:
            right = rows[1].decision == rows[1].label
            changes.append(Change(model.name, _answer(rows[0]), _answer(rows[1]), right))
        elif model.name in item.scores:
            before, after = item.scores[model.name]
            changes.append(Change(model.name, _score(before), _score(after), None))
    words = "" if item.label_after is None else aim[item.label_after]
    return Case(item.study_id, item.scenario, words, tuple(panels(item)), tuple(changes))


def _answer(row: CaseRow) -> str:
    return ("yes" if row.decision else "no") if row.score is None else _score(row.score)


def _score(score: float | None) -> str:
    return "no score" if score is None else f"{score:.2f}"
