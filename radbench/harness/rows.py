"""The tidy rows of ``metrics.csv``: one figure a row."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from radbench.harness.basics import ALL_SCENARIOS, ARMS, Arm, Estimate
from radbench.harness.result import AuditResult, ModelResult, PairedResult, ScenarioResult

EFFECTS: Final[Mapping[Arm, str]] = {
    "sham": "sham_effect",
    "stress": "shift_effect",
    "truth": "truth_gap",
}
"""What is not a figure of one arm, and the arm under which it is listed."""
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
        rows += _arm_rows(place, model)
    for name in names if len(names) > 1 else []:
        for arm in ARMS:
            rows += _arm_rows((model.name, shift, name, arm), model.scenarios[name])
    return rows


def _arm_rows(place: tuple[str, str, str, Arm], found: ModelResult | ScenarioResult) -> list[MetricRow]:
    arm = place[3]
    figures: dict[str, Estimate | None] = dict(found.arms[arm].metrics) if arm in found.arms else {}
    if arm in found.paired:
        figures |= _paired(found.paired[arm])
    if arm in EFFECTS:
        figures[EFFECTS[arm]] = getattr(found, EFFECTS[arm])
    return [
        MetricRow(*place, name, figure.n, figure.value, figure.low, figure.high)
        for name, figure in figures.items()
        if figure is not None
    ]


def _paired(paired: PairedResult) -> dict[str, Estimate | None]:
    plain = {name: getattr(paired, name) for name in PairedResult.model_fields if name != "changes"}
    return plain | {f"{name}_change": figure for name, figure in paired.changes.items()}
