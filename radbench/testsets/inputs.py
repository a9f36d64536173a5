"""The pixels and masks that one edit starts from."""

from dataclasses import dataclass

import numpy as np

from radbench.data.cohort import Cohort, GrayImage, Mask, Study
from radbench.data.images import dilate
from radbench.errors import UsageError
from radbench.specs.scenario import NO_MASK, REFERENCE_SIZE, MaskRule, Scenario


@dataclass(frozen=True)
class EditInputs:
    """``image`` is the square, ``uint8 [S, S]``; the masks are ``bool [S, S]``, made as the scenario says."""

    image: GrayImage
    edit_mask: Mask
    keep_mask: Mask | None


def edit_inputs(
    cohort: Cohort,
    scenario: Scenario,
    study: Study,
    *,
    masks_of: Study | None = None,
    growth: float = 0.0,
) -> EditInputs:
    """Read a study's image and draw the scenario's masks on it.

    Args:
        cohort: whose study it is.
        scenario: whose mask rules.
        study: whose image.
        masks_of: whose masks, if not the study's own.
        growth: further dilation of the edit mask, in pixels of an image whose short side is 512.

    Raises:
        UsageError: the study lacks a mask that the scenario names, or a mask has another size than the image.
    """
    rule, keep = scenario.edit_mask, scenario.keep_mask
    if _is_nowhere(rule):
        raise UsageError(
            f"The edit mask of scenario {scenario.name!r} is {NO_MASK!r}, so nothing would be edited; "
            "name one of the study's masks."
        )
    image, owner = cohort.image(study), masks_of or study
    return EditInputs(
        image=image,
        edit_mask=draw_mask(cohort, owner, rule, image.shape, growth * min(image.shape) / REFERENCE_SIZE),
        keep_mask=None if keep is None or _is_nowhere(keep) else draw_mask(cohort, owner, keep, image.shape),
    )


def draw_mask(
    cohort: Cohort, study: Study, rule: MaskRule, shape: tuple[int, ...], growth: float = 0.0
) -> Mask:
    """Union, dilation, complement: a rule's mask of one study, ``bool [H, W]``.

    Args:
        cohort: whose study it is.
        study: whose masks.
        rule: what to make of them.
        shape: height and width of the image that the mask is for.
        growth: pixels by which the finished mask grows further.
    """
    union: Mask = np.zeros(shape, dtype=np.bool_)
    for name in rule.names:
        union |= _of_size(cohort.mask(study, name), name, study, shape)
    radius = rule.radius(min(shape))
    if rule.complement:
        return dilate(~dilate(union, radius), growth)
    return dilate(union, radius + growth)


def _is_nowhere(rule: MaskRule) -> bool:
    return not rule.names and not rule.complement


def _of_size(mask: Mask, name: str, study: Study, shape: tuple[int, ...]) -> Mask:
    if mask.shape != shape:
        raise UsageError(
            f"The mask {name!r} of study {study.study_id!r} has {mask.shape[0]} x {mask.shape[1]} "
            f"pixels and its image has {shape[0]} x {shape[1]}; make them the same size."
        )
    return mask
