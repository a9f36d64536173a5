"""The harness: every model on every arm, figures with intervals, and the verdict."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from radbench.audit.arms import Scene
from radbench.audit.edits import edit_quality
from radbench.audit.measure import Measure, of_scenario
from radbench.audit.points import PointMetrics
from radbench.audit.predict import Outcome, Seen, show
from radbench.audit.result import (
    ARMS,
    Arm,
    ArmResult,
    AuditResult,
    CaseRow,
    Estimate,
    IntervalSummary,
    ModelResult,
    PairedResult,
    ScenarioResult,
    Verdict,
)
from radbench.audit.summary import summarise_cohort, summarise_shift, summarise_testset, tool_versions
from radbench.audit.verdict import DEFAULT_MAX_DROP, judge
from radbench.data.cohort import Cohort
from radbench.errors import UsageError
from radbench.metrics.bootstrap import draw_patients
from radbench.models.base import ModelUnderTest
from radbench.models.cache import CachedModel
from radbench.models.device import device_kind
from radbench.specs import ShiftSpec

if TYPE_CHECKING:
    import torch

    from radbench.testsets.testset import TestSet

REPLICATES: Final = 2000
METHOD: Final = (
    "percentile bootstrap over patients, one seeded draw shared by all arms and models; shares with fewer "
    "than five patients on one side are widened to Wilson's interval over patients, and differences of such "
    "shares to Newcombe's"
)


def run_audit(
    shift: ShiftSpec,
    cohort: Cohort,
    testset: "TestSet",
    models: Sequence[ModelUnderTest],
    *,
    seed: int,
    max_drop: float | None,
    cache: Path,
    device: "torch.device | str" = "cpu",
) -> AuditResult:
    """Audit models on a cohort and the test set edited from it.

    Args:
        shift: the declared shift.
        cohort: the real test set, all of whose studies are the real arm.
        testset: the edits; only records of status "ok" are measured, the others are counted.
        models: from ``load_model_under_test``, made for ``device``.
        seed: of the resampling.
        max_drop: the gate: largest fall in accuracy allowed; None for no gate (judged by 0.1 all the same).
        cache: root of the cache, for predictions and point metrics.
        device: where the models predict; part of the predictions' key.

    Returns:
        The result; the same inputs give the same result, whatever the cache holds.

    Raises:
        UsageError: a model of another target, a test set of another cohort, or anything that a user can mend.
    """
    _same_target(shift, models)
    scene = Scene(shift, cohort, testset)
    kind = device_kind(device)
    outcomes = show([CachedModel(model, cache, kind) for model in models], scene.arms())
    patients = [study.patient_id for study in scene.studies.values()]
    names = [*shift.metrics] if "accuracy" in shift.metrics else ["accuracy", *shift.metrics]
    measure = Measure(draw_patients(patients, replicates=REPLICATES, seed=seed), PointMetrics(cache), names)
    allowed = DEFAULT_MAX_DROP if max_drop is None else max_drop
    pairs = list(zip(models, outcomes, strict=True))
    results = [_model_result(shift, model, outcome, measure, allowed) for model, outcome in pairs]
    return AuditResult(
        tool=tool_versions(),
        shift=summarise_shift(shift),
        cohort=summarise_cohort(scene),
        testset=summarise_testset(testset),
        seed=seed,
        intervals=IntervalSummary(replicates=REPLICATES, method=METHOD),
        gate=max_drop is not None,
        max_drop=allowed,
        verdict=Verdict.overall(result.verdict for result in results),
        models=results,
        edit_quality=edit_quality(scene),
        cases=[row for model, outcome in pairs for row in _case_rows(model.spec.name, outcome.seen)],
    )


def _same_target(shift: ShiftSpec, models: Sequence[ModelUnderTest]) -> None:
    for model in models:
        if model.spec.target != shift.target:
            raise UsageError(
                f"Model '{model.spec.name}' predicts '{model.spec.target}', expected '{shift.target}', which "
                f"shift '{shift.name}' measures; choose a model with that target."
            )


def _model_result(
    shift: ShiftSpec, model: ModelUnderTest, outcome: Outcome, measure: Measure, max_drop: float
) -> ModelResult:
    arms, paired = _measured(outcome.seen, measure)
    verdict, reason = judge(paired["stress"].drop if "stress" in paired else None, max_drop)
    if outcome.error is not None:
        verdict, reason = Verdict.ERROR, "The model could not be run."
    spec = model.spec
    return ModelResult(
        name=spec.name,
        title=spec.title,
        digest=model.digest,
        architecture=spec.architecture,
        target=spec.target,
        operating_point=spec.operating_point,
        operating_point_source=spec.operating_point_source,
        verdict=verdict,
        reason=reason,
        arms=arms,
        paired=paired,
        scenarios=_by_scenario(shift, outcome.seen, measure, (arms, paired)),
        truth_gap=_truth_gap(outcome.seen, measure),
        error=outcome.error,
    )


_Measured = tuple[dict[Arm, ArmResult], dict[Arm, PairedResult]]


def _measured(seen: Mapping[Arm, Seen], measure: Measure) -> _Measured:
    arms = {arm: measure.arm(seen[arm]) for arm in ARMS if arm in seen}
    paired: dict[Arm, PairedResult] = {}
    for arm in ARMS[1:]:
        if arm in seen:
            control = seen["reconstruction"] if arm == "stress" else None
            paired[arm] = measure.paired(seen["real"], seen[arm], control)
    return arms, paired


def _by_scenario(
    shift: ShiftSpec, seen: Mapping[Arm, Seen], measure: Measure, pooled: _Measured
) -> dict[str, ScenarioResult]:
    if "stress" not in seen:
        return {}
    present = set(seen["stress"].images.scenarios)
    found: dict[str, ScenarioResult] = {}
    for name in [scenario.name for scenario in shift.scenarios if scenario.name in present]:
        arms, paired = pooled
        if len(present) > 1:
            only: dict[Arm, Seen] = {"real": seen["real"]}
            only |= {arm: of_scenario(seen[arm], name) for arm in ARMS[1:] if arm in seen}
            arms, paired = _measured(only, measure)
        found[name] = ScenarioResult(
            arms={arm: result for arm, result in arms.items() if arm != "real"}, paired=paired
        )
    return found


def _truth_gap(seen: Mapping[Arm, Seen], measure: Measure) -> Estimate | None:
    if "truth" not in seen:
        return None
    return measure.gap(measure.correct(seen["stress"]), measure.correct(seen["truth"]))


def _case_rows(model: str, seen: Mapping[Arm, Seen]) -> list[CaseRow]:
    found = []
    for arm in ARMS:
        if arm not in seen:
            continue
        images, scores = seen[arm].images, seen[arm].scores
        for index, (study, patient, scenario) in enumerate(
            zip(images.study_ids, images.patient_ids, images.scenarios, strict=True)
        ):
            row = CaseRow(
                study_id=study,
                patient_id=patient,
                model=model,
                scenario=scenario,
                arm=arm,
                label=int(images.labels[index]),
                score=None if scores is None else float(scores[index]),
                decision=int(seen[arm].decisions[index]),
            )
            found.append(row)
    return found
