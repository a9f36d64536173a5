"""One rule of the gates: what it says in words, and its verdict on one figure of one model."""

from typing import Final, Literal

from radbench.errors import did_you_mean
from radbench.harness.baseline import Earlier
from radbench.harness.beside import beside_rule
from radbench.harness.gate_figures import kept, model_figure, placebo_share, subgroup_of
from radbench.harness.result import AuditResult, Estimate, Extreme, GateResult, ModelResult, Verdict, Withheld
from radbench.specs import GateRule

_OF_TESTSET: Final = {"kept", "placebo_share"}
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
_ARMLESS: Final = {"shift_effect", "sham_effect", *_OF_TESTSET}
_SLACK: Final = 1e-9


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
    shift = result.shift.name
    if rule.measure == "kept":
        found = _of(rule, shift, "", kept(result, rule.scenario))
        return [found.model_copy(update={"left_out": beside_rule(rule, result, None)})]
    if rule.measure == "placebo_share":
        names: list[str | None] = [one.scenario for one in result.placebo] or [None]
        names = [rule.scenario] if rule.scenario else names
        return [_of(rule, shift, "", placebo_share(result, name), scenario=name) for name in names]
    models = [model for model in result.models if _meant(rule, model)]
    if not models:
        reason = _no_model(rule, result)
        return [rule_result(rule, shift, rule.model or "", None, Verdict.NOT_RUN, reason)]
    return [_of_model(rule, result, model, earlier) for model in models]


def _meant(rule: GateRule, model: ModelResult) -> bool:
    return model.role == "model" if rule.model is None else model.name == rule.model


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
    doubt = _small(rule, model) or (_doubt(result, model) if _rests_on_edits(rule) else None)
    if doubt is None:
        return found
    return found.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "reason": f"{doubt} ({found.reason})"})


def _rests_on_edits(rule: GateRule) -> bool:
    return rule.measure in _ON_EDITS and (rule.arm == "stress" or rule.measure == "shift_effect")


def _doubt(result: AuditResult, model: ModelResult) -> str | None:
    """Return why the editor is not believed for this model, or None."""
    instrument = model.instrument
    if instrument is None or instrument.verdict is Verdict.PASS:
        return None
    asked = bool(result.shift.controls.get("sham")) and any(
        scenario.sham_prompt is not None for scenario in result.shift.scenarios
    )
    if instrument.verdict is Verdict.NOT_RUN and not asked:
        return None
    return f"{instrument.reason} Nothing follows from the stress set."


def _small(rule: GateRule, model: ModelResult) -> str | None:
    group = subgroup_of(model, rule)
    if group is None or not group.small:
        return None
    return f"Only {group.patients} patients are in the subgroup, too few for a verdict."


def _of(
    rule: GateRule, shift: str, model: str, figure: Estimate, *, scenario: str | None = None
) -> GateResult:
    """Return a rule judged on a figure."""
    verdict, reason = _verdict(rule, figure)
    return rule_result(rule, shift, model, figure, verdict, reason, scenario=scenario)


def _verdict(rule: GateRule, figure: Estimate) -> tuple[Verdict, str]:
    if figure.value is None:
        return Verdict.NOT_RUN, f"Not measured: {figure.note or 'nothing was measured'}."
    if figure.withheld is not None:
        return _at_worst(rule, figure, figure.withheld)
    note = f" ({figure.note})" if figure.note else ""
    return _of_limits(rule, f"Measured {_number(rule, figure.value)}", figure, note)


def _at_worst(rule: GateRule, figure: Estimate, withheld: Withheld) -> tuple[Verdict, str]:
    """Return the verdict on the end that lies nearer to the wrong side of the limit."""
    ends = sorted((withheld.worst, withheld.best), key=lambda end: end.value)
    end = ends[0] if rule.min is not None else ends[1]
    found = (
        f"Measured {_number(rule, float(figure.value or 0.0))} on the {figure.n} of {withheld.of} images that have an "
        f"answer, and {_number(rule, end.value)} if the {withheld.n} withheld ones are answered in the worst way, "
        f"which is judged"
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


def _no_model(rule: GateRule, result: AuditResult) -> str:
    if rule.model is None:
        return "Not measured: no model was run under this shift."
    hint = did_you_mean(rule.model, [model.name for model in result.models])
    return f"Not measured: the model '{rule.model}' was not run under this shift.{hint}"
