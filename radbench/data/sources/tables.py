"""Published tables row by row: every cell is text, memory stays flat, a changed table is one sentence."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from radbench.errors import UsageError

_CHUNK: Final = 20_000
_LARGEST_CELL: Final = 1 << 28


def rows_of(
    path: Path,
    required: Sequence[str],
    *,
    optional: Sequence[str] = (),
    names: Sequence[str] | None = None,
    delimiter: str = ",",
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a table with their numbers as a spreadsheet counts them (the header is row 1).

    Cells and names of columns are stripped of the space around them; nothing is taken for a number or for missing.

    Args:
        path: delimited text, plain or gzip.
        required: columns that must be there.
        optional: further columns that are kept where they are there; absent ones are "" in every row.
        names: names for the columns by position instead of the header's, for a header that is not well-formed.
        delimiter: between the cells.

    Raises:
        UsageError: it cannot be read, or has no such column.
    """
    import pandas as pd

    wanted = [*required, *optional]
    told: dict[str, Any] = {} if names is None else {"names": list(names), "header": 0}
    text: dict[str, Any] = {
        "dtype": str,
        "keep_default_na": False,
        "na_filter": False,
        "encoding": "utf-8-sig",
    }
    number = 1
    try:
        with pd.read_csv(
            path, sep=delimiter, encoding_errors="replace", chunksize=_CHUNK, index_col=False, **text, **told
        ) as chunks:
            for chunk in chunks:
                chunk.columns = [str(name).strip() for name in chunk.columns]
                if number == 1:
                    check_columns(path, list(chunk.columns), required)
                present = [name for name in wanted if name in chunk.columns]
                absent = dict.fromkeys([name for name in wanted if name not in present], "")
                for values in zip(*(chunk[name] for name in present), strict=True):
                    number += 1
                    yield (
                        number,
                        {
                            **absent,
                            **{name: value.strip() for name, value in zip(present, values, strict=True)},
                        },
                    )
    except FileNotFoundError:
        raise UsageError(f"The table {path} does not exist; download it again.") from None
    except (OSError, EOFError, ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UsageError(
            f"The table {path} cannot be read after row {number} ({reason}); download it again."
        ) from None


def long_rows_of(
    path: Path, required: Sequence[str], *, optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield rows as ``rows_of`` does, one at a time: for tables of gigabytes with cells of a million characters.

    Raises:
        UsageError: it cannot be read, has no such column, or has a row of another length than its header, as at the end
            of half a download.
    """
    wanted = [*required, *optional]
    number = 1
    csv.field_size_limit(_LARGEST_CELL)
    try:
        with open_text(path) as file:
            lines = csv.reader(file, strict=True)
            header = [cell.strip() for cell in next(lines, [])]
            check_columns(path, header, required)
            places = {name: header.index(name) for name in wanted if name in header}
            absent = dict.fromkeys([name for name in wanted if name not in places], "")
            for cells in lines:
                number += 1
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise ValueError(f"row {number} has {len(cells)} cells, its header {len(header)}")
                yield number, {**absent, **{name: cells[place].strip() for name, place in places.items()}}
    except FileNotFoundError:
        raise UsageError(f"The table {path} does not exist; download it again.") from None
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UsageError(
            f"The table {path} cannot be read after row {number - 1} ({reason}); download it again."
        ) from None


def check_columns(path: Path, found: Sequence[str], required: Sequence[str]) -> None:
    """Refuse a table without the columns that its dataset publishes.

    Raises:
        UsageError: names the missing columns and those that are there.
    """
    lacking = [name for name in required if name not in found]
    if lacking:
        shown = ", ".join(found[:12]) + (", ..." if len(found) > 12 else "")
        raise UsageError(
            f"The table {path} has no column {', '.join(repr(name) for name in lacking)}; found {shown}. It is not the "
            "table that the dataset publishes, or of another version."
        )


def header_of(path: Path, delimiter: str = ",") -> list[str]:
    """Return the names in a table's first row, stripped."""
    csv.field_size_limit(_LARGEST_CELL)
    try:
        with open_text(path) as file:
            return [cell.strip() for cell in next(csv.reader(file, delimiter=delimiter), [])]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The table {path} cannot be read ({error}); download it again.") from None


def count_lines(path: Path) -> int:
    """Return the number of lines, which is about the number of rows; a gzip file is read through."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    except (OSError, EOFError):
        return 0


def open_text(path: Path) -> Any:
    """Open text or gzip text, UTF-8 with or without a byte order mark."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def number_or_none(cell: str) -> float | None:
    """Return a cell as a number, None where it is none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None  # noqa: PLR0124 (NaN is not itself)


def age_of(cell: str) -> int | None:
    """Return an age in whole years: ``58``, ``58.0``, DICOM's ``058Y`` (months, weeks and days are 0 years)."""
    text = cell.strip().upper()
    if text[-1:] in {"M", "W", "D"} and text[:-1].isdigit():
        return 0
    value = number_or_none(text.removesuffix("Y"))
    return int(value) if value is not None and 0 <= value < 120 else None


def sex_of(cell: str) -> str | None:
    """Return ``F`` or ``M`` for female, male and their first letters; None for anything else."""
    return {"F": "F", "FEMALE": "F", "M": "M", "MALE": "M"}.get(cell.strip().upper())
