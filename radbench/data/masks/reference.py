"""What a cell of a manifest says of a mask: a file, and behind ``#`` what of the file is meant.

======================================================  ==========================================================
``lungs.png``                                           a picture: what is painted on its background
``labels.png#1,2``                                      a label map: these values
``organs.png#ff0000``                                   a picture of several colours: this one
``rle.csv#id=X,rle=relative``                           run lengths of image X (``rle=absolute``, ``order=row``)
``annotations.json#image=a.png,category=lung``          COCO polygons, run lengths or boxes
``box:x,y,width,height`` (several: ``;`` between them)  boxes in pixels of the film
``seg.dcm#1``, ``mask.nii.gz#1``, ``mask.npy``          DICOM SEG, NIfTI, NumPy
======================================================  ==========================================================
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

BOX = "box:"


@dataclass(frozen=True)
class MaskReference:
    """Where a mask is.

    Attributes:
        path: the file; None for boxes that the cell itself holds.
        values: what of it is meant: label values, colours, segments.
        options: named settings behind the ``#``.
        boxes: ``(x, y, width, height)`` in pixels of the film.
        text: the cell as it was written.
    """

    path: Path | None
    values: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    boxes: tuple[tuple[float, ...], ...] = ()
    text: str = ""


def mask_reference(cell: str, folder: Path) -> MaskReference:
    """Return what a cell means; a file whose own name holds a ``#`` is that file.

    Args:
        cell: the cell, not empty.
        folder: what relative paths refer to.

    Raises:
        ValueError: boxes that are not four numbers each.
    """
    if cell.startswith(BOX):
        boxes = tuple(
            tuple(float(part) for part in box.split(",")) for box in cell[len(BOX) :].split(";") if box
        )
        if any(len(box) != 4 or box[2] <= 0 or box[3] <= 0 for box in boxes):
            raise ValueError("expected x,y,width,height for each box, width and height above 0")
        return MaskReference(None, boxes=boxes, text=cell)
    whole = existing(folder, cell)
    name, mark, chosen = cell.rpartition("#")
    if whole.is_file() or not mark:
        return MaskReference(whole, text=cell)
    parts = [part.strip() for part in chosen.split(",") if part.strip()]
    options = dict(part.split("=", 1) for part in parts if "=" in part)
    values = tuple(part for part in parts if "=" not in part)
    return MaskReference(existing(folder, name), values, options, text=cell)


def existing(folder: Path, cell: str) -> Path:
    """Return the path that a cell names; one written with backslashes is read on every system."""
    path = folder / Path(cell).expanduser()
    if path.exists() or "\\" not in cell:
        return path
    return folder / cell.replace("\\", "/")
