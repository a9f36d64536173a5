"""What shift, cohort and models alone can decide, asked before the first edit is made."""

from collections.abc import Mapping, Sequence

from radbench.data.cohort import Cohort
from radbench.harness.questions import check_models
from radbench.harness.subgroups import check_subgroups
from radbench.models.base import ModelUnderTest
from radbench.specs import ShiftSpec
from radbench.testsets.selection import measured_studies


def check_ready(
    shift: ShiftSpec,
    cohort: Cohort,
    models: Sequence[ModelUnderTest],
    further: Mapping[str, Sequence[ModelUnderTest]],
) -> None:
    """Refuse what ``run_audit`` would refuse after the long work; no model is started, and no image is read.

    Args:
        shift: what is asked.
        cohort: the real studies.
        models: all that are shown the test set, control models among them.
        further: further training runs by a model's name.

    Raises:
        UsageError: a model of another target or task, two of one name, no study with a label of the target, or a
            column of subgroups that no study has.
    """
    check_models(shift, models, further)
    check_subgroups(shift, measured_studies(shift, cohort))


def check_masks(shift: ShiftSpec, cohort: Cohort) -> None:
    """Read the true mask of every study that is measured, so that a damaged one ends no audit after its edits.

    Only a segmentation has them, and masks that are drawn from a recipe cannot be damaged.

    Raises:
        UsageError: a mask that cannot be read, or is of another size than its image.
    """
    if shift.task == "segmentation" and not cohort.truth_known:
        for study in measured_studies(shift, cohort):
            cohort.mask(study, shift.target)
