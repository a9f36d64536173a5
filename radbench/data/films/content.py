"""What a file is, by its first bytes and not by its name."""

import struct
from pathlib import Path

from radbench.errors import UsageError

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


def read_head(path: Path) -> bytes:
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
    head = read_head(path)
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
