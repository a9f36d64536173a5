"""One rule of the gates: in words, the figure that it limits, and its verdict on that figure of one model."""

from typing import Final, Literal

from radbench.errors import did_you_mean
from radbench.harness.gates.baseline import Earlier, worse_by
from radbench.harness.gates.verdict import beside_rule, subgroup_of, too_small
from radbench.harness.result import (
    Arm,
    AuditResult,
    Estimate,
    Extreme,
    GateResult,
    ModelResult,
    ScenarioResult,
    SubgroupResult,
    Task,
    Verdict,
)
from radbench.metrics.intervals import wilson
from radbench.metrics.segmentation import MILLIMETRES
from radbench.specs import GateRule
from radbench.specs.shift import METRICS_OF

_ON_EDITS: Final = {
    "metric",
    "drop",
    "paired_drop",
    "shift_effect",
    "flip_rate",
    "indeterminate",
    "worse_than_baseline",
}
"""What is the model's doing only if the editor is believed, in the stress arm."""

_NAMES: Final = {
    "drop": "drop",
    "paired_drop": "drop against the same studies",
    "shift_effect": "shift effect",
    "sham_effect": "absolute sham effect",
    "flip_rate": "flip rate",
    "kept": "images kept",
    "indeterminate": "share without an answer",
    "placebo_share": "placebo share",
    "worse_than_baseline": "loss against the baseline",
}
BETWEEN: Final = ("natural", "reweighted")
"""Arms of two cohorts."""
OF_EDITS: Final = ("paired_drop", "shift_effect", "sham_effect", "flip_rate", "kept", "placebo_share")
"""What only edits have."""
_ARMLESS: Final = {"shift_effect", "sham_effect", "kept", "placebo_share"}
_SLACK: Final = 1e-9


def settled_arm(rule: GateRule, judged: Arm) -> GateRule:
    """Return a rule that names no arm with the arm that its shift judges.

    A rule about the baseline looks at cohort B as it is: the films are the same, whatever their weights.
    """
    if "arm" in rule.model_fields_set or judged == "stress":
        return rule
    arm = "natural" if rule.measure == "worse_than_baseline" else judged
    return rule.model_copy(update={"arm": arm})


def fits_kind(rule: GateRule, *, natural: bool) -> bool:
    """Whether a shift of edits, or a natural one, has what a rule is about."""
    told = rule.arm if "arm" in rule.model_fields_set else None
    if not natural:
        return told not in BETWEEN
    return rule.measure not in OF_EDITS and told in {None, "real", *BETWEEN} and rule.scenario is None


def rule_words(rule: GateRule, scenario: str | None = None) -> str:
    """Return a rule in words, such as "specificity in stress at least 0.80"."""
    where = [] if rule.measure in _ARMLESS else [f"in {rule.arm}"]
    where += [f"of {rule.subgroup}"] if rule.subgroup is not None else []
    where += [f"({scenario or rule.scenario})"] if scenario or rule.scenario else []
    side, limit = ("at least", rule.min) if rule.min is not None else ("at most", rule.max)
    name = str(rule.metric) if rule.measure == "metric" else _NAMES[rule.measure]
    return " ".join([name, *where, side, _number(rule, float(limit or 0.0), 2)])


def judged(rule: GateRule, result: AuditResult, earlier: Earlier | None) -> list[GateResult]:
    """Return a rule judged by a result that it speaks of: once a model, a scenario's placebo, or for the test set."""
    shift, rule = result.shift.name, settled_arm(rule, result.judged)
    if rule.measure == "kept":
        found = _of(rule, shift, "", kept(result, rule.scenario))
        return [found.model_copy(update={"left_out": beside_rule(rule, result, None)})]
    if rule.measure == "placebo_share":
        names: list[str | None] = [one.scenario for one in result.placebo] or [None]
        names = [rule.scenario] if rule.scenario else names
        return [_of(rule, shift, "", placebo_share(result, name), scenario=name) for name in names]
    models = [
        model
        for model in result.models
        if (model.role == "model" if rule.model is None else model.name == rule.model)
    ]
    if not models:
        reason = "Not measured: no model was run under this shift."
        if rule.model is not None:
            hint = did_you_mean(rule.model, [model.name for model in result.models])
            reason = f"Not measured: the model '{rule.model}' was not run under this shift.{hint}"
        return [rule_result(rule, shift, rule.model or "", None, Verdict.NOT_RUN, reason)]
    return [_of_model(rule, result, model, earlier) for model in models]


def _of_model(rule: GateRule, result: AuditResult, model: ModelResult, earlier: Earlier | None) -> GateResult:
    shift = result.shift.name
    if model.error is not None:
        refused = model.verdict is Verdict.NOT_RUN
        verdict = Verdict.NOT_RUN if refused else Verdict.ERROR
        reason = f"The model {'was not' if refused else 'could not be'} run: {model.error}"
        return rule_result(rule, shift, model.name, None, verdict, reason)
    found = _of(rule, shift, model.name, model_figure(result, model, rule, earlier))
    found = found.model_copy(update={"left_out": beside_rule(rule, result, model)})
    if found.verdict not in {Verdict.PASS, Verdict.FAIL}:
        return found
    group = subgroup_of(model, rule)
    doubts = [] if group is None else too_small(group)
    if not doubts and rule.measure in _ON_EDITS and (rule.arm == "stress" or rule.measure == "shift_effect"):
        doubts = _doubt(result, model)
    if not doubts:
        return found
    return found.model_copy(
        update={"verdict": Verdict.INCONCLUSIVE, "reason": f"{doubts[0]} ({found.reason})"}
    )


def _doubt(result: AuditResult, model: ModelResult) -> list[str]:
    """Return why the editor is not believed for this model, if it is not."""
    instrument = model.instrument
    if instrument is None or instrument.verdict is Verdict.PASS:
        return []
    if instrument.verdict is Verdict.NOT_RUN and not result.shift.asks_for_sham:
        return []
    return [f"{instrument.reason} Nothing follows from the stress set."]


def _of(
    rule: GateRule, shift: str, model: str, figure: Estimate, *, scenario: str | None = None
) -> GateResult:
    """Return a rule judged on a figure."""
    verdict, reason = _verdict(rule, figure)
    return rule_result(rule, shift, model, figure, verdict, reason, scenario=scenario)


def _verdict(rule: GateRule, figure: Estimate) -> tuple[Verdict, str]:
    if figure.value is None:
        return Verdict.NOT_RUN, f"Not measured: {figure.note or 'nothing was measured'}."
    found, withheld = f"Measured {_number(rule, figure.value)}", figure.withheld
    if withheld is None:
        return _of_limits(rule, found, figure, f" ({figure.note})" if figure.note else "")
    # what is judged is the end that lies nearer to the wrong side of the limit
    ends = sorted((withheld.worst, withheld.best), key=lambda end: end.value)
    end = ends[1] if rule.min is None else ends[0]
    found += (
        f" on the {figure.n} of {withheld.of} images that have an answer, and {_number(rule, end.value)} if the "
        f"{withheld.n} withheld ones are answered in the worst way, which is judged"
    )
    return _of_limits(rule, found, end, "")


def _of_limits(rule: GateRule, found: str, figure: Estimate | Extreme, note: str) -> tuple[Verdict, str]:
    if figure.low is None or figure.high is None:
        return Verdict.INCONCLUSIVE, f"{found} without an interval{note}, which decides nothing."
    wholly = "" if rule.measure == "kept" else "wholly "  # a count is known exactly
    if wholly:
        span = f"{_number(rule, figure.low)} to {_number(rule, figure.high)}"
        found = f"{found}, {span} (95 % interval)"
    worst, best, limit = figure.high, figure.low, float(rule.max or 0.0)
    if rule.min is not None:  # turned round, so that one comparison holds for both senses
        worst, best, limit = -figure.low, -figure.high, -rule.min
    if worst <= limit + _SLACK:
        return Verdict.PASS, f"{found}, {wholly}within the limit{note}."
    if best > limit + _SLACK:
        return Verdict.FAIL, f"{found}, {wholly}beyond the limit{note}."
    return Verdict.INCONCLUSIVE, f"{found}, on both sides of the limit{note}: more studies are needed."


def _number(rule: GateRule, value: float, places: int = 3) -> str:
    if rule.measure == "kept":
        return f"{value:g}"
    text = f"{round(value, places) + 0.0:.{places}f}"
    return text if abs(float(text) - value) < 10**-4 or places == 3 else f"{value:g}"


def rule_result(
    rule: GateRule,
    shift: str,
    model: str,
    figure: Estimate | None,
    verdict: Verdict,
    reason: str,
    *,
    scenario: str | None = None,
) -> GateResult:
    """Return the judgement on a rule; ``scenario`` is the one that it is about if the rule names none."""
    sense: Literal["min", "max"] = "max" if rule.min is None else "min"
    return GateResult(
        rule=rule_words(rule, scenario),
        shift=shift,
        model=model,
        estimate=figure,
        limit=float((rule.min if rule.max is None else rule.max) or 0.0),
        sense=sense,
        verdict=verdict,
        reason=reason,
        why=rule.why or "",
    )


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
        return _of_subgroup(result, subgroup_of(model, rule), rule)
    if rule.measure == "worse_than_baseline":
        return worse_by(result, model, rule.arm, rule.scenario, earlier)
    shared = rule.arm == "real" and rule.measure in {"metric", "indeterminate"}  # by all scenarios
    name = rule.scenario
    place = model if name is None or shared else model.scenarios.get(name)
    if place is None:
        known = [scenario.name for scenario in result.shift.scenarios]
        return Estimate.undefined(
            f"there is no scenario '{name}' in it.{did_you_mean(str(name), known)}".rstrip(".")
        )
    if rule.measure in {"metric", "indeterminate"}:
        return _of_arm(place, rule)
    if rule.measure in {"sham_effect", "shift_effect"}:
        found = place.sham_effect if rule.measure == "sham_effect" else place.shift_effect
        if found is None:
            return Estimate.undefined("there are no sham edits of it")
        return absolute(found) if rule.measure == "sham_effect" else found
    return _of_pair(place, rule)


def kept(result: AuditResult, scenario: str | None) -> Estimate:
    """Return the number of stress edits that are measured: a count, which is known exactly."""
    rows = [row.kept for row in result.attrition if scenario in {None, row.scenario}]
    if scenario is not None and not rows:
        return Estimate.undefined(f"there is no scenario '{scenario}' in it")
    count = result.testset.ok if scenario is None else sum(rows)
    return Estimate(value=count, low=count, high=count, n=count)


def placebo_share(result: AuditResult, scenario: str | None) -> Estimate:
    """Return what a scenario's placebo edits change, as a share of what its stress edits change."""
    for placebo in result.placebo:
        if placebo.scenario == scenario:
            return placebo.share
    return Estimate.undefined(
        "there are no placebo edits" + (f" in scenario '{scenario}'" if scenario else "")
    )


def absolute(figure: Estimate) -> Estimate:
    """Return the absolute value of a figure; an interval that holds 0 starts there."""
    if figure.value is None:
        return figure
    if figure.low is None or figure.high is None:
        return figure.model_copy(update={"value": abs(figure.value)})
    ends = sorted((abs(figure.low), abs(figure.high)))
    low = 0.0 if figure.low <= 0 <= figure.high else ends[0]
    return figure.model_copy(update={"value": abs(figure.value), "low": low, "high": ends[1]})


def _of_arm(place: ModelResult | ScenarioResult, rule: GateRule) -> Estimate:
    arm, name = place.arms.get(rule.arm), str(rule.metric)
    if arm is None or (rule.measure == "indeterminate" and not arm.n):
        return Estimate.undefined(f"there are no {rule.arm} images")
    if rule.measure == "indeterminate":
        value = arm.indeterminate / arm.n
        return Estimate.of(value, (*wilson(value, arm.patients), "Wilson's interval over patients"), arm.n)
    if name not in arm.metrics:
        if name in MILLIMETRES and name.removesuffix("_mm") in arm.metrics:
            return Estimate.undefined(
                "the pixel spacing of some film is not known, so it has no distances in millimetres"
            )
        known = list(arm.metrics)
        return Estimate.undefined(f"the shift measures {', '.join(known)} and not '{name}'")
    return arm.metrics[name]


def _of_pair(place: ModelResult | ScenarioResult, rule: GateRule) -> Estimate:
    if rule.arm == "real":
        return Estimate.undefined(
            "the real images are what every other arm is compared with; name another arm"
        )
    paired = place.paired.get(rule.arm)
    if paired is None:
        return Estimate.undefined(f"there are no {rule.arm} images")
    found: Estimate | None = getattr(paired, rule.measure)
    if found is None and rule.arm in BETWEEN:
        return Estimate.undefined("two cohorts have other patients, so nothing is paired")
    return Estimate.undefined("a segmentation has no decisions") if found is None else found


def _of_subgroup(result: AuditResult, group: SubgroupResult | None, rule: GateRule) -> Estimate:
    if group is None:
        return Estimate.undefined(f"there is no subgroup '{rule.subgroup}' in it")
    if rule.scenario is not None:
        return Estimate.undefined("subgroups are reported over all scenarios together")
    if rule.measure == "drop":
        missing = Estimate.undefined(f"a subgroup has a drop in the {result.judged} images only")
        return group.drop if rule.arm == result.judged else missing
    figures = {"real": group.real, result.judged: group.stress}
    if rule.metric != result.primary or rule.arm not in figures:
        return Estimate.undefined(
            f"a subgroup has {result.primary} in the real and the {result.judged} images only"
        )
    return figures[rule.arm]
