"""What decides whether an edit is good enough to measure on, and whether the editor can be trusted at all."""

from typing import Annotated

from pydantic import AfterValidator, Field

from radbench.specs.base import Base, Text
from radbench.specs.templates import checked_template

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class FilterSpec(Base):
    """Limits on an edit's quality; an edit beyond one is rejected with the reason. None is not judged.

    Changes are mean absolute grey-value differences as a share of the grey range.

    Attributes:
        encoder: What scores the edit against the prompt: ``phantom`` (embedded), a folder, or a hub
            repository such as ``microsoft/BiomedVLP-BioViL-T``. None for no editing score.
        min_editing_score: Smallest directional cosine of the change in image and in text (Section 4.4).
        text_before: What the unedited image shows, in words, for that score; a template as a scenario's prompts
            are. The paper's are fixed (Appendices B and C: ``Opacities``, ``Pneumothorax``).
        max_change_outside: Largest change outside both masks.
        max_change_keep: Largest change in the keep mask.
        max_seam: Largest seam: gradient energy around the edit mask's border relative to the source's, 1 for
            no seam.
        max_saturation: Largest share of pixels newly black or white.
    """

    encoder: Text | None = "phantom"
    min_editing_score: Annotated[float, Field(ge=-1.0, le=1.0)] | None = 0.2
    text_before: Annotated[Text, AfterValidator(checked_template)] = "{report}"
    max_change_outside: Share | None = None
    max_change_keep: Share | None = None
    max_seam: Annotated[float, Field(gt=0.0)] | None = None
    max_saturation: Share | None = None


class ControlsSpec(Base):
    """Which controls run and from when on they say that a drop is the editor's and not the shift's.

    Attributes:
        sham: Edit every study once more with a prompt that keeps its findings.
        sham_tolerance: Largest drop of a model on sham edits, in units of the primary metric.
        placebo_limit: Largest change in the edit region of placebo edits, as a share of the stress edits'.
    """

    sham: bool = True
    sham_tolerance: Share = 0.05
    placebo_limit: Annotated[float, Field(ge=0.0)] = 0.25
