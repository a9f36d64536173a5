"""One prompt and mask rule inside a shift, with its controls."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from radbench.specs.base import Base, Name, Text
from radbench.specs.editor import EditorSpec
from radbench.specs.masks import MaskRule
from radbench.specs.templates import checked_template

Binary = Annotated[int, Field(ge=0, le=1)]
Template = Annotated[Text, AfterValidator(checked_template)]
"""A prompt that may have fields such as ``{report}``."""


class Placebo(Base):
    """The edit where the finding is absent: it should change little.

    Each placebo study borrows the masks of one study of the scenario; prompt and settings are the same.

    Attributes:
        select: Labels or attributes that a placebo study must have, with their values.
        size: Number of placebo edits at most.
    """

    select: dict[Name, int | str] = Field(min_length=1)
    size: int = Field(default=16, ge=1, le=100_000)


class Scenario(Base):
    """One prompt and mask rule inside a shift.

    Prompts are templates: ``{report}`` is the study's own report, ``{side}`` (or any other attribute) its
    attribute, ``{Side}`` the same with a capital first letter.

    Attributes:
        name: Name of the scenario, unique in its shift.
        select: Labels or attributes that a study must have to be edited, with their values.
        prompt: What the edited image should show; ``{side}`` is the side after the edit.
        invert_prompt: Prompt of the inversion and of the unguided branch; empty as in the paper.
        edit_mask: Where the prompt acts.
        keep_mask: Where nothing may change; None for nowhere. Where both masks are set, it wins.
        labels_after: Labels that the edit changes, with their values after it.
        attributes_after: Attributes that the edit changes, such as the side of an added finding.
        sham_prompt: Prompt of the sham edit, which keeps what the study shows; None for no sham edits.
        placebo: The edit where the finding is absent; None for none.
        editor: The editor of this scenario instead of the shift's.
    """

    name: Name
    select: dict[Name, int | str] = Field(default_factory=dict)
    prompt: Template
    invert_prompt: Annotated[str, AfterValidator(checked_template)] = ""
    edit_mask: MaskRule
    keep_mask: MaskRule | None = None
    labels_after: dict[Name, Binary] = Field(default_factory=dict)
    attributes_after: dict[Name, str] = Field(default_factory=dict)
    sham_prompt: Template | None = "{report}"
    placebo: Placebo | None = None
    editor: EditorSpec | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if self.keep_mask is not None and self.keep_mask.same_region(self.edit_mask):
            raise ValueError(
                f"edit_mask and keep_mask of scenario '{self.name}' are the same mask, so nothing would be "
                f"edited; expected another keep_mask (or complement: true for all that is outside)"
            )
        if self.placebo is not None and self.placebo.select == self.select:
            raise ValueError(
                f"the placebo of scenario '{self.name}' selects the studies that are edited, expected "
                f"studies without the finding"
            )
        return self
