"""The stress film: an edited square's change put back into the film that the square was cut from.

``composite: native``. Inside the edit mask, and softly over ``FEATHER`` around it, the *difference* between the edited
and the source square is enlarged and added to the film; everywhere else, and in the keep mask, the film's pixels stay
the original's to the bit. Adding the difference keeps the film's own detail, which the square does not have.
Replacing the region by the edited square, subtracting the reconstruction instead of the source, and mixtures of these
were measured against the phantom's rendered truth at four times the editor's size (``radbench bench composite``).

What a film shows beyond the square's resolution is therefore still there after an edit: a line thinner than a pixel of
the square is not removed.
"""

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Cohort, GrayImage, Mask, Pixels, Study
from radbench.data.geometry import Framing, to_film

if TYPE_CHECKING:
    from radbench.testsets.records import Record
    from radbench.testsets.testset import TestSet

COMPOSITE_VERSION: Final = 1
"""Raised when the same square and film would give another stress film."""

FEATHER: Final = 8.0
"""Width of the soft border outside the edit mask, in pixels of an image whose short side is 512."""

METHOD: Final = (
    "film + enlarge(weight * (edited - source)) * (high - low) / 255, rounded, where the edit mask's feathered weight "
    "is not 0 and the keep mask is not; the film's own pixel elsewhere"
)
"""The way of ``stress_film`` in one line, for a test set's datasheet."""


def edit_weight(edit_mask: Mask, keep_mask: Mask | None, feather: float = FEATHER) -> npt.NDArray[np.float32]:
    """Return how much of the change is put back, ``float32 [S, S]`` in [0, 1].

    1 inside the edit mask, falling smoothly (3 a^2 - 2 a^3) to 0 at the feather's width outside it, 0 in the keep mask.

    Args:
        edit_mask: ``bool [S, S]``.
        keep_mask: ``bool [S, S]``; None for nothing to keep.
        feather: as ``FEATHER``.
    """
    if not edit_mask.any():
        return np.zeros(edit_mask.shape, np.float32)
    from scipy.ndimage import distance_transform_edt

    width = max(feather * min(edit_mask.shape) / 512.0, 1.0)
    share = np.clip(1.0 - np.asarray(distance_transform_edt(~edit_mask)) / width, 0.0, 1.0)
    weight = share * share * (3.0 - 2.0 * share)
    if keep_mask is not None:
        weight[keep_mask] = 0.0
    rounded: npt.NDArray[np.float32] = weight.astype(np.float32)
    return rounded


def stress_film(
    film: Pixels,
    framing: Framing,
    source: GrayImage,
    edited: GrayImage,
    edit_mask: Mask,
    keep_mask: Mask | None,
) -> Pixels:
    """Return the film with an edit put back into it, of the film's size and type.

    Args:
        film: ``uint8`` or ``uint16 [H, W]``.
        framing: of this film.
        source: its square, ``uint8 [S, S]``.
        edited: the square after the edit (or after the autoencoder alone), ``uint8 [S, S]``.
        edit_mask: where the prompt acted, ``bool [S, S]``.
        keep_mask: where nothing may change, ``bool [S, S]``; None for no such region.
    """
    weight = edit_weight(edit_mask, keep_mask)
    change = weight * (edited.astype(np.float32) - source.astype(np.float32))
    added = framing.undo_change(change)
    if keep_mask is not None:
        added[framing.undo_mask(keep_mask)] = 0.0
    touched = added != 0
    result = film.copy()
    result[touched] = to_film(film[touched].astype(np.float64) + added[touched], film)
    return result


def put_back(cohort: Cohort, testset: "TestSet", study: Study, record: "Record", square: GrayImage) -> Pixels:
    """Return a study's film with one of its record's squares put back into it; the square, where that is the film.

    Args:
        cohort: whose study it is.
        testset: whose record, for the masks.
        study: the study that was edited.
        record: the edit.
        square: the edited square, or the reconstruction, ``uint8 [S, S]``.
    """
    framing = cohort.framing(study)
    if framing is None:
        return square
    film, keep = cohort.film(study), testset.keep_mask(record)
    masks = testset.edit_mask(record), keep if keep.any() else None
    return stress_film(film, framing, framing.square(film), square, *masks)
