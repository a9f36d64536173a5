"""The dose-response curves: what the editor's settings do to the figures, one setting at a time."""

from dataclasses import dataclass

from radbench.harness.result import AuditResult, DoseRow
from radbench.harness.words import (
    Shown,
    capital,
    footnotes,
    grey_levels,
    metric_name,
    metric_unit,
    plain,
    show,
)
from radbench.plots.curves import doses as draw_doses
from radbench.plots.style import Drawing


@dataclass(frozen=True)
class DoseLine:
    """One strength of one setting: each model's primary metric and change of score, and how much changed."""

    value: str
    main: bool
    n: int
    change: str
    primary: tuple[Shown, ...]
    score_change: tuple[Shown, ...]


@dataclass(frozen=True)
class DosePanel:
    """One setting in one scenario: its table and its curves."""

    scenario: str
    factor: str
    lines: tuple[DoseLine, ...]
    chart: Drawing | None
    caption: str
    has_scores: bool
    notes: tuple[str, ...]


def dose_panels(result: AuditResult) -> list[DosePanel]:
    """Return a panel for each scenario and setting that has doses; none if the shift lists none."""
    rows = [row for model in result.models for row in model.dose]
    return [_panel(result, *place) for place in dict.fromkeys((row.scenario, row.factor) for row in rows)]


def _panel(result: AuditResult, scenario: str, factor: str) -> DosePanel:
    found = {
        model.name: [row for row in model.dose if (row.scenario, row.factor) == (scenario, factor)]
        for model in result.models
    }
    values = sorted({row.value for rows in found.values() for row in rows})
    measured = any(row.primary.value is not None for rows in found.values() for row in rows)
    lines = tuple(_line(result, found, value) for value in values)
    return DosePanel(
        scenario=plain(scenario),
        factor=plain(factor),
        lines=lines,
        chart=draw_doses(result, (scenario, factor)) if measured else None,
        caption=capital(metric_name(result.primary)),
        has_scores=any(row.score_change is not None for rows in found.values() for row in rows),
        notes=footnotes(
            (f"{plain(factor)} {line.value}", shown)
            for line in lines
            for shown in (*line.primary, *line.score_change)
        ),
    )


def _line(result: AuditResult, found: dict[str, list[DoseRow]], value: float) -> DoseLine:
    at = {name: next((row for row in rows if row.value == value), None) for name, rows in found.items()}
    known = [row for row in at.values() if row is not None]
    unit = metric_unit(result.primary)
    return DoseLine(
        value=f"{value:g}",
        main=any(row.main for row in known),
        n=max(row.n for row in known),
        change=grey_levels(next((row.change_edit for row in known if row.change_edit is not None), None)),
        primary=tuple(show(None if row is None else row.primary, unit) for row in at.values()),
        score_change=tuple(show(None if row is None else row.score_change, "score") for row in at.values()),
    )
