"""The way from the cohort to the judged images: how many were planned, and where every other one went."""

from dataclasses import dataclass

from radbench.audit.result import AuditResult
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
