"""The anchors that a shift's scenarios name, opened: films of the shift's own cohort or of another one."""

from typing import Any

from radbench.api.cohorts import load_part, part_names, square_size
from radbench.data.cohort import Cohort
from radbench.errors import UsageError
from radbench.harness.anchors import AnchorSet, anchor_set
from radbench.specs import CohortSpec, Scenario, ShiftSpec


def open_anchors(shift: ShiftSpec, cohort: Cohort, bundle: Any = None) -> tuple[AnchorSet, ...]:
    """Return the anchors of every scenario that declares some; no film is read.

    Args:
        shift: The shift; a relative ``folder:`` path refers to its YAML file's folder.
        cohort: The shift's own cohort.
        bundle: What will edit, for the size of the squares; None for the shift's own bundle.

    Raises:
        UsageError: A cohort that cannot be read, no film that is selected, or films that do not show what the edit
            makes.
    """
    return tuple(_open(shift, scenario, cohort, bundle) for scenario in shift.scenarios if scenario.anchor)


def _open(shift: ShiftSpec, scenario: Scenario, cohort: Cohort, bundle: Any) -> AnchorSet:
    if scenario.anchor is None:
        raise ValueError(f"Scenario {scenario.name} declares no anchor.")
    part = scenario.anchor.of(shift.source)
    # a drawing has one number of studies, a dataset selects before it draws; all else is drawn here, after its select
    drawn = part if part.is_phantom or part.is_dataset else part.model_copy(update={"size": None})
    try:
        films = load_part(drawn, shift.resolve, square_size(shift, bundle))
    except UsageError as error:
        raise UsageError(f"The anchor of scenario '{scenario.name}': {error}") from error
    study_prefix, patient_prefix = _prefixes(shift, part, films, cohort)
    return anchor_set(
        shift,
        scenario,
        films,
        most=None if part.is_phantom else part.size,
        seed=part.seed,
        study_prefix=study_prefix,
        patient_prefix=patient_prefix,
    )


def _prefixes(shift: ShiftSpec, part: CohortSpec, films: Cohort, cohort: Cohort) -> tuple[str, str]:
    """Return what stands before the ids of the anchors' studies and patients.

    Films of a cohort that belongs to the real set keep its names, whatever their split. Drawn patients of one number
    have one anatomy, whichever drawn cohort they are of.
    """
    source = shift.source
    if part.is_phantom and source.is_phantom:
        return "" if part.cohort == source.cohort else f"{films.name}:", ""
    for name, own in zip(part_names(shift, cohort), source.parts, strict=True):
        if (part.cohort, part.root) == (own.cohort, own.root):
            return (f"{name}:",) * 2 if source.also else ("", "")
    return (f"{films.name}:",) * 2
