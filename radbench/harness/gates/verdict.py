"""The verdict on a model's drop, and what a verdict leaves out: sentences that stand beside it also when it passes."""

from collections.abc import Iterable
from typing import Final

from radbench.data.cohort import UNKNOWN, value_text
from radbench.harness.result import (
    Arm,
    ArmResult,
    AuditResult,
    Estimate,
    ModelResult,
    PlaceboResult,
    Primary,
    ScenarioResult,
    SubgroupResult,
    Verdict,
)
from radbench.metrics.points import SCORED
from radbench.metrics.segmentation import MEASURED
from radbench.specs import GateRule

DEFAULT_MAX_DROP: Final = 0.1
"""What is judged by where no gate was asked for."""


_DECIDED: Final = {"drop", "paired_drop", "shift_effect", "sham_effect", "flip_rate", "worse_than_baseline"}
"""Rules that compare the real images with another arm."""


_NAMES: Final[dict[Arm, str]] = {"natural": "cohort B's", "reweighted": "cohort B's", "common": "cohort A's"}
"""What an arm is called in a sentence, where its own name says too little."""


def signed(change: float) -> str:
    """Return a change with two decimals and its sign; what rounds to nothing is +0.00, never -0.00."""
    return f"{round(change, 2) + 0.0:+.2f}"


def judge(
    drop: Estimate | None,
    max_drop: float,
    primary: Primary = "accuracy",
    *,
    where: str = "on the stress set",
    missing: str = "no edited image could be measured",
) -> tuple[Verdict, str]:
    """Return the verdict and one sentence of why.

    PASS when even the upper limit of the drop's interval is within ``max_drop``, FAIL when even the lower
    limit is beyond it, INCONCLUSIVE when the interval holds ``max_drop``, NOT_RUN when nothing was measured.

    Args:
        drop: primary metric on the real set minus on the stress set; None where there was no stress set.
        max_drop: largest fall of it that is allowed, e.g. 0.1.
        primary: what the metric is called.
        where: from what to what it changes.
        missing: why there is no drop, if there is none.
    """
    if drop is None or drop.value is None:
        reason = drop.note if drop is not None and drop.note else missing
        return Verdict.NOT_RUN, f"Not measured: {reason}."
    limit = f"the {max_drop:.2f} allowed"
    name = primary.capitalize()
    if drop.low is None or drop.high is None:
        return (
            Verdict.INCONCLUSIVE,
            f"{name} changes by {signed(-drop.value)}, without an interval: {drop.note}.",
        )
    found = (
        f"{name} changes by {signed(-drop.value)} {where}; "
        f"its fall is {drop.low:.2f} to {drop.high:.2f} (95 % interval)"
    )
    if drop.high <= max_drop:
        return Verdict.PASS, f"{found}, wholly within {limit}."
    if drop.low > max_drop:
        return Verdict.FAIL, f"{found}, wholly beyond {limit}."
    return Verdict.INCONCLUSIVE, f"{found}, on both sides of {limit}: more studies are needed."


def beside_shift(result: AuditResult) -> list[str]:
    """Return what no model's verdict under this shift speaks of: studies, edits, arms, placebos, and odd films."""
    found = [*_losses(result), *_missing_arms(result), *_cut(result)]
    found += [_placebo(placebo) for placebo in result.placebo if not placebo.passed]
    return [*found, *result.cohort.warnings]


def beside_model(result: AuditResult, model: ModelResult) -> list[str]:
    """Return what a model's verdict on its drop leaves out, or counts in a way of its own."""
    arms: tuple[Arm, ...] = ("real", "natural") if result.is_natural else ("real", "stress")
    found = [
        words for arm in arms if arm in model.arms for words in _of_arm(arm, model.arms[arm], result.primary)
    ]
    found += _subgroups(model, natural=result.is_natural)
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
    if group is None:
        return found
    return [*found, *too_small(group), *_unknown(model, group.column, natural=result.is_natural)]


def subgroup_of(model: ModelResult, rule: GateRule) -> SubgroupResult | None:
    """Return the subgroup that a rule is about; None where it names none, or there is no such one."""
    if rule.subgroup is None:
        return None
    column, _, value = rule.subgroup.partition("=")
    wanted = (column.strip(), value_text(value))
    return next((one for one in model.subgroups if (one.column, value_text(one.value)) == wanted), None)


def too_small(group: SubgroupResult) -> list[str]:
    """Return a sentence if a subgroup has too few patients to be judged."""
    return [f"Only {group.patients} patients are in the subgroup, too few for a verdict."] * group.small


def together(reason: str, notes: Iterable[str]) -> str:
    """Return a reason and what stands beside it as one text."""
    beside = " ".join(notes)
    return " ".join(filter(None, (reason, f"Beside it: {beside}" if beside and reason else beside)))


def _of_arm(arm: Arm, seen: ArmResult, metric: str) -> list[str]:
    found = []
    if seen.indeterminate:
        how = "are judged as the worst answers" if metric in SCORED else "count as wrong"
        found.append(
            f"{seen.indeterminate} of {seen.n} {_NAMES.get(arm, arm)} images have no answer and {how}."
        )
    if seen.missed:
        how = "count as the image's diagonal" if metric in MEASURED else f"count as {metric} 0"
        found.append(f"{seen.missed} of {seen.n} {_NAMES.get(arm, arm)} images were missed and {how}.")
    return found


def _losses(result: AuditResult) -> list[str]:
    found, cohort, testset = [], result.cohort, result.testset
    for number, whose in [
        (cohort.unlabelled, " of cohort A" if result.is_natural else ""),
        (0 if result.against is None else result.against.unlabelled, " of cohort B"),
    ]:
        if number:
            what = "mask" if result.task == "segmentation" else "label"
            have, stand = ("study{} has", "stands") if number == 1 else ("studies{} have", "stand")
            found.append(
                f"{number} {have.format(whose)} no {what} of '{result.shift.target}' and {stand} in no arm."
            )
    lost = [(testset.rejected, "rejected"), (testset.failed, "failed")]
    said = " and ".join(f"{number} {what}" for number, what in lost if number)
    if said:
        found.append(f"Of {testset.records} planned edits, {said}: {testset.ok} are measured.")
    return found


def _cut(result: AuditResult) -> list[str]:
    """Return what a reweighted comparison speaks of, and how much it is worth."""
    found = None if result.case_mix is None else result.case_mix.reweighting
    if found is None:
        return []
    columns, said = ", ".join(found.columns), []
    if not found.is_whole or found.against < found.against_total:
        said.append(
            f"The reweighted comparison speaks of {found.reference} of {found.reference_total} images of cohort A "
            f"({100 * found.covered:.0f} %) and {found.against} of {found.against_total} of cohort B: the others are "
            f"in strata of {columns} that the other cohort does not have, or lack a value (A: "
            f"{found.unknown_reference}, B: {found.unknown_against})."
        )
    said.append(
        f"Cohort B is weighted to cohort A's mix of {columns}: its {found.against} images are worth "
        f"{found.effective:.0f} (Kish), the largest weight is {found.largest:.1f}."
    )
    return said


def _missing_arms(result: AuditResult) -> list[str]:
    run = [model for model in result.models if model.error is None]
    if run and result.shift.asks_for_sham and not any("sham" in model.arms for model in run):
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


def _subgroups(model: ModelResult, *, natural: bool) -> list[str]:
    small = [
        f"{group.column}={group.value} ({group.patients} patients)"
        for group in model.subgroups
        if group.small and value_text(group.value) != UNKNOWN
    ]
    columns = list(dict.fromkeys(group.column for group in model.subgroups))
    found = [f"Subgroups too small for a verdict: {', '.join(small)}."] if small else []
    return found + [words for column in columns for words in _unknown(model, column, natural=natural)]


def _unknown(model: ModelResult, column: str, *, natural: bool) -> list[str]:
    names = ("cohort A's", "cohort B's") if natural else ("real", "stress")
    return [
        f"{group.real.n} {names[0]} and {group.n} {names[1]} images have no '{column}' and are in none of its "
        "subgroups."
        for group in model.subgroups
        if group.column == column and value_text(group.value) == UNKNOWN
    ]
