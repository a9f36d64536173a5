"""What a film is once it is read, what a file is by its first bytes, and what a container hands over between."""

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Pixels
from radbench.errors import UsageError

DECODER_ERRORS = (
    OSError, ValueError, EOFError, RuntimeError, MemoryError, KeyError, IndexError, TypeError, AttributeError,
    NotImplementedError, ArithmeticError, AssertionError, struct.error, zlib.error,
)  # fmt: skip
"""What tifffile, pydicom and the decoders behind them raise at a broken file."""

MIN_SIDE = 16
MAX_ASPECT = 8
MAX_PIXELS = 200_000_000
PNG, JPEG, TIFF, DICOM = "PNG", "JPEG", "TIFF", "DICOM"
READABLE = "PNG, JPEG, TIFF or DICOM"
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
)
_OTHERS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"RIFF", "a WebP or another RIFF file"),
    (b"\0\0\0\x0cjP  ", "a bare JPEG 2000"),
    (b"\xffO\xffQ", "a bare JPEG 2000"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip (a NIfTI or an archive, perhaps)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
)
_HEAD = 4096
_FIRST_GROUPS = (0x0002, 0x0004, 0x0008)


@dataclass(frozen=True)
class Film:
    """One radiograph as it was stored, at its own size and depth.

    Attributes:
        pixels: ``uint8 [H, W]`` or ``uint16 [H, W]``; 0 is black, 255 or 65535 is white.
        spacing: millimetres from row to row and from column to column, or None where the file does not say.
        attributes: ``view_position``, ``patient_sex`` and ``patient_age`` (years), as far as the header has
            them. Names and identifiers of patients are never among them.
        provenance: what was done between the file and ``pixels``, one plain clause each.
        warnings: what a person should look at, one sentence each.
        bits: bits of the stored values that are really used, before they were brought to the whole range
            of ``pixels``; None where that has no meaning (a film of fractions).
    """

    pixels: Pixels
    spacing: tuple[float, float] | None = None
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    provenance: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    bits: int | None = None


@dataclass
class Stored:
    """Gray values as a container holds them, upright, and what it says about them.

    Attributes:
        values: ``[H, W]`` of any real dtype.
        bits: depth that the container declares, in bits; None where it does not, or says only that it uses
            all of its 16 (or more) bits.
        exact: the values are 8 bits by the container's own word and stay as they are.
        unit: floats are fractions of white in [0, 1] (what a window gives).
        inverted: 0 is white.
        outside: ``bool [H, W]``, true where there is no film (padding), or None.
        source_bits: the depth to report where ``unit`` hides it.
        depths: bits that a file of undeclared depth may have, ascending; empty for the usual ones.
    """

    values: npt.NDArray[Any]
    bits: int | None = None
    exact: bool = False
    unit: bool = False
    inverted: bool = False
    outside: npt.NDArray[np.bool_] | None = None
    source_bits: int | None = None
    depths: tuple[int, ...] = ()
    spacing: tuple[float, float] | None = None
    attributes: dict[str, str | int | float] = field(default_factory=dict)
    provenance: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def inside(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Of values ``[H, W]`` those on the film, ``[N]``; all of them where nothing is."""
        if self.outside is None or self.outside.all():
            return values.ravel()
        return np.asarray(values[~self.outside])


def check_shape(path: Path, height: int, width: int) -> None:
    """Refuse what cannot be a film before a pixel of it is read.

    Raises:
        UsageError: a side under 16 pixels, one side over 8 times the other, or over 200 megapixels.
    """
    found = f"The film {path} has {height} x {width} pixels (height x width)"
    if min(height, width) < MIN_SIDE:
        raise UsageError(
            f"{found}; expected at least {MIN_SIDE} on each side, so replace it or leave it out."
        )
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise UsageError(
            f"{found}; expected one side to be at most {MAX_ASPECT} times the other, "
            "so replace it or leave it out."
        )
    check_area(path, height, width)


def check_area(path: Path, height: int, width: int) -> None:
    """Refuse more than 200 megapixels."""
    if height * width > MAX_PIXELS:
        raise UsageError(
            f"The image {path} has {height} x {width} pixels (height x width); expected at most "
            f"{MAX_PIXELS // 1_000_000} million, so make it smaller or leave it out."
        )


@contextmanager
def quiet(logger: str) -> Iterator[None]:
    """Keep a decoder's own warnings and log off the console; what matters becomes a sentence of ours."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def corrupt(path: Path, kind: str, error: BaseException | str) -> UsageError:
    """The error of a file that starts as ``kind`` and cannot be read to its end."""
    if isinstance(error, OSError) and error.errno is not None:
        return UsageError(f"The image {path} cannot be read ({error.strerror}); check its permissions.")
    detail = " ".join(str(error).split())[:200] or type(error).__name__
    return UsageError(
        f"The image {path} is corrupt or cut short ({kind}: {detail.rstrip('.')}); expected a whole {kind} "
        "file, so copy it again or replace it."
    )


def _read_head(path: Path) -> bytes:
    """The first 4096 bytes; a missing, empty or unreadable file is a ``UsageError``."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        raise UsageError(f"The image {path} does not exist; check the path or put the file there.") from None
    except OSError as error:
        raise UsageError(f"The image {path} cannot be read ({error.strerror}); check it.") from None
    if not head:
        raise UsageError(f"The image {path} is empty (0 bytes); copy it again or replace it.")
    return head


def kind_of(path: Path) -> str:
    """``"PNG"``, ``"JPEG"``, ``"TIFF"`` or ``"DICOM"``, by content.

    Raises:
        UsageError: the file is missing, empty, a stand-in for a file that was not fetched (Git LFS,
            git-annex), a web page, or in a format that is not read here; the sentence says which.
    """
    head = _read_head(path)
    if head[128:132] == b"DICM":  # before all others: a DICOM's preamble may look like a TIFF's head
        return DICOM
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if _starts_like_a_data_set(head):
        return DICOM
    raise UsageError(_stand_in(path, head) or _foreign(path, head))


def _starts_like_a_data_set(head: bytes) -> bool:
    """Whether a DICOM data set without its preamble starts here: a low group, then a plausible length."""
    if len(head) < 8:
        return False
    for order in ("<", ">"):
        group, element, length = struct.unpack(f"{order}HHI", head[:8])
        explicit = head[4:6].isalpha() and head[4:6].isupper()
        if group in _FIRST_GROUPS and element < 0x2000 and (explicit or length <= 1024):
            return True
    return False


def _stand_in(path: Path, head: bytes) -> str | None:
    text = head[:512].lstrip().lower()
    if text.startswith(b"version https://git-lfs"):
        return (
            f"The image {path} is a Git LFS pointer and not the film itself; "
            "run `git lfs pull` in its repository."
        )
    if b"/annex/objects/" in text[:256] and len(head) < 1024:
        return (
            f"The image {path} is a git-annex pointer and not the film itself; "
            "run `git annex get` in its repository."
        )
    if text.startswith((b"<!doctype html", b"<html")):
        return (
            f"The image {path} is a web page and not a film (a download without login, perhaps); "
            "fetch it again."
        )
    return None


def _foreign(path: Path, head: bytes) -> str:
    found = next((name for signature, name in _OTHERS if head.startswith(signature)), "of an unknown format")
    return (
        f"The image {path} is corrupt or in another format ({found}, not a {READABLE} file); "
        "copy it again, or convert it to one of these."
    )
