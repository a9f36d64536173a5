"""The harness: every model on every arm, figures with intervals, and the verdict."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from radbench.audit.arms import Scene
from radbench.audit.attrition import attrition_rows
from radbench.audit.basics import PRIMARY, Verdict
from radbench.audit.cases import case_rows
from radbench.audit.checkpoints import summarise_runs
from radbench.audit.classification import ClassificationMeasure
from radbench.audit.edits import edit_quality
from radbench.audit.instrument import (
    asks_for_sham,
    control_fell,
    overall,
    settled,
    sham_verdict,
    with_controls,
)
from radbench.audit.measure import Measure
from radbench.audit.model_result import model_result
from radbench.audit.placebo import placebo_results
from radbench.audit.points import PointMetrics
from radbench.audit.predict import Outcome, show
from radbench.audit.result import AuditResult, Instrument, IntervalSummary, ModelResult
from radbench.audit.segmentation import SegmentationMeasure
from radbench.audit.summary import summarise_cohort, summarise_shift, summarise_testset, tool_versions
from radbench.audit.verdict import DEFAULT_MAX_DROP
from radbench.data.cohort import Cohort
from radbench.errors import UsageError
from radbench.metrics.bootstrap import Draws, draw_patients
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
    "shares to Newcombe's; other means of fewer than five patients have no interval"
)
_ANSWERS: Final = {"classification": "binary", "segmentation": "segmentation"}


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
    control_models: Sequence[ModelUnderTest] = (),
    checkpoints: Mapping[str, Sequence[ModelUnderTest]] | None = None,
) -> AuditResult:
    """Audit models on a cohort and the test set edited from it.

    Args:
        shift: the declared shift.
        cohort: the real test set, all of whose studies are the real arm.
        testset: the edits; only records of status "ok" are measured, the others are counted.
        models: from ``load_model_under_test``, made for ``device``.
        seed: of the resampling.
        max_drop: the gate: largest fall in the primary metric allowed; None for no gate (judged by 0.1 all the
            same).
        cache: root of the cache, for predictions and point metrics.
        device: where the models predict; part of the predictions' key.
        control_models: models that are known to hold under this shift. They are measured like the others and
            never judged: one that falls says that no verdict of this audit can be believed.
        checkpoints: by a model's name, further training runs of it beside the one in ``models`` (or
            ``control_models``), for the mean and standard deviation over runs.

    Returns:
        The result; the same inputs give the same result, whatever the cache holds.

    Raises:
        UsageError: a model of another target or task, two models of one name, a test set of another cohort, or
            anything that a user can mend.
    """
    everyone = [*models, *control_models]
    further = checkpoints or {}
    _check_models(shift, everyone, further)
    scene = Scene(shift, cohort, testset)
    draws = draw_patients(
        [study.patient_id for study in scene.studies.values()], replicates=REPLICATES, seed=seed
    )
    measure = _measure(shift, draws, cache)
    runs = _run(everyone, further, scene, measure, cache, device_kind(device))
    allowed = DEFAULT_MAX_DROP if max_drop is None else max_drop
    found = []
    for number, (model, shown) in enumerate(zip(everyone, runs, strict=True)):
        result = model_result(scene, model, shown[0], measure, allowed)
        summary = summarise_runs([model, *further.get(model.spec.name, ())], shown, measure)
        role = "model" if number < len(models) else "control"
        found.append(result.model_copy(update={"role": role, "checkpoints": summary}))
    results, instrument = _judged(shift, found)
    return AuditResult(
        tool=tool_versions(),
        task=shift.task,
        primary=PRIMARY[shift.task],
        shift=summarise_shift(shift),
        cohort=summarise_cohort(scene),
        testset=summarise_testset(testset),
        seed=seed,
        intervals=IntervalSummary(replicates=REPLICATES, method=METHOD),
        gate=max_drop is not None,
        max_drop=allowed,
        verdict=Verdict.overall(result.verdict for result in results if result.role == "model"),
        instrument=instrument,
        models=results,
        edit_quality=edit_quality(scene),
        placebo=placebo_results(scene, draws),
        attrition=attrition_rows(scene),
        cases=[
            row
            for model, shown in zip(everyone, runs, strict=True)
            for row in case_rows(model.spec.name, shown[0].seen)
        ],
    )


def _measure(shift: ShiftSpec, draws: Draws, cache: Path) -> Measure:
    primary = PRIMARY[shift.task]
    names = [*shift.metrics] if primary in shift.metrics else [primary, *shift.metrics]
    if shift.task == "segmentation":
        return SegmentationMeasure(draws, names, cache)
    return ClassificationMeasure(draws, names, PointMetrics(cache))


def _run(
    models: Sequence[ModelUnderTest],
    further: Mapping[str, Sequence[ModelUnderTest]],
    scene: Scene,
    measure: Measure,
    cache: Path,
    kind: str,
) -> list[list[Outcome]]:
    """Return the outcomes of each model, its own first and then its further runs' (which see no doses)."""
    arms = scene.arms()
    main = show([CachedModel(model, cache, kind) for model in models], arms, measure.read)
    arms.pop("dose", None)
    others = [(model.spec.name, run) for model in models for run in further.get(model.spec.name, ())]
    rest = show([CachedModel(run, cache, kind) for _, run in others], arms, measure.read)
    shown = [(name, outcome) for (name, _), outcome in zip(others, rest, strict=True)]
    return [
        [outcome, *(other for name, other in shown if name == model.spec.name)]
        for model, outcome in zip(models, main, strict=True)
    ]


def _judged(shift: ShiftSpec, found: Sequence[ModelResult]) -> tuple[list[ModelResult], Instrument]:
    """Return the results with their instruments, and the whole audit's."""
    tolerance, asked = shift.controls.sham_tolerance, asks_for_sham(shift)
    own = [sham_verdict(result.sham_effect, tolerance, PRIMARY[shift.task], asked=asked) for result in found]
    fallen = [
        said
        for result, instrument in zip(found, own, strict=True)
        if result.role == "control" and (said := control_fell(result.name, result.verdict, instrument))
    ]
    results, instruments = [], []
    for result, sham in zip(found, own, strict=True):
        instrument = with_controls(sham, fallen)
        verdict, reason = settled(result.verdict, result.reason, instrument, asked=asked)
        update = {"verdict": verdict, "reason": reason, "instrument": instrument}
        results.append(result.model_copy(update=update))
        if result.verdict is not Verdict.ERROR:
            instruments.append((result.name, instrument))
    return results, overall(instruments, tolerance)


def _check_models(
    shift: ShiftSpec, models: Sequence[ModelUnderTest], further: Mapping[str, Sequence[ModelUnderTest]]
) -> None:
    names = [model.spec.name for model in models]
    unknown = [name for name in further if name not in names]
    twice = [name for name in names if names.count(name) > 1]
    if unknown or twice:
        said = (
            f"checkpoints names '{unknown[0]}', which" if unknown else f"Two models are called '{twice[0]}',"
        )
        wanted = "is none of the models" if unknown else "expected a name for each"
        raise UsageError(f"{said} {wanted}; the models are {', '.join(names)}.")
    for model in [*models, *(run for runs in further.values() for run in runs)]:
        _check_question(shift, model)


def _check_question(shift: ShiftSpec, model: ModelUnderTest) -> None:
    spec = model.spec
    if spec.target != shift.target:
        raise UsageError(
            f"Model '{spec.name}' predicts '{spec.target}', expected '{shift.target}', which "
            f"shift '{shift.name}' measures; choose a model with that target."
        )
    if spec.task != _ANSWERS[shift.task]:
        raise UsageError(
            f"Model '{spec.name}' has task '{spec.task}', expected '{_ANSWERS[shift.task]}', which "
            f"shift '{shift.name}' measures; choose a model with that task."
        )
