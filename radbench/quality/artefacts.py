"""Artefact measures: what changed where it should, or should not, have changed; and limits on what is measured."""

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def masked_error(first: Image, second: Image, mask: Mask) -> float | None:
    """Return the mean absolute difference inside ``mask`` as a fraction of the grey range.

    Args:
        first: uint8 [H, W].
        second: uint8 [H, W].
        mask: bool [H, W].

    Returns:
        0 to 1, or None where the mask is empty.

    Raises:
        ValueError: the three differ in size.
    """
    _same_size(first, second, mask)
    if not mask.any():
        return None
    return float(np.abs(first[mask].astype(np.int16) - second[mask]).mean() / 255)


def contrast(image: Image, mask: Mask, *, margin: int = 2, ring: int = 2) -> float | None:
    """Return how much brighter a thin object is than what lies around it.

    The surroundings are a ring ``ring`` pixels wide that begins ``margin`` pixels outside the mask, so that
    the object's soft border counts for neither.

    Args:
        image: uint8 [H, W].
        mask: bool [H, W], the object.
        margin: pixels left out around the object.
        ring: width of the surroundings in pixels.

    Returns:
        Mean inside less mean of the ring, as a fraction of the grey range (-1 to 1); None if either is empty.
    """
    from scipy.ndimage import distance_transform_edt

    if not mask.any():
        return None
    distance = distance_transform_edt(~mask)
    around = (distance > margin) & (distance <= margin + ring)
    if not around.any():
        return None
    return float(image[mask].mean() - image[around].mean()) / 255


def contrast_retained(before: Image, after: Image, mask: Mask, *, faint: float = 0.01) -> float | None:
    """Return the share of an object's contrast that survived an edit: 1 all of it, 0 none, below 0 reversed.

    Args:
        before: uint8 [H, W].
        after: uint8 [H, W].
        mask: bool [H, W], the object, e.g. a chest drain.
        faint: contrast in ``before`` under which the share would say nothing.

    Returns:
        The share, or None where the object is missing or too faint to begin with.
    """
    first, second = contrast(before, mask), contrast(after, mask)
    if first is None or second is None or abs(first) < faint:
        return None
    return second / first


def seam(before: Image, after: Image, edit_mask: Mask, *, width: float = 2.0) -> float | None:
    """Return the gradient energy along the edit mask's border, relative to the source's there.

    The ring holds the pixels that lie at most ``width`` pixels from the border, on either side. Energy is the mean
    squared difference between neighbouring pixels of the ring, so that a step across the border counts once; one
    grey value is added to both energies, so that a flat ring has a seam of 1.

    Args:
        before: uint8 [H, W], the source.
        after: uint8 [H, W], the edited image.
        edit_mask: bool [H, W].
        width: half the ring's width in pixels.

    Returns:
        1 for no seam, more where the edit left an edge, less where it smoothed one away; None where the mask has
        no border inside the image (it is empty or covers everything).

    Raises:
        ValueError: the three differ in size.
    """
    from scipy.ndimage import distance_transform_edt

    _same_size(before, after, edit_mask)
    if not edit_mask.any() or edit_mask.all():
        return None
    inside, outside = distance_transform_edt(edit_mask), distance_transform_edt(~edit_mask)
    ring = np.asarray(np.where(edit_mask, inside, outside) <= width)
    return (_gradient_energy(after, ring) + 1) / (_gradient_energy(before, ring) + 1)


def saturation(before: Image, after: Image, mask: Mask) -> float | None:
    """Return the share of the mask's pixels that an edit drove to black or white; those already there do not count.

    Args:
        before: uint8 [H, W].
        after: uint8 [H, W].
        mask: bool [H, W].

    Returns:
        0 to 1, or None where the mask is empty.

    Raises:
        ValueError: the three differ in size.
    """
    _same_size(before, after, mask)
    if not mask.any():
        return None
    newly = np.isin(after[mask], (0, 255)) & ~np.isin(before[mask], (0, 255))
    return float(newly.mean())


def edit_measures(before: Image, after: Image, edit_mask: Mask, keep_mask: Mask) -> dict[str, float | None]:
    """Return every artefact measure of one edit under the name that the filter knows it by.

    ``change_edit`` is the mean absolute change in the edit mask without the keep mask (which wins where they
    overlap), ``change_keep`` in the keep mask, ``change_outside`` outside both; ``seam`` is taken at the edit
    mask's border, ``saturation`` over the whole image. None where a mask is empty.

    Args:
        before: uint8 [H, W], what the edit is compared with.
        after: uint8 [H, W], the edited image.
        edit_mask: bool [H, W].
        keep_mask: bool [H, W].

    Raises:
        ValueError: the four differ in size.
    """
    _same_size(before, after, keep_mask)
    return {
        "change_edit": masked_error(before, after, edit_mask & ~keep_mask),
        "change_keep": masked_error(before, after, keep_mask),
        "change_outside": masked_error(before, after, ~(edit_mask | keep_mask)),
        "seam": seam(before, after, edit_mask),
        "saturation": saturation(before, after, np.ones(before.shape, dtype=np.bool_)),
    }


def _gradient_energy(image: Image, ring: Mask) -> float:
    """Mean squared difference over the pairs of neighbours that both lie in the ring, in squared grey values."""
    total, pairs = 0.0, 0
    for axis in (0, 1):
        both = ring.take(range(1, ring.shape[axis]), axis) & ring.take(range(ring.shape[axis] - 1), axis)
        steps = np.diff(image.astype(np.float64), axis=axis)[both]
        total, pairs = total + float(np.square(steps).sum()), pairs + steps.size
    return total / max(pairs, 1)


def _same_size(first: Image, second: Image, mask: Mask) -> None:
    if not first.shape == second.shape == mask.shape:
        raise ValueError(f"Sizes differ: images {first.shape} and {second.shape}, mask {mask.shape}.")


class Limits(Protocol):
    """The limits of a shift's filter; None is not judged."""

    @property
    def min_editing_score(self) -> float | None:
        """Smallest editing score."""

    @property
    def max_change_outside(self) -> float | None:
        """Largest change outside both masks."""

    @property
    def max_change_keep(self) -> float | None:
        """Largest change in the keep mask."""

    @property
    def max_seam(self) -> float | None:
        """Largest seam."""

    @property
    def max_saturation(self) -> float | None:
        """Largest share of newly saturated pixels."""


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
