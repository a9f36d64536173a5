"""A segmentation's figures: overlap and distances by scenario, and the box plots of the paper's Figure 5."""

from dataclasses import dataclass

from radbench.harness.result import Arm, ArmResult, AuditResult, ModelResult
from radbench.harness.words import Shown, capital, footnotes, metric_name, metric_unit, plain, show
from radbench.plots.pictures import boxes
from radbench.plots.style import Drawing
from radbench.report.view import ARM_WORDS, present_arms, run_spread

_TITLES: dict[Arm, str] = {arm: title for arm, title, _ in ARM_WORDS}


@dataclass(frozen=True)
class SegmentationRow:
    """One model on one set of images: ``figures`` follow the table's metrics; ``missed`` as in the result."""

    arm: Arm
    scenario: str
    title: str
    n: int
    missed: int
    figures: tuple[Shown, ...]
    spread: str


@dataclass(frozen=True)
class SegmentationModel:
    """One model's rows: real first, then each scenario's arms."""

    name: str
    series: int
    is_control: bool
    rows: tuple[SegmentationRow, ...]


@dataclass(frozen=True)
class SegmentationView:
    """The table, what qualifies its figures, and the charts."""

    metrics: tuple[str, ...]
    models: tuple[SegmentationModel, ...]
    charts: tuple[tuple[str, Drawing], ...]
    has_missed: bool
    has_runs: bool
    notes: tuple[str, ...]


def segmentation_view(result: AuditResult) -> SegmentationView | None:
    """Put a segmentation's figures into words and charts; None for a classification."""
    if result.task != "segmentation":
        return None
    names = _metrics(result)
    models = tuple(_model(result, model, names, index) for index, model in enumerate(result.models))
    return SegmentationView(
        metrics=tuple(capital(metric_name(name)) for name in names),
        models=models,
        charts=_charts(result, names),
        has_missed=any(row.missed for model in models for row in model.rows),
        has_runs=any(row.spread for model in models for row in model.rows),
        notes=footnotes(
            (f"{model.name}, {row.title}, {metric_name(name)}", shown)
            for model in models
            for row in model.rows
            for name, shown in zip(names, row.figures, strict=True)
        ),
    )


def _metrics(result: AuditResult) -> list[str]:
    found = [name for model in result.models for arm in model.arms.values() for name in arm.metrics]
    return list(dict.fromkeys([result.primary, *found]))


def _charted(names: list[str]) -> list[str]:
    """Return the metrics that are drawn: the primary one, and the first distance, as in the paper."""
    distances = [name for name in names if metric_unit(name) == "pixels"]
    return [names[0], *distances[:1]]


def _model(result: AuditResult, model: ModelResult, names: list[str], index: int) -> SegmentationModel:
    rows = [_row(model.arms["real"], "real", "", names, model)] if "real" in model.arms else []
    arms = [arm for arm, _, _ in present_arms(result) if arm != "real"]
    for scenario, found in model.scenarios.items():
        rows += [
            _row(found.arms[arm], arm, scenario, names, model if len(model.scenarios) == 1 else None)
            for arm in arms
            if arm in found.arms
        ]
    return SegmentationModel(model.name, index % 6, model.role == "control", tuple(rows))


def _row(
    found: ArmResult, arm: Arm, scenario: str, names: list[str], model: ModelResult | None
) -> SegmentationRow:
    title = f"{plain(scenario)}: {_TITLES[arm].lower()}" if scenario else _TITLES[arm]
    figures = tuple(show(found.metrics.get(name), metric_unit(name)) for name in names)
    runs = "" if model is None else run_spread(model, arm, names[0])
    return SegmentationRow(arm, plain(scenario), title, found.n, found.missed or 0, figures, runs)


def _charts(result: AuditResult, names: list[str]) -> tuple[tuple[str, Drawing], ...]:
    if not result.cases:
        return ()
    return tuple((capital(metric_name(name)), boxes(result, name)) for name in _charted(names))
