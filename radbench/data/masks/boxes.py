"""Masks as boxes: ``x,y,width,height`` or two corners, in pixels of the film."""

import math

import numpy as np

from radbench.data.cohort import Mask
from radbench.data.masks.reference import MaskReference
from radbench.errors import UsageError


def read_boxes(reference: MaskReference, shape: tuple[int, int]) -> Mask:
    """Return the union of the cell's boxes, ``bool [H, W]``: pixels whose centre is inside.

    ``10,20,100,80`` covers the columns 10 to 109 and the rows 20 to 99. Several boxes have ``;`` between them.

    Raises:
        UsageError: not four numbers a box, no area, or wholly outside the film.
    """
    reference.only(("box",))
    kind = reference.options.get("box", "xywh")
    if kind not in {"xywh", "xyxy"}:
        raise UsageError(f"the mask {reference.place} says box={kind}; expected box=xywh or box=xyxy.")
    mask = np.zeros(shape, dtype=np.bool_)
    for text in reference.inline.split(";"):
        if not text.strip():
            continue
        try:
            x, y, third, fourth = (float(word) for word in text.replace(",", " ").split())
        except ValueError:
            raise UsageError(
                f"the mask {reference.place} is no box; expected x,y,width,height in pixels (with ';' between "
                "several), or a file, or run lengths with '#rle=...' behind them."
            ) from None
        right, bottom = (third, fourth) if kind == "xyxy" else (x + third, y + fourth)
        mask |= box_mask((x, y, right, bottom), shape, reference.place)
    return mask


def box_mask(corners: tuple[float, float, float, float], shape: tuple[int, int], place: str) -> Mask:
    """Return the pixels whose centre lies in ``(left, top, right, bottom)``, clipped to the film.

    Raises:
        UsageError: the box has no area or nothing of it lies on the film.
    """
    left, top, right, bottom = corners
    if not all(math.isfinite(value) for value in corners) or right <= left or bottom <= top:
        raise UsageError(
            f"the mask {place} has a box from x {left:g} to {right:g} and y {top:g} to {bottom:g}, which has no area; "
            "expected x,y,width,height (or 'box=xyxy' for corners)."
        )
    if left >= shape[1] or top >= shape[0] or right <= 0 or bottom <= 0:
        raise UsageError(
            f"the mask {place} has a box from x {left:g} to {right:g} and y {top:g} to {bottom:g}, outside the film of "
            f"{shape[0]} x {shape[1]} pixels (height x width)."
        )
    rows, columns = np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5
    inside: Mask = ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))[
        None, :
    ]
    return inside
