"""The summary: one line a model, with what is judged and how sure it is."""

from dataclasses import dataclass

from radbench.harness.result import AuditResult, ModelResult, TestResult
from radbench.harness.words import Shown, fall_unit, metric_unit, p_value, show
from radbench.report.view import Badge, badge


@dataclass(frozen=True)
class SummaryRow:
    """One model: real, synthetic, the drop that is judged, its p value and what it did not answer."""

    name: str
    series: int
    is_control: bool
    badge: Badge
    real: Shown
    stress: Shown
    drop: Shown
    p: str
    unanswered: str
    error: str


def summary_rows(result: AuditResult) -> list[SummaryRow]:
    """Return one row a model, judged ones first."""
    rows = [_row(result, model, index) for index, model in enumerate(result.models)]
    return sorted(rows, key=lambda row: row.is_control)


def _row(result: AuditResult, model: ModelResult, index: int) -> SummaryRow:
    paired = model.paired.get("stress")
    test = main_test(model)
    missing = "the model was not run" if not model.arms else "no edited image"
    stress = model.arms.get("stress")
    silent = 0 if stress is None else stress.indeterminate
    return SummaryRow(
        name=model.name,
        series=index % 6,
        is_control=model.role == "control",
        badge=badge(model.verdict),
        real=show(model.metric("real", result.primary), metric_unit(result.primary), missing),
        stress=show(model.metric("stress", result.primary), metric_unit(result.primary), missing),
        drop=show(None if paired is None else paired.drop, fall_unit(result.primary), missing),
        p="–" if test is None else p_value(corrected(test.p, test.p_holm)),
        unanswered=f"{silent} of {stress.n}" if silent and stress is not None else "",
        error=model.error or "",
    )


def main_test(model: ModelResult) -> TestResult | None:
    """Return the test of the primary metric over everyone and all scenarios; None where none was made."""
    found = [test for test in model.tests if not test.subgroup and test.test == "paired bootstrap"]
    pooled = [test for test in found if test.scenario == "all"]
    return next(iter([*pooled, *(found if len(found) == 1 else [])]), None)


def corrected(p: float | None, p_holm: float | None) -> float | None:
    """Return the corrected p value, or the plain one where it was not corrected."""
    return p if p_holm is None else p_holm


def power_lines(result: AuditResult) -> list[tuple[str, str]]:
    """Return what the test set can show, model by model; once where all say the same."""
    lines = [(model.name, model.power.line) for model in result.models if model.power is not None]
    return [("", lines[0][1])] if lines and len({line for _, line in lines}) == 1 else lines
