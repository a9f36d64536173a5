"""How far apart the pixels of a film are, in millimetres, at the size at which its masks are compared."""

from collections.abc import Sequence
from typing import TypeAlias

from radbench.data.cohort import Cohort, Study

Spacing: TypeAlias = tuple[float, float]
"""From row to row and from column to column, in millimetres."""


def spacing_of(cohort: Cohort, study: Study, shape: tuple[int, int]) -> Spacing | None:
    """Return the spacing of a study's masks; None where its film's is not known.

    A cohort may say with ``spacing(study) -> (rows, columns) | None`` how far apart the pixels of the original film
    are. Masks of another size than the film have gone through the cohort's ``framing(study)``, whose resize is
    allowed for.

    Args:
        cohort: the cohort.
        study: one of its studies.
        shape: height and width of the study's masks.
    """
    tell = getattr(cohort, "spacing", None)
    found = None if tell is None else tell(study)
    if found is None or not _usable(found):
        return None
    rows, columns = float(found[0]), float(found[1])
    framing = cohort.framing(study)
    geometry = None if framing is None else framing.geometry
    if geometry is None or (geometry.height, geometry.width) == tuple(shape):
        return rows, columns
    tall, wide = geometry.resized
    return rows * geometry.height / tall, columns * geometry.width / wide


def all_known(cohort: Cohort, studies: Sequence[Study]) -> bool:
    """Whether the spacing of every study's film is known; a mean over some of them would mislead."""
    tell = getattr(cohort, "spacing", None)
    return tell is not None and all(_usable(tell(study)) for study in studies)


def _usable(spacing: Spacing | None) -> bool:
    return spacing is not None and min(spacing) > 0
