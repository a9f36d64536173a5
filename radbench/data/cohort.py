"""What a cohort is: studies, their pixels and masks, and the true counterfactuals where they are known."""

import math
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from radbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from radbench.data.geometry import Framing

GrayImage: TypeAlias = npt.NDArray[np.uint8]
"""``uint8 [H, W]``, 0 is black."""
Pixels: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""A film, ``uint8 [H, W]`` or ``uint16 [H, W]``: 0 is black, the type's largest value is white."""
Mask: TypeAlias = npt.NDArray[np.bool_]
"""``bool [H, W]``, true inside."""

UNKNOWN: Final = "unknown"
"""What stands for a blank, a missing or a not-a-number value."""

_LIMIT: Final = re.compile(r"(>=|<=|>|<)\s*([+-]?\d+(?:\.\d+)?)")
_COMPARED: Final = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?")


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


def value_text(value: object) -> str:
    """Return an attribute's value as text, ``UNKNOWN`` where there is none.

    45, 45.0, "45" and "45.0" are one value, "45"; "007" and "1e5" stay the names that they may be.

    Args:
        value: text, a number, or None.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return UNKNOWN
    text = "" if value is None else str(value).strip()
    if _NUMBER.fullmatch(text):
        text = text.removeprefix("+")
        if "." in text:
            text = text.rstrip("0").removesuffix(".")
        return "0" if text == "-0" else text
    return UNKNOWN if not text or text.lower() == UNKNOWN else text


def value_is(value: object, wanted: str | float) -> bool:
    """Whether a value is as wanted.

    1, 1.0 and "1" are one value, and what is not known is none. ``">=65"``, ``">65"``, ``"<=0.7"`` and ``"<0.7"`` are
    limits for numbers.
    """
    found = value_text(value)
    if found == UNKNOWN:
        return False
    limit = _LIMIT.fullmatch(str(wanted).strip())
    if limit is None:
        return found == value_text(wanted)
    try:
        return bool(_COMPARED[limit[1]](float(found), float(limit[2])))
    except ValueError:
        return False


def has_value(study: Study, name: str, wanted: str | float) -> bool:
    """Whether a label or attribute of a study is as wanted; see ``value_is``."""
    return value_is(study.labels[name] if name in study.labels else study.attributes.get(name), wanted)


class Cohort(Protocol):
    """A set of studies with their pixels.

    A study has two pictures: its *film*, as it was stored, which the models under test see; and the *square* that
    the editor works on (``image``), ``uint8 [S, S]`` of one size for the whole cohort. ``framing`` leads from one to
    the other and back.

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
        """The study's square, ``uint8 [S, S]``."""
        ...

    def mask(self, study: Study, name: str) -> Mask:
        """The named mask, ``bool [S, S]`` of the square's size; unknown name -> ``UsageError``."""
        ...

    def film(self, study: Study) -> Pixels:
        """The study's film at its own size and bit depth, ``uint8`` or ``uint16 [H, W]``."""
        ...

    def native_mask(self, study: Study, name: str) -> Mask:
        """The named mask, ``bool [H, W]`` of the film's size; unknown name -> ``UsageError``."""
        ...

    def framing(self, study: Study) -> "Framing | None":
        """The way from the film to the square and back; None where the film is the square."""
        ...

    def spacing(self, study: Study) -> tuple[float, float] | None:
        """Millimetres a pixel of the film, by row and by column; None where that is not known."""
        ...

    def counterfactual(
        self, study: Study, labels: Mapping[str, int], attributes: Mapping[str, str] | None = None
    ) -> GrayImage | None:
        """The true picture of the same patient with ``labels`` changed, or None where it is not known.

        ``attributes`` says more of what changes, such as the ``side`` of an added finding.
        """
        ...


class SquareFilms:
    """Part of a cohort whose films are the editor's squares already, such as drawn ones."""

    def film(self, study: Study) -> Pixels:
        """The square itself, ``uint8 [S, S]``."""
        image: GrayImage = self.image(study)  # type: ignore[attr-defined]
        return image

    def native_mask(self, study: Study, name: str) -> Mask:
        """The mask of the square, ``bool [S, S]``."""
        mask: Mask = self.mask(study, name)  # type: ignore[attr-defined]
        return mask

    def framing(self, study: Study) -> "Framing | None":
        """None: there is nothing to bring back."""
        del study
        return None

    def spacing(self, study: Study) -> tuple[float, float] | None:
        """None: a drawing has no millimetres."""
        del study
        return None


def unknown_mask(cohort: str, study_id: str, name: str, known: Sequence[str]) -> UsageError:
    """The error of a mask that a study does not have, with the masks that it has."""
    listed = ", ".join(known) if known else "none"
    return UsageError(
        f"Study {study_id!r} of cohort {cohort!r} has no mask {name!r}; its masks are: {listed}."
        f"{did_you_mean(name, known)}"
    )
