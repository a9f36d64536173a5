"""Masks as they come: one reference, one ``bool [H, W]`` at the film's own size.

What a mask's cell of a manifest may hold (paths are relative to the manifest; either slash will do):

===============================================  ===============================================================
``m.png``                                        a picture (PNG, JPEG, TIFF, BMP, GIF) of one paint on a background:
                                                 bool, 0/1, 0/255, 16 bit, a colour, or a shape in the alpha channel
``m.png#1,2``                                    of a label map, the values that are the mask (their union)
``m.png#ff0000``                                 of a coloured picture, the colours that are the mask
``cut.png#above=0,holes=fill``                   of a picture, what is brighter than a value; holes in it filled
``m.gif#scale=2``                                a picture of half the film's height and width
``left.png + right.png``                         several masks, each with its own selection: their union
``runs.csv#rle=relative,order=column,``          run lengths in a table, one or more rows a film, or in a text file;
``size=1024x1024,row=ID``                        see ``radbench.data.masks.runs`` for every word of it
``5 3 20 4#rle=absolute,order=row,size=film``    run lengths in the cell itself
``annotations.json#category=lung``               COCO polygons, run lengths and boxes, by pycocotools
``10,20,100,80``                                 a box ``x,y,width,height`` in pixels; several with ``;`` between
``10,20,110,100#box=xyxy``                       a box by its corners
``10,20,100,80#box=xywh,size=1024x1024``         a box in pixels of a film of that size; any other film is refused
``[{"label": "A", "xywh": [10, 20, 100, 80]}]``  a list of boxes, as JSON or Python; ``#category=A`` keeps a label's
``seg.dcm#1`` or ``seg.dcm#segment=Lung``        a segment of a DICOM SEG, by pydicom
``m.nii.gz#1``                                   NIfTI, by nibabel; its first axis is x (``order=row``: it is y)
``m.npy#1``                                      a NumPy array ``[H, W]``; never pickled
===============================================  ===============================================================

Any of them may say ``side=left`` or ``side=right``, the patient's, and is warned of where it lies on the other half of
the film. A ``#`` in the name of a file that exists is part of that name, and so is a ``+``. Rooms: ``reference`` parses
the cell; ``pictures``, ``annotations`` (boxes, COCO) and ``runs`` are the ways of writing; ``painted`` tells paint from
background; ``refined`` is what else may be asked of a picture.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radbench.data.cohort import Mask
from radbench.data.masks import annotations, pictures, refined, runs
from radbench.data.masks.painted import Picture, inside, listed, named
from radbench.data.masks.reference import MaskReference
from radbench.errors import UsageError

_NEARLY_ALL = 0.95


@dataclass(frozen=True)
class MaskReading:
    """A mask ``bool [H, W]`` of its film's size, and sentences for a report on what looks wrong or was assumed."""

    mask: Mask
    warnings: tuple[str, ...] = ()


def read_mask(
    reference: MaskReference | str | Path,
    shape: tuple[int, int],
    *,
    film: str | Path = "",
    study_id: str = "",
    where: str = "",
) -> MaskReading:
    """Read a mask of a film; ``radbench.data.masks`` lists the ways to write one.

    Args:
        reference: a parsed reference, or its text with paths relative to the current folder.
        shape: height and width of the film in pixels, after its own orientation is applied.
        film: the film's file: for the errors, and the image's name in a COCO file.
        study_id: the row of a table of run lengths, where the reference names none.
        where: what errors begin with, such as ``"manifest.csv, row 2"``.

    Returns:
        The mask, with a warning where it is empty, covers more than 95 % of the film, or covers its border.

    Raises:
        UsageError: it cannot be read, what is meant is open, or its size is not the film's.
    """
    try:
        if not isinstance(reference, MaskReference):
            reference = MaskReference.read(str(reference))
        for path in reference.files:
            if not path.is_file():
                raise UsageError(f"the mask {path} does not exist; put it there or correct the path.")
        mask, notes = _fitting(reference, shape, str(film), study_id)
    except UsageError as error:
        text = str(error)
        raise UsageError(f"{where}: {text}" if where else text[:1].upper() + text[1:]) from None
    place = f"{where}: the mask {reference.place}" if where else f"The mask {reference.place}"
    return MaskReading(mask, (*notes, *_doubts(mask, place)))


def _fitting(
    reference: MaskReference, shape: tuple[int, int], film: str, study_id: str
) -> tuple[Mask, tuple[str, ...]]:
    """Read a mask that has the film's size, or several that are one together."""
    if reference.parts:
        mask = np.zeros(shape, dtype=np.bool_)
        notes: list[str] = []
        for part in reference.parts:
            found, told = _fitting(part, shape, film, study_id)
            mask |= found
            notes.extend(told)
        return mask, tuple(notes)
    mask, told = _read(reference, shape, film, study_id)
    if mask.shape != tuple(shape):
        raise _another_size(reference, mask.shape, shape, film)
    return mask, (*told, *refined.on_its_side(reference, mask))


def _read(
    reference: MaskReference, shape: tuple[int, int], film: str, study_id: str
) -> tuple[Mask, tuple[str, ...]]:
    name = reference.path.name.lower() if reference.path is not None else ""
    if reference.path is None:
        inline = runs.read_runs if "rle" in reference.options else None
        return (inline(reference, shape) if inline else annotations.read_boxes(reference, shape)), ()
    if name.endswith((*runs.TABLES, *runs.TEXTS)):
        return runs.read_runs(reference, shape, study_id), ()
    if name.endswith(annotations.JSON):
        return annotations.read_coco(reference, film)
    if name.endswith(pictures.NIFTI):
        return _of_picture(reference, pictures.read_nifti(reference))
    if name.endswith(pictures.NUMPY):
        return _of_picture(reference, pictures.read_numpy(reference))
    if name.endswith(pictures.DICOM) or _is_dicom(reference.path):
        segment = pictures.read_segmentation(reference)
        return _of_picture(reference, segment) if isinstance(segment, Picture) else (segment, ())
    reference.only(refined.WORDS, values=True)
    image = pictures.read_picture(reference.path)
    mask, notes = refined.brighter(reference, image) or _of_picture(reference, image)
    refined_mask, doubts = refined.refine(reference, mask)
    return refined_mask, (*notes, *doubts)


def _of_picture(reference: MaskReference, image: Picture) -> tuple[Mask, tuple[str, ...]]:
    if not reference.values:
        return inside(image), ()
    mask = named(image, reference.values)
    if mask.any():
        return mask, ()
    return mask, (f"The mask {reference.text} names values that are not there; it holds {listed(image)}.",)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _another_size(
    reference: MaskReference, found: tuple[int, ...], shape: tuple[int, int], film: str
) -> UsageError:
    turned = ""
    if found == (shape[1], shape[0]) and reference.place.lower().endswith(pictures.NIFTI):
        turned = " If its first axis is y, write '#order=row' behind its name."
    return UsageError(
        f"the mask {reference.place} has {found[0]} x {found[1]} pixels (height x width) and its image {film} has "
        f"{shape[0]} x {shape[1]}; make them the same size.{turned}"
    )


def _doubts(mask: Mask, place: str) -> tuple[str, ...]:
    share = float(mask.mean()) if mask.size else 0.0
    if share == 0.0:
        return (f"{place} is empty: it covers nothing of its film.",)
    if share > _NEARLY_ALL:
        return (f"{place} covers {100 * share:.1f} % of its film; is it the whole film, or inverted?",)
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    if float(border.mean()) > 0.9:
        return (f"{place} covers {100 * float(border.mean()):.0f} % of its film's border; is it inverted?",)
    return ()
