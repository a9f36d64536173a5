"""A user's table as text cells, whatever program wrote it: delimited text or Parquet.

Cells are never guessed at here: every one is text, stripped of the space around it. What a column means is
decided by who reads it (``radbench.data.manifest``). Delimited text is read by the standard library's ``csv`` and not
by pandas, which does not say in which row a quote is left open or a cell is missing, and mends some of it silently.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radbench.errors import UsageError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
PARQUET = (".parquet", ".pq")
_EXCEL_HINT = re.compile(r"^sep=(.)\r?\n", re.IGNORECASE)
_LARGEST_CELL = 1 << 28
"""Bytes of the longest cell: the run lengths of a large mask are one cell."""


@dataclass(frozen=True)
class Table:
    """A header and its rows, all text. ``numbers`` counts rows as a spreadsheet does (the header is row 1).

    ``decimal_comma`` says that ``40,5`` may be a number here: the delimiter is not the comma.
    ``notes`` say what was assumed.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    numbers: tuple[int, ...]
    decimal_comma: bool = False
    notes: tuple[str, ...] = ()

    def error(self, row: int, sentence: str) -> UsageError:
        """Return the error of one row."""
        return UsageError(f"{self.path}, row {row}: {sentence}")


def read_table(path: Path, expected: Sequence[str] = (), *, what: str = "table") -> Table:
    """Read a table: text with commas, semicolons, tabs or pipes, or Parquet.

    The delimiter is the one that finds most of ``expected`` in the header, then the one that finds most columns.
    Text is UTF-8 with or without a byte order mark, UTF-16 with one, or else Windows-1252 (then a note says so).
    Empty rows are passed over, also such as hold delimiters only; columns without a name, such as the index that
    pandas writes, are left out.

    Args:
        path: the file.
        expected: columns that it should have.
        what: what the file is to the user, for the errors.

    Raises:
        UsageError: it cannot be read, has no header, or has a row of another length than its header.
    """
    if path.suffix.lower() in PARQUET:
        return _read_parquet(path, what)
    text, notes = _text(path, expected, what)
    hint = _EXCEL_HINT.match(text)
    text = text[hint.end() :] if hint else text
    first = 2 if hint else 1
    delimiter = hint[1] if hint else _delimiter(text, expected)
    csv.field_size_limit(_LARGEST_CELL)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path} is not a valid CSV file ({error}); save it again as CSV.") from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    while header and not header[-1]:
        header.pop()
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines[1:], start=first + 1):
        cells = [cell.strip() for cell in line]
        if not any(cells):
            continue
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        if len(cells) != len(header):
            raise UsageError(
                f"{path}, row {number}: expected {len(header)} cells, found {len(cells)} "
                f"(the delimiter is the {DELIMITERS.get(delimiter, repr(delimiter))})."
            )
        rows.append({name: cell for name, cell in zip(header, cells, strict=True) if name})
        numbers.append(number)
    named = tuple(name for name in header if name)
    return Table(path, named, tuple(rows), tuple(numbers), delimiter != ",", notes)


def _text(path: Path, expected: Sequence[str], what: str) -> tuple[str, tuple[str, ...]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        columns = f" with the columns {', '.join(expected)}" if expected else ""
        raise UsageError(
            f"Cannot read the {what} {path} ({error.strerror}); expected a CSV file{columns}."
        ) from None
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UsageError(f"{path} is a spreadsheet's own file (Excel or another); save it as CSV in UTF-8.")
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            return data.decode("utf-16"), ()
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\x00" not in data:
            return _windows(path, data, error)
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8.") from None
    if "\x00" in text:
        raise UsageError(f"{path} is not UTF-8 text (byte {text.index(chr(0))}); save it as CSV in UTF-8.")
    return text, ()


def _windows(path: Path, data: bytes, error: UnicodeDecodeError) -> tuple[str, tuple[str, ...]]:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8.") from None
    return text, (f"{path} is not UTF-8 (byte {error.start}); it was read as Windows-1252.",)


def _delimiter(text: str, expected: Sequence[str]) -> str:
    """Return the delimiter that finds most of the expected columns, then most columns; the comma where equal."""
    first = text.lstrip("\r\n").split("\n", 1)[0]

    def found(delimiter: str) -> tuple[int, int]:
        try:
            cells = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter), [])]
        except csv.Error:
            return 0, 0
        return len(set(expected) & set(cells)), len(cells)

    return max(DELIMITERS, key=found)


def _read_parquet(path: Path, what: str) -> Table:
    import pandas as pd

    try:
        frame = pd.read_parquet(path, dtype_backend="numpy_nullable")
    except FileNotFoundError:
        raise UsageError(f"Cannot read the {what} {path} (No such file or directory).") from None
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"Cannot read the {what} {path} as Parquet ({reason}); write it again.") from None
    header = tuple(str(name).strip() for name in frame.columns)
    rows, numbers = [], []
    for number, values in enumerate(frame.itertuples(index=False, name=None), start=2):
        cells = [_cell(value) for value in values]
        if any(cells):
            rows.append(dict(zip(header, cells, strict=True)))
            numbers.append(number)
    return Table(path, header, tuple(rows), tuple(numbers))


def _cell(value: Any) -> str:
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124 (NaN is not itself)
        return ""
    return str(value).strip()
