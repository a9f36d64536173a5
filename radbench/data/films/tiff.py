"""TIFF films: one page, gray or colour, of 1 to 32 bits or floating point."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from radbench.data.cohort import Pixels
from radbench.data.films.film import Film, full_depth, luminance, own_range, sixteen
from radbench.data.films.film import inverted as negative
from radbench.errors import UsageError

MAGIC: Final = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_MIN_IS_WHITE, _PALETTE = 0, 3
_TURNS: Final[dict[int, Any]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 3),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def read_tiff(path: Path) -> Film:
    """Read a TIFF of one page.

    Raises:
        UsageError: several pages, or a palette.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = _page(path, file)
        values = np.asarray(page.asarray())
        tags = page.tags
        photometric = int(page.photometric)
        turn = _number(tags, "Orientation", 1)
        declared = _number(tags, "MaxSampleValue", 0)
    if photometric == _PALETTE:
        raise UsageError(f"The film {path} is a TIFF with a palette; expected gray values, so convert it.")
    done: tuple[str, ...] = ()
    if turn in _TURNS:
        values, done = np.ascontiguousarray(_TURNS[turn](values)), (f"TIFF orientation {turn} applied",)
    if values.ndim == 3 and values.shape[-1] >= 3:
        extra = ("alpha channel left out",) if values.shape[-1] > 3 else ()
        values, said = luminance(values[..., :3])
        done = (*done, *extra, *said)
    elif values.ndim == 3:
        values, done = values[..., 0], (*done, "alpha channel left out")
    return _film(values, declared, done, inverted=photometric == _MIN_IS_WHITE)


def tiff_shape(path: Path) -> tuple[int, int]:
    """Return height and width from the header alone, turned as it says."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = _page(path, file)
        size = int(page.imagelength), int(page.imagewidth)
        return size[::-1] if _number(page.tags, "Orientation", 1) >= 5 else size


def _page(path: Path, file: Any) -> Any:
    pages = [page for page in file.pages if not getattr(page, "is_reduced", False)]
    if len(pages) != 1:
        raise UsageError(
            f"The film {path} is a TIFF of {len(pages)} pages; expected one, so save the page that is meant."
        )
    return pages[0]


def _number(tags: Any, name: str, default: int) -> int:
    tag = tags.get(name)
    value = tag.value if tag is not None else default
    value = max(value) if isinstance(value, tuple) else value
    return int(value) if isinstance(value, int) else default


def _film(values: Any, declared: int, done: tuple[str, ...], *, inverted: bool) -> Film:
    warnings: tuple[str, ...] = ()
    said: tuple[str, ...]
    pixels: Pixels
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind == "f":
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        values = np.nan_to_num(values, nan=low)
        if low >= 0.0 and high <= 1.0:
            pixels, said = sixteen(values), ("floating point from 0 to 1 taken as black to white",)
        else:
            pixels, said = (
                sixteen(own_range(values)),
                (f"its own range, {low:g} to {high:g}, taken as black to white",),
            )
            warnings = (
                f"floating-point values from {low:g} to {high:g}: which is black and which white is a guess",
            )
    elif (values.dtype.kind == "i" and int(values.min()) < 0) or (
        values.dtype.itemsize > 2 and int(values.max()) > 65535
    ):
        low, high = int(values.min()), int(values.max())
        pixels, said = (
            sixteen(own_range(values)),
            (f"its own range, {low} to {high}, taken as black to white",),
        )
        warnings = (f"stored values from {low} to {high}: which is black and which white is a guess",)
    elif values.dtype == np.uint8:
        pixels, said = values, ()
    else:
        bits = (declared + 1).bit_length() - 1 if declared > 0 and (declared + 1) & declared == 0 else None
        pixels, said = full_depth(values.astype(np.int64), bits if bits and bits < 16 else None)
    if inverted:
        pixels, said = negative(pixels), (*said, "inverted (stored with white as 0)")
    return Film(pixels.copy(), provenance=(*done, *said), warnings=warnings)
