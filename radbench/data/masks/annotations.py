"""Masks from COCO annotations (polygons, run lengths, boxes), and boxes that a cell holds."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from radbench.data.cohort import Mask
from radbench.data.masks.reference import MaskReference
from radbench.errors import UsageError, did_you_mean


def box_mask(boxes: Iterable[tuple[float, ...]], shape: tuple[int, int]) -> Mask:
    """Return ``bool [H, W]``, true in pixels whose centre lies in one of ``(x, y, width, height)``."""
    rows, columns = np.arange(shape[0])[:, None] + 0.5, np.arange(shape[1])[None, :] + 0.5
    mask: Mask = np.zeros(shape, np.bool_)
    for x, y, width, height in boxes:
        mask |= (columns >= x) & (columns < x + width) & (rows >= y) & (rows < y + height)
    return mask


def coco_mask(reference: MaskReference, shape: tuple[int, int]) -> Mask:
    """Return the union of an image's annotations, of one category if ``category=`` names it, ``bool [H, W]``.

    Raises:
        UsageError: no COCO file, no such image or category, or pycocotools is not installed.
    """
    path, options = reference.path, reference.options
    assert path is not None  # noqa: S101 - boxes never come here
    content = _content(path)
    wanted = options.get("image", "")
    images = [
        image for image in content["images"] if wanted in {str(image.get("file_name")), str(image.get("id"))}
    ]
    if not images:
        names = [str(image.get("file_name")) for image in content["images"]]
        raise UsageError(
            f"{path} has no image '{wanted}'; say which behind '#image='.{did_you_mean(wanted, names)}"
        )
    categories = {str(category["name"]): category["id"] for category in content.get("categories", [])}
    category = options.get("category")
    if category is not None and category not in categories:
        raise UsageError(f"{path} has no category '{category}'; it has {', '.join(categories)}.")
    mask: Mask = np.zeros(shape, np.bool_)
    for entry in content["annotations"]:
        fits = category is None or entry.get("category_id") == categories[category]
        if fits and entry.get("image_id") == images[0]["id"]:
            mask |= _shape(path, entry, shape)
    return mask


@lru_cache(maxsize=4)
def _content(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"Cannot read the annotations {path} ({error}); expected COCO's JSON.") from None
    if not isinstance(content, dict) or not {"images", "annotations"} <= content.keys():
        raise UsageError(f"{path} has no 'images' and 'annotations'; expected COCO's JSON.")
    return content


def _shape(path: Path, entry: Mapping[str, Any], shape: tuple[int, int]) -> Mask:
    segmentation = entry.get("segmentation")
    if not segmentation:
        box = tuple(float(value) for value in entry.get("bbox", ()))
        if len(box) != 4:
            raise UsageError(
                f"{path}, annotation {entry.get('id')}: expected a segmentation or a bbox of 4 numbers."
            )
        return box_mask([box], shape)
    try:
        from pycocotools import mask as coco
    except ImportError:
        raise UsageError(
            f'{path} holds polygons or run lengths, which need pycocotools: pip install "radbench[masks]"'
        ) from None
    if isinstance(segmentation, list):
        code = coco.merge(coco.frPyObjects(segmentation, shape[0], shape[1]))
    elif isinstance(segmentation.get("counts"), list):
        code = coco.frPyObjects(segmentation, *segmentation["size"])
    else:
        code = segmentation
    decoded = np.asarray(coco.decode(code), np.bool_)
    if decoded.shape != shape:
        raise UsageError(
            f"{path}, annotation {entry.get('id')}: {decoded.shape[0]} x {decoded.shape[1]} pixels, its film has "
            f"{shape[0]} x {shape[1]}; make them the same size."
        )
    return decoded
