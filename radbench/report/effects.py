"""What the edit changes in the same patients, whether by chance, in which of them, and by how much of an edit."""

from types import SimpleNamespace as Row

from radbench.data.cohort import UNKNOWN, value_text
from radbench.harness.result import AuditResult, DoseRow, Estimate, ModelResult
from radbench.harness.result.words import (
    Shown,
    capital,
    fall_unit,
    grey_levels,
    metric_name,
    metric_unit,
    p_value,
    plain,
    show,
)
from radbench.plots.curves import doses as draw_doses
from radbench.plots.effects import BETWEEN
from radbench.plots.effects import effects as draw_effects
from radbench.plots.effects import subgroups as draw_subgroups
from radbench.report.inline_svg import WIDTH
from radbench.report.view import corrected

_TESTS = {
    "mcnemar": "McNemar, exact",
    "paired bootstrap": "paired bootstrap",
    "unpaired bootstrap": "unpaired bootstrap",
}


def effects_view(result: AuditResult) -> Row:
    """Put the paired effects and their tests into charts, on one axis, and words.

    ``families`` says how many tests were corrected together, ``qualified`` are the effects that a note speaks of.
    """
    effects = {model.name: _effects(result, model) for model in result.models}
    everything = "all films" if result.is_natural else "all edits"
    tests = [
        Row(
            model=model.name,
            scenario=everything if test.scenario == "all" else plain(test.scenario),
            test=_TESTS[test.test],
            n=test.n,
            p=p_value(test.p),
            p_holm="–" if test.p_holm is None else p_value(test.p_holm),
            family=test.family,
            note=test.note,
        )
        for model in result.models
        for test in model.tests
        if not test.subgroup
    ]
    return Row(
        models=[
            Row(
                name=model.name,
                is_control=model.role == "control",
                forest=draw_effects(result, [model.name], WIDTH)
                if any(one.defined for _, one in effects[model.name])
                else None,
            )
            for model in result.models
        ],
        tests=tests,
        families=" or ".join(map(str, sorted({row.family for row in tests if row.family > 1}))),
        qualified=[
            (f"{name}, {label.lower()}", shown)
            for name, found in effects.items()
            for label, shown in found
            if shown.defined and shown.note
        ],
    )


def _effects(result: AuditResult, model: ModelResult) -> list[tuple[str, Shown]]:
    unit = fall_unit(result.primary)
    if result.is_natural:
        return [
            (label, show(model.paired[arm].drop, unit))
            for arm, label in BETWEEN.items()
            if arm in model.paired
        ]
    pooled = model.paired.get("stress")
    found: list[tuple[str, Estimate | None]] = []
    if len(model.scenarios) > 1:
        for name, scenario in model.scenarios.items():
            paired = scenario.paired.get("stress")
            found.append((plain(name), None if paired is None else paired.paired_drop))
    found.append(("All edits" if found else "Edited", None if pooled is None else pooled.paired_drop))
    return [(label, show(figure, unit)) for label, figure in found if figure is not None]


def subgroups_view(result: AuditResult) -> Row:
    """Put the subgroups of the patients into tables and plots; all plots share one axis.

    ``has_small`` says whether some group is too small to be judged.
    """
    models = [
        Row(
            name=model.name,
            is_control=model.role == "control",
            rows=_subgroup_rows(result, model),
            forest=draw_subgroups(result, [model.name], WIDTH)
            if any(group.drop.value is not None for group in model.subgroups)
            else None,
        )
        for model in result.models
        if model.subgroups
    ]
    return Row(models=models, has_small=any(row.small for model in models for row in model.rows))


def _subgroup_rows(result: AuditResult, model: ModelResult) -> list[Row]:
    """Return one row a group; the first of a column says how many ``rows`` of the table it spans."""
    columns = [group.column for group in model.subgroups]
    unit, fall = metric_unit(result.primary), fall_unit(result.primary)
    return [
        Row(
            column=plain(group.column),
            rows=columns.count(group.column) if columns.index(group.column) == place else 0,
            value="not given" if value_text(group.value) == UNKNOWN else plain(group.value),
            n=group.n,
            patients=group.patients,
            small=group.small,
            real=show(group.real, unit),
            stress=show(group.stress, unit),
            drop=show(group.drop, fall),
            p="–" if group.small else p_value(corrected(group.p, group.p_holm)),
        )
        for place, group in enumerate(model.subgroups)
    ]


def dose_panels(result: AuditResult) -> list[Row]:
    """Return a table and curves for each scenario and setting of the editor that has doses; none if there are none."""
    rows = [row for model in result.models for row in model.dose]
    return [_panel(result, *place) for place in dict.fromkeys((row.scenario, row.factor) for row in rows)]


def _panel(result: AuditResult, scenario: str, factor: str) -> Row:
    found = {
        model.name: [row for row in model.dose if (row.scenario, row.factor) == (scenario, factor)]
        for model in result.models
    }
    rows = [row for own in found.values() for row in own]
    lines = [_line(result, found, value) for value in sorted({row.value for row in rows})]
    measured = any(row.primary.value is not None for row in rows)
    return Row(
        scenario=plain(scenario),
        factor=plain(factor),
        lines=lines,
        chart=draw_doses(result, (scenario, factor)) if measured else None,
        caption=capital(metric_name(result.primary)),
        has_scores=any(row.score_change is not None for row in rows),
    )


def _line(result: AuditResult, found: dict[str, list[DoseRow]], value: float) -> Row:
    """Return one strength of a setting: each model's primary metric and change of score, and how much changed."""
    at = [next((row for row in rows if row.value == value), None) for rows in found.values()]
    known = [row for row in at if row is not None]
    return Row(
        value=f"{value:g}",
        main=any(row.main for row in known),
        n=max(row.n for row in known),
        change=grey_levels(next((row.change_edit for row in known if row.change_edit is not None), None)),
        primary=[show(None if row is None else row.primary, metric_unit(result.primary)) for row in at],
        score_change=[show(None if row is None else row.score_change, "score") for row in at],
    )
