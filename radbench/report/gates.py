"""The release gates, rule by rule, and the earlier result that this one was compared with."""

from dataclasses import dataclass

from radbench.harness.result import AuditResult, GateResult, Verdict
from radbench.harness.words import Shown, number, show
from radbench.report.view import Badge, badge

_GRAVEST_FIRST = [Verdict.ERROR, Verdict.FAIL, Verdict.NOT_RUN, Verdict.INCONCLUSIVE, Verdict.PASS]


@dataclass(frozen=True)
class GateRow:
    """One rule for one model."""

    rule: str
    model: str
    figure: Shown
    limit: str
    badge: Badge
    reason: str
    why: str
    beside: str = ""


@dataclass(frozen=True)
class BaselineView:
    """The earlier result in words."""

    sha256: str
    tool: str
    same_testset: bool
    note: str


@dataclass(frozen=True)
class GatesView:
    """All rules, the gravest verdict first, how many there are of each verdict, and the baseline."""

    rows: tuple[GateRow, ...]
    counts: tuple[tuple[Badge, int], ...]
    baseline: BaselineView | None


def gates_view(result: AuditResult) -> GatesView:
    """Put the gates into words."""
    ordered = sorted(result.gates, key=lambda gate: _GRAVEST_FIRST.index(gate.verdict))
    found = [gate.verdict for gate in result.gates]
    counts = tuple((badge(verdict), found.count(verdict)) for verdict in _GRAVEST_FIRST if verdict in found)
    return GatesView(tuple(map(gate_row, ordered)), counts, _baseline(result))


def gate_row(gate: GateResult) -> GateRow:
    """Put one judged rule into words."""
    bound = "at least" if gate.sense == "min" else "at most"
    return GateRow(
        gate.rule,
        gate.model,
        show(gate.estimate, "number", "not measured"),
        f"{bound} {number(gate.limit, 'number')}",
        badge(gate.verdict),
        gate.reason,
        gate.why,
        " ".join(gate.left_out),
    )


def _baseline(result: AuditResult) -> BaselineView | None:
    found = result.baseline
    if found is None:
        return None
    tool = ", ".join(f"{name} {version}" for name, version in found.tool.items())
    return BaselineView(found.sha256, tool, found.same_testset, found.note)
