"""One image to edit: the pixels and masks it starts from, its settings, and its address by all that decides pixels.

Nothing below this floor knows both what is declared and what the editors take.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from radbench.data.cohort import Cohort, GrayImage, Mask, Study
from radbench.data.images import dilate
from radbench.errors import UsageError
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs.base import first
from radbench.specs.scenario import NO_MASK, REFERENCE_SIZE, EditorSpec, MaskRule, Precision, Scenario

if TYPE_CHECKING:
    from radbench.diffusion.editors import EditSettings
Setting = bool | int | float | str
TaskArm: TypeAlias = Literal["stress", "sham", "placebo", "dose"]
"""What an edit is for: the stress set; the same with a prompt that keeps the findings; the same where the finding
is absent; the same with one setting changed."""
TASK_VERSION = 2
"""Raised when a task with the same fields would be given other noise."""
_SAYS_WHO = (
    "study_id",
    "patient_id",
    "scenario",
    "arm",
    "dose",
    "masks_of",
    "mask_growth",
    "labels_after",
    "attributes_after",
    "framing",
)
"""Fields that say whose image it is and what it is for, and decide no pixel (of masks, their digests do)."""


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
        mask = cohort.mask(study, name)
        if mask.shape != shape:
            raise UsageError(
                f"The mask {name!r} of study {study.study_id!r} has {mask.shape[0]} x {mask.shape[1]} "
                f"pixels and its image has {shape[0]} x {shape[1]}; make them the same size."
            )
        union |= mask
    radius = rule.radius(min(shape))
    if rule.complement:
        return dilate(~dilate(union, radius), growth)
    return dilate(union, radius + growth)


def _is_nowhere(rule: MaskRule) -> bool:
    return not rule.names and not rule.complement


class EditTask(BaseModel):
    """One edit of one study.

    The fields above ``source_sha256`` say who and what for; every other one decides pixels and goes into ``key``.
    Two tasks with the same key have the same pixels, whoever asks, in whatever order or batch.

    The noise comes from ``inversion_key`` and not from ``key``: every edit of one image (stress, sham, each dose)
    starts from the same inversion, so that they differ in nothing but what was asked for, and the inversion is
    computed once.

    Attributes:
        arm: what the edit is for.
        dose: of a dose, the setting that differs and its value, ``guidance_scale=5``; otherwise empty.
        masks_of: the study whose masks are borrowed; empty for the study's own.
        mask_growth: further dilation of the edit mask, in pixels of an image whose short side is 512.
        labels_after: the labels that the edit changes, with their values after it.
        attributes_after: the same of attributes.
        framing: how the source was cut from its film: ``height``, ``width``, and ``low`` and ``high``, the film's
            values that are 0 and 255 in the square; empty where the film is the square.
        source_sha256: ``array_digest`` of the source, ``uint8 [H, W]``.
        edit_mask_sha256: ``array_digest`` of the finished edit mask, ``bool [H, W]``.
        keep_mask_sha256: the same of the keep mask; None for no keep mask.
        settings: the editor's settings, as ``edit_settings`` gives them.
        weights: SHA-256 of each of the bundle's components.
        dtype: precision of the noise predictor.
        algorithm: the editor's algorithm version.
        seed: the user's seed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    study_id: str
    patient_id: str
    scenario: str
    arm: TaskArm = "stress"
    dose: str = ""
    masks_of: str = ""
    mask_growth: float = 0.0
    labels_after: Mapping[str, int] = Field(default_factory=dict)
    attributes_after: Mapping[str, str] = Field(default_factory=dict)
    framing: Mapping[str, float] = Field(default_factory=dict)

    source_sha256: str
    edit_mask_sha256: str
    keep_mask_sha256: str | None
    prompt: str
    invert_prompt: str
    editor: str
    settings: Mapping[str, Setting]
    weights: Mapping[str, str]
    dtype: Precision = "float32"
    algorithm: int
    seed: int

    @cached_property
    def content(self) -> dict[str, object]:
        """What decides the pixels, ready for JSON."""
        return {"task": TASK_VERSION, **self.model_dump(mode="json", exclude=set(_SAYS_WHO))}

    @cached_property
    def key(self) -> str:
        """SHA-256 (64 hex digits) of ``content`` in canonical JSON."""
        return sha256_bytes(canonical_json(self.content))

    @cached_property
    def inversion_key(self) -> str:
        """SHA-256 (64 hex digits) of the part of ``content`` that decides the inversion."""
        content = self.content
        names = ("task", "source_sha256", "invert_prompt", "editor", "weights", "dtype", "algorithm", "seed")
        steps = self.settings.get("num_inference_steps", 0)
        return sha256_bytes(canonical_json({name: content[name] for name in names} | {"steps": steps}))

    @property
    def rng_seed(self) -> int:
        """The seed of the edit's noise, 63 bits of ``inversion_key``: never from rank, order or place in a batch."""
        return int(self.inversion_key[:16], 16) >> 1


def edit_settings(editor: EditorSpec) -> dict[str, Setting]:
    """The settings that decide pixels, by the names of ``EditSettings``.

    Where a setting is a list, its first value. A feather without a paste-back decides nothing and is written as
    0. ``mask_growth`` is not among them: it has already grown the edit mask.
    """
    paste = editor.paste_back
    return {
        "num_inference_steps": editor.num_inference_steps,
        "guidance_scale": float(first(editor.guidance_scale)),
        "skip_ratio": float(first(editor.skip_ratio)),
        "mask_threshold": float(editor.mask_threshold),
        "paste_back": paste.enabled,
        "feather": float(paste.feather) if paste.enabled else 0.0,
    }


def as_edit_settings(task: EditTask) -> "EditSettings":
    """The editor's own settings object for a task."""
    from radbench.diffusion.editors import EditSettings

    values: dict[str, Any] = dict(task.settings)
    return EditSettings(**values, precision=task.dtype)
