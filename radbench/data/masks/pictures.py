"""Files that hold a mask as a picture, as stored: PNG, JPEG, TIFF, BMP, GIF, NIfTI, NumPy arrays and DICOM SEG.

Colours, alpha and palettes are kept, and an EXIF orientation is applied as to films.

NIfTI: the first axis of the stored array is x (the column) and the second y (the row), both in stored order, as ITK,
SimpleITK and 3D Slicer write pictures; the affine is not applied, since a projection has no place in the patient.
``order=row`` says that the array was stored as ``[H, W]`` (nibabel given a NumPy picture), ``order=column`` the rule.
"""

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from radbench.data.cohort import Mask
from radbench.data.films.gray import upright
from radbench.data.masks.painted import Picture
from radbench.data.masks.reference import MaskReference
from radbench.errors import UsageError, did_you_mean

FORMATS = ("PNG", "JPEG", "BMP", "GIF")
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    RuntimeError,  # imagecodecs
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
NIFTI = (".nii", ".nii.gz")
DICOM = (".dcm", ".dicom")
NUMPY = (".npy",)


def read_picture(path: Path) -> Picture:
    """Read a PNG, JPEG, TIFF, BMP or GIF without losing what tells paint from background.

    Raises:
        UsageError: the file is missing, corrupt, of another format, or has several pages.
    """
    try:
        with path.open("rb") as file:
            head = file.read(26)
        if head.startswith(_TIFF):
            return _read_tiff(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as opened:
                opened.load()
                pages, lossy = getattr(opened, "n_frames", 1), opened.format == "JPEG"
                image = ImageOps.exif_transpose(opened)
                turned = int(opened.getexif().get(0x0112, 1))
        wide = _wide_colour(path, head)
    except FileNotFoundError:
        raise UsageError(f"the mask {path} does not exist; check the path or put the file there.") from None
    except _BROKEN as error:
        kind = type(error).__name__ == "UnidentifiedImageError"
        reason = "not a PNG, JPEG, TIFF, BMP or GIF" if kind else str(error)
        raise UsageError(f"the mask {path} is corrupt or in another format ({reason}).") from None
    if pages > 1:
        raise _pages(path, pages)
    if wide is not None:
        return _planes(str(path), upright(wide, turned), lossy=False)
    return _by_mode(str(path), image, lossy=lossy)


def _by_mode(name: str, image: Image.Image, *, lossy: bool) -> Picture:
    if image.mode == "1":
        return Picture(name, np.asarray(image)[..., None].astype(np.uint8))
    if image.mode in {"P", "PA"}:
        index = np.asarray(image.getchannel(0) if image.mode == "PA" else image).copy()
        values = np.asarray(image.convert("RGBA"))
        colours = values.reshape(-1, 4)[np.unique(index, return_index=True)[1]]
        if len(np.unique(colours, axis=0)) < len(colours):  # the palette tells less than its indices
            return Picture(name, index[..., None])
        return Picture(name, values[..., :3].copy(), _share(values[..., 3]), index=index)
    if image.mode == "RGB" and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in {"L", "LA", "RGB", "RGBA", "F"} or image.mode.startswith("I"):
        return _planes(name, np.asarray(image), lossy=lossy)
    return _planes(name, np.asarray(image.convert("RGB")), lossy=lossy)


def _planes(name: str, values: npt.NDArray[Any], *, lossy: bool) -> Picture:
    if values.ndim == 2:
        return Picture(name, values[..., None].copy(), lossy=lossy)
    if values.shape[-1] in {2, 4}:
        return Picture(name, values[..., :-1].copy(), _share(values[..., -1]), lossy=lossy)
    return Picture(name, values.copy(), lossy=lossy)


def _share(alpha: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    share: npt.NDArray[np.float32] = alpha.astype(np.float32) / np.float32(np.iinfo(alpha.dtype).max)
    return share


def _read_tiff(path: Path) -> Picture:
    """Read a TIFF by tifffile: Pillow scrambles pages that are stored sideways."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        if len(file.pages) != 1:
            raise _pages(path, len(file.pages))
        page = file.pages[0]
        values = np.asarray(page.asarray())
        photometric, bits = page.photometric.name, int(page.bitspersample)
        orientation = int(page.tags.valueof(274, 1))
        lossy = "JPEG" in page.compression.name and "2000" not in page.compression.name
        alpha = bool(page.extrasamples)
        colours = page.colormap
        if page.axes not in {"YX", "YXS", "SYX"}:
            raise ValueError(f"axes {page.axes}")
        values = np.moveaxis(values, 0, -1) if page.axes == "SYX" else values
    values = values.astype(np.uint8) if values.dtype == np.bool_ else values
    if values.ndim == 3 and (values.shape[-1] not in {2, 4} or not alpha) and values.shape[-1] != 3:
        raise ValueError(f"{values.shape[-1]} channels")
    if values.dtype.kind not in "uif" or not np.isfinite(values).all() or values.min(initial=0) < 0:
        raise ValueError(f"values of {values.dtype} that are below 0 or not finite")
    if photometric == "MINISWHITE" and values.dtype.kind == "u":
        values = ((1 << bits) - 1 - values.astype(np.int64)).astype(values.dtype)
    values = upright(values, orientation)
    if photometric == "PALETTE" and colours is not None:
        return Picture(
            str(path), (np.asarray(colours)[:, values] >> 8).transpose(1, 2, 0), index=values.copy()
        )
    return _planes(str(path), values, lossy=lossy)


def _pages(path: Path, count: int) -> UsageError:
    return UsageError(f"the mask {path} has {count} pages; expected one, so save one file a mask.")


def _wide_colour(path: Path, head: bytes) -> npt.NDArray[np.uint16] | None:
    """Return a PNG of 16 bits with colour or alpha, which Pillow would cut to 8 bits; None for every other file."""
    if not head.startswith(b"\x89PNG") or len(head) < 26 or head[24] != 16 or head[25] == 0:
        return None
    import imagecodecs

    return np.asarray(imagecodecs.png_decode(path.read_bytes()), dtype=np.uint16)


def read_nifti(reference: MaskReference) -> Picture:
    """Return the one slice of a NIfTI file as ``[H, W]``; see the module for its axes.

    Raises:
        UsageError: nibabel is missing, the file is broken, or holds more than one slice.
    """
    reference.only(("order",), values=True)
    path = reference.file
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
    return _labels_or_shares(path, flat if order == "row" else flat.T)


def read_numpy(reference: MaskReference) -> Picture:
    """Return a NumPy file's ``[H, W]`` array; a pickled one is refused."""
    reference.only((), values=True)
    path = reference.file
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"the mask {path} is no readable .npy file of plain numbers ({error}).") from None
    if values.ndim == 3 and 1 in {values.shape[0], values.shape[-1]}:
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim != 2:
        raise UsageError(f"the mask {path} has the shape {list(values.shape)}; expected [H, W].")
    return _labels_or_shares(path, values)


def read_segmentation(reference: MaskReference) -> Mask | Picture:
    """Return a DICOM SEG's segment, ``bool [H, W]``, or the picture of any other DICOM file.

    ``#1`` or ``#segment=Lung`` names the segment by number or label; several with ``,`` or ``|`` between them.

    Raises:
        UsageError: the file is broken, several segments and none named, or several films.
    """
    reference.only(("segment",), values=True)
    path = reference.file
    data, pixels = _dicom(path)
    if "SegmentSequence" not in data:
        if pixels.ndim != 2:
            raise UsageError(
                f"the mask {path} is a DICOM image of several frames or colours; expected a SEG."
            )
        return _labels_or_shares(path, pixels)
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


def _labels_or_shares(path: Path, values: npt.NDArray[Any]) -> Picture:
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
