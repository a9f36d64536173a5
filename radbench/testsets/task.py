"""One image to edit, addressed by everything that decides its pixels."""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from radbench.runtime import canonical_json, sha256_bytes

Setting = bool | int | float | str

_SAYS_WHO = frozenset({"study_id", "patient_id", "scenario", "labels_after"})
"""Fields that say whose image it is and what it is for, and decide no pixel."""


class EditTask(BaseModel):
    """One edit of one study.

    The first four fields say who and what for; every other one decides pixels and goes into ``key``. Two
    tasks with the same key have the same pixels, whoever asks, in whatever order or batch.

    Attributes:
        source_sha256: ``array_digest`` of the source, ``uint8 [H, W]``.
        edit_mask_sha256: ``array_digest`` of the dilated edit mask, ``bool [H, W]``.
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
    labels_after: Mapping[str, int] = Field(default_factory=dict)

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
        return self.model_dump(mode="json", exclude=set(_SAYS_WHO))

    @cached_property
    def key(self) -> str:
        """SHA-256 (64 hex digits) of ``content`` in canonical JSON."""
        return sha256_bytes(canonical_json(self.content))

    @property
    def rng_seed(self) -> int:
        """The seed of the edit's noise, 63 bits of ``key``: never from rank, order or place in a batch."""
        return int(self.key[:16], 16) >> 1
