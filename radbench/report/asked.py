"""What the vendors declare, what they claim, and what the preflight saw of it."""

from dataclasses import dataclass

from radbench.harness.result import AuditResult, ClaimResult, Estimate, Finding, ModelResult
from radbench.harness.words import Shown, metric_name, metric_unit, plain, show
from radbench.report.view import Badge

_LEVELS = {
    "failure": Badge("failure", "fail", "✗"),
    "warning": Badge("warning", "unsure", "!"),
    "note": Badge("note", "none", "i"),
    "ok": Badge("ok", "pass", "✓"),
}
_CLAIMS = {
    "supported": Badge("supported", "pass", "✓"),
    "not supported": Badge("not supported", "fail", "✗"),
    "cannot tell": Badge("cannot tell", "unsure", "?"),
    "not measured": Badge("not measured", "none", "–"),
}
_OUTPUTS = {
    "logits": "logits (turned into probabilities here)",
    "probabilities": "probabilities",
    "calibrated": "scores calibrated to an operating point",
    "labels": "labels only, no scores",
}


@dataclass(frozen=True)
class ModelRow:
    """One model as it is declared; ``facts`` are (name, value)."""

    name: str
    title: str
    is_control: bool
    intended_use: str
    pinned: bool
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ClaimRow:
    """One claim beside what was measured."""

    model: str
    metric: str
    claimed: Shown
    population: str
    measured: Shown
    badge: Badge
    reason: str


@dataclass(frozen=True)
class FindingRow:
    """One check of a preflight."""

    check: str
    badge: Badge
    declared: str
    observed: str
    meaning: str


@dataclass(frozen=True)
class PreflightView:
    """One model's findings, the gravest first."""

    name: str
    forced: bool
    findings: tuple[FindingRow, ...]
    summary: str


def model_rows(result: AuditResult) -> list[ModelRow]:
    """Return each model as it is declared."""
    return [
        ModelRow(
            model.name,
            model.title or model.name,
            model.role == "control",
            model.intended_use,
            model.pinned,
            tuple((name, value) for name, value in _facts(model) if value),
        )
        for model in result.models
    ]


def _facts(model: ModelResult) -> list[tuple[str, str]]:
    return [
        ("Delivered as", ", ".join(part for part in (model.format, model.source) if part)),
        ("Architecture", model.architecture),
        ("Target", plain(model.target)),
        ("Output", _OUTPUTS.get(model.output, model.output)),
        ("Operating point", f"{model.operating_point:g} ({model.operating_point_source})"),
    ]


def claim_rows(result: AuditResult) -> list[ClaimRow]:
    """Return every claim of every model."""
    return [_claim(model.name, claim) for model in result.models for claim in model.claims]


def _claim(model: str, claim: ClaimResult) -> ClaimRow:
    unit = metric_unit(claim.metric)
    return ClaimRow(
        model,
        metric_name(claim.metric),
        show(Estimate(value=claim.claimed, low=claim.claimed_low, high=claim.claimed_high, n=0), unit),
        claim.population,
        show(claim.measured, unit),
        _CLAIMS[claim.verdict],
        claim.reason,
    )


def preflight_views(result: AuditResult) -> list[PreflightView]:
    """Return the findings of the models that had a preflight."""
    return [
        PreflightView(
            model.name,
            model.forced,
            tuple(_finding(found) for found in _gravest_first(model.preflight)),
            _counts(model.preflight),
        )
        for model in result.models
        if model.preflight
    ]


def _gravest_first(findings: list[Finding]) -> list[Finding]:
    order = list(_LEVELS)
    return sorted(findings, key=lambda finding: order.index(finding.level))


def _finding(found: Finding) -> FindingRow:
    return FindingRow(found.check, _LEVELS[found.level], found.declared, found.observed, found.meaning)


def _counts(findings: list[Finding]) -> str:
    levels = [finding.level for finding in findings]
    return ", ".join(f"{levels.count(level)} {level}" for level in _LEVELS if level in levels)
