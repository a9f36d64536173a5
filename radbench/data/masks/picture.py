"""A mask's picture file as stored: colours, alpha and palette kept, EXIF orientation applied as to films."""

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from radbench.data.masks.painted import Picture
from radbench.errors import UsageError

FORMATS = ("PNG", "JPEG", "BMP")
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


def read_picture(path: Path) -> Picture:
    """Read a PNG, JPEG, TIFF or BMP without losing what tells paint from background.

    Raises:
        UsageError: the file is missing, corrupt, of another format, or has several pages.
    """
    try:
        with path.open("rb") as file:
            head = file.read(26)
        if head.startswith(_TIFF):
            return _tiff(path)
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
        reason = "not a PNG, JPEG, TIFF or BMP" if kind else str(error)
        raise UsageError(f"the mask {path} is corrupt or in another format ({reason}).") from None
    if pages > 1:
        raise _pages(path, pages)
    if wide is not None:
        return _planes(str(path), _turned(wide, turned), lossy=False)
    return _picture(str(path), image, lossy=lossy)


def _picture(name: str, image: Image.Image, *, lossy: bool) -> Picture:
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


def _tiff(path: Path) -> Picture:
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
    values = _turned(values, orientation)
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


def _turned(values: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Apply an EXIF orientation, 1 to 8, to ``[H, W, C]``."""
    if orientation in {5, 6, 7, 8}:
        values = values.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        values = values[:, ::-1]
    return values[::-1] if orientation in {3, 4, 7, 8} else values
