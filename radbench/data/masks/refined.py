"""What else may be asked of a mask: words behind a picture's name, and the side that any mask should be on.

``above=N``      the mask is what is brighter than N, in the values of the file (of a colour, its brightest channel), as
                 in a picture of the lungs cut out on black; ``above=0``: all that is not black. Alpha is not looked at.
``holes=fill``   what the mask encloses is mask too, such as a pneumothorax that is black in a cut-out lung. Black that
                 reaches the edge of the lung is outside it: the picture does not tell them apart.
``lung=left``    of a mask of both lungs, the patient's left one, which a frontal film has on its right; ``right``
                 likewise. Parts are told apart where they do not touch; two lungs in one part are refused.
``scale=N``      each pixel of the picture stands for N x N of the film, whose height and width are N times as large.
``parts=N``      more than N separate parts are warned of, such as stray blobs beside a lung.
``side=left``    the patient's left, which a frontal film has on its right; ``right`` likewise. A mask whose centre is
                 on the other half of its film is warned of.

They apply in this order: ``above``, ``holes``, ``parts``, ``lung``, ``scale``.
"""

import numpy as np

from radbench.data.cohort import Mask
from radbench.data.masks.painted import Picture
from radbench.data.masks.reference import MaskReference
from radbench.errors import UsageError

WORDS = ("above", "holes", "scale", "parts", "lung")
_LARGEST_SCALE = 16
_SMALLEST_LUNG = 0.1
"""Share of the larger lung that the smaller one has at least; a smaller part is no lung."""


def brighter(reference: MaskReference, image: Picture) -> tuple[Mask, tuple[str, ...]] | None:
    """Return what is brighter than ``above=``, ``bool [H, W]``, without notes; None where that is not asked for.

    Raises:
        UsageError: it is no number, or values are named too.
    """
    limit = _whole(reference, "above", 0, 65535)
    if limit is None:
        return None
    if reference.values:
        raise UsageError(
            f"the mask {reference.place} names both above={limit} and the value {reference.values[0]!r}; say one."
        )
    return image.planes.max(axis=-1) > limit, ()


def refine(reference: MaskReference, mask: Mask) -> tuple[Mask, tuple[str, ...]]:
    """Return the mask with holes filled and at its scale, and a sentence where it has too many parts.

    Args:
        reference: says what is asked for.
        mask: ``bool [h, w]``.

    Returns:
        ``bool [N h, N w]`` for ``scale=N``.

    Raises:
        UsageError: a word has a value that it cannot have.
    """
    holes = reference.options.get("holes")
    if holes not in {None, "fill"}:
        raise UsageError(f"the mask {reference.place} says holes={holes}; expected holes=fill.")
    if holes is not None:
        from scipy.ndimage import binary_fill_holes

        mask = np.asarray(binary_fill_holes(mask), dtype=np.bool_)
    notes = _stray(reference, mask)
    mask = _one_lung(reference, mask)
    scale = _whole(reference, "scale", 1, _LARGEST_SCALE)
    return (mask if scale is None else mask.repeat(scale, axis=0).repeat(scale, axis=1)), notes


def on_its_side(reference: MaskReference, mask: Mask) -> tuple[str, ...]:
    """Return a sentence where a mask's centre is not on the half of the film that ``side=`` says.

    Raises:
        UsageError: the side is neither left nor right.
    """
    side = reference.options.get("side")
    if side is None:
        return ()
    if side not in {"left", "right"}:
        raise UsageError(f"the mask {reference.place} says side={side}; expected side=left or side=right.")
    columns = mask.sum(axis=0)
    total = int(columns.sum())
    if not total:
        return ()
    place = (float((columns * np.arange(mask.shape[1])).sum()) / total + 0.5) / mask.shape[1]
    if (place > 0.5) == (side == "left"):
        return ()
    doubt = (
        f"The mask {reference.place} should be on the patient's {side} and its centre is {100 * place:.0f} % of the "
        "film's width from the left edge; is the film mirrored, or are the sides exchanged?"
    )
    return (doubt,)


def _one_lung(reference: MaskReference, mask: Mask) -> Mask:
    """Return the parts of one lung where ``lung=`` asks for it: those on its side of the middle between both lungs."""
    lung = reference.options.get("lung")
    if lung is None or not mask.any():
        return mask
    if lung not in {"left", "right"}:
        raise UsageError(f"the mask {reference.place} says lung={lung}; expected lung=left or lung=right.")
    from scipy.ndimage import center_of_mass, label

    numbers, count = label(mask, structure=np.ones((3, 3), dtype=np.bool_))
    sizes = np.bincount(numbers.ravel())[1:]
    largest = np.argsort(-sizes, kind="stable")[:2] + 1
    if count < 2 or sizes[largest[1] - 1] < _SMALLEST_LUNG * sizes[largest[0] - 1]:
        raise UsageError(
            f"the mask {reference.place} is asked for the {lung} lung, and has no two parts of a lung's size; the "
            "lungs touch, or there is one only."
        )
    centres = np.asarray(center_of_mass(mask, numbers, np.arange(1, count + 1)), dtype=np.float64)
    columns = centres.reshape(count, 2)[:, 1]
    middle = columns[largest - 1].mean()
    chosen = np.flatnonzero((columns > middle) == (lung == "left")) + 1
    return np.isin(numbers, chosen)


def _stray(reference: MaskReference, mask: Mask) -> tuple[str, ...]:
    expected = _whole(reference, "parts", 1, 1000)
    if expected is None or not mask.any():
        return ()
    from scipy.ndimage import label

    numbers, count = label(mask, structure=np.ones((3, 3), dtype=np.bool_))
    if count <= expected:
        return ()
    sizes = np.sort(np.bincount(numbers.ravel())[1:])[::-1]
    stray = sizes[expected:]
    doubt = (
        f"The mask {reference.place} has {count} separate parts where {expected} is expected; the others cover "
        f"{int(stray.sum()):,} pixels, {100 * float(stray.sum() / sizes.sum()):.2g} % of it."
    )
    return (doubt,)


def _whole(reference: MaskReference, word: str, least: int, most: int) -> int | None:
    """Return a word's whole number; None where it is not said."""
    said = reference.options.get(word)
    if said is None:
        return None
    if not said.isdigit() or not least <= int(said) <= most:
        raise UsageError(
            f"the mask {reference.place} says {word}={said}; expected a whole number from {least} to {most}."
        )
    return int(said)
