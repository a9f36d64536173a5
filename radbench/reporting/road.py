"""The way from the cohort to the judged images: how many were planned, and where every other one went."""

from dataclasses import dataclass

from radbench.audit.result import AttritionRow, AuditResult
from radbench.reporting.words import plain

_ENDS = {"cohort", "tasks", "ok", "rejected", "failed"}
_REASON = "rejected: "


@dataclass(frozen=True)
class Step:
    """One station: a number and its words; ``kind`` is "count", "loss" or "kept"."""

    number: int
    words: str
    kind: str = "count"


def road(result: AuditResult) -> list[Step]:
    """Return the stations in order; losses of none are left out, save for rejected and failed edits."""
    testset = result.testset
    steps = [Step(result.cohort.studies, "real studies")]
    for name, number in testset.attrition.items():
        if name == "eligible":
            steps.append(Step(number, "eligible"))
        elif number and name not in _ENDS and not name.startswith(_REASON):
            steps.append(Step(number, plain(name).removesuffix(" = 1"), "loss"))
    return [
        *steps,
        Step(testset.records, "edits planned"),
        Step(testset.rejected, "rejected", "loss"),
        Step(testset.failed, "failed", "loss"),
        Step(testset.ok, "kept and judged", "kept"),
    ]


def rejections(result: AuditResult) -> list[Step]:
    """Return how many edits were rejected for each reason, in words."""
    found = result.testset.attrition.items()
    return [Step(n, name.removeprefix(_REASON), "loss") for name, n in found if name.startswith(_REASON)]


@dataclass(frozen=True)
class Stage:
    """One stage of a funnel: what is left (or lost, "loss") after it, and its share of the first stage."""

    number: int
    words: str
    kind: str
    share: float


@dataclass(frozen=True)
class Funnel:
    """The way of one scenario's studies, from those it selects to those that are judged."""

    scenario: str
    stages: tuple[Stage, ...]


def funnels(result: AuditResult) -> list[Funnel]:
    """Return one funnel a scenario; none where the audit does not split its losses by scenario."""
    return [_funnel(row) for row in result.attrition]


def _funnel(row: AttritionRow) -> Funnel:
    start = row.edited if row.eligible is None else row.eligible
    stages = [] if row.eligible is None else [(row.eligible, "eligible", "count")]
    stages.append((row.edited, "edits planned", "count"))
    stages += [(number, f"rejected: {reason}", "loss") for reason, number in row.rejected.items() if number]
    if row.failed:
        stages.append((row.failed, "failed", "loss"))
    stages.append((row.kept, "kept and judged", "kept"))
    shares = [number / start if start else 0.0 for number, _, _ in stages]
    return Funnel(
        plain(row.scenario), tuple(Stage(*stage, share) for stage, share in zip(stages, shares, strict=True))
    )
