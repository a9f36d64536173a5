"""What a table is once it is open: its columns, its rows with the place of each, and how it was read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeAlias

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
