"""Tables as people keep them: CSV of any usual delimiter and encoding, and Parquet, as text cells with row numbers."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from radbench.errors import UsageError

DELIMITERS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        path: the file.
        header: the columns' names, stripped.
        rows: one a row that is not blank, cells stripped.
        numbers: each row's number as a spreadsheet counts (the header is 1).
        decimal_comma: whether numbers may be written with a comma, as spreadsheets do where ";" parts the cells.
    """

    path: Path
    header: Sequence[str]
    rows: Sequence[dict[str, str]]
    numbers: Sequence[int]
    decimal_comma: bool = False

    def error(self, row: int, sentence: str) -> UsageError:
        """Return the error of a row."""
        return UsageError(f"{self.path}, row {row}: {sentence}")


def read_table(path: Path, what: str = "table") -> Table:
    """Read a CSV (comma, semicolon, tab or bar; UTF-8, UTF-16 with its mark, or Windows-1252) or a Parquet file.

    Args:
        path: the file.
        what: what it is called in a sentence.

    Raises:
        UsageError: the file is missing, is no text, or has a row of another length than its header.
    """
    if path.suffix.lower() == ".parquet":
        return _parquet(path, what)
    text, delimiter = _text(path, what)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path} is not a valid CSV file ({error}); save it again as CSV.") from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines[1:], start=2):
        if not any(line):
            continue
        if len(line) != len(header):
            raise UsageError(f"{path}, row {number}: expected {len(header)} cells, found {len(line)}.")
        rows.append({name: cell.strip() for name, cell in zip(header, line, strict=True)})
        numbers.append(number)
    return Table(path, header, rows, numbers, decimal_comma=delimiter == ";")


def _text(path: Path, what: str) -> tuple[str, str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"Cannot read the {what} {path} ({error.strerror}); expected a CSV or Parquet file."
        ) from None
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        if wide or b"\0" in data:
            raise UsageError(
                f"{path} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8."
            ) from None
        text = data.decode("cp1252", errors="replace")
    first = next((line for line in text.splitlines() if line.strip()), "")
    counts = Counter({delimiter: first.count(delimiter) for delimiter in DELIMITERS})
    delimiter, count = counts.most_common(1)[0]
    return text, delimiter if count else ","


def _parquet(path: Path, what: str) -> Table:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except Exception as error:  # noqa: BLE001 - pyarrow's errors share no class with the file system's
        raise UsageError(
            f"Cannot read the {what} {path} as Parquet ({' '.join(str(error).split())[:160]})."
        ) from None
    header = [str(name).strip() for name in frame.columns]
    rows = [
        {name: "" if pd.isna(value) else str(value).strip() for name, value in zip(header, line, strict=True)}
        for line in frame.itertuples(index=False, name=None)
    ]
    return Table(path, header, rows, list(range(2, len(rows) + 2)))
