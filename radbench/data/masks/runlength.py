"""Masks as run lengths in a table: pairs of start and length, relative or absolute, by column or by row.

``rle=absolute`` (the default): starts count pixels from the beginning, from 1 (``base=0``: from 0). ``rle=relative``:
each start counts from the end of the run before it (SIIM-ACR). ``order=column`` (default, as Kaggle's and SIIM-ACR's)
runs down the columns, ``order=row`` along the rows. The image is found by ``id=``, in the first column unless
``id_column=`` names another; the codes are in ``column=``, by default the first one whose name speaks of RLE or encoded
pixels. Several rows of one image are joined; blank and -1 mean that there is nothing.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from radbench.data.cohort import Mask
from radbench.data.masks.reference import MaskReference
from radbench.errors import UsageError, did_you_mean

_OPTIONS: Final = ("id", "id_column", "column", "rle", "order", "base")


def decode_run_lengths(
    code: str, shape: tuple[int, int], *, relative: bool = False, order: str = "column", base: int = 1
) -> Mask:
    """Return the mask of one code, ``bool [H, W]``.

    Args:
        code: whole numbers between blanks, start and length in turn; "" and "-1" for nothing.
        shape: height and width.
        relative: whether a start counts from the end of the run before it.
        order: "column" or "row".
        base: number of the first pixel, of absolute starts.

    Raises:
        ValueError: an odd number of numbers, or a run beyond the image.
    """
    numbers = [int(part) for part in code.split()]
    flat = np.zeros(shape[0] * shape[1], np.bool_)
    if numbers == [-1] or not numbers:
        return flat.reshape(shape)
    if len(numbers) % 2:
        raise ValueError(f"{len(numbers)} numbers, expected pairs of start and length")
    place = 0
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        begin = place + start if relative else start - base
        if begin < 0 or length < 0 or begin + length > flat.size:
            raise ValueError(f"a run of {length} from {begin} lies beyond the {shape[0]} x {shape[1]} pixels")
        flat[begin : begin + length] = True
        place = begin + length
    return flat.reshape(shape) if order == "row" else flat.reshape(shape[::-1]).T.copy()


def run_length_mask(reference: MaskReference, shape: tuple[int, int]) -> Mask:
    """Return the union of an image's rows in a table of run lengths, ``bool [H, W]``.

    Raises:
        UsageError: an unknown setting, a table without the columns or the image, or a code that does not fit.
    """
    path, options = reference.path, reference.options
    assert path is not None  # noqa: S101 - boxes never come here
    for name in options:
        if name not in _OPTIONS:
            raise UsageError(
                f"The mask {reference.text} has an unknown setting '{name}'.{did_you_mean(name, _OPTIONS)}"
            )
    if "id" not in options:
        raise UsageError(f"The mask {reference.text} does not say whose row is meant; add #id=IMAGE.")
    rows = _codes(path, options.get("id_column", ""), options.get("column", ""))
    codes = rows.get(options["id"])
    if codes is None:
        raise UsageError(
            f"{path} has no row of image '{options['id']}'; expected one (blank or -1 for no finding)."
        )
    relative, order = options.get("rle", "absolute") == "relative", options.get("order", "column")
    mask: Mask = np.zeros(shape, np.bool_)
    for code in codes:
        try:
            mask |= decode_run_lengths(
                code, shape, relative=relative, order=order, base=int(options.get("base", "1"))
            )
        except ValueError as error:
            raise UsageError(
                f"{path}, image '{options['id']}': {error}; check rle, order and base."
            ) from None
    return mask


@lru_cache(maxsize=8)
def _codes(path: Path, id_column: str, column: str) -> dict[str, list[str]]:
    from radbench.data.tables import read_table

    table = read_table(path, "table of run lengths")
    key = _column(table, id_column or table.header[0])
    value = _column(table, column or _guessed(table.header, path))
    found: dict[str, list[str]] = {}
    for row in table.rows:
        found.setdefault(row[key], []).append(row[value])
    return found


def _column(table: Any, name: str) -> str:
    if name not in table.header:
        raise UsageError(f"{table.path} has no column '{name}'.{did_you_mean(name, table.header)}")
    return name


def _guessed(header: Sequence[str], path: Path) -> str:
    spoken = [
        name for name in header if "rle" in name.lower() or "encodedpixels" in name.lower().replace(" ", "")
    ]
    if not spoken:
        raise UsageError(f"{path} has no column whose name speaks of RLE; name it with column=.")
    return spoken[0]
