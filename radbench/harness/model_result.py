"""Everything that is measured of one model, and the verdict on its drop."""

from collections.abc import Mapping
from dataclasses import dataclass

from radbench.harness.arms import Scene, Shown
from radbench.harness.claims import claim_results
from radbench.harness.declaration import declared_fields
from radbench.harness.doses import dose_rows
from radbench.harness.gates.verdict import judge
from radbench.harness.measure import Measure, matched, of_scenario
from radbench.harness.predict import Outcome, Seen
from radbench.harness.reliability import calibration_bins
from radbench.harness.result import (
    ARMS,
    PRIMARY,
    Arm,
    ArmResult,
    Estimate,
    ModelResult,
    PairedResult,
    ScenarioResult,
    Verdict,
)
from radbench.harness.significance import paired_tests, power_of, subgroup_tests
from radbench.harness.subgroups import subgroup_results
from radbench.models.base import ModelUnderTest

EDITED = ARMS[1:]


@dataclass(frozen=True)
class Measured:
    """The arms of one model, all scenarios or one, and the comparisons among them."""

    arms: dict[Arm, ArmResult]
    paired: dict[Arm, PairedResult]
    sham_effect: Estimate | None
    shift_effect: Estimate | None
    truth_gap: Estimate | None


def model_result(
    scene: Scene,
    model: ModelUnderTest,
    outcome: Outcome,
    measure: Measure,
    max_drop: float,
) -> ModelResult:
    """Return a model's figures, judged by its stress arm's drop alone; the instrument is not looked at yet."""
    seen = outcome.seen
    found = measured(seen, measure)
    verdict, reason = _verdict(scene, outcome, found, max_drop)
    subgroups = subgroup_results(scene, seen, measure)
    return ModelResult(
        **declared_fields(model.spec),
        digest=model.digest,
        verdict=verdict,
        reason=reason,
        arms=found.arms,
        paired=found.paired,
        scenarios=_by_scenario(scene, seen, measure, found),
        sham_effect=found.sham_effect,
        shift_effect=found.shift_effect,
        truth_gap=found.truth_gap,
        dose=dose_rows(scene, seen, measure),
        claims=claim_results(model.spec.claims, seen.get("real"), measure),
        tests=[*paired_tests(seen, measure), *subgroup_tests(subgroups)],
        power=power_of(seen, measure),
        subgroups=subgroups,
        calibration=calibration_bins(seen),
        error=outcome.error,
        failure=outcome.failure,
    )


def _verdict(scene: Scene, outcome: Outcome, found: Measured, max_drop: float) -> tuple[Verdict, str]:
    if outcome.failure == "refused":
        return Verdict.NOT_RUN, "The model was not audited: it breaks its own contract."
    if outcome.error is not None:
        return Verdict.ERROR, "The model could not be run."
    stress = found.paired.get("stress")
    return judge(None if stress is None else stress.drop, max_drop, PRIMARY[scene.shift.task])


def measured(seen: Mapping[Shown, Seen], measure: Measure) -> Measured:
    """Return the figures of the arms that were seen; all but the real one against it."""
    paired: dict[Arm, PairedResult] = {}
    for arm in EDITED:
        if arm in seen:
            control = seen["reconstruction"] if arm == "stress" else None
            paired[arm] = measure.paired(seen["real"], seen[arm], control)
    return Measured(
        arms={arm: measure.arm(seen[arm]) for arm in ARMS if arm in seen},
        paired=paired,
        sham_effect=paired["sham"].paired_drop if "sham" in paired else None,
        shift_effect=_between("sham", "stress", seen, measure),
        truth_gap=_between("stress", "truth", seen, measure),
    )


def _between(first: Arm, second: Arm, seen: Mapping[Shown, Seen], measure: Measure) -> Estimate | None:
    """Return the primary metric of ``first`` minus ``second``, on the studies that both show."""
    if first not in seen or second not in seen:
        return None
    return measure.effect(*matched(seen[first], seen[second]))


def _by_scenario(
    scene: Scene, seen: Mapping[Shown, Seen], measure: Measure, pooled: Measured
) -> dict[str, ScenarioResult]:
    present = {name for arm in EDITED if arm in seen for name in seen[arm].images.scenarios}
    found: dict[str, ScenarioResult] = {}
    for name in [name for name in scene.scenarios if name in present]:
        part = pooled if len(present) == 1 else measured(_only(seen, name), measure)
        found[name] = ScenarioResult(
            arms={arm: result for arm, result in part.arms.items() if arm != "real"},
            paired=part.paired,
            sham_effect=part.sham_effect,
            shift_effect=part.shift_effect,
            truth_gap=part.truth_gap,
        )
    return found


def _only(seen: Mapping[Shown, Seen], scenario: str) -> dict[Shown, Seen]:
    """Return the real arm, and of every other arm the images of one scenario, where it has any."""
    only: dict[Shown, Seen] = {"real": seen["real"]}
    for arm in EDITED:
        if arm in seen and scenario in seen[arm].images.scenarios:
            only[arm] = of_scenario(seen[arm], scenario)
    return only
