"""Masks in medical and numerical containers: NIfTI, DICOM SEG and NumPy files, of one slice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Mask
from radbench.data.masks.binary import as_bool
from radbench.errors import UsageError


def nifti_mask(path: Path, values: Sequence[str]) -> Mask:
    """Read a NIfTI of one slice; its first axis is taken as the film's columns, as ITK and dcm2niix write it.

    Raises:
        UsageError: nibabel is not installed, a damaged file, or more than one slice.
    """
    try:
        import nibabel
    except ImportError:
        raise UsageError(
            f'The mask {path} is NIfTI, which needs nibabel: pip install "radbench[masks]"'
        ) from None
    try:
        volume = np.asarray(nibabel.load(path).dataobj)
    except Exception as error:  # noqa: BLE001 - nibabel's errors share no class of their own
        raise UsageError(
            f"The mask {path} cannot be read as NIfTI ({' '.join(str(error).split())[:160]})."
        ) from None
    return _labelled(path, _one_slice(path, volume).T, values)


def numpy_mask(path: Path, values: Sequence[str]) -> Mask:
    """Read a ``.npy`` of ``[H, W]``; pickled objects are refused.

    Raises:
        UsageError: no array file, or one of other dimensions.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"The mask {path} cannot be read as an array ({error}).") from None
    return _labelled(path, _one_slice(path, np.asarray(array)), values)


def segmentation_mask(path: Path, values: Sequence[str]) -> Mask:
    """Read a DICOM SEG; ``values`` are numbers or labels of its segments, all of them where none is given.

    Raises:
        UsageError: no segmentation, no such segment, or pixels that cannot be decoded.
    """
    import pydicom

    try:
        data = pydicom.dcmread(path)
        frames = np.asarray(data.pixel_array)
        segments = {
            int(item.SegmentNumber): str(item.get("SegmentLabel", "")) for item in data.SegmentSequence
        }
    except (AttributeError, OSError, ValueError, KeyError, RuntimeError, NotImplementedError) as error:
        raise UsageError(
            f"The mask {path} cannot be read as a DICOM segmentation ({' '.join(str(error).split())[:160]})."
        ) from None
    frames = frames[None] if frames.ndim == 2 else frames
    wanted = {
        number for number, label in segments.items() if not values or {str(number), label} & set(values)
    }
    if not wanted:
        known = ", ".join(f"{number} ({label})" for number, label in segments.items())
        raise UsageError(f"The mask {path} has no segment '{','.join(values)}'; its segments are {known}.")
    numbers = [_segment_of(data, place, segments) for place in range(len(frames))]
    mask: Mask = np.zeros(frames.shape[1:], np.bool_)
    fractional = str(data.get("SegmentationType", "BINARY")) == "FRACTIONAL"
    half = float(data.get("MaximumFractionalValue", 255)) / 2 if fractional else 0.5
    for number, frame in zip(numbers, frames, strict=True):
        if number in wanted:
            mask |= frame >= half
    return mask


def _segment_of(data: Any, place: int, segments: dict[int, str]) -> int:
    """Return the number of the segment that a frame belongs to."""
    groups = data.get("PerFrameFunctionalGroupsSequence")
    if groups and "SegmentIdentificationSequence" in groups[place]:
        return int(groups[place].SegmentIdentificationSequence[0].ReferencedSegmentNumber)
    return list(segments)[min(place, len(segments) - 1)]


def _one_slice(path: Path, volume: npt.NDArray[Any]) -> npt.NDArray[Any]:
    plane = volume.reshape([side for side in volume.shape if side != 1] or [1, 1])
    if plane.ndim != 2:
        raise UsageError(
            f"The mask {path} has shape {list(volume.shape)}, expected one slice of height and width."
        )
    return plane


def _labelled(path: Path, plane: npt.NDArray[Any], values: Sequence[str]) -> Mask:
    if not values:
        return as_bool(plane, f"the mask {path}")
    try:
        inside: Mask = np.isin(plane, [float(value) for value in values])
    except ValueError:
        raise UsageError(
            f"The mask {path} is asked for '#{','.join(values)}'; expected numbers of labels."
        ) from None
    return inside
