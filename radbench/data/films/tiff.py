"""TIFF by tifffile: 1 to 32 bits, signed, float, white as 0, colour, palette, alpha; one film a file."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.films.content import TIFF
from radbench.data.films.film import Stored, check_area, corrupt, quiet
from radbench.data.films.gray import luminance, oriented, palette_depth, upright_shape, without_alpha
from radbench.errors import UsageError

_ERRORS = (
    OSError, ValueError, EOFError, RuntimeError, MemoryError, KeyError, IndexError, TypeError, AttributeError,
    NotImplementedError, ArithmeticError, AssertionError, struct.error, zlib.error,
)  # fmt: skip
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6


def tiff_shape(path: Path) -> tuple[int, int]:
    """Height and width as the film is read, without its pixels."""
    import tifffile

    try:
        with quiet("tifffile"), tifffile.TiffFile(path) as file:
            page = _only_page(path, file)
            return upright_shape(int(page.imagelength), int(page.imagewidth), _orientation(page))
    except (*_ERRORS, tifffile.TiffFileError) as error:
        raise corrupt(path, TIFF, error) from None


def read_tiff(path: Path) -> Stored:
    """Read the one film of a TIFF as stored; several pages are refused."""
    import tifffile

    try:
        with quiet("tifffile"), tifffile.TiffFile(path) as file:
            page = _only_page(path, file)
            check_area(path, int(page.imagelength), int(page.imagewidth))
            values = np.asarray(page.asarray())
            return _stored(path, page, values)
    except (*_ERRORS, tifffile.TiffFileError) as error:
        raise corrupt(path, TIFF, error) from None


def _only_page(path: Path, file: Any) -> Any:
    """The one page of full resolution (previews beside it are left out)."""
    pages = [page.aspage() for page in file.pages]
    full = [page for page in pages if not page.is_reduced and not page.is_mask] or pages[:1]
    if not full:
        raise corrupt(path, TIFF, "it has no page")
    frames = int((file.imagej_metadata or {}).get("images", 1)) if file.is_imagej else 1
    count = max(len(full), frames, int(getattr(full[0], "imagedepth", 1)))
    if count > 1:
        raise UsageError(
            f"The image {path} is a TIFF of {count} pages; expected one film a file, so write each to its own."
        )
    return full[0]


def _stored(path: Path, page: Any, values: npt.NDArray[Any]) -> Stored:
    photometric = int(page.photometric)
    stored = Stored(values, exact=int(page.bitspersample) <= 8 and values.dtype == np.uint8)
    if values.dtype.kind not in "buif":
        raise UsageError(f"The image {path} is a TIFF of {values.dtype} values; expected integers or floats.")
    planes = values if page.planarconfig == 1 or values.ndim == 2 else np.moveaxis(values, 0, -1)
    stored.values = oriented(
        _gray(path, page, planes, photometric, stored), _orientation(page), stored.provenance
    )
    if stored.values.dtype.kind == "u":
        _declare_depth(page, stored, paletted=photometric == _PALETTE)
    if photometric == _MIN_IS_WHITE:
        stored.inverted = True
        stored.provenance.append("MinIsWhite inverted")
    return stored


def _gray(
    path: Path, page: Any, planes: npt.NDArray[Any], photometric: int, stored: Stored
) -> npt.NDArray[Any]:
    if photometric == _PALETTE:
        stored.provenance.append("palette applied")
        table = np.moveaxis(np.asarray(page.colormap), 0, -1)  # 16 bits an entry
        colours = palette_depth(table)[planes]
        stored.exact = colours.dtype == np.uint8
        return luminance(colours, stored.provenance, stored.warnings)
    if planes.ndim == 2:
        return planes
    colours_first = 3 if photometric in {_RGB, _YCBCR} else 1
    if photometric not in {_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _YCBCR} or planes.shape[-1] < colours_first:
        raise UsageError(
            f"The image {path} is a TIFF of {planes.shape[-1]} channels ({page.photometric!s}); expected gray, "
            "RGB or a palette, so convert it."
        )
    if planes.shape[-1] > colours_first:
        without_alpha(planes[..., colours_first], stored.provenance, stored.warnings)
    if colours_first == 1:
        return np.ascontiguousarray(planes[..., 0])
    return luminance(planes[..., :3], stored.provenance, stored.warnings)


def _declare_depth(page: Any, stored: Stored, *, paletted: bool) -> None:
    """MaxSampleValue (tag 281) or an odd BitsPerSample says how deep the values are."""
    width, container = int(page.bitspersample), 8 * stored.values.dtype.itemsize
    if paletted:
        stored.bits = None if stored.exact else 16
    elif width < 8:
        stored.exact = False
        stored.bits = width
    elif width < container:
        stored.bits = width
    elif not stored.exact and "MaxSampleValue" in page.tags:
        declared = np.atleast_1d(page.tags["MaxSampleValue"].value)
        bits = int(np.max(declared)).bit_length()
        stored.bits = bits if 8 <= bits < container else None


def _orientation(page: Any) -> int:
    tag = page.tags.get("Orientation")
    value = tag.value if tag is not None else 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
