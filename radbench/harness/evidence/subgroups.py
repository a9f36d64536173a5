"""Drops by the values of a column of the manifest: sex, age band, view, hospital, or whatever the shift asks for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from radbench.data.cohort import UNKNOWN, Study, value_text
from radbench.errors import UsageError, did_you_mean
from radbench.harness.arms import Scene, Shown
from radbench.harness.evidence.significance import difference_test, drop_test
from radbench.harness.measure import Measure, reference_of
from radbench.harness.predict import Seen
from radbench.harness.result import SubgroupResult, judged_arm
from radbench.specs import ShiftSpec

SMALL: Final = 20
"""Fewest patients of which a subgroup's test is made."""


MOST_VALUES: Final = 20
"""Most values of a column: more are measurements, which have to be banded first."""


def subgroup_results(scene: Scene, seen: Mapping[Shown, Seen], measure: Measure) -> list[SubgroupResult]:
    """Return one entry a value of every column that the shift names, in its order.

    Studies without a value come last, as "unknown": they are counted and shown, and never tested. A group that has no
    stress image is listed all the same. Nothing is returned for a model without a stress arm (of two cohorts: the arm
    that is judged).
    """
    judged, natural = judged_arm(scene.shift.kind, scene.shift.reweight), scene.shift.is_natural
    if judged not in seen:
        return []
    test, found = (difference_test if natural else drop_test), []
    shown = {*reference_of(seen, judged).images.study_ids, *seen[judged].images.study_ids}
    for column in scene.shift.subgroups:
        held = {study: value_of(column, one) for study, one in scene.studies.items()}
        for value in values_of(column, [scene.studies[study] for study in sorted(shown)]):
            real, stress = (
                arm.take(np.flatnonzero([held[study] == value for study in arm.images.study_ids]))
                for arm in (reference_of(seen, judged), seen[judged])
            )
            patients = len(set(stress.images.patient_ids))
            if natural:  # the cohort with fewer decides what can be said
                patients = min(patients, len(set(real.images.patient_ids)))
            small = patients < SMALL
            found.append(
                SubgroupResult(
                    column=column,
                    value=value,
                    n=len(stress.images),
                    patients=patients,
                    small=small,
                    real=measure.value(real),
                    stress=measure.value(stress),
                    drop=measure.effect(real, stress),
                    p=None if small or value == UNKNOWN else test(real, stress, measure).p,
                )
            )
    return found


def check_subgroups(shift: ShiftSpec, studies: Sequence[Study]) -> None:
    """Refuse a column that no study has, or that has too many values.

    Raises:
        UsageError: such a column.
    """
    known = sorted({name for study in studies for name in study.attributes})
    given = {name for study in studies for name in study.attributes if value_of(name, study) != UNKNOWN}
    for column in shift.subgroups:
        if column not in known:
            raise UsageError(
                f"subgroups of shift '{shift.name}' has '{column}', which no study has, expected columns among "
                f"{', '.join(known) or 'none'}.{did_you_mean(column, known)}"
            )
        if column not in given:
            raise UsageError(
                f"subgroups of shift '{shift.name}' has '{column}', which is blank in all {len(studies)} studies; "
                f"fill it in, or take it out."
            )
        found = [value for value in values_of(column, studies) if value != UNKNOWN]
        if len(found) > MOST_VALUES:
            raise UsageError(
                f"subgroups of shift '{shift.name}' has '{column}', which has {len(found)} values, expected at most "
                f"{MOST_VALUES}; put them into bands in a column of their own."
            )


def values_of(column: str, studies: Sequence[Study]) -> list[str]:
    """Return the distinct values of a column as text, numbers by their size first, "unknown" last."""
    return values_among(value_of(column, study) for study in studies)


def values_among(values: Iterable[str]) -> list[str]:
    """Return the distinct values, numbers by their size first, "unknown" last."""
    return sorted(set(values), key=_rank)


def value_of(column: str, study: Study) -> str:
    """Return a study's value of a column as text, "unknown" for none; 45 and 45.0 are one value."""
    return value_text(study.attributes.get(column))


def _rank(value: str) -> tuple[bool, bool, float, str]:
    try:
        return value == UNKNOWN, False, float(value), value
    except ValueError:
        return value == UNKNOWN, True, 0.0, value
