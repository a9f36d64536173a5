"""How the masks of an edit are made from the masks of a study."""

from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator

from radbench.specs.base import Base, Name
from radbench.specs.shapes import as_list, one_or_list

NO_MASK = "none"
"""The mask source that means nowhere (and, with ``complement``, everywhere)."""

REFERENCE_SIZE = 512
"""Short side of the paper's images, in pixels, at which distances are given."""


class MaskRule(Base):
    """How a mask of a scenario is made: union, then dilation, then complement.

    Attributes:
        source: Name of a mask of the study, a list of names for their union, or ``"none"`` for an empty mask.
        dilate: Radius of the isotropic dilation, in pixels of an image whose short side is ``at``.
        at: The reference size that ``dilate`` is given at (the paper's images are 512 pixels).
        complement: Take everything outside instead. With the edit mask's source this is the paper's
            ``m_keep = 1 - m_edit`` (Section 5.2); with ``"none"`` it is the whole image.
    """

    source: Annotated[
        Annotated[Name, Tag("one")] | Annotated[list[Name], Field(min_length=1), Tag("list")],
        Discriminator(one_or_list),
    ]
    dilate: float = Field(default=0.0, ge=0.0, le=512.0)
    at: int = Field(default=REFERENCE_SIZE, ge=1, le=16384)
    complement: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The study's masks that are united; empty for ``"none"``."""
        return tuple(name for name in as_list(self.source) if name != NO_MASK)

    def radius(self, short_side: int) -> float:
        """Return the dilation radius in pixels of an image whose short side is ``short_side``."""
        return self.dilate * short_side / self.at

    def same_region(self, other: "MaskRule") -> bool:
        """Whether both take the same masks the same way round, whatever their dilation."""
        return (frozenset(self.names), self.complement) == (frozenset(other.names), other.complement)

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        names = as_list(self.source)
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"source names the mask '{twice}' twice, expected each mask once")
        if NO_MASK in names and len(names) > 1:
            raise ValueError("source names 'none' beside other masks, expected 'none' alone or masks only")
        return self
