"""Masks as boxes in a cell, and as annotations in a JSON file: COCO polygons, run lengths and boxes.

Boxes are in pixels of the film: ``x,y,width,height``, two corners, or a list of them. A list is written as JSON or
Python writes it, ``[{"label": "Pneumonia", "xywh": [10, 20, 100, 80]}]``; its items are four numbers, or a group with
``xywh``, ``bbox`` or ``xyxy``, or with ``x``, ``y``, ``width`` (``w``) and ``height`` (``h``). ``category=`` keeps
those of a ``label`` or ``category``, several with ``|`` between them. ``size=1024x1024`` says that the boxes are in
pixels of a film of that height and width, so that a copy of another size is refused.

In a JSON file ``image=`` names a film by its file name (or COCO id); left out, it is the film's own file. ``category=``
names the structures; left out, the file may hold one only. An image without annotations of a category that the file
knows is an empty mask. One COCO run length alone and CheXlocalize's form ``{image: {category: {size, counts}}}`` are
read too.
"""

import ast
import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from radbench.data.cohort import Mask
from radbench.data.masks.reference import MaskReference
from radbench.data.masks.runs import declared_size
from radbench.errors import UsageError, did_you_mean

JSON = (".json",)


def read_boxes(reference: MaskReference, shape: tuple[int, int]) -> Mask:
    """Return the union of the cell's boxes, ``bool [H, W]``: pixels whose centre is inside.

    ``10,20,100,80`` covers the columns 10 to 109 and the rows 20 to 99. Several boxes have ``;`` between them. Where
    the reference says ``size=``, H and W are those.

    Raises:
        UsageError: not four numbers a box, no area, or wholly outside the film.
    """
    reference.only(("box", "category", "size"))
    kind = reference.options.get("box", "xywh")
    if kind not in {"xywh", "xyxy"}:
        raise UsageError(f"the mask {reference.place} says box={kind}; expected box=xywh or box=xyxy.")
    listed = reference.inline.lstrip().startswith(("[", "{"))
    if "category" in reference.options and not listed:
        raise UsageError(f"the mask {reference.place} has no categories; expected numbers only, or a list.")
    if "size" in reference.options:
        shape = declared_size(reference, shape)
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


def read_coco(reference: MaskReference, film: str = "") -> tuple[Mask, tuple[str, ...]]:
    """Return the union of the annotations, ``bool [H, W]`` of the size that the file gives, and notes.

    Args:
        reference: the file, with ``image=`` and ``category=`` where they are needed.
        film: the film's file, which names the image where the reference does not.

    Raises:
        UsageError: no such image or category, several categories and none named, or a broken annotation.
    """
    reference.only(("image", "category"))
    status = reference.file.stat()
    content = _content(reference.file, status.st_mtime_ns, status.st_size)
    place = str(reference.path)
    if isinstance(content, dict) and "counts" in content and "size" in content:
        return _runs(content, place), ()
    if isinstance(content, dict) and isinstance(content.get("images"), list):
        return _annotated(reference, content, film)
    if isinstance(content, dict) and all(isinstance(value, dict) for value in content.values()):
        return _by_name(reference, content, film)
    raise UsageError(
        f"the mask {place} is no COCO file: expected 'images', 'annotations' and 'categories', or 'size' and 'counts'."
    )


def _annotated(reference: MaskReference, content: dict[str, Any], film: str) -> tuple[Mask, tuple[str, ...]]:
    place = str(reference.path)
    try:
        image = _image(reference, content["images"], film)
        categories = _categories(reference, content.get("categories", []))
        size = int(image["height"]), int(image["width"])
        mask, boxes = np.zeros(size, dtype=np.bool_), 0
        for annotation in content.get("annotations", []):
            if annotation["image_id"] != image["id"] or annotation.get("category_id") not in categories:
                continue
            shape = annotation.get("segmentation")
            if shape:
                mask |= _shape(shape, size, place)
            else:
                x, y, width, height = annotation["bbox"]
                mask |= box_mask((x, y, x + width, y + height), size, place)
                boxes += 1
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"the mask {place} has a broken image or annotation ({reason}).") from None
    notes = (
        (f"{boxes} annotation(s) of {place} have a box and no outline; the box was taken.",) if boxes else ()
    )
    return mask, notes


def _image(reference: MaskReference, images: Sequence[Mapping[str, Any]], film: str) -> Mapping[str, Any]:
    wanted = reference.options.get("image", film).replace("\\", "/")
    exact = [image for image in images if wanted in {str(image.get("file_name")), str(image.get("id"))}]
    last = wanted.rsplit("/", 1)[-1]
    found = exact or [
        image
        for image in images
        if str(image.get("file_name", "")).replace("\\", "/").rsplit("/", 1)[-1] == last
    ]
    if len(found) != 1:
        names = [str(image.get("file_name")) for image in images]
        raise UsageError(
            f"the mask {reference.path} has {len(found) or 'no'} image{'s' * (len(found) > 1)} {wanted!r}; name one "
            f"with image=FILE_NAME or image=ID.{did_you_mean(wanted, names[:5000])}"
        )
    return found[0]


def _categories(reference: MaskReference, categories: Sequence[Mapping[str, Any]]) -> set[Any]:
    names = {str(category.get("name")): category["id"] for category in categories}
    ids = {str(category["id"]): category["id"] for category in categories}
    chosen = reference.options.get("category")
    if chosen is None:
        if len(names) > 1:
            raise UsageError(
                f"the mask {reference.path} has the categories {', '.join(sorted(names))}; name those that are the "
                f"mask with category=, several with '|' between them."
            )
        return set(ids.values()) or {None}
    return {_known(reference, name.strip(), {**ids, **names}, sorted(names)) for name in chosen.split("|")}


def _known(reference: MaskReference, name: str, known: Mapping[str, Any], shown: Sequence[str]) -> Any:
    if name not in known:
        raise UsageError(
            f"the mask {reference.path} has no category {name!r}; it has {', '.join(shown) or 'none'}."
            f"{did_you_mean(name, shown)}"
        )
    return known[name]


def _by_name(reference: MaskReference, content: dict[str, Any], film: str) -> tuple[Mask, tuple[str, ...]]:
    """``{image: {category: {size, counts}}}``; an image is named by its path, stem, or path with ``_`` for ``/``."""
    wanted = reference.options.get("image", film).replace("\\", "/")
    stem = wanted.rsplit(".", 1)[0] if "." in wanted.rsplit("/", 1)[-1] else wanted
    parts = stem.split("/")
    forms = [wanted, stem, *("_".join(parts[start:]) for start in range(len(parts)))]
    key = next((form for form in forms if form in content), None)
    if key is None:
        raise UsageError(
            f"the mask {reference.path} has no image {wanted!r}; name one with image=.{did_you_mean(stem, content)}"
        )
    masks = content[key]
    chosen = reference.options.get("category")
    if chosen is None and len(masks) != 1:
        raise UsageError(
            f"the mask {reference.path} has the categories {', '.join(sorted(masks)) or 'none'} for {key!r}; name "
            "those that are the mask with category=, several with '|' between them."
        )
    names = list(masks) if chosen is None else [name.strip() for name in chosen.split("|")]
    layers = [_runs(_known(reference, name, masks, sorted(masks)), str(reference.path)) for name in names]
    if len({layer.shape for layer in layers}) > 1:
        raise UsageError(f"the mask {reference.path} has masks of several sizes for {key!r}.")
    return np.logical_or.reduce(layers), ()


def _shape(shape: Any, size: tuple[int, int], place: str) -> Mask:
    if isinstance(shape, dict):
        mask = _runs(shape, place)
        if mask.shape != size:
            raise UsageError(
                f"the mask {place} has run lengths of {mask.shape[0]} x {mask.shape[1]} in an image of "
                f"{size[0]} x {size[1]} pixels (height x width)."
            )
        return mask
    tools = _tools(place)
    try:
        return np.asarray(tools.decode(tools.merge(tools.frPyObjects(shape, *size)))).astype(np.bool_)
    except Exception as error:  # noqa: BLE001 (pycocotools raises bare Exception)
        raise UsageError(f"the mask {place} has a polygon that cannot be read ({error}).") from None


def _runs(runs: Any, place: str) -> Mask:
    tools = _tools(place)
    try:
        height, width = (int(side) for side in runs["size"])
        if isinstance(runs["counts"], list):
            if sum(runs["counts"]) != height * width or min(runs["counts"], default=0) < 0:
                raise ValueError(f"its counts do not fill {height} x {width} pixels")
            runs = tools.frPyObjects(runs, height, width)
        return np.asarray(tools.decode(runs)).astype(np.bool_)
    except Exception as error:  # noqa: BLE001 (pycocotools raises bare Exception)
        raise UsageError(f"the mask {place} has run lengths that cannot be read ({error}).") from None


def _tools(place: str) -> Any:
    try:
        from pycocotools import mask
    except ImportError:
        raise UsageError(
            f"the mask {place} needs pycocotools; install it with: pip install 'radbench[coco]'."
        ) from None
    return mask


@lru_cache(maxsize=4)
def _content(path: Path, changed: int, size: int) -> Any:
    """The file as it is now: every mask of a cohort may be in the same one."""
    del changed, size
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"the mask {path} is not JSON ({error}).") from None
