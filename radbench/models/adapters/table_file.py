"""The rows of a delimited, JSON Lines or Parquet file with the place of each; nothing in such a file is ever run.

Delimited text is read as spreadsheets, pandas and R write it: its delimiter, its encoding, and what in it says nothing.
"""

import codecs
import csv
import io
import json
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from radbench.errors import UsageError
from radbench.models.base import one_line

HASH: Final = "image_sha256"
"""The column that says which image a row is about."""

MAX_BYTES: Final = 512 << 20
"""Largest table that is read."""

_MAGIC: Final = b"PAR1"
_KINDS: Final = (str, int, float, bool, Decimal, type(None))
_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAMPLE: Final = 1 << 16
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ANNOUNCED: Final = "sep="
"""What some spreadsheets write before the header, followed by the delimiter."""

Cell: TypeAlias = str | int | float | bool | Decimal | None

Kind = Literal["csv", "jsonl", "parquet"]


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        where: file and line (or row), as errors begin.
        cells: column -> value; "" of a CSV file is None.
    """

    where: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True)
class Table:
    """A table that was opened.

    Attributes:
        path: its file.
        kind: how it is written, by what the file holds and not by its name.
        columns: the names of its columns, each once.
        rows: its rows in order; they can be read once.
        notes: how it is read where that is not plain, in words; whole once the rows were read.
    """

    path: Path
    kind: Kind
    columns: tuple[str, ...]
    rows: Iterator[Row]
    notes: list[str] = field(default_factory=list)


def open_table(path: Path) -> Table:
    """Open a table.

    Raises:
        UsageError: no plain file of at most 512 MiB, not one of the three formats, no header, or a column named twice.
            Reading on through ``rows`` raises the same for a row that does not fit.
    """
    kind = kind_of(path)
    found = {"csv": open_delimited, "jsonl": _open_jsonl, "parquet": _open_parquet}[kind](path)
    twice = [name for name, count in Counter(found.columns).items() if count > 1]
    if twice:
        raise UsageError(f"{path} has the column '{twice[0]}' twice, expected each name once.")
    return found


def kind_of(path: Path) -> Kind:
    """Return how a table is written: by the first bytes of its file.

    Raises:
        UsageError: it is missing, no plain file (a link, a folder, a pipe), empty, or larger than 512 MiB.
    """
    refuse_strange(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not start or size > MAX_BYTES:
        raise UsageError(f"{path} has {size:,} bytes, expected a table of 1 to {MAX_BYTES:,}.")
    if start.startswith(_MAGIC):
        return "parquet"
    return "jsonl" if start.startswith(b"{") else "csv"


def refuse_strange(path: Path) -> None:
    """Refuse what is not a plain file of its own: a link may lead anywhere, and a pipe never ends.

    Raises:
        UsageError: it is missing, or something else than a plain file.
    """
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}; expected a file there."
        ) from error
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is a link, a folder or a device, expected a plain file.")


def _open_jsonl(path: Path) -> Table:
    first = next(_json_rows(path))
    return Table(path, "jsonl", tuple(first.cells), _json_rows(path))


def _json_rows(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            where = f"{path}, line {number}"
            if line.strip():
                try:
                    found = json.loads(line.decode("utf-8-sig"))
                except (ValueError, RecursionError) as error:
                    raise UsageError(f"{where}: no JSON ({error}), expected one object a line.") from error
                if not isinstance(found, dict):
                    raise UsageError(f"{where}: a JSON {type(found).__name__}, expected one object a line.")
                yield Row(where, _cells(where, found))


def _open_parquet(path: Path) -> Table:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            columns = tuple(file.schema_arrow.names)
    except (ArrowException, OSError, ValueError) as error:
        raise UsageError(
            f"{path}: no whole Parquet file ({one_line(error, 120)}); write it again."
        ) from error
    return Table(path, "parquet", columns, _parquet_rows(path))


def _parquet_rows(path: Path) -> Iterator[Row]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches():
                for cells in batch.to_pylist():
                    number += 1
                    where = f"{path}, row {number}"
                    yield Row(where, _cells(where, cells))
    except (ArrowException, OSError, ValueError) as error:
        raise UsageError(
            f"{path}: no whole Parquet file ({one_line(error, 120)}); write it again."
        ) from error


def _cells(where: str, found: Mapping[str, Any]) -> dict[str, Cell]:
    for name, value in found.items():
        if not isinstance(value, _KINDS):
            raise UsageError(
                f"{where}: column '{name}' holds a {type(value).__name__}, expected a number or a text."
            )
    return dict(found)


def open_delimited(path: Path) -> Table:
    """Open a text file whose values are parted by commas, semicolons, tabs or bars.

    The header says which. A first column without a name is what pandas writes for its row numbers, and is not read;
    nor are columns without a name behind the last named one if they are empty, and rows that are empty.

    Raises:
        UsageError: no text in UTF-8 (or UTF-16 with its mark), or a nameless column between named ones. Reading on
            through ``rows`` raises the same for a row that does not fit.
    """
    with path.open("rb") as file:
        encoding = "utf-16" if file.read(2) in _UTF16 else "utf-8-sig"
    delimiter = _delimiter(path, encoding)
    lines = _lines(path, encoding, delimiter)
    _, header = next(lines, (1, []))
    if len(header) == 2 and header[0].strip().lower() == _ANNOUNCED and not header[1]:
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
