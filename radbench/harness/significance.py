"""Tests of "nothing changed" on the stress images, what they can show at all, and Holm's correction over shifts.

All compare an image of the stress set with the same study's real image, so that only a change counts.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from radbench.harness.arms import Shown
from radbench.harness.measure import Measure, of_scenario, partner_of
from radbench.harness.predict import Seen
from radbench.harness.result import (
    ALL_SCENARIOS,
    AuditResult,
    ModelComparison,
    ModelResult,
    Power,
    SubgroupResult,
    TestResult,
)
from radbench.metrics.intervals import RARE
from radbench.metrics.power import LEVEL, POWER, detectable_mean, detectable_share
from radbench.metrics.significance import Tested, Votes, holm, mcnemar, paired_bootstrap, votes

_Family: TypeAlias = tuple[str, str]


def paired_tests(seen: Mapping[Shown, Seen], measure: Measure) -> list[TestResult]:
    """Return the tests of one model: of all scenarios together, then of each if there are several."""
    if "stress" not in seen:
        return []
    stress = seen["stress"]
    names = list(dict.fromkeys(stress.images.scenarios))
    parts = [(ALL_SCENARIOS, stress)]
    parts += [(name, of_scenario(stress, name)) for name in names if len(names) > 1]
    return [test for name, some in parts for test in _tests(name, seen["real"], some, measure)]


def _tests(scenario: str, real: Seen, stress: Seen, measure: Measure) -> list[TestResult]:
    found = []
    if stress.decisions is not None:
        partner = partner_of(real, stress)
        tested = mcnemar(measure.draws.places(stress.images.patient_ids), partner.values, stress.values)
        found.append(
            TestResult(test="mcnemar", scenario=scenario, n=len(stress.images), p=tested.p, note=tested.note)
        )
    tested = drop_test(real, stress, measure)
    found.append(
        TestResult(
            test="paired bootstrap", scenario=scenario, n=len(stress.images), p=tested.p, note=tested.note
        )
    )
    return found


def drop_test(real: Seen, stress: Seen, measure: Measure) -> Tested:
    """Return the paired bootstrap test of the primary metric, stress images against the same studies' real ones."""
    falls = partner_of(real, stress).values - stress.values
    return paired_bootstrap(measure.draws, measure.draws.places(stress.images.patient_ids), falls)


def subgroup_tests(subgroups: Sequence[SubgroupResult]) -> list[TestResult]:
    """Return the subgroups' tests as members of the family; those of small groups are none."""
    return [
        TestResult(
            test="paired bootstrap",
            scenario=ALL_SCENARIOS,
            subgroup=f"{group.column}={group.value}",
            n=group.n,
            p=group.p,
        )
        for group in subgroups
        if group.p is not None
    ]


def power_of(seen: Mapping[Shown, Seen], measure: Measure) -> Power | None:
    """Return the smallest drop that the tests of this model find four times out of five; None for no stress arm.

    For decisions it is that of McNemar's test with as many patients, where as many as were seen change for the better;
    for any other figure that of a z test with the standard error that was seen. Every patient counts once.
    """
    if "stress" not in seen:
        return None
    stress = seen["stress"]
    partner = partner_of(seen["real"], stress)
    n, patients = len(stress.images), len(set(stress.images.patient_ids))
    if stress.decisions is not None:
        counted = votes(measure.draws.places(stress.images.patient_ids), partner.values, stress.values)
        detectable = detectable_share(patients, _improved(counted))
    else:
        falls = measure.average(stress, partner.values - stress.values).replicates
        error = float(np.nanstd(falls)) if patients >= RARE else 0.0
        detectable = detectable_mean(error) if error > 0 else None
    if detectable is not None and detectable > 1:
        detectable = None
    return Power(n=n, patients=patients, detectable=detectable, line=_line(n, patients, detectable))


def _improved(counted: Votes) -> float:
    return counted.better / (counted.worse + counted.better + counted.same)


def _line(n: int, patients: int, detectable: float | None) -> str:
    size = f"With n = {n}" if n == patients else f"With n = {n} images of {patients} patients"
    if detectable is None:
        return f"{size} it cannot be said how small a drop would be seen."
    odds = f"{POWER:.0%} power, two-sided {LEVEL:.0%} level".replace("%", " %")
    return f"{size} a drop under {detectable:.2f} cannot be seen ({odds})."


def correct_family(results: Sequence[AuditResult]) -> list[AuditResult]:
    """Return the results with Holm's correction over all of them together.

    A family is one model's tests of one kind, over the shifts, scenarios and subgroups of all results; and all
    comparisons between models. What has no p-value is in no family.

    Args:
        results: of several shifts, or one; what they were corrected for before is forgotten.
    """
    families: dict[_Family, list[float]] = defaultdict(list)

    def gather(family: _Family, p: float) -> tuple[float, int]:
        families[family].append(p)
        return p, 0

    _walk(results, gather)
    corrected = {family: iter(holm(values)) for family, values in families.items()}
    return _walk(results, lambda family, _: (next(corrected[family]), len(families[family])))


_Visit: TypeAlias = Callable[[_Family, float], tuple[float, int]]
"""From a family and a p-value to the corrected one and the family's size."""


def _walk(results: Sequence[AuditResult], visit: _Visit) -> list[AuditResult]:
    """Return the results with every p-value visited once, in one order."""
    return [
        result.model_copy(
            update={
                "models": [_model(model, visit) for model in result.models],
                "comparisons": [_comparison(pair, visit) for pair in result.comparisons],
            }
        )
        for result in results
    ]


def _model(model: ModelResult, visit: _Visit) -> ModelResult:
    tests = [_test(model.name, test, visit) for test in model.tests]
    known = {test.subgroup: test.p_holm for test in tests if test.subgroup}
    subgroups = [
        group.model_copy(update={"p_holm": known.get(f"{group.column}={group.value}")})
        for group in model.subgroups
    ]
    return model.model_copy(update={"tests": tests, "subgroups": subgroups})


def _test(model: str, test: TestResult, visit: _Visit) -> TestResult:
    if test.p is None:
        return test.model_copy(update={"p_holm": None, "family": 0})
    p_holm, family = visit((model, test.test), test.p)
    return test.model_copy(update={"p_holm": p_holm, "family": family})


def _comparison(pair: ModelComparison, visit: _Visit) -> ModelComparison:
    if pair.p is None:
        return pair.model_copy(update={"p_holm": None})
    p_holm, _ = visit(("", "comparison"), pair.p)
    return pair.model_copy(update={"p_holm": p_holm})
