"""Two cohorts in words: who is in them, what reweighting did to that, and every metric beside its difference."""

from types import SimpleNamespace as Row

from radbench.data.cohort import UNKNOWN
from radbench.harness.result import Arm, AuditResult, MixRow, ModelResult
from radbench.harness.result.words import Unit, capital, metric_name, metric_unit, number, plain, show

IMBALANCE = 0.1
"""A standardised difference from which on two cohorts are commonly called unlike (Austin 2009)."""
_PAIRS: tuple[tuple[Arm, str], ...] = (("natural", "as they are"), ("reweighted", "at cohort A's case mix"))


def case_mix_view(result: AuditResult) -> Row | None:
    """Put the case mix into a table, and the reweighting into words and its strata; None for a shift of edits."""
    mix = result.case_mix
    if mix is None or not mix.rows:
        return None
    found = mix.reweighting
    columns = [row.column for row in mix.rows]
    return Row(
        rows=[
            _mix_row(row, columns.count(row.column) if columns.index(row.column) == place else 0)
            for place, row in enumerate(mix.rows)
        ],
        reweighting=found,
        columns=[] if found is None else [plain(column) for column in found.columns],
        strata=[]
        if found is None
        else [
            Row(
                values=[plain(value) for value in one.values.values()],
                reference=one.reference,
                against=one.against,
                weight=f"{one.weight:.2f}" if one.weight else "left out",
            )
            for one in found.strata
        ],
    )


def _mix_row(row: MixRow, rows: int) -> Row:
    return Row(
        column=plain(row.column),
        rows=rows,
        value="not given" if row.value == UNKNOWN else plain(row.value),
        reference=f"{row.reference} ({number(row.reference_share, 'share')})",
        against=f"{row.against} ({number(row.against_share, 'share')})",
        difference=_difference(row.difference),
        unlike=_unlike(row.difference),
        common="" if row.common_share is None else number(row.common_share, "share"),
        reweighted="" if row.reweighted_share is None else number(row.reweighted_share, "share"),
        after=_difference(row.difference_after),
        unlike_after=row.reweighted_share is not None and _unlike(row.difference_after),
    )


def _difference(value: float | None) -> str:
    return "no overlap" if value is None else number(round(value, 2) + 0.0, "signed")


def _unlike(value: float | None) -> bool:
    return value is None or abs(value) > IMBALANCE


def differences_view(result: AuditResult) -> list[Row]:
    """Return each model's metrics in both cohorts with their difference, as they are and at the same case mix."""
    return [_differences(result, model) for model in result.models if "natural" in model.paired]


def _differences(result: AuditResult, model: ModelResult) -> Row:
    tables = []
    for arm, words in _PAIRS:
        if arm not in model.paired:
            continue
        reference: Arm = "common" if arm == "reweighted" and "common" in model.arms else "real"
        rows = [
            Row(
                metric=capital(metric_name(name)),
                reference=show(model.metric(reference, name), metric_unit(name)),
                against=show(model.metric(arm, name), metric_unit(name)),
                change=show(change, _change_unit(name)),
                judged=name == result.primary and arm == result.judged,
            )
            for name, change in model.paired[arm].changes.items()
        ]
        tables.append(Row(words=words, rows=rows, judged=arm == result.judged))
    return Row(name=model.name, is_control=model.role == "control", tables=tables)


def _change_unit(metric: str) -> Unit:
    unit = metric_unit(metric)
    return {"share": "points", "ratio": "score"}.get(unit, unit)  # type: ignore[return-value]
