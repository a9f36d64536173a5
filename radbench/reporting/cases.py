"""The gallery's cases: chosen edited images with each model's answer before and after the edit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from radbench.audit.result import AuditResult, CaseRow
from radbench.reporting.gallery import GalleryItem, Panel, choose, panels
from radbench.reporting.words import metric_name, number, plain

Rows = Mapping[tuple[str, str, str], CaseRow]
"""(model, study, scenario) to the row of one arm; the real arm has "" for the scenario."""


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
    """Give an item the scores it is ranked by; for a segmentation, the Dice before and after."""
    after = {scenario.name: scenario.labels_after for scenario in result.shift.scenarios}
    is_drawn = result.task == "segmentation"
    label = None if is_drawn else item.label_after
    if label is None and not is_drawn:
        label = after.get(item.scenario, {}).get(result.shift.target)
    scores = {} if is_drawn else dict(item.scores)
    for model in result.models:
        rows = _rows(model.name, item, real, stress)
        if model.name not in scores and rows is not None:
            first, last = rows
            scores[model.name] = (first.value, last.value) if is_drawn else (first.score, last.score)
    return replace(item, scores=scores, label_after=label)


def _rows(model: str, item: GalleryItem, real: Rows, stress: Rows) -> tuple[CaseRow, CaseRow] | None:
    before, after = real.get((model, item.study_id, "")), stress.get((model, item.study_id, item.scenario))
    return None if before is None or after is None else (before, after)


def _case(result: AuditResult, item: GalleryItem, real: Rows, stress: Rows) -> Case:
    changes = []
    for model in result.models:
        rows = _rows(model.name, item, real, stress)
        if rows is not None:
            changes.append(_change(result, model.name, *rows))
        elif model.name in item.scores:
            before, after = item.scores[model.name]
            changes.append(Change(model.name, _score(before), _score(after), None))
    return Case(item.study_id, item.scenario, _aim(result, item), tuple(panels(item)), tuple(changes))


def _aim(result: AuditResult, item: GalleryItem) -> str:
    target = plain(result.shift.target)
    if result.task == "segmentation":
        return f"the {target} stay where they were; {metric_name(result.primary)} before and after"
    aims = {0: f"should be called: no {target}", 1: f"should be called: {target}"}
    return "" if item.label_after is None else aims[item.label_after]


def _change(result: AuditResult, model: str, before: CaseRow, after: CaseRow) -> Change:
    if result.task == "segmentation":
        return Change(model, number(before.value), number(after.value), None)
    return Change(model, _answer(before), _answer(after), after.decision == after.label)


def _answer(row: CaseRow) -> str:
    return ("yes" if row.decision else "no") if row.score is None else _score(row.score)


def _score(score: float | None) -> str:
    return "no score" if score is None else f"{score:.2f}"
