"""The harness: every model on every arm, figures with intervals, and the verdict."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from radbench.data.cohort import Cohort
from radbench.harness.anchors import AnchorSet, draw_everyone, summarise_anchors
from radbench.harness.arms import Scene
from radbench.harness.classification import ClassificationMeasure
from radbench.harness.evidence.case_mix import case_mix
from radbench.harness.evidence.controls import foreign, judge_instrument, placebo_results
from radbench.harness.evidence.edits import edit_quality
from radbench.harness.evidence.significance import compare_models, correct_family
from radbench.harness.films import FilmNotes
from radbench.harness.gates.verdict import DEFAULT_MAX_DROP
from radbench.harness.measure import Measure
from radbench.harness.model import case_rows, model_result, original_rows, weighted_rows
from radbench.harness.natural import Sites, scene_of
from radbench.harness.predict import Outcome, show
from radbench.harness.ready import check_ready, refusals
from radbench.harness.result import PRIMARY, AuditResult, Finding, IntervalSummary, Verdict
from radbench.harness.segmentation import SegmentationMeasure
from radbench.harness.summary import (
    attrition_rows,
    summarise_cohort,
    summarise_shift,
    summarise_sides,
    summarise_testset,
    tool_versions,
)
from radbench.metrics.bootstrap import Draws
from radbench.metrics.segmentation import in_millimetres
from radbench.models.base import ModelUnderTest
from radbench.models.cache import remembered
from radbench.models.registry import device_kind
from radbench.specs import ShiftSpec

if TYPE_CHECKING:
    import torch

    from radbench.models.base import Finding as Found
    from radbench.testsets.testset import TestSet

REPLICATES: Final = 2000
METHOD: Final = (
    "patients are what was drawn, and patients who share a film are one; shares have Agresti and Coull's interval on "
    "as many images as they are worth by their design effect, and what is made of shares the Wilson limits of its "
    "parts with their correlation (predictive values: theirs, taken as independent); other means, and their "
    "differences, the bootstrap-t interval, from one seeded draw of patients shared by all arms and models, none for "
    "fewer than five patients; areas under curves have percentiles; the expected calibration error has the basic "
    "bootstrap's upper limit"
)
BETWEEN: Final = (
    "; the cohorts are independent samples, so their differences are unpaired: of shares from both Wilson limits, of "
    "other means the bootstrap-t, of all other figures from the limits of both (Zou and Donner 2008); weights are "
    "cohort A's share of a stratum divided by cohort B's, and are estimated anew in each resample, or enter the "
    "linearised variance of a share, which is worth no more than Kish's effective number of images"
)


def run_audit(  # noqa: PLR0913 - each is something else that a run decides
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
    preflight: "Mapping[str, Sequence[Found]]" = MappingProxyType({}),
    forced: Collection[str] = (),
    films: FilmNotes = FilmNotes(),  # noqa: B008 - immutable
    anchors: Sequence[AnchorSet] = (),
) -> AuditResult:
    """Audit models on a cohort and the test set edited from it.

    Args:
        shift: the declared shift.
        cohort: the real test set; its studies with a label (or mask) of the target are the real arm. Of a natural shift
            ``ComparedCohorts``.
        testset: the edits; only records of status "ok" are measured, the others are counted.
        models: loaded, narrowed to the shift's task (``ModelSpec.answering``) and made for ``device``.
        seed: of the resampling.
        max_drop: the gate: largest fall in the primary metric allowed; None for no gate (judged all the same, by the
            shift's own ``max_drop`` or else 0.1).
        cache: root of the cache, for predictions and point metrics.
        device: where the models predict; part of the predictions' key.
        control_models: models that are known to hold under this shift. They are measured like the others and
            never judged: one that falls says that no verdict of this audit can be believed.
        checkpoints: by a model's name, further training runs of it beside the one in ``models`` (or
            ``control_models``), for the mean and standard deviation over runs.
        preflight: by a model's name, what was declared and observed before the audit. A model with a finding of level
            "failure" is refused: it is shown nothing and its verdict is NOT_RUN.
        forced: names of models that are audited whatever the preflight found.
        anchors: real films that show a scenario's shift already; they change no figure of another arm.
        films: what was found when the films were read (``film_notes``); it stands in the result's ``cohort``.

    Returns:
        The result; the same inputs give the same result, whatever the cache holds.

    Raises:
        UsageError: a model of another target or task, two models of one name, a test set of another cohort, or
            anything that a user can mend.
    """
    everyone = [*models, *control_models]
    further = checkpoints or {}
    check_ready(shift, cohort, everyone, further)
    scene = scene_of(shift, cohort, testset, anchors)
    draws = draw_everyone(scene, replicates=REPLICATES, seed=seed)
    measure = _measure(shift, draws, cache, millimetres=scene.millimetres)
    refused = refusals(preflight, [model.spec.name for model in everyone], forced)
    runs = _run(everyone, further, scene, measure, cache, device_kind(device), refused)
    sites = scene if isinstance(scene, Sites) else None
    if sites is not None:
        runs = [[sites.compared(outcome, draws) for outcome in own] for own in runs]
    limits = (max_drop, shift.max_drop, DEFAULT_MAX_DROP)
    allowed = next(limit for limit in limits if limit is not None)
    found = []
    for number, (model, shown) in enumerate(zip(everyone, runs, strict=True)):
        name = model.spec.name
        findings = [Finding(**asdict(one)) for one in preflight.get(name, ())]
        found.append(
            model_result(
                scene,
                [model, *further.get(name, ())],
                shown,
                measure,
                allowed,
                role="model" if number < len(models) else "control",
                preflight=findings,
                forced=name in forced and any(one.level == "failure" for one in findings),
            )
        )
    out_of_domain = foreign(testset.provenance)
    results, instrument = judge_instrument(shift, out_of_domain, found) if sites is None else (found, None)
    result = AuditResult(
        tool=tool_versions(),
        task=shift.task,
        primary=PRIMARY[shift.task],
        shift=summarise_shift(shift),
        testset=summarise_testset(testset),
        seed=seed,
        intervals=IntervalSummary(replicates=REPLICATES, method=METHOD + (BETWEEN if sites else "")),
        gate=max_drop is not None,
        max_drop=allowed,
        verdict=Verdict.overall(result.verdict for result in results if result.role == "model"),
        instrument=instrument,
        out_of_domain=out_of_domain,
        models=results,
        edit_quality=edit_quality(scene),
        placebo=placebo_results(scene, draws),
        anchors=summarise_anchors(scene),
        attrition=attrition_rows(scene),
        comparisons=compare_models(
            [(model.spec.name, shown[0].seen) for model, shown in zip(models, runs, strict=False)], measure
        ),
        prevalence=shift.prevalence,
        cases=[
            row
            for model, shown in zip(everyone, runs, strict=True)
            for row in weighted_rows(case_rows(model.spec.name, shown[0].seen), shown[0].seen)
        ],
        originals=[
            row
            for model, shown in zip(everyone, runs, strict=True)
            for row in original_rows(model.spec.name, shown[0].seen)
        ],
        **_material(scene, films),
    )
    return correct_family([result])[0]


def _material(scene: Scene, films: FilmNotes) -> dict[str, Any]:
    """Return the fields of the result that say which films were shown."""
    if not isinstance(scene, Sites):
        return {"cohort": summarise_cohort(scene, films)}
    first, second = summarise_sides(scene, films)
    return {"cohort": first, "against": second, "case_mix": case_mix(scene)}


def _measure(shift: ShiftSpec, draws: Draws, cache: Path, *, millimetres: bool) -> Measure:
    primary = PRIMARY[shift.task]
    names: list[str] = [*shift.metrics] if primary in shift.metrics else [primary, *shift.metrics]
    if shift.task == "segmentation":
        names += in_millimetres(names) if millimetres else []
        return SegmentationMeasure(draws, names, cache)
    return ClassificationMeasure(draws, names, cache, shift.prevalence)


def _run(
    models: Sequence[ModelUnderTest],
    further: Mapping[str, Sequence[ModelUnderTest]],
    scene: Scene,
    measure: Measure,
    cache: Path,
    kind: str,
    refused: Mapping[str, Outcome],
) -> list[list[Outcome]]:
    """Return the outcomes of each model, its own first and then its further runs' (which see no doses)."""
    arms = scene.arms()
    sound = [model for model in models if model.spec.name not in refused]
    shown_main = show([remembered(model, cache, kind) for model in sound], arms, measure.read)
    main = dict(refused) | {model.spec.name: out for model, out in zip(sound, shown_main, strict=True)}
    arms.pop("dose", None)
    others = [(model.spec.name, run) for model in sound for run in further.get(model.spec.name, ())]
    rest = show([remembered(run, cache, kind) for _, run in others], arms, measure.read)
    shown = [(name, outcome) for (name, _), outcome in zip(others, rest, strict=True)]
    return [
        [main[model.spec.name], *(other for name, other in shown if name == model.spec.name)]
        for model in models
    ]
