"""What was asked of which model: what vendors declare and claim, what the preflight saw, and the release gates."""

from types import SimpleNamespace as Row

from radbench.harness.result import AuditResult, Estimate, GateResult, Verdict
from radbench.harness.result.words import metric_name, metric_unit, number, plain, show
from radbench.report.view import Badge, badge

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
_GRAVEST_FIRST = [Verdict.ERROR, Verdict.FAIL, Verdict.NOT_RUN, Verdict.INCONCLUSIVE, Verdict.PASS]


def model_rows(result: AuditResult) -> list[Row]:
    """Return each model as it is declared; ``facts`` are (name, value)."""
    rows = []
    for model in result.models:
        facts = [
            ("Delivered as", ", ".join(part for part in (model.format, model.source) if part)),
            ("Architecture", model.architecture),
            ("Target", plain(model.target)),
            ("Output", _OUTPUTS.get(model.output, model.output)),
            ("Operating point", f"{model.operating_point:g} ({model.operating_point_source})"),
        ]
        rows.append(
            Row(
                name=model.name,
                title=model.title or model.name,
                is_control=model.role == "control",
                intended_use=model.intended_use,
                pinned=model.pinned,
                facts=[(name, value) for name, value in facts if value],
            )
        )
    return rows


def claim_rows(result: AuditResult) -> list[Row]:
    """Return every claim of every model beside what was measured."""
    return [
        Row(
            model=model.name,
            metric=metric_name(claim.metric),
            claimed=show(
                Estimate(value=claim.claimed, low=claim.claimed_low, high=claim.claimed_high, n=0),
                metric_unit(claim.metric),
            ),
            population=claim.population,
            measured=show(claim.measured, metric_unit(claim.metric)),
            badge=_CLAIMS[claim.verdict],
            reason=claim.reason,
        )
        for model in result.models
        for claim in model.claims
    ]


def preflight_views(result: AuditResult) -> list[Row]:
    """Return the findings, the gravest first, of the models that had a preflight; ``summary`` counts them."""
    order, views = list(_LEVELS), []
    for model in result.models:
        levels = [finding.level for finding in model.preflight]
        findings = [
            Row(
                check=found.check,
                badge=_LEVELS[found.level],
                declared=found.declared,
                observed=found.observed,
                meaning=found.meaning,
            )
            for found in sorted(model.preflight, key=lambda finding: order.index(finding.level))
        ]
        summary = ", ".join(f"{levels.count(level)} {level}" for level in order if level in levels)
        if findings:
            views.append(Row(name=model.name, forced=model.forced, findings=findings, summary=summary))
    return views


def gates_view(result: AuditResult) -> Row:
    """Put the gates into words: all rules, the gravest first, how many of each verdict, and the earlier result."""
    found = [gate.verdict for gate in result.gates]
    ordered = sorted(result.gates, key=lambda gate: _GRAVEST_FIRST.index(gate.verdict))
    earlier = result.baseline
    return Row(
        rows=[gate_row(gate) for gate in ordered],
        counts=[(badge(verdict), found.count(verdict)) for verdict in _GRAVEST_FIRST if verdict in found],
        baseline=earlier,
        baseline_tool=""
        if earlier is None
        else ", ".join(f"{name} {version}" for name, version in earlier.tool.items()),
    )


def gate_row(gate: GateResult) -> Row:
    """Put one judged rule into words."""
    return Row(
        rule=gate.rule,
        model=gate.model,
        figure=show(gate.estimate, "number", "not measured"),
        limit=f"{'at least' if gate.sense == 'min' else 'at most'} {number(gate.limit, 'number')}",
        badge=badge(gate.verdict),
        reason=gate.reason,
        why=gate.why,
        beside=" ".join(gate.left_out),
    )
