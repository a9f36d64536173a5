"""The participant flow: from all real studies to the edited images that are judged, and where every other one went."""

from dataclasses import dataclass

from radbench.harness.result import AttritionRow, AuditResult
from radbench.harness.words import plain
from radbench.plots.flow import Step, flow
from radbench.plots.style import Drawing

_ENDS = {"cohort", "tasks", "ok", "rejected", "failed"}
_REJECTED = "rejected: "


@dataclass(frozen=True)
class FlowView:
    """One scenario's flow as a drawing and as (words, number, is a loss)."""

    scenario: str
    chart: Drawing
    lines: tuple[tuple[str, int, bool], ...]


def flow_views(result: AuditResult) -> list[FlowView]:
    """Return one flow a scenario, or one for the whole test set where the audit does not split its losses."""
    if len(result.attrition) > 1:
        return [_view(plain(row.scenario), _of_scenario(result, row)) for row in result.attrition]
    title = plain(result.attrition[0].scenario) if result.attrition else plain(result.shift.name)
    return [_view(title, _of_testset(result))]


def _view(scenario: str, steps: list[Step]) -> FlowView:
    lines: list[tuple[str, int, bool]] = []
    for step in steps:
        lines.append((step.words, step.number, False))
        lines += [(words, number, True) for number, words in step.left_out if number]
    return FlowView(scenario, flow(steps), tuple(lines))


def _of_testset(result: AuditResult) -> list[Step]:
    """One scenario: every reason that the test set gives, before and after the edit."""
    before: list[tuple[int, str]] = []
    after: list[tuple[int, str]] = []
    eligible = None
    for name, number in result.testset.attrition.items():
        if name == "eligible":
            eligible = number
        elif name not in _ENDS and not name.startswith(_REJECTED):
            (before if eligible is None else after).append((number, plain(name).removesuffix(" = 1")))
    testset, rows = result.testset, result.attrition
    reasons = rows[0].rejected if rows else _pooled_reasons(result)
    steps = [_start(result, before)]
    if eligible is not None:
        steps.append(Step("Eligible", eligible, after))
    return [*steps, *_edited(testset.records, reasons, testset.failed, testset.ok)]


def _pooled_reasons(result: AuditResult) -> dict[str, int]:
    found = result.testset.attrition.items()
    known = {name.removeprefix(_REJECTED): n for name, n in found if name.startswith(_REJECTED)}
    return known or {"": result.testset.rejected}


def _of_scenario(result: AuditResult, row: AttritionRow) -> list[Step]:
    """One of several scenarios: what it does not select, what a limit leaves out, what is rejected."""
    if row.eligible is None:
        return [_start(result, []), *_edited(row.edited, row.rejected, row.failed, row.kept)]
    start = _start(
        result,
        [
            (result.cohort.unlabelled, f"nothing known of {plain(result.shift.target)}"),
            (result.cohort.studies - row.eligible, "not selected by this scenario"),
        ],
    )
    eligible = Step("Eligible", row.eligible, [(row.eligible - row.edited, "beyond the limit")])
    return [start, eligible, *_edited(row.edited, row.rejected, row.failed, row.kept)]


def _start(result: AuditResult, left_out: list[tuple[int, str]]) -> Step:
    cohort = result.cohort
    if cohort.unlabelled:  # patients are counted among the studies that are measured
        return Step("Real studies", cohort.studies + cohort.unlabelled, left_out)
    return Step(f"Real studies of {cohort.patients} patients", cohort.studies, left_out)


def _edited(edited: int, rejected: dict[str, int], failed: int, kept: int) -> list[Step]:
    losses = [
        (number, f"rejected: {reason}" if reason else "rejected") for reason, number in rejected.items()
    ]
    end = Step("Kept, and shown to the models", kept, is_end=True)
    return [Step("Edits planned", edited, [*losses, (failed, "failed")]), end]


def unanswered(result: AuditResult) -> list[str]:
    """Return a sentence for each model that gave no answer for some edited image."""
    found = [(model.name, model.arms["stress"]) for model in result.models if "stress" in model.arms]
    return [
        f"{name} gave no answer for {arm.indeterminate} of {arm.n} edited images; they count as wrong."
        for name, arm in found
        if arm.indeterminate
    ]
