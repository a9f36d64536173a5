"""Tests of "nothing changed" on the stress images, their power, models against each other, and Holm's correction.

The tests compare an image of the stress set with the same study's real image, so that only a change counts.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final, Literal, TypeAlias

import numpy as np

from radbench.harness.arms import Shown
from radbench.harness.measure import Measure, gap, of_scenario, partner_of, reference_of
from radbench.harness.predict import Seen
from radbench.harness.result import (
    ALL_SCENARIOS,
    AuditResult,
    Estimate,
    ModelComparison,
    ModelResult,
    Power,
    SubgroupResult,
    TestResult,
)
from radbench.metrics.intervals import RARE, double_difference
from radbench.metrics.significance import (
    LEVEL,
    POWER,
    Tested,
    detectable_mean,
    detectable_share,
    error_between,
    holm,
    mcnemar,
    mean_bootstrap,
    paired_bootstrap,
    unpaired_bootstrap,
    votes,
)

_Family: TypeAlias = tuple[str, str]
_Bootstrap: TypeAlias = Literal["paired bootstrap", "unpaired bootstrap"]
_COMPARISONS: Final[_Family] = ("", "comparison")


def paired_tests(seen: Mapping[Shown, Seen], measure: Measure) -> list[TestResult]:
    """Return the tests of one model: of all scenarios together, then of each if there are several.

    Of two cohorts it is one test, of the difference that is judged.
    """
    if "natural" in seen:
        judged = judged_of(seen)
        some = seen[judged]
        found = difference_test(reference_of(seen, judged), some, measure)
        n = len(some.images)
        return [
            TestResult(test="unpaired bootstrap", scenario=ALL_SCENARIOS, n=n, p=found.p, note=found.note)
        ]
    if "stress" not in seen:
        return []
    stress = seen["stress"]
    names = list(dict.fromkeys(stress.images.scenarios))
    parts = [(ALL_SCENARIOS, stress)]
    parts += [(name, of_scenario(stress, name)) for name in names if len(names) > 1]
    return [test for name, some in parts for test in _tests(name, seen["real"], some, measure)]


def _tests(scenario: str, real: Seen, stress: Seen, measure: Measure) -> list[TestResult]:
    tested: dict[Literal["mcnemar", "paired bootstrap"], Tested] = {}
    if stress.decisions is not None:
        places = measure.draws.places(stress.images.patient_ids)
        tested["mcnemar"] = mcnemar(places, partner_of(real, stress).values, stress.values)
    tested["paired bootstrap"] = drop_test(real, stress, measure)
    return [
        TestResult(test=test, scenario=scenario, n=len(stress.images), p=found.p, note=found.note)
        for test, found in tested.items()
    ]


def drop_test(real: Seen, stress: Seen, measure: Measure) -> Tested:
    """Return the paired bootstrap test of the primary metric, stress images against the same studies' real ones."""
    falls = partner_of(real, stress).values - stress.values
    return paired_bootstrap(measure.draws, measure.draws.places(stress.images.patient_ids), falls)


def judged_of(seen: Mapping[Shown, Seen]) -> Shown:
    """Return the arm whose drop is judged, of those that a model has seen."""
    return next((arm for arm in ("reweighted", "natural") if arm in seen), "stress")


def difference_test(reference: Seen, seen: Seen, measure: Measure) -> Tested:
    """Return the unpaired bootstrap test of the primary metric, one cohort against the other."""
    return unpaired_bootstrap(measure.primary(reference), measure.primary(seen))


def subgroup_tests(subgroups: Sequence[SubgroupResult], test: _Bootstrap) -> list[TestResult]:
    """Return the subgroups' tests as members of the family; those of small groups are none."""
    return [
        TestResult(
            test=test,
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
    for any other figure, and between two cohorts, that of a z test with the standard error that was seen. Every patient
    counts once.
    """
    if "natural" in seen:
        return _power_between(seen, measure)
    if "stress" not in seen:
        return None
    stress = seen["stress"]
    partner = partner_of(seen["real"], stress)
    n, patients = len(stress.images), len(set(stress.images.patient_ids))
    if stress.decisions is not None:
        counted = votes(measure.draws.places(stress.images.patient_ids), partner.values, stress.values)
        improved = counted.better / (counted.worse + counted.better + counted.same)
        detectable = detectable_share(patients, improved)
    else:
        falls = measure.average(stress, partner.values - stress.values).replicates
        error = float(np.nanstd(falls)) if patients >= RARE else 0.0
        detectable = detectable_mean(error) if error > 0 else None
    line = f"With n = {n}" if n == patients else f"With n = {n} images of {patients} patients"
    return _power(n, patients, detectable, line)


def _power_between(seen: Mapping[Shown, Seen], measure: Measure) -> Power:
    judged = judged_of(seen)
    reference, some = reference_of(seen, judged), seen[judged]
    found = error_between(measure.primary(reference), measure.primary(some))
    patients = [len(set(one.images.patient_ids)) for one in (reference, some)]
    line = f"With {patients[0]} patients of cohort A and {patients[1]} of cohort B"
    detectable = None if found is None else detectable_mean(found)
    return _power(len(some.images), patients[1], detectable, line)


def _power(n: int, patients: int, detectable: float | None, line: str) -> Power:
    if detectable is not None and detectable > 1:
        detectable = None
    if detectable is None:
        line += " it cannot be said how small a drop would be seen."
    else:
        odds = f"{POWER:.0%} power, two-sided {LEVEL:.0%} level".replace("%", " %")
        line += f" a drop under {detectable:.{3 if detectable < 0.01 else 2}f} cannot be seen ({odds})."
    return Power(n=n, patients=patients, detectable=detectable, line=line)


def compare_models(
    models: Sequence[tuple[str, Mapping[Shown, Seen]]], measure: Measure
) -> list[ModelComparison]:
    """Return every pair of models on the same images, resampled together: the better one first, best models first.

    Args:
        models: name and arms of every model under test, in the audit's order; those without a stress arm (of two
            cohorts: the judged one) are left out.
        measure: how figures are made.
    """
    ranked = sorted(
        (
            (
                name,
                seen[judged_of(seen)],
                measure.primary(reference_of(seen, judged_of(seen))),
                measure.primary(seen[judged_of(seen)]),
            )
            for name, seen in models
            if judged_of(seen) in seen and len(seen[judged_of(seen)].images)
        ),
        key=lambda entrant: -round(entrant[3].value, 12),
    )
    found = []
    for (first, ours, real, stress), (second, theirs, real_2, stress_2) in combinations(ranked, 2):
        drops = (real_2.value - stress_2.value) - (real.value - stress.value)
        limits = double_difference((real_2, stress_2), (real, stress))
        places = measure.draws.places(ours.images.patient_ids)
        better = ours.values - theirs.values
        tested = (
            paired_bootstrap(measure.draws, places, better)
            if ours.images.weighting is None
            else mean_bootstrap(measure.average(ours, better))
        )
        found.append(
            ModelComparison(
                first=first,
                second=second,
                difference=gap(stress, stress_2),
                drop_difference=Estimate.of(drops, limits, stress.n),
                p=tested.p,
            )
        )
    return found


def correct_family(results: Sequence[AuditResult]) -> list[AuditResult]:
    """Return the results with Holm's correction over all of them together.

    A family is one model's tests of one kind, over the shifts, scenarios and subgroups of all results; and all
    comparisons between models. What has no p-value is in no family.

    Args:
        results: of several shifts, or one; what they were corrected for before is forgotten.
    """
    families: dict[_Family, list[float]] = defaultdict(list)
    for result in results:
        for model in result.models:
            for test in model.tests:
                if test.p is not None:
                    families[model.name, test.test].append(test.p)
        families[_COMPARISONS] += [pair.p for pair in result.comparisons if pair.p is not None]
    left = {family: iter(holm(values)) for family, values in families.items()}  # in the order gathered

    def corrected(p: float | None, family: _Family) -> float | None:
        return None if p is None else next(left[family])

    def of_model(model: ModelResult) -> ModelResult:
        tests = []
        for test in model.tests:
            family = (model.name, test.test)
            size = 0 if test.p is None else len(families[family])
            tests.append(test.model_copy(update={"p_holm": corrected(test.p, family), "family": size}))
        known = {test.subgroup: test.p_holm for test in tests if test.subgroup}
        subgroups = [
            group.model_copy(update={"p_holm": known.get(f"{group.column}={group.value}")})
            for group in model.subgroups
        ]
        return model.model_copy(update={"tests": tests, "subgroups": subgroups})

    found = []
    for result in results:
        pairs = [
            pair.model_copy(update={"p_holm": corrected(pair.p, _COMPARISONS)}) for pair in result.comparisons
        ]
        models = [of_model(model) for model in result.models]
        found.append(result.model_copy(update={"models": models, "comparisons": pairs}))
    return found
