"""Delimited text as spreadsheets, pandas and R write it: its delimiter, its encoding, and what in it says nothing."""

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from radbench.errors import UsageError
from radbench.models.tables.columns import HASH
from radbench.models.tables.rows import Row, Table

_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAMPLE: Final = 1 << 16
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ANNOUNCED: Final = "sep="
"""What some spreadsheets write before the header, followed by the delimiter."""


def open_delimited(path: Path) -> Table:
    """Open a text file whose values are parted by commas, semicolons, tabs or bars.

    The header says which. A first column without a name is what pandas writes for its row numbers, and is not read;
    nor are columns without a name behind the last named one if they are empty, and rows that are empty.

    Raises:
        UsageError: no text in UTF-8 (or UTF-16 with its mark), or a nameless column between named ones. Reading on
            through ``rows`` raises the same for a row that does not fit.
    """
    encoding = _encoding(path)
    delimiter = _delimiter(path, encoding)
    lines = _lines(path, encoding, delimiter)
    _, header = next(lines, (1, []))
    if _announced(header):
        _, header = next(lines, (2, []))
    names = [name.strip() for name in header]
    notes = [] if delimiter == "," else [f"values parted by {_DELIMITERS.get(delimiter, repr(delimiter))}"]
    if encoding == "utf-16":
        notes.append("text in UTF-16")
    first = 1 if len(names) > 1 and not names[0] else 0
    if first:
        notes.append("the first column has no name and is not read (row numbers, as pandas writes them)")
    last = max((number for number, name in enumerate(names, start=1) if name), default=0)
    columns = tuple(names[first:last])
    if not columns or not all(columns):
        raise UsageError(
            f"{path}, line 1: a column without a name, expected a header such as image_sha256,score."
        )
    table = Table(path, "csv", columns, _rows(path, slice(first, last), header, lines, notes), notes)
    if last < len(names):
        notes.append(f"columns behind '{columns[-1]}' without a name, {len(names) - last}, are not read")
    return table


def _rows(
    path: Path, named: slice, header: list[str], lines: Iterator[tuple[int, list[str]]], notes: list[str]
) -> Iterator[Row]:
    columns = [name.strip() for name in header[named]]
    empty = 0
    for number, line in lines:
        where = f"{path}, line {number}"
        cells = [cell.strip() or None for cell in line]
        if not any(cells[named.start :]):
            empty += 1
            continue
        if len(cells) != len(header):
            mend = "; a decimal comma needs quotes around its number" if len(cells) > len(header) else ""
            raise UsageError(f"{where}: {len(cells)} cells, expected {len(header)} as in the header{mend}.")
        if any(cells[named.stop :]):
            raise UsageError(
                f"{where}: a value in a column without a name, expected nothing there: name the column."
            )
        yield Row(where, dict(zip(columns, cells[named], strict=True)))
    if empty:
        notes.append(f"{empty} empty row{'s are' if empty > 1 else ' is'} not read")


def _lines(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of every line that is not empty."""
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, strict=True, delimiter=delimiter, skipinitialspace=True)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, cells
        except (csv.Error, UnicodeError) as error:
            raise UsageError(
                f"{path}, line {reader.line_num + 1}: no CSV in UTF-8 ({error}), expected values parted by commas, "
                "semicolons or tabs."
            ) from error


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in _UTF16 else "utf-8-sig"


def _delimiter(path: Path, encoding: str) -> str:
    """Return the delimiter by which the header holds the images' column; else the one that it holds most often."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = file.read(_SAMPLE)
    start = sample.lstrip()
    if start[:4].lower() == _ANNOUNCED and start[4:5] in _DELIMITERS and not start[5:6].strip():
        return start[4]
    headers = {delimiter: _header(sample, delimiter) for delimiter in _DELIMITERS}
    return max(_DELIMITERS, key=lambda delimiter: (HASH in headers[delimiter], len(headers[delimiter])))


def _header(sample: str, delimiter: str) -> list[str]:
    try:
        lines = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, skipinitialspace=True)
        return [cell.strip() for cell in next((cells for cells in lines if cells), [])]
    except csv.Error:
        return []


def _announced(header: list[str]) -> bool:
    return len(header) == 2 and header[0].strip().lower() == _ANNOUNCED and not header[1]
