"""What a verdict leaves out, in sentences that stand beside it wherever it is printed, also when it passes."""

from collections.abc import Iterable
from typing import Final

from radbench.data.values import UNKNOWN, value_text
from radbench.harness.gate_figures import subgroup_of
from radbench.harness.result import Arm, ArmResult, AuditResult, ModelResult, PlaceboResult, ScenarioResult
from radbench.metrics.points import SCORED
from radbench.metrics.segmentation import MEASURED
from radbench.specs import GateRule

_DECIDED: Final = {"drop", "paired_drop", "shift_effect", "sham_effect", "flip_rate", "worse_than_baseline"}
"""Rules that compare the real images with another arm."""


def beside_shift(result: AuditResult) -> list[str]:
    """Return what no model's verdict under this shift speaks of: studies, edits, arms, placebos, and odd films."""
    found = [*_losses(result), *_missing_arms(result)]
    found += [_placebo(placebo) for placebo in result.placebo if not placebo.passed]
    return [*found, *result.cohort.warnings]


def beside_model(result: AuditResult, model: ModelResult) -> list[str]:
    """Return what a model's verdict on its drop leaves out, or counts in a way of its own."""
    arms: tuple[Arm, ...] = ("real", "stress")
    found = [
        words for arm in arms if arm in model.arms for words in _of_arm(arm, model.arms[arm], result.primary)
    ]
    found += _subgroups(model)
    if model.checkpoints is not None and model.checkpoints.failed:
        total = model.checkpoints.n + model.checkpoints.failed
        found.append(f"{model.checkpoints.failed} of {total} training runs could not be run.")
    return found


def beside_rule(rule: GateRule, result: AuditResult, model: ModelResult | None) -> list[str]:
    """Return what a rule's verdict leaves out, or counts in a way of its own.

    Args:
        rule: the rule.
        result: what it is judged on.
        model: the model that it is judged for; None where it is about the test set.
    """
    if model is None:
        return _losses(result) if rule.measure == "kept" else []
    place: ModelResult | ScenarioResult = model.scenarios.get(rule.scenario or "", model)
    arms: list[Arm] = ["real", rule.arm] if rule.measure in _DECIDED else [rule.arm]
    if rule.measure in {"shift_effect", "sham_effect"}:
        arms = ["sham", "stress"] if rule.measure == "shift_effect" else ["real", "sham"]
    metric = rule.metric or result.primary
    found = []
    for arm in dict.fromkeys(arms):
        seen = place.arms.get(arm) or model.arms.get(arm)
        found += [] if seen is None or rule.measure == "indeterminate" else _of_arm(arm, seen, metric)
    group = subgroup_of(model, rule)
    if group is not None and group.small:
        found.append(f"Only {group.patients} patients are in the subgroup, too few for a verdict.")
    return found + ([] if group is None else _unknown(model, group.column))


def together(reason: str, notes: Iterable[str]) -> str:
    """Return a reason and what stands beside it as one text."""
    beside = " ".join(notes)
    return " ".join(filter(None, (reason, f"Beside it: {beside}" if beside and reason else beside)))


def _of_arm(arm: Arm, seen: ArmResult, metric: str) -> list[str]:
    found = []
    if seen.indeterminate:
        how = "are judged as the worst answers" if metric in SCORED else "count as wrong"
        found.append(f"{seen.indeterminate} of {seen.n} {arm} images have no answer and {how}.")
    if seen.missed:
        how = "count as the image's diagonal" if metric in MEASURED else f"count as {metric} 0"
        found.append(f"{seen.missed} of {seen.n} {arm} images were missed and {how}.")
    return found


def _losses(result: AuditResult) -> list[str]:
    found, cohort, testset = [], result.cohort, result.testset
    if cohort.unlabelled:
        what = "mask" if result.task == "segmentation" else "label"
        have, stand = ("study has", "stands") if cohort.unlabelled == 1 else ("studies have", "stand")
        found.append(
            f"{cohort.unlabelled} {have} no {what} of '{result.shift.target}' and {stand} in no arm."
        )
    lost = [(testset.rejected, "rejected"), (testset.failed, "failed")]
    said = " and ".join(f"{number} {what}" for number, what in lost if number)
    if said:
        found.append(f"Of {testset.records} planned edits, {said}: {testset.ok} are measured.")
    return found


def _missing_arms(result: AuditResult) -> list[str]:
    run = [model for model in result.models if model.error is None]
    asked = bool(result.shift.controls.get("sham")) and any(
        scenario.sham_prompt is not None for scenario in result.shift.scenarios
    )
    if run and asked and not any("sham" in model.arms for model in run):
        return ["The sham arm was not run: no sham edit could be measured."]
    return []


def _placebo(placebo: PlaceboResult) -> str:
    where = f"The placebo of scenario '{placebo.scenario}'"
    if placebo.share.value is None:
        return f"{where} was not measured ({placebo.share.note}), and decides nothing."
    return (
        f"{where} changes {placebo.share.value:.2f} of what the edits change, over the {placebo.limit:.2f} allowed, "
        f"and decides nothing."
    )


def _subgroups(model: ModelResult) -> list[str]:
    small = [
        f"{group.column}={group.value} ({group.patients} patients)"
        for group in model.subgroups
        if group.small and value_text(group.value) != UNKNOWN
    ]
    columns = list(dict.fromkeys(group.column for group in model.subgroups))
    found = [f"Subgroups too small for a verdict: {', '.join(small)}."] if small else []
    return found + [words for column in columns for words in _unknown(model, column)]


def _unknown(model: ModelResult, column: str) -> list[str]:
    return [
        f"{group.real.n} real and {group.n} stress images have no '{column}' and are in none of its subgroups."
        for group in model.subgroups
        if group.column == column and value_text(group.value) == UNKNOWN
    ]
