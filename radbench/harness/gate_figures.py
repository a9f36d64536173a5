"""The figure that a rule of the gates limits, with its interval, or why it was not measured."""

from radbench.data.values import value_text
from radbench.errors import did_you_mean
from radbench.harness.baseline import Earlier, worse_by
from radbench.harness.result import (
    AuditResult,
    Estimate,
    ModelResult,
    PairedResult,
    ScenarioResult,
    SubgroupResult,
    Task,
)
from radbench.metrics.intervals import wilson
from radbench.metrics.segmentation import MILLIMETRES
from radbench.specs import GateRule
from radbench.specs.shift import METRICS_OF


def belongs(metric: str, task: Task) -> bool:
    """Whether a metric is one of a task's; a distance is one in pixels and in millimetres."""
    return metric in METRICS_OF[task] or (task == "segmentation" and metric in MILLIMETRES)


def model_figure(
    result: AuditResult, model: ModelResult, rule: GateRule, earlier: Earlier | None
) -> Estimate:
    """Return what a rule limits of one model; its value is None, and the note says why, if it was not measured.

    ``indeterminate`` is a share with Wilson's interval over patients, ``sham_effect`` the absolute value of the
    change with the limits folded at 0.
    """
    if rule.subgroup is not None:
        return _of_subgroup(result, model, rule)
    if rule.measure == "worse_than_baseline":
        return worse_by(result, model, rule.arm, rule.scenario, earlier)
    place = _place(model, rule)
    if place is None:
        name = str(rule.scenario)
        known = [scenario.name for scenario in result.shift.scenarios]
        return _missing(f"there is no scenario '{name}' in it.{did_you_mean(name, known)}".rstrip("."))
    if rule.measure == "metric":
        return _metric(place, rule)
    if rule.measure == "indeterminate":
        return _indeterminate(place, rule)
    if rule.measure in {"sham_effect", "shift_effect"}:
        found = place.sham_effect if rule.measure == "sham_effect" else place.shift_effect
        if found is None:
            return _missing("there are no sham edits of it")
        return absolute(found) if rule.measure == "sham_effect" else found
    return _of_pair(place, rule)


def kept(result: AuditResult, scenario: str | None) -> Estimate:
    """Return the number of stress edits that are measured: a count, which is known exactly."""
    rows = [row.kept for row in result.attrition if scenario in {None, row.scenario}]
    if scenario is not None and not rows:
        return _missing(f"there is no scenario '{scenario}' in it")
    count = result.testset.ok if scenario is None else sum(rows)
    return Estimate(value=count, low=count, high=count, n=count)


def placebo_share(result: AuditResult, scenario: str | None) -> Estimate:
    """Return what a scenario's placebo edits change, as a share of what its stress edits change."""
    for placebo in result.placebo:
        if placebo.scenario == scenario:
            return placebo.share
    return _missing("there are no placebo edits" + (f" in scenario '{scenario}'" if scenario else ""))


def absolute(figure: Estimate) -> Estimate:
    """Return the absolute value of a figure; an interval that holds 0 starts there."""
    if figure.value is None:
        return figure
    if figure.low is None or figure.high is None:
        return figure.model_copy(update={"value": abs(figure.value)})
    ends = sorted((abs(figure.low), abs(figure.high)))
    low = 0.0 if figure.low <= 0 <= figure.high else ends[0]
    return figure.model_copy(update={"value": abs(figure.value), "low": low, "high": ends[1]})


def _missing(note: str, n: int = 0) -> Estimate:
    return Estimate(value=None, n=n, note=note)


def _place(model: ModelResult, rule: GateRule) -> ModelResult | ScenarioResult | None:
    """Return where the rule's arm is listed: the real arm is shared by all scenarios."""
    if rule.scenario is None or (rule.arm == "real" and rule.measure in {"metric", "indeterminate"}):
        return model
    return model.scenarios.get(rule.scenario)


def _metric(place: ModelResult | ScenarioResult, rule: GateRule) -> Estimate:
    arm, name = place.arms.get(rule.arm), str(rule.metric)
    if arm is None:
        return _missing(f"there are no {rule.arm} images")
    if name not in arm.metrics:
        if name in MILLIMETRES and name.removesuffix("_mm") in arm.metrics:
            return _missing(
                "the pixel spacing of some film is not known, so it has no distances in millimetres"
            )
        known = list(arm.metrics)
        return _missing(f"the shift measures {', '.join(known)} and not '{name}'")
    return arm.metrics[name]


def _indeterminate(place: ModelResult | ScenarioResult, rule: GateRule) -> Estimate:
    arm = place.arms.get(rule.arm)
    if arm is None or not arm.n:
        return _missing(f"there are no {rule.arm} images")
    value = arm.indeterminate / arm.n
    low, high = wilson(value, arm.patients)
    return Estimate(value=value, low=low, high=high, n=arm.n, note="Wilson's interval over patients")


def _of_pair(place: ModelResult | ScenarioResult, rule: GateRule) -> Estimate:
    if rule.arm == "real":
        return _missing("the real images are what every other arm is compared with; name another arm")
    paired: PairedResult | None = place.paired.get(rule.arm)
    if paired is None:
        return _missing(f"there are no {rule.arm} images")
    found = {"drop": paired.drop, "paired_drop": paired.paired_drop, "flip_rate": paired.flip_rate}[
        rule.measure
    ]
    return _missing("a segmentation has no decisions") if found is None else found


def subgroup_of(model: ModelResult, rule: GateRule) -> SubgroupResult | None:
    """Return the subgroup that a rule is about; None where it names none, or there is no such one."""
    if rule.subgroup is None:
        return None
    column, _, value = rule.subgroup.partition("=")
    wanted = (column.strip(), value_text(value))
    return next((one for one in model.subgroups if (one.column, value_text(one.value)) == wanted), None)


def _of_subgroup(result: AuditResult, model: ModelResult, rule: GateRule) -> Estimate:
    found = subgroup_of(model, rule)
    if found is None:
        return _missing(f"there is no subgroup '{rule.subgroup}' in it")
    return _figure_of(result, found, rule)


def _figure_of(result: AuditResult, found: SubgroupResult, rule: GateRule) -> Estimate:
    figures = {"real": found.real, "stress": found.stress}
    if rule.scenario is not None:
        return _missing("subgroups are reported over all scenarios together")
    if rule.measure == "drop":
        return (
            found.drop
            if rule.arm == "stress"
            else _missing("a subgroup has a drop in the stress images only")
        )
    if rule.metric != result.primary or rule.arm not in figures:
        return _missing(f"a subgroup has {result.primary} in the real and the stress images only")
    return figures[rule.arm]
