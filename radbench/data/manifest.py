"""Reading a manifest: one study a row, every error with the file and the row.

Columns: ``study_id``, ``patient_id``, ``image`` (a path relative to the manifest); optionally ``report``,
``split``, ``label_<finding>`` (0 or 1, empty for unknown), ``mask_<name>`` (see ``masks.reference``, empty for none).
Every other column is an attribute; an empty cell of one is unknown. A shift may map a table's own names to these
(``columns``) and say what -1 means (``labels.uncertain``).
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from radbench.data.cohort import Study
from radbench.data.masks import MaskReference, mask_reference
from radbench.data.masks.reference import existing
from radbench.data.tables import Table, read_table
from radbench.errors import UsageError, did_you_mean

Uncertain = Literal["ignore", "positive", "negative"]

_REQUIRED = ("study_id", "patient_id", "image")
_LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}
_UNCERTAIN = ("-1", "-1.0")
_MEANS: Mapping[Uncertain, int | None] = {"ignore": None, "positive": 1, "negative": 0}
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


@dataclass(frozen=True)
class Entry:
    """One row: the study and where its files are. ``row`` counts as a spreadsheet does (the header is 1)."""

    row: int
    study: Study
    image: Path
    masks: Mapping[str, MaskReference]
    split: str


def read_manifest(
    path: Path, columns: Mapping[str, str] | None = None, uncertain: Uncertain | None = None
) -> list[Entry]:
    """Read every row and check that every file that it names exists.

    Args:
        path: the table, CSV or Parquet.
        columns: radbench's names of columns to the table's own.
        uncertain: what a label of -1 means; None: it is refused.

    Raises:
        UsageError: the manifest or a file is missing, a column is missing or named twice, or a row has an
            empty or duplicate ``study_id``, an empty ``patient_id``, or a label that is none.
    """
    table = _renamed(_checked(read_table(path, "manifest")), columns or {})
    _check_header(table)
    if not table.rows:
        raise UsageError(f"{path} has a header and no rows; expected one row a study.")
    attributes = _typed_attributes(table)
    entries = [_entry(table, index, attributes, uncertain) for index in range(len(table.rows))]
    first_row: dict[str, int] = {}
    for entry in entries:
        name = entry.study.study_id
        if name in first_row:
            raise table.error(
                entry.row, f"study_id {name!r} is already in row {first_row[name]}; make it unique."
            )
        first_row[name] = entry.row
    return entries


def _checked(table: Table) -> Table:
    twice = [name for name, count in Counter(table.header).items() if count > 1 and name]
    if twice:
        raise UsageError(f"{table.path} names the column {twice[0]!r} twice; rename one.")
    return table


def _renamed(table: Table, columns: Mapping[str, str]) -> Table:
    """Return the table under radbench's names; one column may serve for several of them."""
    if not columns:
        return table
    for ours, theirs in columns.items():
        if theirs not in table.header:
            raise UsageError(
                f"{table.path} has no column {theirs!r}, which the shift's columns take for {ours!r}; found "
                f"{', '.join(table.header)}.{did_you_mean(theirs, table.header)}"
            )
        if ours in table.header and ours != theirs:
            raise UsageError(
                f"{table.path} has a column {ours!r} already, and the shift's columns take {theirs!r} for it; "
                "leave one out."
            )
    taken = set(columns.values())
    kept = [name for name in table.header if name not in taken]
    header = [*columns, *kept]
    rows = [
        {ours: row[theirs] for ours, theirs in columns.items()} | {name: row[name] for name in kept}
        for row in table.rows
    ]
    return Table(table.path, header, rows, table.numbers, table.decimal_comma)


def _check_header(table: Table) -> None:
    for name in _REQUIRED:
        if name not in table.header:
            raise UsageError(
                f"{table.path} has no column {name!r}; found {', '.join(table.header) or 'nothing'}. "
                f"Rename one, or map it in the shift's source.columns.{did_you_mean(name, table.header)}"
            )


def _entry(
    table: Table,
    index: int,
    attributes: Mapping[str, Sequence[str | int | float | None]],
    uncertain: Uncertain | None,
) -> Entry:
    row, cells = table.numbers[index], table.rows[index]
    for name in _REQUIRED:
        if not cells[name]:
            raise table.error(row, f"{name} is empty.")
    study = Study(
        study_id=cells["study_id"],
        patient_id=cells["patient_id"],
        labels=_labels(table, row, cells, uncertain),
        attributes={
            name: value for name, values in attributes.items() if (value := values[index]) is not None
        },
        report=cells.get("report", ""),
    )
    masks = {
        name.removeprefix("mask_"): _mask(table, row, name, cell)
        for name, cell in cells.items()
        if name.startswith("mask_") and cell
    }
    return Entry(row, study, _file(table, row, "image", cells["image"]), masks, cells.get("split", ""))


def _labels(table: Table, row: int, cells: Mapping[str, str], uncertain: Uncertain | None) -> dict[str, int]:
    labels = {}
    for name, cell in cells.items():
        if not name.startswith("label_") or not cell:
            continue
        written = cell.replace(",", ".") if table.decimal_comma else cell
        value = _LABELS.get(written.lower())
        if written in _UNCERTAIN:
            if uncertain is None:
                raise table.error(
                    row,
                    f"{name} is {cell!r}, which means uncertain in some datasets; say in the shift what it shall "
                    "mean here: source: {labels: {uncertain: ignore}} (or positive, or negative).",
                )
            value = _MEANS[uncertain]
        elif value is None:
            raise table.error(row, f"{name} is {cell!r}; expected 0, 1 or an empty cell for unknown.")
        if value is not None:
            labels[name.removeprefix("label_")] = value
    return labels


def _file(table: Table, row: int, column: str, cell: str) -> Path:
    path = existing(table.path.parent, cell)
    if not path.is_file():
        raise table.error(row, f"the {column} {path} does not exist; put it there or correct the path.")
    return path


def _mask(table: Table, row: int, column: str, cell: str) -> MaskReference:
    try:
        reference = mask_reference(cell, table.path.parent)
    except ValueError as error:
        raise table.error(row, f"the {column} is {cell!r}: {error}.") from None
    if reference.path is not None and not reference.path.is_file():
        raise table.error(
            row, f"the {column} {reference.path} does not exist; put it there or correct the path."
        )
    return reference


def _typed_attributes(table: Table) -> dict[str, list[str | int | float | None]]:
    """Columns that are neither required nor special, as int or float where every known cell is one."""
    special = {*_REQUIRED, "report", "split"}
    names = [
        name
        for name in table.header
        if name and name not in special and not name.startswith(("label_", "mask_"))
    ]
    return {name: _typed([_plain(row[name], table) for row in table.rows]) for name in names}


def _plain(cell: str, table: Table) -> str:
    return cell.replace(",", ".") if table.decimal_comma and _DECIMAL_COMMA.fullmatch(cell) else cell


def _typed(cells: Sequence[str]) -> list[str | int | float | None]:
    """Integers, decimals or text, one type a column; empty is unknown; ``007`` and ``1e5`` stay names."""
    known = [cell for cell in cells if cell]
    whole = all(re.fullmatch(r"-?(0|[1-9]\d*)(\.0*)?", cell) for cell in known)
    numbers = whole or all(re.fullmatch(r"-?\d+\.\d+|-?(0|[1-9]\d*)", cell) for cell in known)
    if not known or not numbers:
        return [cell or None for cell in cells]
    values = [float(cell) if cell else math.nan for cell in cells]
    return [None if math.isnan(value) else int(value) if whole else value for value in values]
