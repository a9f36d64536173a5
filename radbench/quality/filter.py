"""Limits on an edit's measures, and the reasons for which an edit is rejected."""

import math
from collections.abc import Mapping
from typing import Protocol


class Limits(Protocol):
    """The limits of a shift's filter; None is not judged."""

    @property
    def min_editing_score(self) -> float | None:
        """Smallest editing score."""
        ...

    @property
    def max_change_outside(self) -> float | None:
        """Largest change outside both masks."""
        ...

    @property
    def max_change_keep(self) -> float | None:
        """Largest change in the keep mask."""
        ...

    @property
    def max_seam(self) -> float | None:
        """Largest seam."""
        ...

    @property
    def max_saturation(self) -> float | None:
        """Largest share of newly saturated pixels."""
        ...


_RULES = (
    ("editing_score", "min_editing_score", "editing score"),
    ("change_outside", "max_change_outside", "change outside the masks"),
    ("change_keep", "max_change_keep", "change in the keep mask"),
    ("seam", "max_seam", "seam"),
    ("saturation", "max_saturation", "saturation"),
)


def judge(measures: Mapping[str, float | None], limits: Limits) -> list[str]:
    """Return why an edit is rejected, in a fixed order; empty where it is kept.

    A measure at its limit passes. One that is None or absent does not apply (an empty keep mask, no encoder) and
    is not judged. One that is not a finite number was not measured and rejects the edit.

    Args:
        measures: by name: ``editing_score``, ``change_outside``, ``change_keep``, ``seam``, ``saturation``.
        limits: the shift's filter.

    Returns:
        Reasons such as ``editing score 0.11 under 0.20``.
    """
    reasons = []
    for measure, limit_name, words in _RULES:
        value, limit = measures.get(measure), getattr(limits, limit_name)
        if value is None or limit is None:
            continue
        smallest = limit_name.startswith("min_")
        if not math.isfinite(value):
            reasons.append(f"{words} is not a number")
        elif value < limit if smallest else value > limit:
            shown, bound = _apart(value, limit)
            reasons.append(f"{words} {shown} {'under' if smallest else 'over'} {bound}")
    return reasons


def _apart(value: float, limit: float) -> tuple[str, str]:
    """Write two different numbers with as many decimals as it takes to tell them apart, at least two."""
    for decimals in range(2, 12):
        shown, bound = f"{value:.{decimals}f}", f"{limit:.{decimals}f}"
        if shown != bound:
            return shown, bound
    return repr(value), repr(limit)
