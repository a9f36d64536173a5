"""One image to edit, addressed by everything that decides its pixels."""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from radbench.runtime import canonical_json, sha256_bytes

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
        settings: the editor's settings, as ``convert.edit_settings`` gives them.
        weights: SHA-256 of each of the bundle's components.
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
    dtype: Literal["float32"] = "float32"
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
