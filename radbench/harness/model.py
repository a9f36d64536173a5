"""Everything that is measured of one model and its further training runs, and the verdict on its drop."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from radbench.harness.arms import Scene, Shown
from radbench.harness.evidence.anchors import UNPAIRED, anchor_results
from radbench.harness.evidence.claims import claim_results
from radbench.harness.evidence.controls import dose_rows
from radbench.harness.evidence.significance import judged_of, paired_tests, power_of, subgroup_tests
from radbench.harness.evidence.subgroups import subgroup_results
from radbench.harness.gates.verdict import judge
from radbench.harness.measure import Measure, matched, of_scenario, reference_of
from radbench.harness.predict import Outcome, Seen
from radbench.harness.result import (
    ARMS,
    PRIMARY,
    Arm,
    CalibrationBin,
    CaseRow,
    CheckpointSummary,
    Estimate,
    Finding,
    ModelResult,
    PairedResult,
    Role,
    ScenarioResult,
    Spread,
    Verdict,
    judged_arm,
    rounded,
)
from radbench.metrics.scores import reliability
from radbench.models.base import ModelUnderTest
from radbench.specs import ModelSpec

EDITED: Final[tuple[Arm, ...]] = ("geometry", "reconstruction", "sham", "stress", "truth")
SHOWN: Final[tuple[Arm, ...]] = (*EDITED, "anchor")
OF_ANOTHER: Final[tuple[Arm, ...]] = ("natural", "reweighted")
"""The arms of another cohort."""
DERIVED: Final[tuple[Arm, ...]] = ("common", "reweighted")
"""The arms that are made of what was said in others, and have no cases of their own."""
CALIBRATED: Final[tuple[Arm, ...]] = ("real", "stress", "natural")
FORCED: Final = (
    "It breaks its own contract and was audited because that was asked for: believe the preflight first."
)
"""What stands beside a forced model's verdict, whatever that is."""
_DECLARED: Final = (
    "name",
    "title",
    "architecture",
    "target",
    "operating_point",
    "operating_point_source",
    "format",
    "output",
    "intended_use",
)
"""What a result repeats of a model's declaration, beside its source: no path, no credentials."""


def model_result(
    scene: Scene,
    models: Sequence[ModelUnderTest],
    outcomes: Sequence[Outcome],
    measure: Measure,
    max_drop: float,
    *,
    role: Role,
    preflight: Sequence[Finding],
    forced: bool,
) -> ModelResult:
    """Return a model's figures, judged by its stress arm's drop alone; the instrument is not looked at yet.

    Args:
        scene: the arms.
        models: the model, and further training runs of it.
        outcomes: one a run; of a refused model the first alone.
        measure: how figures are made.
        max_drop: largest fall of the primary metric that is allowed.
        role: "model" or "control".
        preflight: what was declared and observed before the audit.
        forced: whether it is audited although it breaks its own contract.
    """
    model, outcome = models[0], outcomes[0]
    spec, seen = model.spec, outcome.seen
    found = measured(seen, measure)
    verdict, reason = _verdict(scene, outcome, found, max_drop)
    subgroups = subgroup_results(scene, seen, measure)
    return ModelResult(
        **{name: getattr(spec, name) for name in _DECLARED},
        source=source_name(spec),
        pinned=spec.sha256 is not None,
        role=role,
        digest=model.digest,
        verdict=verdict,
        reason=f"{reason} {FORCED}" if forced else reason,
        arms=found.arms,
        paired=found.paired,
        scenarios=_by_scenario(scene, seen, measure, found),
        sham_effect=found.sham_effect,
        shift_effect=found.shift_effect,
        truth_gap=found.truth_gap,
        anchors=anchor_results(scene, seen, measure),
        dose=dose_rows(scene, seen, measure),
        checkpoints=None if outcome.failure == "refused" else summarise_runs(models, outcomes, measure),
        claims=claim_results(spec.claims, seen.get("real"), measure),
        preflight=list(preflight),
        forced=forced,
        tests=[
            *paired_tests(seen, measure),
            *subgroup_tests(
                subgroups, "unpaired bootstrap" if scene.shift.is_natural else "paired bootstrap"
            ),
        ],
        power=power_of(seen, measure),
        subgroups=subgroups,
        calibration=calibration_bins(seen),
        error=outcome.error,
        failure=outcome.failure,
    )


def _verdict(scene: Scene, outcome: Outcome, found: ScenarioResult, max_drop: float) -> tuple[Verdict, str]:
    if outcome.failure == "refused":
        return Verdict.NOT_RUN, "The model was not audited: it breaks its own contract."
    if outcome.error is not None:
        return Verdict.ERROR, "The model could not be run."
    shift = scene.shift
    judged = found.paired.get(judged_arm(shift.kind, shift.reweight))
    drop = None if judged is None else judged.drop
    if shift.is_natural:
        where = "from cohort A to cohort B" + (" at cohort A's case mix" if shift.reweight else "")
        return judge(drop, max_drop, PRIMARY[shift.task], where=where, missing="no film of both cohorts")
    return judge(drop, max_drop, PRIMARY[shift.task])


def source_name(spec: ModelSpec) -> str:
    """Return the name of the model's file or program without its folder, or its address without credentials."""
    if spec.endpoint is not None:
        parts = urlsplit(spec.endpoint)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    named = spec.weights or spec.path or (spec.command[0] if spec.command else "")
    return PurePath(named).name


def measured(seen: Mapping[Shown, Seen], measure: Measure) -> ScenarioResult:
    """Return the figures of the arms that were seen; all but the real one against it."""
    paired: dict[Arm, PairedResult] = {}
    for arm in OF_ANOTHER:
        if arm in seen:
            paired[arm] = measure.unpaired(reference_of(seen, arm), seen[arm])
    for arm in EDITED:
        if arm in seen:
            control = seen["reconstruction"] if arm == "stress" else None
            paired[arm] = measure.paired(seen["real"], seen[arm], control)
    if "anchor" in seen:
        drop = measure.effect(seen["real"], seen["anchor"])
        paired["anchor"] = PairedResult(drop=drop, paired_drop=Estimate.undefined(UNPAIRED))
    return ScenarioResult(
        arms={arm: measure.arm(seen[arm]) for arm in ARMS if arm in seen and _differs(arm, seen)},
        paired=paired,
        sham_effect=paired["sham"].paired_drop if "sham" in paired else None,
        shift_effect=_between("sham", "stress", seen, measure),
        truth_gap=_between("stress", "truth", seen, measure),
    )


def _differs(arm: Arm, seen: Mapping[Shown, Seen]) -> bool:
    """Whether an arm shows something of its own: cohort A in the common strata may be the whole of cohort A."""
    return arm != "common" or len(seen[arm].images) < len(seen["real"].images)


def _between(first: Arm, second: Arm, seen: Mapping[Shown, Seen], measure: Measure) -> Estimate | None:
    """Return the primary metric of ``first`` minus ``second``, on the studies that both show."""
    if first not in seen or second not in seen:
        return None
    return measure.effect(*matched(seen[first], seen[second]))


def _by_scenario(
    scene: Scene, seen: Mapping[Shown, Seen], measure: Measure, pooled: ScenarioResult
) -> dict[str, ScenarioResult]:
    present = {name for arm in SHOWN if arm in seen for name in seen[arm].images.scenarios}
    found: dict[str, ScenarioResult] = {}
    for name in [name for name in scene.scenarios if name in present]:
        part = pooled
        if len(present) > 1:
            shown: dict[Shown, Seen] = {"real": seen["real"]}
            only = {arm: of_scenario(seen[arm], name) for arm in SHOWN if arm in seen}
            shown |= {arm: some for arm, some in only.items() if len(some.images)}
            part = measured(shown, measure)
        own = {arm: result for arm, result in part.arms.items() if arm != "real"}
        found[name] = part.model_copy(update={"arms": own})
    return found


def calibration_bins(seen: Mapping[Shown, Seen]) -> list[CalibrationBin]:
    """Return the numbers of a reliability diagram: ten bins of the score an arm, of the real and the stress arm.

    There are none for a model whose scores are no probabilities.
    """
    bins = []
    for arm in CALIBRATED:
        if arm in seen and (scores := seen[arm].scores) is not None and seen[arm].probable:
            known = ~np.isnan(scores)
            found = reliability(seen[arm].images.truths[known], scores[known])
            bins += [CalibrationBin(arm=arm, **one._asdict()) for one in found]
    return bins


def case_rows(model: str, seen: Mapping[Shown, Seen]) -> list[CaseRow]:
    """Return what a model said about each image, one row an image, arm by arm: the rows behind every figure."""
    return [
        _row(model, arm, seen[arm], index)
        for arm in ARMS
        if arm in seen and arm not in DERIVED
        for index in range(len(seen[arm].images))
    ]


def original_rows(model: str, seen: Mapping[Shown, Seen]) -> list[CaseRow]:
    """Return what a model said about the originals of edited films that are not of the real set."""
    originals = seen["real"].originals if "real" in seen else None
    if originals is None:
        return []
    return [_row(model, "real", originals, index) for index in range(len(originals.images))]


def weighted_rows(rows: Sequence[CaseRow], seen: Mapping[Shown, Seen]) -> list[CaseRow]:
    """Return one model's rows with the images' weights in the reweighted comparison; as they were without one."""
    if "reweighted" not in seen:
        return list(rows)
    weights: dict[str, float] = {}  # a study of both cohorts has a name in each
    for images in (seen["common"].images, seen["reweighted"].images):
        found = [] if images.weighting is None else images.weighting.image_weights().tolist()
        weights |= dict(zip(images.study_ids, found, strict=True))
    return [row.model_copy(update={"weight": rounded(weights.get(row.study_id, 0.0))}) for row in rows]


def _row(model: str, arm: Arm, seen: Seen, index: int) -> CaseRow:
    images = seen.images
    return CaseRow(
        study_id=images.study_ids[index],
        patient_id=images.patient_ids[index],
        model=model,
        scenario=images.scenarios[index],
        arm=arm,
        label=None if images.labels is None else int(images.labels[index]),
        score=None if seen.scores is None else _known(float(seen.scores[index])),
        decision=None if seen.decisions is None else int(seen.decisions[index]),
        value=float(seen.values[index]),
        figures={name: _known(float(values[index])) for name, values in seen.figures.items()},
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def summarise_runs(
    models: Sequence[ModelUnderTest], outcomes: Sequence[Outcome], measure: Measure
) -> CheckpointSummary | None:
    """Return mean and standard deviation over the runs that could be run; None for a model of one run.

    Args:
        models: the runs of one model, the main weights first.
        outcomes: one a run.
        measure: how figures are made.
    """
    if len(models) < 2:
        return None
    ran = [(model, outcome) for model, outcome in zip(models, outcomes, strict=True) if outcome.error is None]
    runs = [
        {
            arm: measure.arm(outcome.seen[arm])
            for arm in ARMS
            if arm in outcome.seen and _differs(arm, outcome.seen)
        }
        for _, outcome in ran
    ]
    arms: dict[Arm, dict[str, Spread]] = {}
    for arm in ARMS:
        shown = [run[arm].metrics for run in runs if arm in run]
        figures = {name: spread(metrics[name].value for metrics in shown) for name in measure.names}
        known = {name: figure for name, figure in figures.items() if figure is not None}
        if known:
            arms[arm] = known
    drops = [
        measure.effect(reference_of(outcome.seen, judged), outcome.seen[judged]).value
        for _, outcome in ran
        if (judged := judged_of(outcome.seen)) in outcome.seen
    ]
    return CheckpointSummary(
        n=len(ran),
        failed=len(models) - len(ran),
        digests=[model.digest for model, _ in ran],
        arms=arms,
        drop=spread(drops),
    )


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return mean and sample standard deviation of the values that exist; None for fewer than two."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    return Spread(mean=float(np.mean(known)), sd=float(np.std(known, ddof=1)), n=len(known))
