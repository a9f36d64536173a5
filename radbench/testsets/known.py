"""Which studies of a cohort can be measured: those whose truth about the shift's target is known."""

from typing import TYPE_CHECKING

from radbench.data.cohort import Cohort, Study
from radbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from radbench.specs.shift import ShiftSpec


def knows_target(shift: "ShiftSpec", cohort: Cohort, study: Study) -> bool:
    """Whether a study has the target's label; of a segmentation, its mask.

    A cohort may say with ``has_mask(study, name) -> bool`` which masks a study has; one that does not has them all.
    """
    if shift.task == "segmentation":
        has_mask = getattr(cohort, "has_mask", None)
        return has_mask is None or bool(has_mask(study, shift.target))
    return study.labels.get(shift.target) is not None


def measured_studies(shift: "ShiftSpec", cohort: Cohort) -> list[Study]:
    """Return the studies whose truth is known, in the cohort's order; the others are left out of every arm.

    Raises:
        UsageError: no study has it, so nothing can be measured.
    """
    known = [study for study in cohort.studies if knows_target(shift, cohort, study)]
    if cohort.studies and not known:
        what = "mask" if shift.task == "segmentation" else "label"
        names = sorted({name for study in cohort.studies for name in study.labels})
        listed = "" if what == "mask" else f"; it has {', '.join(names) or 'none'}"
        raise UsageError(
            f"No study of cohort '{cohort.name}' has the {what} '{shift.target}', which shift '{shift.name}' "
            f"measures{listed}.{did_you_mean(shift.target, names)}"
        )
    return known


def unknown_target(shift: "ShiftSpec") -> str:
    """Return why a study is left out, as the funnel says it: "without a label of 'pneumothorax'"."""
    return f"without a {'mask' if shift.task == 'segmentation' else 'label'} of '{shift.target}'"
