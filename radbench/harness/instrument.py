"""Whether the audit's own instrument can be believed: what the editor does where nothing should change."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from radbench.harness.gates.verdict import signed
from radbench.harness.result import Estimate, Instrument, Primary, Verdict
from radbench.specs import ShiftSpec

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
    """Return the instrument after the control models: INCONCLUSIVE if any has fallen.

    Args:
        instrument: as judged by the sham edits.
        fallen: what happened to each fallen control model, as ``control_fell`` says it.
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
