"""Subgroups of the patients: the primary metric and its drop in each, small groups flagged."""

from dataclasses import dataclass

from radbench.data.values import UNKNOWN, value_text
from radbench.harness.result import AuditResult, ModelResult, SubgroupResult
from radbench.harness.words import Shown, fall_unit, metric_unit, p_value, plain, show
from radbench.reporting.charts import Forest
from radbench.reporting.charts.forest import reach
from radbench.reporting.effects import fall_forest
from radbench.reporting.summary import corrected


@dataclass(frozen=True)
class SubgroupRow:
    """One value of one column; ``first`` starts its column in the table, which spans ``rows`` lines."""

    column: str
    rows: int
    value: str
    n: int
    patients: int
    small: bool
    real: Shown
    stress: Shown
    drop: Shown
    p: str


@dataclass(frozen=True)
class SubgroupModel:
    """One model's subgroups."""

    name: str
    is_control: bool
    rows: tuple[SubgroupRow, ...]
    forest: Forest | None


@dataclass(frozen=True)
class SubgroupsView:
    """All models with subgroups; ``has_small`` says whether some group is too small to be judged."""

    models: tuple[SubgroupModel, ...]
    has_small: bool


def subgroups_view(result: AuditResult) -> SubgroupsView:
    """Put the subgroups into tables and plots; all plots share one axis."""
    found = [model for model in result.models if model.subgroups]
    effects = {model.name: _effects(result, model) for model in found}
    span = [number for lines in effects.values() for number in reach(lines)]
    models = tuple(
        SubgroupModel(
            model.name,
            model.role == "control",
            _rows(result, model),
            fall_forest(result, effects[model.name], span),
        )
        for model in found
    )
    return SubgroupsView(models, any(row.small for model in models for row in model.rows))


def _value(group: SubgroupResult) -> str:
    return "not given" if value_text(group.value) == UNKNOWN else plain(group.value)


def _effects(result: AuditResult, model: ModelResult) -> list[tuple[str, str, Shown]]:
    unit = fall_unit(result.primary)
    return [
        (
            "small" if group.small else "stress",
            f"{plain(group.column)}: {_value(group)}{' (few)' if group.small else ''}",
            show(group.drop, unit),
        )
        for group in model.subgroups
    ]


def _rows(result: AuditResult, model: ModelResult) -> tuple[SubgroupRow, ...]:
    columns = [group.column for group in model.subgroups]
    unit, fall = metric_unit(result.primary), fall_unit(result.primary)
    return tuple(
        SubgroupRow(
            plain(group.column),
            columns.count(group.column) if columns.index(group.column) == place else 0,
            _value(group),
            group.n,
            group.patients,
            group.small,
            show(group.real, unit),
            show(group.stress, unit),
            show(group.drop, fall),
            "–" if group.small else p_value(corrected(group.p, group.p_holm)),
        )
        for place, group in enumerate(model.subgroups)
    )
