"""Masks as boxes in a cell, in pixels of the film: ``x,y,width,height``, two corners, or a list of them.

A list is written as JSON or Python writes it, ``[{"label": "Pneumonia", "xywh": [10, 20, 100, 80]}]``; its items are
four numbers, or a group with ``xywh``, ``bbox`` or ``xyxy``, or with ``x``, ``y``, ``width`` (``w``) and ``height``
(``h``). ``category=`` keeps those of a ``label`` or ``category``, several with ``|`` between them.
"""

import ast
import json
import math
from collections.abc import Mapping
from typing import Any

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
    reference.only(("box", "category"))
    kind = reference.options.get("box", "xywh")
    if kind not in {"xywh", "xyxy"}:
        raise UsageError(f"the mask {reference.place} says box={kind}; expected box=xywh or box=xyxy.")
    listed = reference.inline.lstrip().startswith(("[", "{"))
    if "category" in reference.options and not listed:
        raise UsageError(f"the mask {reference.place} has no categories; expected numbers only, or a list.")
    mask = np.zeros(shape, dtype=np.bool_)
    try:
        boxes = _listed(reference, kind) if listed else _plain(reference.inline, kind)
    except (AttributeError, KeyError, TypeError, ValueError, SyntaxError, MemoryError, RecursionError):
        raise UsageError(
            f"the mask {reference.place} is no box; expected x,y,width,height in pixels (with ';' between several), a "
            "list of boxes, a file, or run lengths with '#rle=...' behind them."
        ) from None
    for corners in boxes:
        mask |= box_mask(corners, shape, reference.place)
    return mask


def _plain(text: str, kind: str) -> list[tuple[float, float, float, float]]:
    boxes = (part.replace(",", " ").split() for part in text.split(";") if part.strip())
    return [_corners([float(word) for word in words], kind) for words in boxes]


def _listed(reference: MaskReference, kind: str) -> list[tuple[float, float, float, float]]:
    try:
        content = json.loads(reference.inline)
    except ValueError:
        content = ast.literal_eval(reference.inline.strip())
    items = [content] if isinstance(content, dict) else list(content)
    if len(items) == 4 and all(isinstance(item, int | float) for item in items):
        items = [items]
    kept = reference.options.get("category")
    if kept is not None:
        names = {name.strip() for name in kept.split("|")}
        items = [item for item in items if str(item.get("label", item.get("category"))) in names]
    return [_item(item, kind) for item in items]


def _item(item: Any, kind: str) -> tuple[float, float, float, float]:
    if not isinstance(item, Mapping):
        return _corners(item, kind)
    for name, means in (("xywh", "xywh"), ("bbox", "xywh"), ("xyxy", "xyxy")):
        if name in item:
            return _corners(item[name], means)
    width, height = ("width", "height") if "width" in item else ("w", "h")
    return _corners([item["x"], item["y"], item[width], item[height]], "xywh")


def _corners(numbers: Any, kind: str) -> tuple[float, float, float, float]:
    x, y, third, fourth = (float(number) for number in numbers)
    return (x, y, third, fourth) if kind == "xyxy" else (x, y, x + third, y + fourth)


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
