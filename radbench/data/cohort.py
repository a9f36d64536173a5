"""What a cohort is: studies, their pixels and masks, and the true counterfactuals where they are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from radbench.errors import UsageError, did_you_mean

GrayImage: TypeAlias = npt.NDArray[np.uint8]
"""``uint8 [H, W]``, 0 is black."""
Mask: TypeAlias = npt.NDArray[np.bool_]
"""``bool [H, W]``, true inside."""


@dataclass(frozen=True)
class Study:
    """One frontal radiograph of one patient: what is known about it, without its pixels.

    ``labels`` are findings in {0, 1}; ``attributes`` are anything else that a shift may select on.
    """

    study_id: str
    patient_id: str
    labels: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    report: str = ""


class Cohort(Protocol):
    """A set of studies with their pixels. Every image of a cohort has the same size.

    ``digest`` is the SHA-256 of what the cohort holds (or of the recipe that draws it);
    ``truth_known`` says whether ``counterfactual`` can answer.
    """

    @property
    def name(self) -> str:
        """What the cohort is called in a report."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the cohort's content."""
        ...

    @property
    def truth_known(self) -> bool:
        """Whether the true picture of a study with other labels is known."""
        ...

    @property
    def studies(self) -> Sequence[Study]:
        """The studies, in a fixed order."""
        ...

    def image(self, study: Study) -> GrayImage:
        """The study's pixels, ``uint8 [H, W]``."""
        ...

    def mask(self, study: Study, name: str) -> Mask:
        """The named mask, ``bool [H, W]`` of the image's size; unknown name -> ``UsageError``."""
        ...

    def counterfactual(
        self, study: Study, labels: Mapping[str, int], attributes: Mapping[str, str] | None = None
    ) -> GrayImage | None:
        """The true picture of the same patient with ``labels`` changed, or None where it is not known.

        ``attributes`` says more of what changes, such as the ``side`` of an added finding.
        """
        ...


def unknown_mask(cohort: str, study_id: str, name: str, known: Sequence[str]) -> UsageError:
    """The error of a mask that a study does not have, with the masks that it has."""
    listed = ", ".join(known) if known else "none"
    return UsageError(
        f"Study {study_id!r} of cohort {cohort!r} has no mask {name!r}; its masks are: {listed}."
        f"{did_you_mean(name, known)}"
    )
