"""Whether a score can be read as a probability: reliability diagrams of the real and the edited images."""

from dataclasses import dataclass

from radbench.harness.result import Arm, AuditResult, CalibrationBin, ModelResult
from radbench.harness.words import Shown, number, show
from radbench.plots.scores import calibration as draw_calibration
from radbench.plots.style import Drawing

_ARMS: tuple[tuple[Arm, str], ...] = (("real", "Real"), ("stress", "Synthetic"))


@dataclass(frozen=True)
class BinRow:
    """One tenth of the score in one set of images."""

    arm: str
    span: str
    n: int
    score: str
    positive: str


@dataclass(frozen=True)
class CalibrationView:
    """One model: its diagram, its tenths, and the errors by set of images."""

    name: str
    is_control: bool
    chart: Drawing | None
    rows: tuple[BinRow, ...]
    errors: tuple[tuple[str, Shown, Shown], ...]


def calibration_views(result: AuditResult) -> list[CalibrationView]:
    """Return the models that give probabilities."""
    return [_view(result, model) for model in result.models if model.calibration]


def _view(result: AuditResult, model: ModelResult) -> CalibrationView:
    groups = [(arm, title, [one for one in model.calibration if one.arm == arm]) for arm, title in _ARMS]
    return CalibrationView(
        name=model.name,
        is_control=model.role == "control",
        chart=draw_calibration(result, [model.name]) if any(one.n for one in model.calibration) else None,
        rows=tuple(_row(title, one) for _, title, bins in groups for one in bins if one.n),
        errors=tuple(
            (title, show(model.metric(arm, "ece"), "ratio"), show(model.metric(arm, "brier"), "ratio"))
            for arm, title in _ARMS
            if model.metric(arm, "ece") is not None or model.metric(arm, "brier") is not None
        ),
    )


def _row(title: str, one: CalibrationBin) -> BinRow:
    return BinRow(
        title, f"{one.low:.1f} to {one.high:.1f}", one.n, number(one.score), number(one.positive, "share")
    )
