"""Controls: whether the audit's own instrument, the editor, can be believed, and what its strength does.

Sham edits keep what an image shows, control models are known to hold, and placebos edit where the finding is absent:
there nothing should change.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from radbench.harness.arms import Case, Scene, Shown
from radbench.harness.evidence.anchors import disagreements
from radbench.harness.gates.verdict import signed
from radbench.harness.measure import Measure, of_scenario, partner_of
from radbench.harness.predict import Seen
from radbench.harness.result import (
    PRIMARY,
    DoseRow,
    Estimate,
    Instrument,
    ModelResult,
    PlaceboResult,
    Primary,
    Verdict,
)
from radbench.metrics.bootstrap import Draws
from radbench.metrics.intervals import Mean, mean, ratio
from radbench.specs import ShiftSpec
from radbench.testsets.assessments import EFFECT

_NO_PLACEBO: Final = "no placebo edit could be measured"
_NO_STRESS: Final = "no stress edit changed anything"
_GRAVEST_FIRST: Final = (Verdict.INCONCLUSIVE, Verdict.NOT_RUN)
_JUDGED: Final = (Verdict.PASS, Verdict.FAIL)


def asks_for_sham(shift: ShiftSpec) -> bool:
    """Whether the shift has sham edits made."""
    return shift.controls.sham and any(scenario.sham_prompt is not None for scenario in shift.scenarios)


def sham_verdict(effect: Estimate | None, tolerance: float, primary: Primary, *, asked: bool) -> Instrument:
    """Judge the instrument by its sham edits, which keep what an image shows.

    INCONCLUSIVE where the sham edits move the primary metric, up or down, by more than ``tolerance``; PASS
    where they do not; NOT_RUN where there are none.

    Args:
        effect: real minus sham, of the same studies.
        tolerance: largest effect allowed in absolute value.
        primary: name of the metric.
        asked: whether the shift has sham edits made.
    """
    if effect is None or effect.value is None:
        why = "No sham edit could be measured" if asked else "The shift asks for no sham edits"
        reason = f"{why}, so the editor's own effect is not known."
        return Instrument(verdict=Verdict.NOT_RUN, reason=reason, tolerance=tolerance)
    moved = f"Edits that keep everything change {primary} by {signed(-effect.value)}"
    if abs(effect.value) <= tolerance + 1e-12:
        reason = f"{moved}, within the {tolerance:.2f} tolerated."
        return Instrument(verdict=Verdict.PASS, reason=reason, tolerance=tolerance)
    reason = f"{moved}, beyond the {tolerance:.2f} tolerated: the editor alone moves this model."
    return Instrument(verdict=Verdict.INCONCLUSIVE, reason=reason, tolerance=tolerance)


def with_controls(instrument: Instrument, fallen: Sequence[str]) -> Instrument:
    """Return the instrument after control models and anchors: INCONCLUSIVE if one has fallen, or one disagrees.

    Args:
        instrument: as judged by the sham edits.
        fallen: what happened to each fallen control model, as ``control_fell`` says it, and what disagreed.
    """
    if not fallen:
        return instrument
    own = [] if instrument.verdict is Verdict.PASS else [instrument.reason]
    reason = " ".join([*own, *fallen])
    return instrument.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "reason": reason})


def control_fell(name: str, verdict: Verdict, instrument: Instrument) -> str | None:
    """Return a sentence if a control model says that the instrument is at fault, else None.

    Args:
        name: of the control model.
        verdict: on its own drop, whatever the instrument.
        instrument: as judged by the sham edits.
    """
    if verdict is Verdict.FAIL:
        return f"Control model '{name}', which should hold, falls on the same edits."
    if verdict in {Verdict.ERROR, Verdict.NOT_RUN}:
        return f"Control model '{name}' could not be measured."
    if instrument.verdict is Verdict.INCONCLUSIVE:
        return f"Control model '{name}' is moved by the sham edits alone."
    return None


def settled(verdict: Verdict, reason: str, instrument: Instrument, *, asked: bool) -> tuple[Verdict, str]:
    """Return a model's final verdict and reason: INCONCLUSIVE where the instrument is not believed.

    A shift that asks for no sham edits keeps the verdict on the drop alone.
    """
    believed = instrument.verdict is Verdict.PASS or (instrument.verdict is Verdict.NOT_RUN and not asked)
    if believed or verdict not in _JUDGED:
        return verdict, reason
    return Verdict.INCONCLUSIVE, f"{instrument.reason} Nothing follows from the stress set. ({reason})"


def overall(instruments: Sequence[tuple[str, Instrument]], tolerance: float) -> Instrument:
    """Return the gravest of the models' instruments, given by the model's name; NOT_RUN for none."""
    if instruments and all(instrument.verdict is Verdict.PASS for _, instrument in instruments):
        reason = f"Edits that keep everything move no model by more than the {tolerance:.2f} tolerated."
        return Instrument(verdict=Verdict.PASS, reason=reason, tolerance=tolerance)
    for verdict in _GRAVEST_FIRST:
        found = [(name, instrument) for name, instrument in instruments if instrument.verdict is verdict]
        if found:
            said = dict.fromkeys(f"{name}: {instrument.reason}" for name, instrument in found)
            return Instrument(verdict=verdict, reason=" ".join(said), tolerance=tolerance)
    return Instrument(verdict=Verdict.NOT_RUN, reason="No model was measured.", tolerance=tolerance)


def foreign(provenance: Mapping[str, Any]) -> str:
    """Return why the bundle cannot speak of such films, from a test set's datasheet; "" where nothing says so."""
    domain = provenance.get("domain") or {}
    bundle, cohort = domain.get("bundle"), domain.get("cohort")
    if bundle and cohort and bundle != cohort:
        return (
            f"The diffusion bundle was made for '{bundle}' and never saw such films as the cohort's ('{cohort}'), so "
            "its edits say nothing about the model."
        )
    typical = provenance.get("typicality") or {}
    distance, limit = typical.get("distance"), typical.get("limit")
    if distance is not None and limit is not None and distance > limit:
        return (
            f"The cohort's films are unlike those that the diffusion bundle was made for (distance {distance:.1f}, "
            f"limit {limit:.1f}), so its edits say nothing about the model."
        )
    return ""


def made_foreign(instrument: Instrument, reason: str) -> Instrument:
    """Return the instrument after ``foreign``: INCONCLUSIVE, with that reason first."""
    if not reason:
        return instrument
    return instrument.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "reason": reason})


def judge_instrument(
    shift: ShiftSpec, out_of_domain: str, found: Sequence[ModelResult]
) -> tuple[list[ModelResult], Instrument]:
    """Return the models' results settled by their instruments, and the whole audit's instrument."""
    tolerance, asked = shift.controls.sham_tolerance, asks_for_sham(shift)
    own = [sham_verdict(result.sham_effect, tolerance, PRIMARY[shift.task], asked=asked) for result in found]
    fallen = [
        said
        for result, instrument in zip(found, own, strict=True)
        if result.role == "control" and (said := control_fell(result.name, result.verdict, instrument))
    ]
    results, instruments = [], []
    for result, sham in zip(found, own, strict=True):
        doubts = [*fallen, *disagreements(result.anchors)]
        instrument = made_foreign(with_controls(sham, doubts), out_of_domain)
        verdict, reason = settled(result.verdict, result.reason, instrument, asked=asked)
        update = {"verdict": verdict, "reason": reason, "instrument": instrument}
        results.append(result.model_copy(update=update))
        if result.error is None:
            instruments.append((result.name, instrument))
    return results, made_foreign(overall(instruments, tolerance), out_of_domain)


def placebo_results(scene: Scene, draws: Draws) -> list[PlaceboResult]:
    """Return one result for each scenario that has a placebo, in the shift's order."""
    limit = scene.shift.controls.placebo_limit
    found = []
    for name, scenario in scene.scenarios.items():
        if scenario.placebo is None:
            continue
        share = _share(*(_change(scene, cases, name, draws) for cases in (scene.placebos, scene.cases)))
        passed = share.value is not None and share.value <= limit
        found.append(PlaceboResult(scenario=name, n=share.n, share=share, limit=limit, passed=passed))
    return found


def _share(placebo: Mean, stress: Mean) -> Estimate:
    if not placebo.n or not stress.n or stress.value <= 0:
        reason = _NO_STRESS if placebo.n else _NO_PLACEBO
        return Estimate.undefined(f"undefined: {reason}", placebo.n)
    return Estimate.of(placebo.value / stress.value, ratio(placebo, stress), placebo.n)


def _change(scene: Scene, cases: Sequence[Case], scenario: str, draws: Draws) -> Mean:
    known = [
        (scene.patient(case.study), case.record.measures[EFFECT])
        for case in cases
        if case.record.scenario == scenario and EFFECT in case.record.measures
    ]
    places = draws.places([patient for patient, _ in known])
    return mean(draws, places, np.array([change for _, change in known], np.float64))


def dose_rows(scene: Scene, seen: Mapping[Shown, Seen], measure: Measure) -> list[DoseRow]:
    """Return how a model answers to the editor's strength: one row a scenario, setting and value, by rising value.

    The main value's row holds the stress edits of the studies that were edited at another value of the setting.
    """
    if "dose" not in seen:
        return []
    dosed = seen["dose"]
    marks = list(zip(dosed.images.scenarios, dosed.images.doses, strict=True))
    rows: list[DoseRow] = []

    def add(
        scenario: str, factor: str, value: float, some: Seen, cases: Sequence[Case], *, main: bool
    ) -> None:
        known = [case.record.measures[EFFECT] for case in cases if EFFECT in case.record.measures]
        rows.append(
            DoseRow(
                scenario=scenario,
                factor=factor,
                value=value,
                main=main,
                n=len(some.images),
                primary=measure.value(some),
                score_change=measure.score_change(partner_of(seen["real"], some), some),
                change_edit=float(np.mean(known)) if known else None,
            )
        )

    for mark in dict.fromkeys(marks):
        factor, _, value = mark[1].partition("=")  # such as "guidance_scale=5"
        cases = [case for case in scene.doses if (case.record.scenario, case.record.dose) == mark]
        some = dosed.take(np.flatnonzero([one == mark for one in marks]))
        add(mark[0], factor, float(value), some, cases, main=False)
    for scenario, factor in dict.fromkeys((row.scenario, row.factor) for row in rows):
        studies = {
            case.record.study_id
            for case in scene.doses
            if case.record.scenario == scenario and case.record.dose.partition("=")[0] == factor
        }
        cases = [
            case
            for case in scene.cases
            if case.record.scenario == scenario and case.record.study_id in studies
        ]
        if cases:
            stress = of_scenario(seen["stress"], scenario)
            some = stress.take(np.flatnonzero([study in studies for study in stress.images.study_ids]))
            value = scene.shift.editor_of(scene.scenarios[scenario]).main.model_dump()[factor]
            add(scenario, factor, float(value), some, cases, main=True)
    order = {scenario: place for place, scenario in enumerate(scene.scenarios)}
    return sorted(rows, key=lambda row: (order[row.scenario], row.factor, row.value))
