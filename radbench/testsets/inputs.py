"""The pixels and masks that one edit starts from."""

from dataclasses import dataclass

from radbench.data.cohort import Cohort, GrayImage, Mask, Study
from radbench.data.masks import dilate
from radbench.errors import UsageError
from radbench.specs.shift import MaskRule, Scenario

NO_MASK = "none"
"""The mask source that means nowhere."""


@dataclass(frozen=True)
class EditInputs:
    """``image`` is ``uint8 [H, W]``; the masks are ``bool [H, W]``, dilated as the scenario says."""

    image: GrayImage
    edit_mask: Mask
    keep_mask: Mask | None


def edit_inputs(cohort: Cohort, scenario: Scenario, study: Study) -> EditInputs:
    """Read a study's image and draw the scenario's masks on it.

    Raises:
        UsageError: the study lacks a mask that the scenario names, or a mask has another size than the image.
    """
    if scenario.edit_mask.source == NO_MASK:
        raise UsageError(
            f"The edit mask of scenario {scenario.name!r} is 'none', so nothing would be edited; "
            "name one of the study's masks."
        )
    image = cohort.image(study)
    keep = scenario.keep_mask
    return EditInputs(
        image=image,
        edit_mask=_draw(cohort, study, scenario.edit_mask, image),
        keep_mask=None if keep is None or keep.source == NO_MASK else _draw(cohort, study, keep, image),
    )


def _draw(cohort: Cohort, study: Study, rule: MaskRule, image: GrayImage) -> Mask:
    mask = cohort.mask(study, rule.source)
    if mask.shape != image.shape:
        raise UsageError(
            f"The mask {rule.source!r} of study {study.study_id!r} has {mask.shape[0]} x {mask.shape[1]} "
            f"pixels and its image has {image.shape[0]} x {image.shape[1]}; make them the same size."
        )
    return dilate(mask, rule.radius(min(image.shape)))
