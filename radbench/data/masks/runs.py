"""Masks as run lengths: numbers in a cell, in a text file, or in a table with one or more rows a film.

The words of the selection, none of which can be seen from the numbers (a wrong guess gives a plausible wrong mask):

``rle``     ``relative``: (pixels skipped since the last run, length) pairs, as SIIM-ACR writes them;
            ``absolute``: (first pixel, length) pairs, as most Kaggle tables and CheXmask write them.
``order``   ``column``: pixels are counted down the columns (SIIM-ACR, Kaggle); ``row``: along the rows (CheXmask).
``size``    ``HEIGHTxWIDTH`` that the numbers count in (SIIM-ACR: 1024x1024), or ``film`` for the film's own.
            ``HEIGHTxWIDTH|turned``: a table that may have the two exchanged (CheXmask), see below.
``start``   the number of the first pixel: 0 or 1. Left out: 1 for absolute (Kaggle, CheXmask), 0 for relative.
``row``     in a table: the value of the key column; left out, the study's id. Several rows are united.
``key``     in a table: the key column; left out, the first.
``column``  in a table: the column of the numbers; may be left out where there are two columns.

Several lists in one cell have ``;`` between them and are united. An empty cell and ``-1`` are the empty mask. A run
that ends outside the picture, a length below 1, runs of the absolute kind that overlap or run backwards, and an odd
count of numbers are refused: so is a wrong declaration found.

**turned.** Where the film has the declared size, that is it. Where only the exchanged pair is the film's size, the
numbers themselves tell what was exchanged, for in a mask the pixel below or beside a masked one is nearly always masked
too, and is so only in lines of the right length. Lines as long as the film's: only the names were exchanged. Lines of
the declared length: the mask was drawn on a sheet that lay across the film; what is drawn has its place, what the sheet
did not reach is lost, so a mask that touches the edge of the sheet inside the film is refused.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Mask
from radbench.data.masks.reference import MaskReference
from radbench.data.table import PARQUET, Table, read_table
from radbench.errors import UsageError, did_you_mean

TABLES = (".csv", ".tsv", ".psv", *PARQUET)
TEXTS = (".txt", ".rle")
_TURNED = "|turned"
_WORDS = ("rle", "order", "size", "start", "row", "key", "column")
_EXAMPLE = "'#rle=relative,order=column,size=1024x1024' (as SIIM-ACR) or '#rle=absolute,order=row,size=film'"


def read_runs(reference: MaskReference, shape: tuple[int, int], study_id: str = "") -> Mask:
    """Return the union of the reference's run lengths, ``bool [H, W]`` of its declared size.

    Raises:
        UsageError: a word is missing or wrong, the table has no such row, or the numbers are no run lengths.
    """
    reference.only(_WORDS)
    size = declared_size(reference, shape)
    turned = reference.options["size"].endswith(_TURNED)
    relative = _word(reference, "rle", ("relative", "absolute")) == "relative"
    by_column = _word(reference, "order", ("column", "row")) == "column"
    start = int(_word(reference, "start", ("0", "1"))) if "start" in reference.options else None
    line = np.zeros(size[0] * size[1], dtype=np.bool_)
    for text in _texts(reference, study_id):
        line |= _line(text, size, relative=relative, start=start, place=reference.place)
    if turned and size != tuple(shape) and size[::-1] == tuple(shape):
        return _turned(line, size, by_column=by_column, place=reference.place)
    return _laid(line, size, by_column=by_column)


def decode(
    text: str,
    size: tuple[int, int],
    *,
    relative: bool,
    by_column: bool,
    start: int | None = None,
    place: str = "",
) -> Mask:
    """Return ``bool [H, W]`` of run lengths, see the module for what the words mean."""
    return _laid(_line(text, size, relative=relative, start=start, place=place), size, by_column=by_column)


def _line(text: str, size: tuple[int, int], *, relative: bool, start: int | None, place: str) -> Mask:
    """Return the pixels in the order in which they are counted, ``bool [H * W]``."""
    numbers = _numbers(text, place)
    height, width = size
    if not len(numbers):
        return np.zeros(height * width, dtype=np.bool_)
    firsts, lengths = numbers[0::2], numbers[1::2]
    base = start if start is not None else (0 if relative else 1)
    if (lengths < 1).any() or (relative and (firsts < 0).any()):
        raise _wrong(place, "a length below 1 or a gap below 0")
    if relative:
        gaps = np.concatenate([firsts[:1] - base, firsts[1:]])
        firsts = np.cumsum(gaps) + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    else:
        firsts = firsts - base
        order = np.argsort(firsts, kind="stable")
        if (firsts[order][1:] < (firsts + lengths)[order][:-1]).any():
            raise _wrong(place, "runs that overlap, so they are not of the absolute kind")
    ends = firsts + lengths
    if int(firsts.min()) < 0 or int(ends.max()) > height * width:
        raise _wrong(
            place,
            f"a run over the pixels {int(firsts.min())} to {int(ends.max())}, outside a picture of {height} x {width}",
        )
    marks = np.zeros(height * width + 1, dtype=np.int8)
    np.add.at(marks, firsts, 1)
    np.add.at(marks, ends, -1)
    covered: Mask = np.cumsum(marks[:-1], dtype=np.int8) > 0
    return covered


def _laid(line: Mask, size: tuple[int, int], *, by_column: bool) -> Mask:
    height, width = size
    return line.reshape(width, height).T.copy() if by_column else line.reshape(height, width)


def _turned(line: Mask, size: tuple[int, int], *, by_column: bool, place: str) -> Mask:
    """Return the mask of a film whose height and width are those of ``size`` exchanged; see the module."""
    height, width = size
    declared, exchanged = (height, width) if by_column else (width, height)
    if _held_together(line, exchanged) >= _held_together(line, declared):
        return _laid(line, (width, height), by_column=by_column)
    sheet = _laid(line, size, by_column=by_column)
    # What the sheet does not reach: the film's right part where it is wider than high, else its lower part.
    if (sheet[:width, -1] if height > width else sheet[-1, :height]).any():
        raise UsageError(
            f"the mask {place} was drawn on a sheet of {height} x {width} (height x width) across a film of {width} x "
            f"{height} and is cut off at the sheet's edge; leave the film out, or take another mask of it."
        )
    film = np.zeros((width, height), dtype=np.bool_)
    least = min(height, width)
    film[:least, :least] = sheet[:least, :least]
    return film


def _held_together(line: Mask, length: int) -> float:
    """Return the share of masked pixels whose neighbour in the next line is masked, if lines have that length."""
    masked = int(line.sum())
    return float((line[length:] & line[:-length]).sum()) / masked if masked else 1.0


def _numbers(text: str, place: str) -> npt.NDArray[np.int64]:
    words = text.replace(",", " ").split()
    if words in ([], ["-1"]):
        return np.zeros(0, dtype=np.int64)
    try:
        numbers = np.array([int(word) for word in words], dtype=np.int64)
    except (ValueError, OverflowError):
        wrong = next(word for word in words if not word.lstrip("-").isdigit() or len(word) > 18)
        raise _wrong(place, f"{wrong[:20]!r} among the numbers") from None
    if len(numbers) % 2:
        raise _wrong(place, f"{len(numbers)} numbers, which are no pairs")
    return numbers


def _wrong(place: str, found: str) -> UsageError:
    return UsageError(
        f"the mask {place} holds {found}; expected pairs of run lengths as its selection declares them."
    )


def _word(reference: MaskReference, word: str, choices: tuple[str, ...]) -> str:
    value = reference.options.get(word)
    if value not in choices:
        found = "does not say" if value is None else f"says {word}={value}, not"
        raise UsageError(
            f"the mask {reference.place} {found} whether its run lengths have {word}={f' or {word}='.join(choices)}; "
            f"write it behind the name, such as {_EXAMPLE}."
        )
    return value


def declared_size(reference: MaskReference, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width that a reference's numbers count in, by its word ``size``.

    Raises:
        UsageError: it does not say, or says no size.
    """
    said = reference.options.get("size", "")
    if said == "film":
        return shape
    height, cross, width = said.removesuffix(_TURNED).partition("x")
    if cross and height.isdigit() and width.isdigit() and int(height) and int(width):
        return int(height), int(width)
    raise UsageError(
        f"the mask {reference.place} {f'says size={said}' if said else 'does not say'}, in which size its run lengths "
        f"count; say size=HEIGHTxWIDTH, or size=film for the film's own, such as {_EXAMPLE}."
    )


def _texts(reference: MaskReference, study_id: str) -> list[str]:
    if reference.path is None:
        return reference.inline.split(";")
    if reference.path.suffix.lower() not in TABLES:
        try:
            return [reference.path.read_text(encoding="utf-8-sig")]
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the mask {reference.path} cannot be read as text ({error}).") from None
    status = reference.path.stat()
    table = _table(reference.path, status.st_mtime_ns, status.st_size)
    key = _column(reference, table, "key", table.header[0] if table.header else "")
    others = [name for name in table.header if name != key]
    column = _column(reference, table, "column", others[0] if len(others) == 1 else "")
    wanted = reference.options.get("row", study_id)
    found = [row[column] for row in table.rows if row[key] == wanted]
    if not found:
        known = [row[key] for row in table.rows]
        raise UsageError(
            f"the mask {reference.path} has no row with {wanted!r} in its column {key!r}; name it with row=, or the "
            f"column with key=.{did_you_mean(wanted, known[:5000])}"
        )
    return found


def _column(reference: MaskReference, table: Table, word: str, default: str) -> str:
    name = reference.options.get(word, default)
    if name not in table.header or not name:
        raise UsageError(
            f"the mask {reference.path} has {f'no column {name!r}' if name else 'several columns'}; name one with "
            f"{word}=, of {', '.join(table.header)}.{did_you_mean(name, table.header)}"
        )
    return name


@lru_cache(maxsize=4)
def _table(path: Path, changed: int, size: int) -> Table:
    """The table as it is now: every mask of a cohort may be a row of the same one."""
    del changed, size
    return read_table(path, what="table of masks")
