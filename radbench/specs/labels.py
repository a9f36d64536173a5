"""What a cohort's uncertain labels mean."""

from typing import Literal

from pydantic import Field

from radbench.specs.base import Base, Text


class LabelsSpec(Base):
    """What a label that is neither 0, 1 nor blank means. Without this, such a label is refused.

    Attributes:
        uncertain: ``ignore``: the label of that study is unknown, as with a blank cell; ``positive``: 1;
            ``negative``: 0.
        codes: The cells that are uncertain. -1 is CheXpert's and MIMIC's; -1.0 is the same.
    """

    uncertain: Literal["ignore", "positive", "negative"]
    codes: list[int | Text] = Field(default=[-1], min_length=1)
