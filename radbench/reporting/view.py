"""AuditResult to what the page shows: every number already in words, every word already chosen.

Templates decide where things stand; nothing is computed there.
"""

from dataclasses import dataclass

from radbench.audit.result import Arm, AuditResult, Estimate, ModelResult, Verdict
from radbench.reporting.figures import Figure, score_figure
from radbench.reporting.words import Shown, count, plain, show

_SIGNS = {
    Verdict.PASS: ("pass", "✓"),
    Verdict.FAIL: ("fail", "✗"),
    Verdict.INCONCLUSIVE: ("unsure", "?"),
    Verdict.NOT_RUN: ("none", "–"),
    Verdict.ERROR: ("fail", "!"),
}
_ARMS: tuple[tuple[Arm, str, str], ...] = (
    ("real", "Real", "the whole real test set"),
    ("stress", "Synthetic", "the edited images: the shift"),
    ("reconstruction", "Reconstruction", "control: decoded without an edit"),
    ("truth", "True counterfactual", "control: rendered, without any editor"),
)
_NOT_RUN = "the model was not run"


@dataclass(frozen=True)
class Badge:
    """A verdict: its word, the tone that colours it and the sign before it."""

    word: str
    tone: str
    sign: str


@dataclass(frozen=True)
class ArmRow:
    """One line of the accuracy table."""

    arm: Arm
    title: str
    explained: str
    accuracy: Shown


@dataclass(frozen=True)
class MetricLine:
    """One line of the table of all figures."""

    arm: str
    metric: str
    shown: Shown


@dataclass(frozen=True)
class ScenarioRow:
    """One scenario of several: accuracy and flip rate on its edited images."""

    scenario: str
    accuracy: Shown
    flip_rate: Shown


@dataclass(frozen=True)
class ModelView:
    """One model as the page shows it."""

    name: str
    title: str
    badge: Badge
    reason: str
    error: str
    operating_point: str
    rows: tuple[ArmRow, ...]
    real: Shown
    stress: Shown
    reference: Shown
    drop: Shown
    reference_drop: Shown
    flip_rate: Shown
    score_change: Shown
    beyond_reconstruction: Shown
    truth_gap: Shown
    metrics: tuple[MetricLine, ...]
    scenarios: tuple[ScenarioRow, ...]
    figure: Figure | None


def badge(verdict: Verdict) -> Badge:
    """Return a verdict's word, tone and sign."""
    tone, sign = _SIGNS[verdict]
    return Badge(plain(verdict.value), tone, sign)


def headline(result: AuditResult) -> str:
    """Say the overall verdict in one line."""
    total = len(result.models)
    found = sum(model.verdict is result.verdict for model in result.models)
    of_all = f"{found} of {count(total, 'model')}"
    return {
        Verdict.PASS: "The model holds under this shift"
        if total == 1
        else f"All {total} models hold under this shift",
        Verdict.FAIL: f"{of_all} {'fails' if found == 1 else 'fail'} under this shift",
        Verdict.INCONCLUSIVE: f"Too few images to decide for {of_all}",
        Verdict.NOT_RUN: "Not everything was run, so nothing is concluded",
        Verdict.ERROR: f"{of_all} could not be run",
    }[result.verdict]


def reference_metric(result: AuditResult) -> str | None:
    """Name the real-set metric that a stress set of one class must be compared with.

    All edited images negative: ``specificity`` on the real negatives; all positive: ``sensitivity`` on the
    real positives; both classes: None.
    """
    labels = {case.label for case in result.cases if case.arm == "stress"}
    return {frozenset({0}): "specificity", frozenset({1}): "sensitivity"}.get(frozenset(labels))


def expected_flips(result: AuditResult) -> float | None:
    """Return the share of edited images whose label the edit changed: the flip rate of a faultless model."""
    real = {(case.model, case.study_id): case.label for case in result.cases if case.arm == "real"}
    changes = [
        real[case.model, case.study_id] != case.label
        for case in result.cases
        if case.arm == "stress" and (case.model, case.study_id) in real
    ]
    return sum(changes) / len(changes) if changes else None


def model_view(result: AuditResult, model: ModelResult) -> ModelView:
    """Put one model's figures into words."""
    paired = model.paired.get("stress")
    reference = reference_metric(result)
    missing = _NOT_RUN if not model.arms else "the test set has no edited image"
    against = "both classes were edited, so the whole test set is the reference"
    found: dict[str, Estimate | None] = {} if paired is None else dict(paired)
    reference_drop = found.get("specificity_drop") if reference == "specificity" else None
    return ModelView(
        name=model.name,
        title=model.title or model.name,
        badge=badge(model.verdict),
        reason=model.reason,
        error=model.error or "",
        operating_point=f"{model.operating_point:g} ({model.operating_point_source})",
        rows=_arm_rows(result, model),
        real=show(model.metric("real", "accuracy"), missing=missing),
        stress=show(model.metric("stress", "accuracy"), missing=missing),
        reference=show(model.metric("real", reference) if reference else None, missing=against),
        drop=show(found.get("drop"), "points", missing),
        reference_drop=show(reference_drop, "points", against),
        flip_rate=show(found.get("flip_rate"), missing=missing),
        score_change=show(found.get("score_change"), "score", missing),
        beyond_reconstruction=show(found.get("beyond_reconstruction"), "points", missing),
        truth_gap=show(model.truth_gap, "points", "the true counterfactuals are not known"),
        metrics=_metric_lines(model),
        scenarios=_scenario_rows(model),
        figure=_figure(result, model),
    )


def _arm_rows(result: AuditResult, model: ModelResult) -> tuple[ArmRow, ...]:
    arms = [row for row in _ARMS if row[0] != "truth" or result.cohort.truth_known]
    reason = _NOT_RUN if not model.arms else "no such image"
    return tuple(
        ArmRow(arm, title, explained, show(model.metric(arm, "accuracy"), missing=reason))
        for arm, title, explained in arms
    )


def _metric_lines(model: ModelResult) -> tuple[MetricLine, ...]:
    return tuple(
        MetricLine(title, plain(name), show(found))
        for arm, title, _ in _ARMS
        if arm in model.arms
        for name, found in model.arms[arm].metrics.items()
    )


def _scenario_rows(model: ModelResult) -> tuple[ScenarioRow, ...]:
    rows = []
    for name, found in model.scenarios.items():
        arm, pair = found.arms.get("stress"), found.paired.get("stress")
        accuracy = None if arm is None else arm.metrics.get("accuracy")
        flips = None if pair is None else pair.flip_rate
        rows.append(ScenarioRow(plain(name), show(accuracy), show(flips)))
    return tuple(rows)


def _figure(result: AuditResult, model: ModelResult) -> Figure | None:
    target = plain(result.shift.target)
    scores: dict[str, list[float]] = {"positive": [], "negative": [], "stress": []}
    for case in result.cases:
        if case.model == model.name and case.score is not None and case.arm in {"real", "stress"}:
            real = "positive" if case.label else "negative"
            scores["stress" if case.arm == "stress" else real].append(case.score)
    labels = {"positive": f"Real, {target}", "negative": f"Real, no {target}", "stress": "Synthetic (edited)"}
    return score_figure([(kind, labels[kind], scores[kind]) for kind in labels], model.operating_point)
