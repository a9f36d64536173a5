"""What is handed to a vendor and what comes back: the list of images, the instructions, and the auditor's key."""

import csv
import io
import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from radbench.errors import UsageError
from radbench.models.adapters.table_answers import LABEL, SCORE
from radbench.models.adapters.table_file import HASH
from radbench.runtime import sha256_file
from radbench.specs import ShiftSpec

MANIFEST: Final = "manifest.csv"
README: Final = "README.txt"
PICTURES: Final = "images"
KEY_VERSION: Final = 1

_COLUMNS: Final = [HASH, "width", "height"]
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def manifest_csv(sizes: Mapping[str, tuple[int, int]]) -> bytes:
    """Return the list of images, by SHA-256, with widths and heights in pixels."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(_COLUMNS)
    table.writerows([key, width, height] for key, (height, width) in sizes.items())
    return buffer.getvalue().encode()


def read_manifest(folder: Path) -> dict[str, tuple[int, int]]:
    """Return height and width of every exported image, by its SHA-256.

    Raises:
        UsageError: there is no such list, or it is not one that ``export-testset`` wrote.
    """
    path = folder / MANIFEST
    try:
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"{path} cannot be read ({type(error).__name__}), expected the list that radbench export-testset wrote; "
            "name its folder with --testset."
        ) from error
    if not rows or rows[0] != _COLUMNS:
        raise UsageError(f"{path} is not the list that radbench export-testset wrote ({','.join(_COLUMNS)}).")
    sizes = {}
    for number, row in enumerate(rows[1:], start=2):
        fits = len(row) == 3 and _SHA256.fullmatch(row[0]) and row[1].isdecimal() and row[2].isdecimal()
        if not fits:
            raise UsageError(
                f"{path}, line {number}: expected a SHA-256, a width and a height; export the set again."
            )
        sizes[row[0]] = (int(row[2]), int(row[1]))
    return sizes


def key_file(folder: Path) -> Path:
    """Return where the auditor's key to an exported folder lies: beside it."""
    return folder.parent / f"{folder.name}.key.json"


def read_key(folder: Path, shift: ShiftSpec) -> dict[str, Any]:
    """Return how an exported set was built; empty where the key is not kept beside it.

    Raises:
        UsageError: the key is of another shift, or the list of images is not the one that was exported.
    """
    path = key_file(folder)
    if not path.is_file():
        return {}
    try:
        key = json.loads(path.read_bytes())
        made_for, listed = key["shift"], key["manifest_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no key that radbench export-testset wrote; export the set again."
        ) from error
    if made_for != shift.name:
        raise UsageError(
            f"{folder} was exported for the shift '{made_for}', expected '{shift.name}', as --shift says."
        )
    if sha256_file(folder / MANIFEST) != listed:
        raise UsageError(
            f"{folder / MANIFEST} is not as it was exported; restore it, or export the set again."
        )
    return dict(key)


def instructions(shift: ShiftSpec, sizes: Mapping[str, tuple[int, int]]) -> str:
    """Return what the vendor is asked to do, in plain text."""
    asked = _MASKS if shift.task == "segmentation" else _TABLE
    words = {"count": len(sizes), "target": shift.target, "hash": HASH, "score": SCORE, "label": LABEL}
    paragraphs = (_FILES + asked + _RULES).format(**words).strip().split("\n\n")
    return "\n\n".join(_wrapped(paragraph) for paragraph in paragraphs) + "\n"


def _wrapped(paragraph: str) -> str:
    if paragraph.startswith("    ") or "---" in paragraph:
        return paragraph
    return textwrap.fill(" ".join(paragraph.split()), 100)


_FILES = """
A test set to be answered by one model
--------------------------------------

images/ holds {count} images, each a PNG of one channel, of 8 bits (0 black, 255 white) or of 16 (0 black, 65535 white).
The name of a file is the SHA-256 of the image's size and pixels. manifest.csv lists them with width and height in
pixels.
"""

_TABLE = """
Please run the model once on every image and write one table, as CSV (UTF-8, commas, a point in numbers), JSON Lines or
Parquet, with one row for each image:

    {hash},{score}
    0123...cdef,0.8731

The score is that of '{target}', from 0 to 1; the same model, thresholds and preprocessing as in the product. A model
that gives no score writes the column {label} instead, 1 for '{target}' and 0 for none. A model with several classes may
write one column for each class, under the class's name.

An image that the model rejects or cannot answer stays in the table with an empty {score} (or {label}). It is counted as
not answered, and so is an image that is left out.
"""

_MASKS = """
Please run the model once on every image and write one folder of masks of '{target}': for each image a PNG of the same
name and the same size, of one channel, 0 outside and 255 inside. Where nothing was found the mask is all 0; every image
needs one.
"""

_RULES = """
Please answer every image by itself, and change no image. Copies that were saved again, resized or converted can no
longer be told by their SHA-256: what goes into the table are the names of the files as they are here.

These images may have been changed by a program. They are no clinical evidence about any patient.
"""
