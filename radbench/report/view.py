"""AuditResult to what the page shows: every number already in words, every word already chosen.

Templates decide where things stand; nothing is computed there.
"""

from dataclasses import dataclass

from radbench.harness.beside import beside_model
from radbench.harness.result import Arm, AuditResult, Estimate, ModelResult, Verdict
from radbench.harness.words import (
    Shown,
    Unit,
    capital,
    fall_unit,
    metric_name,
    metric_unit,
    plain,
    show,
    spread,
)
from radbench.plots.scores import scores as draw_scores
from radbench.plots.style import Drawing

_SIGNS = {
    Verdict.PASS: ("pass", "✓"),
    Verdict.FAIL: ("fail", "✗"),
    Verdict.INCONCLUSIVE: ("unsure", "?"),
    Verdict.NOT_RUN: ("none", "–"),
    Verdict.ERROR: ("fail", "!"),
}
ARM_WORDS: tuple[tuple[Arm, str, str], ...] = (
    ("real", "Real", "the whole real test set"),
    ("stress", "Synthetic", "the edited images: the shift"),
    ("sham", "Sham", "control: edited to keep what it shows"),
    ("geometry", "Geometry", "control: resized to the editor's size and back, nothing else"),
    ("reconstruction", "Reconstruction", "control: decoded without an edit"),
    ("truth", "True counterfactual", "control: rendered, without any editor"),
)
"""The arms in the order of the page, with a title and an explanation."""
_NOT_RUN = "the model was not run"


@dataclass(frozen=True)
class Badge:
    """A verdict: its word, the tone that colours it and the sign before it."""

    word: str
    tone: str
    sign: str


@dataclass(frozen=True)
class ArmRow:
    """One line of the table of the primary metric; ``spread`` is its mean ± SD over several runs, or ""."""

    arm: Arm
    title: str
    explained: str
    primary: Shown
    spread: str


@dataclass(frozen=True)
class MetricLine:
    """One line of the table of all figures."""

    arm: str
    metric: str
    shown: Shown


@dataclass(frozen=True)
class ScenarioRow:
    """One scenario of several: primary metric and flip rate on its edited images."""

    scenario: str
    primary: Shown
    flip_rate: Shown


@dataclass(frozen=True)
class ModelView:
    """One model as the page shows it; ``series`` is the number of its colour in the charts.

    ``beside`` is what its verdict leaves out.
    """

    name: str
    title: str
    series: int
    is_control: bool
    badge: Badge
    reason: str
    beside: str
    error: str
    operating_point: str
    rows: tuple[ArmRow, ...]
    runs: int
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
    figure: Drawing | None


def badge(verdict: Verdict) -> Badge:
    """Return a verdict's word, tone and sign."""
    tone, sign = _SIGNS[verdict]
    return Badge(plain(verdict.value), tone, sign)


def headline(result: AuditResult) -> str:
    """Say the overall verdict in one line; control models are no part of it."""
    judged = [model for model in result.models if model.role == "model"]
    total = len(judged)
    found = sum(model.verdict is result.verdict for model in judged)
    of_all = f"{found} of {total} models" if total != 1 else "the model"
    unsure = f"Too few images to decide for {of_all}"
    if result.instrument is not None and result.instrument.verdict is Verdict.INCONCLUSIVE:
        unsure = "The controls do not let the editor's part be told from the shift's"
    if result.out_of_domain and result.verdict is Verdict.INCONCLUSIVE:
        unsure = result.out_of_domain.removesuffix(".")
    return {
        Verdict.PASS: "The model holds under this shift"
        if total == 1
        else f"All {total} models hold under this shift",
        Verdict.FAIL: capital(f"{of_all} {'fails' if found == 1 else 'fail'} under this shift"),
        Verdict.INCONCLUSIVE: unsure,
        Verdict.NOT_RUN: "Not everything was run, so nothing is concluded",
        Verdict.ERROR: capital(f"{of_all} could not be run"),
    }[result.verdict]


def reference_metric(result: AuditResult) -> str | None:
    """Name the real-set metric that a stress set of one class must be compared with.

    All edited images negative: ``specificity`` on the real negatives; all positive: ``sensitivity`` on the
    real positives; both classes, or none as in a segmentation: None.
    """
    labels = {case.label for case in result.cases if case.arm == "stress"}
    names: dict[frozenset[int | None], str] = {frozenset({0}): "specificity", frozenset({1}): "sensitivity"}
    return names.get(frozenset(labels))


def expected_flips(result: AuditResult) -> float | None:
    """Return the share of edited images whose label the edit changed: the flip rate of a faultless model."""
    real = {(case.model, case.study_id): case.label for case in result.cases if case.arm == "real"}
    changes = [
        real[case.model, case.study_id] != case.label
        for case in result.cases
        if case.arm == "stress" and case.label is not None and (case.model, case.study_id) in real
    ]
    return sum(changes) / len(changes) if changes else None


def model_view(result: AuditResult, model: ModelResult, series: int = 0) -> ModelView:
    """Put one model's figures into words."""
    paired = model.paired.get("stress")
    reference = reference_metric(result)
    missing = _NOT_RUN if not model.arms else "the test set has no edited image"
    against = "both classes were edited, so the whole test set is the reference"
    found: dict[str, Estimate | None] = {} if paired is None else dict(paired)
    reference_drop = found.get("specificity_drop") if reference == "specificity" else None
    unit, fall = metric_unit(result.primary), fall_unit(result.primary)
    return ModelView(
        name=model.name,
        title=model.title or model.name,
        series=series % 6,
        is_control=model.role == "control",
        badge=badge(model.verdict),
        reason=model.reason,
        beside=" ".join(beside_model(result, model)),
        error=model.error or "",
        operating_point=f"{model.operating_point:g} ({model.operating_point_source})",
        rows=_arm_rows(result, model, unit),
        runs=0 if model.checkpoints is None else model.checkpoints.n,
        real=show(model.metric("real", result.primary), unit, missing),
        stress=show(model.metric("stress", result.primary), unit, missing),
        reference=show(model.metric("real", reference) if reference else None, missing=against),
        drop=show(found.get("drop"), fall, missing),
        reference_drop=show(reference_drop, "points", against),
        flip_rate=show(found.get("flip_rate"), missing=missing),
        score_change=show(found.get("score_change"), "score", missing),
        beyond_reconstruction=show(found.get("beyond_reconstruction"), fall, missing),
        truth_gap=show(model.truth_gap, fall, "the true counterfactuals are not known"),
        metrics=_metric_lines(model),
        scenarios=_scenario_rows(result, model),
        figure=_figure(result, model),
    )


def present_arms(result: AuditResult) -> list[tuple[Arm, str, str]]:
    """Return the arms that the audit has: no truth where none is known, no sham or geometry where none was made."""
    absent: set[str] = set() if result.cohort.truth_known else {"truth"}
    made = {arm for model in result.models for arm in model.arms}
    absent |= {"sham", "geometry"} - made
    return [row for row in ARM_WORDS if row[0] not in absent]


def run_spread(model: ModelResult, arm: Arm, metric: str) -> str:
    """Return mean ± SD of one figure over the model's runs, or "" where there are not several."""
    found = None if model.checkpoints is None else model.checkpoints.arms.get(arm, {}).get(metric)
    return "" if found is None else spread(found.mean, found.sd, metric_unit(metric))


def _arm_rows(result: AuditResult, model: ModelResult, unit: Unit) -> tuple[ArmRow, ...]:
    reason = _NOT_RUN if not model.arms else "no such image"
    name = result.primary
    return tuple(
        ArmRow(
            arm, title, explained, show(model.metric(arm, name), unit, reason), run_spread(model, arm, name)
        )
        for arm, title, explained in present_arms(result)
    )


def _metric_lines(model: ModelResult) -> tuple[MetricLine, ...]:
    return tuple(
        MetricLine(title, metric_name(name), show(found, metric_unit(name)))
        for arm, title, _ in ARM_WORDS
        if arm in model.arms
        for name, found in model.arms[arm].metrics.items()
    )


def _scenario_rows(result: AuditResult, model: ModelResult) -> tuple[ScenarioRow, ...]:
    rows = []
    for name, found in model.scenarios.items():
        arm, pair = found.arms.get("stress"), found.paired.get("stress")
        primary = None if arm is None else arm.metrics.get(result.primary)
        flips = None if pair is None else pair.flip_rate
        rows.append(ScenarioRow(plain(name), show(primary, metric_unit(result.primary)), show(flips)))
    return tuple(rows)


def _figure(result: AuditResult, model: ModelResult) -> Drawing | None:
    scored = any(case.model == model.name and case.score is not None for case in result.cases)
    return draw_scores(result, [model.name]) if scored else None
