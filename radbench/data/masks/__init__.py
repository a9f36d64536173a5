"""Masks as they come: one reference, one ``bool [H, W]`` at the film's own size.

What a mask's cell of a manifest may hold (paths are relative to the manifest; either slash will do):

===============================================  ===============================================================
``m.png``                                        a picture (PNG, JPEG, TIFF, BMP) of one paint on a background: bool,
                                                 0/1, 0/255, 16 bit, a colour, or a shape in the alpha channel
``m.png#1,2``                                    of a label map, the values that are the mask (their union)
``m.png#ff0000``                                 of a coloured picture, the colours that are the mask
``runs.csv#rle=relative,order=column,``          run lengths in a table, one or more rows a film, or in a text file;
``size=1024x1024,row=ID``                        see ``radbench.data.masks.runs`` for every word of it
``5 3 20 4#rle=absolute,order=row,size=film``    run lengths in the cell itself
``annotations.json#category=lung``               COCO polygons, run lengths and boxes, by pycocotools
``10,20,100,80``                                 a box ``x,y,width,height`` in pixels; several with ``;`` between
``10,20,110,100#box=xyxy``                       a box by its corners
``[{"label": "A", "xywh": [10, 20, 100, 80]}]``  a list of boxes, as JSON or Python; ``#category=A`` keeps a label's
``seg.dcm#1`` or ``seg.dcm#segment=Lung``        a segment of a DICOM SEG, by pydicom
``m.nii.gz#1``                                   NIfTI, by nibabel; its first axis is x (``order=row``: it is y)
``m.npy#1``                                      a NumPy array ``[H, W]``; never pickled
===============================================  ===============================================================

A ``#`` in the name of a file that exists is part of that name. Rooms: ``reference`` parses the cell, ``reading``
opens what it names, ``painted`` tells paint from background, ``pictures``, ``annotations`` (boxes, COCO) and ``runs``
are the ways of writing.
"""

from radbench.data.masks.reading import MaskReading, read_mask
from radbench.data.masks.reference import MaskReference

__all__ = ["MaskReading", "MaskReference", "read_mask"]
