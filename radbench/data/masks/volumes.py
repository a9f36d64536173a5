"""Masks in DICOM SEG, NIfTI and NumPy files.

NIfTI: the first axis of the stored array is x (the column) and the second y (the row), both in stored order, as ITK,
SimpleITK and 3D Slicer write pictures; the affine is not applied, since a projection has no place in the patient.
``order=row`` says that the array was stored as ``[H, W]`` (nibabel given a NumPy picture), ``order=column`` the rule.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Mask
from radbench.data.masks.painted import Picture
from radbench.data.masks.reference import MaskReference
from radbench.errors import UsageError, did_you_mean

NIFTI = (".nii", ".nii.gz")
DICOM = (".dcm", ".dicom")
NUMPY = (".npy",)


def read_nifti(reference: MaskReference) -> Picture:
    """Return the one slice of a NIfTI file as ``[H, W]``; see the module for its axes.

    Raises:
        UsageError: nibabel is missing, the file is broken, or holds more than one slice.
    """
    reference.only(("order",), values=True)
    path = _path(reference)
    try:
        import nibabel
    except ImportError:
        raise UsageError(
            f"the mask {path} needs nibabel; install it with: pip install 'radbench[nifti]'."
        ) from None
    try:
        values = np.asarray(nibabel.load(path).dataobj)
    except Exception as error:  # noqa: BLE001 (nibabel's readers raise many kinds)
        raise UsageError(f"the mask {path} is no readable NIfTI file ({error}).") from None
    shape = values.shape
    if values.ndim < 2 or any(side != 1 for side in shape[2:]):
        raise UsageError(
            f"the mask {path} has the shape {' x '.join(map(str, shape))}; expected one slice, W x H or W x H x 1."
        )
    order = reference.options.get("order", "column")
    if order not in {"row", "column"}:
        raise UsageError(
            f"the mask {path} says order={order}; expected order=column (the first axis is x) or order=row."
        )
    flat = values.reshape(shape[:2])
    return _picture(path, flat if order == "row" else flat.T)


def read_numpy(reference: MaskReference) -> Picture:
    """Return a NumPy file's ``[H, W]`` array; a pickled one is refused."""
    reference.only((), values=True)
    path = _path(reference)
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"the mask {path} is no readable .npy file of plain numbers ({error}).") from None
    if values.ndim == 3 and 1 in {values.shape[0], values.shape[-1]}:
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim != 2:
        raise UsageError(f"the mask {path} has the shape {list(values.shape)}; expected [H, W].")
    return _picture(path, values)


def read_segmentation(reference: MaskReference) -> Mask | Picture:
    """Return a DICOM SEG's segment, ``bool [H, W]``, or the picture of any other DICOM file.

    ``#1`` or ``#segment=Lung`` names the segment by number or label; several with ``,`` or ``|`` between them.

    Raises:
        UsageError: the file is broken, several segments and none named, or several films.
    """
    reference.only(("segment",), values=True)
    path = _path(reference)
    data, pixels = _dicom(path)
    if "SegmentSequence" not in data:
        if pixels.ndim != 2:
            raise UsageError(
                f"the mask {path} is a DICOM image of several frames or colours; expected a SEG."
            )
        return _picture(path, pixels)
    frames = pixels if pixels.ndim == 3 else pixels[None]
    wanted = _segments(reference, data)
    kind = str(data.get("SegmentationType", "BINARY"))
    if kind == "LABELMAP":
        if len(frames) > 1:
            raise _several(path, len(frames))
        return np.isin(frames[0], sorted(wanted))
    least = float(data.MaximumFractionalValue) / 2 if kind == "FRACTIONAL" else 0.5
    mask = np.zeros(frames.shape[1:], dtype=np.bool_)
    segments = [_segment_of(data, index) for index in range(len(frames))]
    for number in wanted:
        if segments.count(number) > 1:
            raise _several(path, segments.count(number))
        if number in segments:
            mask |= frames[segments.index(number)] >= least
    return mask


def _dicom(path: Path) -> tuple[Any, npt.NDArray[Any]]:
    import pydicom

    try:
        data = pydicom.dcmread(path)
        return data, np.asarray(data.pixel_array)
    except Exception as error:  # noqa: BLE001 (pydicom's readers raise many kinds)
        raise UsageError(f"the mask {path} is no readable DICOM file ({error}).") from None


def _segments(reference: MaskReference, data: Any) -> set[int]:
    known = {
        int(segment.SegmentNumber): str(segment.get("SegmentLabel", "")) for segment in data.SegmentSequence
    }
    known.pop(0, None)
    shown = ", ".join(f"{number} ({label})" for number, label in sorted(known.items()))
    names = [*reference.values, *filter(None, reference.options.get("segment", "").split("|"))]
    if not names:
        if len(known) != 1:
            raise UsageError(
                f"the mask {reference.path} has the segments {shown}; name those that are the mask, such as "
                f"'#{min(known, default=1)}' or '#segment=LABEL'."
            )
        return set(known)
    found: set[int] = set()
    for name in (name.strip() for name in names):
        matches = {number for number, label in known.items() if name.lower() in {str(number), label.lower()}}
        if not matches:
            raise UsageError(
                f"the mask {reference.path} has no segment {name!r}; it has {shown}."
                f"{did_you_mean(name, known.values())}"
            )
        found |= matches
    return found


def _segment_of(data: Any, index: int) -> int:
    groups = [data.PerFrameFunctionalGroupsSequence[index]]
    groups += list(data.get("SharedFunctionalGroupsSequence", []))
    for group in groups:
        if "SegmentIdentificationSequence" in group:
            return int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
    return 1


def _several(path: Path, count: int) -> UsageError:
    return UsageError(
        f"the mask {path} has {count} frames of one segment, so it is of several films; save one file a film."
    )


def _picture(path: Path, values: npt.NDArray[Any]) -> Picture:
    """Whole numbers stay a label map; other floats are shares in [0, 1], halved at 0.5."""
    if values.dtype.kind not in "buif":
        raise UsageError(f"the mask {path} holds {values.dtype}; expected numbers.")
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise UsageError(f"the mask {path} holds values that are not finite; expected 0/1 or labels.")
        if (values != np.rint(values)).any():
            if values.min() < 0 or values.max() > 1:
                raise UsageError(
                    f"the mask {path} holds values from {values.min():g} to {values.max():g}; expected 0/1, labels, "
                    "or shares from 0 to 1."
                )
            values = values >= 0.5
    if values.dtype.kind != "b" and values.min(initial=0) < 0:
        raise UsageError(f"the mask {path} holds values below 0; expected 0/1 or labels.")
    whole = values.astype(np.uint8 if values.dtype.kind == "b" else np.int64)
    return Picture(str(path), whole[..., None].copy())


def _path(reference: MaskReference) -> Path:
    assert reference.path is not None  # noqa: S101 (an inline reference has no suffix)
    return reference.path
