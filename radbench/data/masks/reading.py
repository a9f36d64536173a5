"""From a reference to a mask of a film's size."""

from pathlib import Path

from radbench.data.cohort import Mask
from radbench.data.masks.annotations import box_mask, coco_mask
from radbench.data.masks.painted import painted_mask
from radbench.data.masks.reference import MaskReference
from radbench.data.masks.runlength import run_length_mask
from radbench.data.masks.volumes import nifti_mask, numpy_mask, segmentation_mask

TABLES = (".csv", ".tsv", ".txt", ".parquet")


def read_mask(reference: MaskReference, shape: tuple[int, int]) -> Mask:
    """Return the mask, ``bool [H, W]``; a picture keeps its own size, whatever the film's.

    Args:
        reference: what a manifest says of it.
        shape: height and width of the film, for what holds no size of its own.

    Raises:
        UsageError: a file that cannot be read, or that does not say what is inside.
    """
    path = reference.path
    if path is None:
        return box_mask(reference.boxes, shape)
    name = path.name.lower()
    if name.endswith(TABLES):
        return run_length_mask(reference, shape)
    if name.endswith(".json"):
        return coco_mask(reference, shape)
    if name.endswith((".nii", ".nii.gz")):
        return nifti_mask(path, reference.values)
    if name.endswith(".npy"):
        return numpy_mask(path, reference.values)
    if name.endswith((".dcm", ".dicom")) or _is_dicom(path):
        return segmentation_mask(path, reference.values)
    return painted_mask(path, reference.values)


def mask_warning(mask: Mask) -> str:
    """Return what a person should look at in a mask; "" for nothing."""
    if not mask.any():
        return "an empty mask"
    if mask.mean() > 0.95:
        return f"a mask of {100 * mask.mean():.0f} % of the film"
    return ""


def _is_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False
