"""Masks as they come, all brought to ``bool [H, W]`` of their film's size.

``binary``      one meaning for 0/1, 0/255 and shares; Euclidean dilation
``reference``   what a cell of a manifest says: a file and what of it is meant
``reading``     from a reference to a mask
``painted``     pictures: one paint on a background, alpha, label maps
``runlength``   run-length codes in a table
``annotations`` COCO polygons, run lengths and boxes; boxes in a cell
``volumes``     NIfTI, DICOM SEG and NumPy files
"""

from radbench.data.masks.binary import as_bool, dilate
from radbench.data.masks.reading import read_mask
from radbench.data.masks.reference import MaskReference, mask_reference

__all__ = ["MaskReference", "as_bool", "dilate", "mask_reference", "read_mask"]
