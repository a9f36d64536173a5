"""Release gates: every declared rule judged on the bound of its interval, and the verdict that follows.

The rules decide (with the models' errors): PASS where even the worse limit of every figure is within its rule, FAIL
where even the better one is beyond it, INCONCLUSIVE where the interval holds the limit, and NOT_RUN for whatever was
not measured. Nothing that a model does on edited images passes or fails while the editor is not believed.
"""

from collections.abc import Sequence
from typing import Final

from radbench.errors import did_you_mean
from radbench.harness.gates.baseline import Earlier, about
from radbench.harness.gates.rules import belongs, fits_kind, judged, rule_result, settled_arm
from radbench.harness.gates.verdict import beside_model
from radbench.harness.result import AuditResult, GateResult, ModelResult, Verdict
from radbench.specs import GateRule, GatesSpec

MARGIN: Final = 0.05
"""By how much a model may be worse than the baseline's where no rule says it."""


def gated(result: AuditResult, spec: GatesSpec | None, baseline: Earlier | None = None) -> AuditResult:
    """Return a result judged by the rules that speak of it.

    Args:
        result: The audit. Where a largest drop was asked for (``gate``), that is one more rule.
        spec: The rules; those of other shifts are left out (``unmet`` finds them).
        baseline: The earlier result of this shift. Without a rule about it, the models may be worse by ``MARGIN``
            on the real images and in the arm that is judged.

    Returns:
        The result with ``gates``, ``baseline``, ``gate`` and ``verdict``; as it was where no rule speaks of it.
    """
    rules = with_baseline_rules(spec, asked=baseline is not None)
    found = [one for rule in rules if speaks_of(rule, result) for one in judged(rule, result, baseline)]
    earlier = None if baseline is None else about(result, baseline)
    if not found:
        return result.model_copy(update={"baseline": earlier})
    return _decided(result, found).model_copy(update={"baseline": earlier})


def with_baseline_rules(spec: GatesSpec | None, *, asked: bool) -> list[GateRule]:
    """Return the rules of ``spec``, and if a baseline was asked for and none speaks of it, those of ``MARGIN``."""
    rules = [] if spec is None else list(spec.rules)
    if asked and not any(rule.measure == "worse_than_baseline" for rule in rules):
        why = f"a baseline was given, and {MARGIN:g} is the margin where no rule says another"
        rules += [
            GateRule(measure="worse_than_baseline", arm="real", max=MARGIN, why=why),
            GateRule(measure="worse_than_baseline", max=MARGIN, why=why),
        ]
    return rules


def unmet(rules: GatesSpec | Sequence[GateRule], results: Sequence[AuditResult]) -> list[GateResult]:
    """Return the rules that speak of none of the results, each NOT_RUN: what was not measured never passes."""
    declared = rules.rules if isinstance(rules, GatesSpec) else rules
    left = [rule for rule in declared if not any(speaks_of(rule, result) for result in results)]
    found = []
    for rule in left:
        one = rule_result(
            rule, rule.shift or "", rule.model or "", None, Verdict.NOT_RUN, _absence(rule, results)
        )
        where = "" if rule.shift is None else f" under {rule.shift}"  # it may stand in another shift's result
        found.append(one.model_copy(update={"rule": f"{one.rule}{where}"}))
    return found


def with_unmet(result: AuditResult, rules: Sequence[GateResult]) -> AuditResult:
    """Return a result that also answers for rules that nothing was run for."""
    return _decided(result, rules) if rules else result


def speaks_of(rule: GateRule, result: AuditResult) -> bool:
    """Whether a rule is to be judged by a result.

    A rule that names the shift always is. One for every shift is left out where its metric belongs to another
    task, or its model or scenario to another shift.
    """
    if rule.shift is not None:
        return rule.shift == result.shift.name
    fits = rule.metric is None or belongs(rule.metric, result.task)
    fits = fits and fits_kind(rule, natural=result.is_natural)
    decides = rule.measure != "flip_rate" or result.task == "classification"
    model = rule.model is None or any(model.name == rule.model for model in result.models)
    scenario = rule.scenario is None or any(one.name == rule.scenario for one in result.shift.scenarios)
    return fits and decides and model and scenario


def _asked_drops(result: AuditResult) -> list[GateResult]:
    """Return the largest drop that the run was asked to accept, as one rule a model with its own verdict."""
    rule = GateRule(
        measure="drop", max=result.max_drop, why="the largest drop that the run was asked to accept"
    )
    rule = settled_arm(rule, result.judged)
    shift, models = result.shift.name, [model for model in result.models if model.role == "model"]
    arm = result.judged
    drops = {model.name: model.paired[arm].drop for model in models if arm in model.paired}
    return [
        rule_result(
            rule, shift, model.name, drops.get(model.name), model.verdict, _with_error(model)
        ).model_copy(update={"left_out": beside_model(result, model)})
        for model in models
    ]


def _with_error(model: ModelResult) -> str:
    return " ".join(filter(None, (model.reason, model.error)))


def _decided(result: AuditResult, rules: Sequence[GateResult]) -> AuditResult:
    """Return the result with further rules, which decide it with those that it has.

    Added are the largest drop that was asked for, and a rule for each model that could not be run and
    that no rule speaks of: a file of rules about other things does not let it pass.
    """
    before = result.gates or (_asked_drops(result) if result.gate else [])
    named = {gate.model for gate in (*before, *rules)}
    failed = [one for one in result.models if one.role == "model" and one.error and one.name not in named]
    gates = [*before, *rules]
    gates += [
        GateResult(
            rule="the model can be run",
            shift=result.shift.name,
            model=model.name,
            estimate=None,
            limit=1.0,
            sense="min",
            verdict=Verdict.NOT_RUN if model.verdict is Verdict.NOT_RUN else Verdict.ERROR,
            reason=_with_error(model),
        )
        for model in failed
    ]
    verdict = Verdict.overall(gate.verdict for gate in gates)
    return result.model_copy(update={"gates": gates, "gate": True, "verdict": verdict})


def _absence(rule: GateRule, results: Sequence[AuditResult]) -> str:
    if rule.shift is not None:
        hint = did_you_mean(rule.shift, [result.shift.name for result in results])
        return f"Not measured: the shift '{rule.shift}' was not run.{hint}"
    if rule.model is not None:
        hint = did_you_mean(rule.model, {model.name for result in results for model in result.models})
        return f"Not measured: the model '{rule.model}' was not run.{hint}"
    return "Not measured: no shift that was run has it."
