"""Subgroups of the patients: the primary metric and its drop in each, small groups flagged."""

from dataclasses import dataclass

from radbench.data.values import UNKNOWN, value_text
from radbench.harness.result import AuditResult, ModelResult, SubgroupResult
from radbench.harness.words import Shown, fall_unit, metric_unit, p_value, plain, show
from radbench.plots.effects import subgroups as draw_subgroups
from radbench.plots.style import Drawing
from radbench.report.inline_svg import WIDTH
from radbench.report.summary import corrected


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
    forest: Drawing | None


@dataclass(frozen=True)
class SubgroupsView:
    """All models with subgroups; ``has_small`` says whether some group is too small to be judged."""

    models: tuple[SubgroupModel, ...]
    has_small: bool


def subgroups_view(result: AuditResult) -> SubgroupsView:
    """Put the subgroups into tables and plots; all plots share one axis."""
    found = [model for model in result.models if model.subgroups]
    models = tuple(
        SubgroupModel(
            model.name,
            model.role == "control",
            _rows(result, model),
            draw_subgroups(result, [model.name], WIDTH)
            if any(group.drop.value is not None for group in model.subgroups)
            else None,
        )
        for model in found
    )
    return SubgroupsView(models, any(row.small for model in models for row in model.rows))


def _value(group: SubgroupResult) -> str:
    return "not given" if value_text(group.value) == UNKNOWN else plain(group.value)


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
