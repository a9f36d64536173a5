"""The rows of a delimited, JSON Lines or Parquet file with the place of each; nothing in such a file is ever run."""

import json
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from radbench.errors import UsageError
from radbench.models.tables.delimited import open_delimited
from radbench.models.tables.rows import Cell, Kind, Row, Table

MAX_BYTES: Final = 512 << 20
"""Largest table that is read."""

_MAGIC: Final = b"PAR1"
_KINDS: Final = (str, int, float, bool, Decimal, type(None))


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
                yield Row(where, _cells(where, _parsed(where, line)))


def _parsed(where: str, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: no JSON ({error}), expected one object a line.") from error
    if not isinstance(found, dict):
        raise UsageError(f"{where}: a JSON {type(found).__name__}, expected one object a line.")
    return found


def _open_parquet(path: Path) -> Table:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            columns = tuple(file.schema_arrow.names)
    except (ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{path}: no whole Parquet file ({_short(error)}); write it again.") from error
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
        raise UsageError(f"{path}: no whole Parquet file ({_short(error)}); write it again.") from error


def _cells(where: str, found: Mapping[str, Any]) -> dict[str, Cell]:
    for name, value in found.items():
        if not isinstance(value, _KINDS):
            raise UsageError(
                f"{where}: column '{name}' holds a {type(value).__name__}, expected a number or a text."
            )
    return dict(found)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
