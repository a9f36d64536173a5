"""The tidy rows of ``metrics.csv``: one figure a row."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from radbench.audit.result import (
    ALL_SCENARIOS,
    ARMS,
    Arm,
    ArmResult,
    AuditResult,
    Estimate,
    ModelResult,
    PairedResult,
)

COLUMNS: Final = ("model", "shift", "scenario", "arm", "metric", "n", "value", "low", "high")


class MetricRow(NamedTuple):
    """One figure; ``value``, ``low`` and ``high`` are None (an empty cell) where they are undefined."""

    model: str
    shift: str
    scenario: str
    arm: str
    metric: str
    n: int
    value: float | None
    low: float | None
    high: float | None


def metric_rows(result: AuditResult) -> list[MetricRow]:
    """Return one row a figure: by model, then scenario, arm and metric.

    The real arm has scenario "all". Where the shift has one scenario, the other arms carry its name; where it
    has several, "all" pools them and each follows on its own.
    """
    return [row for model in result.models for row in _model_rows(result.shift.name, model)]


def _model_rows(shift: str, model: ModelResult) -> list[MetricRow]:
    names = list(model.scenarios)
    pooled = names[0] if len(names) == 1 else ALL_SCENARIOS
    rows: list[MetricRow] = []
    for arm in ARMS:
        place = (model.name, shift, ALL_SCENARIOS if arm == "real" else pooled, arm)
        rows += _arm_rows(place, model.arms, model.paired)
    for name in names if len(names) > 1 else []:
        for arm in ARMS:
            split = model.scenarios[name]
            rows += _arm_rows((model.name, shift, name, arm), split.arms, split.paired)
    return rows


def _arm_rows(
    place: tuple[str, str, str, Arm], arms: Mapping[Arm, ArmResult], paired: Mapping[Arm, PairedResult]
) -> list[MetricRow]:
    arm = place[3]
    figures: dict[str, Estimate | None] = dict(arms[arm].metrics) if arm in arms else {}
    if arm in paired:
        figures |= {name: getattr(paired[arm], name) for name in PairedResult.model_fields}
    return [
        MetricRow(*place, name, found.n, found.value, found.low, found.high)
        for name, found in figures.items()
        if found is not None
    ]
