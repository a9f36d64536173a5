"""Gates and baselines of a run: read and checked before the long work, and held against every result."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radbench.data.cohort import Study, value_text
from radbench.errors import UsageError, did_you_mean
from radbench.harness.evidence.controls import asks_for_sham
from radbench.harness.evidence.subgroups import values_of
from radbench.harness.gates import gated, unmet, with_baseline_rules
from radbench.harness.gates.baseline import Earlier, read_baseline
from radbench.harness.gates.rules import OF_EDITS, belongs, fits_kind, settled_arm
from radbench.harness.result import PRIMARY, AuditResult, GateResult, judged_arm
from radbench.metrics.segmentation import in_millimetres
from radbench.report.junit import JUNIT, junit_xml
from radbench.report.summary import SUMMARY, summary_markdown
from radbench.specs import GateRule, GatesSpec, ShiftSpec, load_gates

CI_FILES = (JUNIT, SUMMARY)
"""What a CI system reads, beside the report."""

_PAIRED = {"drop", "paired_drop", "flip_rate"}
_SHAM = {"sham_effect", "shift_effect"}


@dataclass(frozen=True)
class Gate:
    """What a run is held to.

    Attributes:
        spec: The declared rules and, of a run with a baseline, those about it; None for neither.
        earlier: The baseline's results by shift.
        origin: The file of the rules, for sentences about them.
    """

    spec: GatesSpec | None = None
    earlier: Mapping[str, Earlier] = field(default_factory=dict)
    origin: str = "gates.yaml"

    @property
    def asked(self) -> bool:
        """Whether the run is held to anything."""
        return self.spec is not None

    def check_cohort(self, shift: ShiftSpec, studies: Sequence[Study]) -> None:
        """Refuse a rule about a subgroup that no study is in, before the long work.

        Raises:
            UsageError: One sentence with the file, the rule and the subgroups that there are.
        """
        for number, rule in enumerate([] if self.spec is None else self.spec.rules):
            if rule.subgroup is None or not _is_about(rule, shift):
                continue
            column, _, value = rule.subgroup.partition("=")
            known = values_of(column.strip(), studies)
            if value_text(value) not in known:
                raise UsageError(
                    f"{self.origin}: rules[{number}] ({rule.measure}): no study is in the subgroup "
                    f"'{rule.subgroup}' of shift '{shift.name}', expected one of "
                    f"{', '.join(f'{column.strip()}={one}' for one in known)}.{did_you_mean(value_text(value), known)}"
                )

    def hold(self, result: AuditResult) -> AuditResult:
        """Return a result judged by the rules that speak of it."""
        return gated(result, self.spec, self.earlier.get(result.shift.name))

    def unmet(self, results: Sequence[AuditResult]) -> list[GateResult]:
        """Return the rules that speak of none of the results, each NOT_RUN."""
        return [] if self.spec is None else unmet(self.spec, results)


def open_gate(gates: Path | GatesSpec | None, baseline: Path | None, shifts: Sequence[ShiftSpec]) -> Gate:
    """Read what a run is held to, and refuse what could never be judged on its shifts.

    Args:
        gates: A ``gates.yaml``, or its rules, or None.
        baseline: An earlier run's ``result.json`` or folder, or None.
        shifts: The shifts that are run.

    Raises:
        UsageError: A file that cannot be read, or a rule about what a shift does not measure.
    """
    spec = load_gates(gates) if isinstance(gates, Path) else gates
    origin = "" if spec is None else str(gates) if isinstance(gates, Path) else spec.name
    if spec is not None:
        check_gates(spec, shifts, origin=origin)
    earlier = {} if baseline is None else read_baseline(baseline)
    rules = with_baseline_rules(spec, asked=baseline is not None)
    if not rules:
        return Gate()
    if spec is None:
        return Gate(GatesSpec(name="baseline", title="No worse than the baseline", rules=rules), earlier)
    return Gate(spec.model_copy(update={"rules": rules}), earlier, origin)


def check_gates(spec: GatesSpec, shifts: Sequence[ShiftSpec], *, origin: str = "gates.yaml") -> None:
    """Refuse a rule that no run of these shifts could judge, before the long work.

    Rules about other shifts are left alone: what is not run is NOT_RUN.

    Args:
        spec: The rules.
        shifts: The shifts that are run.
        origin: The file, for the sentence.

    Raises:
        UsageError: One sentence with the file and the rule.
    """
    for number, rule in enumerate(spec.rules):
        for shift in shifts:
            problem = _problem(rule, shift) if _is_about(rule, shift) else None
            if problem is not None:
                raise UsageError(f"{origin}: rules[{number}] ({rule.measure}): {problem}")


def _is_about(rule: GateRule, shift: ShiftSpec) -> bool:
    """Whether a rule will be judged on a shift; one that names none is left out where it means nothing."""
    if rule.shift is not None:
        return rule.shift == shift.name
    metric = rule.metric is None or belongs(rule.metric, shift.task)
    decides = rule.measure != "flip_rate" or shift.task == "classification"
    kind = fits_kind(rule, natural=shift.is_natural)
    return kind and metric and decides and (rule.scenario is None or rule.scenario in _scenarios(shift))


def _problem(rule: GateRule, shift: ShiftSpec) -> str | None:
    """Return why a rule can never be judged on a shift, and how to mend it; None if it can."""
    misfit = _other_kind(rule, shift)
    if misfit is not None:
        return misfit
    rule = settled_arm(rule, judged_arm(shift.kind, shift.reweight))
    primary, known = PRIMARY[shift.task], _scenarios(shift)
    measured: list[str] = list(dict.fromkeys([primary, *shift.metrics]))
    measured += in_millimetres(measured)
    if rule.scenario is not None and rule.scenario not in known:
        hint = did_you_mean(rule.scenario, known)
        return f"shift '{shift.name}' has no scenario '{rule.scenario}', expected one of {', '.join(known)}.{hint}"
    if rule.metric is not None and rule.metric not in measured:
        hint = did_you_mean(rule.metric, measured)
        return (
            f"shift '{shift.name}' does not measure '{rule.metric}' but {', '.join(measured)}; name one of them, or "
            f"add it to the shift's metrics.{hint}"
        )
    if rule.measure in _PAIRED and rule.arm == "real":
        return "the real images are what every other arm is compared with; name another arm."
    if rule.measure == "flip_rate" and shift.task == "segmentation":
        return f"shift '{shift.name}' is a segmentation, whose models decide nothing; limit the drop instead."
    return _lacking(rule, shift) or _of_subgroup(rule, shift, primary)


def _other_kind(rule: GateRule, shift: ShiftSpec) -> str | None:
    """Return why a rule is about edits that a natural shift does not have, or the reverse; None if it is not."""
    if shift.is_natural and rule.arm == "reweighted" and not shift.reweight:
        return f"shift '{shift.name}' reweights nothing; name the arm 'natural', or give it a 'reweight'."
    if rule.arm == "reweighted" and rule.measure in {"worse_than_baseline", "indeterminate"}:
        return f"'{rule.measure}' is about single films, whatever their weights; name the arm 'natural'."
    if fits_kind(rule, natural=shift.is_natural):
        return None
    if not shift.is_natural:
        return f"shift '{shift.name}' is of edits and has no arm '{rule.arm}', which is of 'kind: natural'."
    what = f"'{rule.measure}'" if rule.measure in OF_EDITS else f"arm '{rule.arm}'"
    what = f"scenario '{rule.scenario}'" if rule.scenario is not None else what
    return (
        f"shift '{shift.name}' compares two real cohorts and has no {what}; limit the drop, or a metric in the arm "
        "real, natural or reweighted."
    )


def _lacking(rule: GateRule, shift: ShiftSpec) -> str | None:
    if (rule.measure in _SHAM or (rule.arm == "sham" and rule.measure != "kept")) and not asks_for_sham(
        shift
    ):
        return (
            f"shift '{shift.name}' has no sham edits; give its scenarios a sham_prompt, or take the rule out."
        )
    if rule.measure == "placebo_share":
        chosen = [one for one in shift.scenarios if rule.scenario in {None, one.name}]
        if all(one.placebo is None for one in chosen):
            return f"shift '{shift.name}' has no placebo there; give a scenario one, or take the rule out."
    return None


def _of_subgroup(rule: GateRule, shift: ShiftSpec, primary: str) -> str | None:
    if rule.subgroup is None:
        return None
    column, equals, _ = rule.subgroup.partition("=")
    if not equals or column.strip() not in shift.subgroups:
        known = (
            ", ".join(f"{name}=..." for name in shift.subgroups) or "none; list columns in its 'subgroups'"
        )
        return f"shift '{shift.name}' reports no subgroup '{rule.subgroup}', expected one of {known}."
    if rule.scenario is not None:
        return "subgroups are reported over all scenarios together; take the scenario or the subgroup out."
    judged = judged_arm(shift.kind, shift.reweight)
    if rule.metric not in {None, primary} or rule.arm not in {"real", judged}:
        return f"a subgroup has {primary} in the real and the {judged} images only; limit that."
    return None


def _scenarios(shift: ShiftSpec) -> list[str]:
    return [scenario.name for scenario in shift.scenarios]


def ci_files(results: Sequence[AuditResult], rules: Sequence[GateResult] = ()) -> dict[str, bytes]:
    """Return ``junit.xml`` and ``summary.md`` of a run.

    Args:
        results: One a shift.
        rules: From ``Gate.unmet``, if they stand in none of the results.
    """
    return {JUNIT: junit_xml(results, rules), SUMMARY: summary_markdown(results, rules)}


def exit_code(codes: Iterable[int], rules: Sequence[GateResult] = ()) -> int:
    """Return the gravest of several results' exit codes: error, failed, not known, passed.

    Args:
        codes: Each ``AuditResult.exit_code``.
        rules: From ``Gate.unmet``: a rule that nothing was run for is not known to hold.
    """
    found = {*codes, *([4] if rules else [])}
    return next((code for code in (1, 3, 4) if code in found), 0)
