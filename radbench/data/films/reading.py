"""From a path to a film, by the file's content; every fault becomes one sentence."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Final

from PIL import Image

from radbench.data.films.dicom import dicom_shape, is_dicom, read_dicom
from radbench.data.films.film import Film
from radbench.data.films.raster import raster_shape, read_raster
from radbench.data.films.tiff import MAGIC, read_tiff, tiff_shape
from radbench.errors import UsageError

LEAST_SIDE: Final = 16
"""Pixels; a film with a shorter side is no radiograph."""
MOST_ELONGATED: Final = 8
"""Longest side over shortest."""
MOST_PIXELS: Final = 200_000_000
_NEARLY_CONSTANT: Final = 2 / 255

_BROKEN: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    RuntimeError,
    Image.DecompressionBombError,
)
_PICTURES: Final = (b"\x89PNG", b"\xff\xd8\xff")
_LFS: Final = b"version https://git-lfs"


def read_film(path: str | Path) -> Film:
    """Read a PNG, JPEG, TIFF or DICOM film; see ``Film``.

    Raises:
        UsageError: a file that is missing, damaged, of another format, of several frames or pages, a Git LFS stub, or
            whose shape no radiograph has.
    """
    source = Path(path)
    kind = _kind(source)
    check_shape(source, film_shape(source))
    try:
        film = _READERS[kind](source)
    except _BROKEN as error:
        raise corrupt(source, error) from None
    low, high = float(film.pixels.min()), float(film.pixels.max())
    white = 255.0 if film.pixels.dtype.itemsize == 1 else 65535.0
    if high - low < _NEARLY_CONSTANT * white:
        film = replace(film, warnings=(*film.warnings, "a film of (nearly) one grey"))
    return film


def film_shape(path: str | Path) -> tuple[int, int]:
    """Return height and width in pixels from the header alone, with its orientation applied.

    Raises:
        UsageError: as ``read_film``.
    """
    source = Path(path)
    kind = _kind(source)
    try:
        return _SHAPES[kind](source)
    except _BROKEN as error:
        raise corrupt(source, error) from None


def check_shape(path: Path, shape: tuple[int, int]) -> None:
    """Refuse a film that no radiograph looks like, before its pixels are made.

    Raises:
        UsageError: too small, too long or too large.
    """
    short, long = sorted(shape)
    what = f"The film {path} has {shape[0]} x {shape[1]} pixels (height x width)"
    if short < LEAST_SIDE or long > MOST_ELONGATED * short:
        raise UsageError(
            f"{what}; expected a radiograph of at least {LEAST_SIDE} pixels a side and no longer than "
            f"{MOST_ELONGATED} times its width. Replace it or leave its row out."
        )
    if short * long > MOST_PIXELS:
        raise UsageError(
            f"{what}; expected at most {MOST_PIXELS // 1_000_000} million. Replace it or leave its row out."
        )


def corrupt(path: Path, error: BaseException) -> UsageError:
    """Return the sentence for a film that cannot be read."""
    if isinstance(error, OSError) and error.errno is not None:
        return UsageError(f"The image {path} cannot be read ({error.strerror}); check its permissions.")
    unknown = type(error).__name__ == "UnidentifiedImageError"
    detail = "not a PNG, JPEG, TIFF or DICOM" if unknown else " ".join(str(error).split())[:200]
    return UsageError(
        f"The image {path} is corrupt or in another format ({detail}); "
        "expected a whole PNG, JPEG, TIFF or DICOM film, so replace or convert it."
    )


def _kind(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except FileNotFoundError:
        raise UsageError(f"The image {path} does not exist; check the path or put the file there.") from None
    except OSError as error:
        raise corrupt(path, error) from None
    if head.startswith(_LFS):
        raise UsageError(
            f"The image {path} is a Git LFS stub and not the film itself; fetch it with: git lfs pull"
        )
    if head.startswith(MAGIC):
        return "tiff"
    if is_dicom(head):
        return "dicom"
    bare = not head.startswith(_PICTURES) and path.suffix.lower() in {".dcm", ".dicom", ".ima"}
    return "bare dicom" if bare else "raster"


def _bare_dicom(path: Path) -> Film:
    return read_dicom(path, force=True)


def _bare_shape(path: Path) -> tuple[int, int]:
    return dicom_shape(path, force=True)


_READERS: Final = {"raster": read_raster, "tiff": read_tiff, "dicom": read_dicom, "bare dicom": _bare_dicom}
_SHAPES: Final = {"raster": raster_shape, "tiff": tiff_shape, "dicom": dicom_shape, "bare dicom": _bare_shape}
