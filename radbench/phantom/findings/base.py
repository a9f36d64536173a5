"""What a finding is, and what drawing one returns."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.phantom.anatomy import SIDES, Anatomy, Lung
from radbench.phantom.canvas import Field

Side: TypeAlias = Literal["left", "right", ""]
Mask: TypeAlias = NDArray[np.bool_]
Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class Finding:
    """One finding of a study; ``side`` is the patient's own, empty for bilateral ones; ``severity`` is in [0, 1]."""

    name: str
    side: Side = ""
    severity: float = 0.5


@dataclass
class Drawn:
    """Exact masks (bool [size, size]) and boxes (x0, y0, x1, y1; x1, y1 exclusive, pixels) of a drawn finding."""

    masks: dict[str, Mask] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)


def lung_of(anatomy: Anatomy, finding: Finding) -> Lung:
    """Return the lung that a one-sided finding lies in."""
    return anatomy.lungs[SIDES[finding.side]]


def composite(density: Field, alpha: Field, value: Field | float) -> Field:
    """Lay an opaque structure over a film: ``alpha`` in [0, 1] is its opacity."""
    return (density * (1 - alpha) + alpha * value).astype(np.float32)
