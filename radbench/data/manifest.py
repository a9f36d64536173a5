"""Reading a ``manifest.csv``: one study a row, what its cells mean, every error with the file and the row.

Columns: ``study_id``, ``patient_id``, ``image`` (a path relative to the manifest); optionally ``report``,
``split``, ``label_<finding>`` (0 or 1, empty for unknown), ``mask_<name>`` (a file and what of it is the mask, see
``radbench.data.masks``; empty for none). Every other column is an attribute. A shift may map these names to the
table's own (``columns``) and say what an uncertain label means (``labels``).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from radbench.data.cohort import Study
from radbench.data.masks.reference import MaskReference, find_file
from radbench.data.table import Table, read_table
from radbench.errors import UsageError, did_you_mean

_BLANK = frozenset({"", "nan", "NaN", "NAN", "<NA>", "#N/A", "NaT"})
"""Cells that say nothing in any column."""
_UNKNOWN_NUMBER = _BLANK | {"NA", "N/A", "n/a", "na", "null", "NULL", "None", "none"}
"""Cells that say nothing in a column of numbers or labels, and may be words elsewhere."""
_LABELS = {"0": 0, "1": 1, "false": 0, "true": 1}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
REQUIRED = ("study_id", "patient_id", "image")
_OPTIONAL = ("report", "split")
_PREFIXES = ("label_", "mask_")


@dataclass(frozen=True)
class LabelRule:
    """What the codes of an uncertain label mean, as a shift declares it (``source.labels``).

    Without ``uncertain`` they are refused. ``ignore`` makes the label unknown for that study.
    """

    uncertain: Literal["ignore", "positive", "negative"] | None = None
    codes: tuple[str, ...] = ("-1",)

    def read(self, table: Table, row: int, column: str, cell: str) -> int | None:
        """Return 0, 1, or None for unknown.

        Raises:
            UsageError: anything else than 0, 1, True, False, an empty cell or a declared code.
        """
        if cell in _UNKNOWN_NUMBER:
            return None
        if self.is_code(table, cell):
            if self.uncertain is None:
                raise table.error(
                    row,
                    f"{column} is {cell!r}; expected 0, 1 or an empty cell for unknown. If {cell} marks an uncertain "
                    "finding, say in the shift, under source, what it means: "
                    "'labels: {uncertain: ignore}', or positive, or negative.",
                )
            return {"ignore": None, "positive": 1, "negative": 0}[self.uncertain]
        value = _LABELS.get(_plain(cell, decimal_comma=table.decimal_comma).lower())
        if value is None:
            raise table.error(
                row,
                f"{column} is {cell!r}; expected 0, 1 or an empty cell for unknown. A code for uncertain findings "
                f"is declared in the shift, under source: 'labels: {{uncertain: ignore, codes: [{cell}]}}'.",
            )
        return value

    def is_code(self, table: Table, cell: str) -> bool:
        """Whether the cell is one of the codes; -1, -1.0 and, with decimal commas, -1,0 are the same."""
        codes = {_plain(code, decimal_comma=False) for code in self.codes}
        return _plain(cell, decimal_comma=table.decimal_comma) in codes

    def notes(self, table: Table) -> tuple[str, ...]:
        """Return a sentence for every label that has uncertain cells: how many, and what they were taken for."""
        taken = {"ignore": "unknown", "positive": "1", "negative": "0"}
        counts = {
            name: sum(self.is_code(table, row[name]) for row in table.rows)
            for name in table.header
            if name.startswith("label_")
        }
        return tuple(
            f"{table.path}: {count} uncertain cell{'s' * (count > 1)} of {name} taken as {taken[self.uncertain]}."
            for name, count in counts.items()
            if count and self.uncertain is not None
        )


def typed(cells: Sequence[str], decimal_comma: bool = False) -> list[str | int | float | None]:
    """Return a column as integers, decimals or text: one type a column, None where nothing is known.

    A column is of numbers if every known cell is one; decimals that are all whole numbers, as a spreadsheet or
    pandas writes integers with gaps (``45.0``), are integers. ``007`` and ``1e5`` stay the names that they may be.
    With ``decimal_comma``, ``40,5`` is a number.
    """
    plain = [_with_point(cell, decimal_comma) for cell in cells]
    known = [cell for cell in plain if cell not in _UNKNOWN_NUMBER]
    if known and all(_DECIMAL.fullmatch(cell) for cell in known):
        whole = all(_INTEGER.fullmatch(cell) or float(cell).is_integer() for cell in known)
        return [
            None if cell in _UNKNOWN_NUMBER else int(cell.split(".")[0]) if whole else float(cell)
            for cell in plain
        ]
    return [None if cell in _BLANK else cell for cell in cells]


def _plain(cell: str, *, decimal_comma: bool) -> str:
    """Return ``1`` for ``1.0`` (and ``1,0`` with decimal commas); anything else as it is."""
    point = _with_point(cell, decimal_comma)
    if _DECIMAL.fullmatch(point) and float(point).is_integer():
        return str(int(float(point)))
    return cell


def _with_point(cell: str, decimal_comma: bool) -> str:
    return cell.replace(",", ".") if decimal_comma and cell.count(",") == 1 else cell


@dataclass(frozen=True)
class Entry:
    """One row: the study and where its files are. ``row`` counts as a spreadsheet does (the header is 1)."""

    row: int
    study: Study
    image: Path
    masks: Mapping[str, MaskReference]
    split: str


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read: its rows, and ``notes`` on what was assumed or left out, sentences for a report."""

    path: Path
    entries: Sequence[Entry]
    notes: tuple[str, ...] = field(default=())


def read_manifest(
    path: Path, *, labels: LabelRule | None = None, columns: Mapping[str, str] | None = None
) -> Manifest:
    """Read every row and check that every file that it names exists.

    Args:
        path: text with commas, semicolons, tabs or pipes, or Parquet.
        labels: what codes such as -1 mean; without it they are refused.
        columns: our column names to the table's own. Where given, other columns of the table count only if they
            have a name that is known here; no other becomes an attribute. A mask's column may carry a selection
            for all of its cells: ``mask_lung: "Lung RLE#rle=absolute,order=row,size=film"``.

    Raises:
        UsageError: the manifest or a file is missing, a column is missing or named twice, or a row has an
            empty or duplicate ``study_id``, an empty ``patient_id``, or a label that is neither 0 nor 1.
    """
    columns = columns or {}
    table = _mapped(
        read_table(path, [columns.get(name, name) for name in REQUIRED], what="manifest"), columns
    )
    rule = labels or LabelRule()
    attributes = _attributes(table)
    entries = [_entry(table, index, attributes, rule) for index in range(len(table.rows))]
    first_row: dict[str, int] = {}
    for entry in entries:
        name = entry.study.study_id
        if name in first_row:
            raise table.error(
                entry.row, f"study_id {name!r} is already in row {first_row[name]}; make it unique."
            )
        first_row[name] = entry.row
    return Manifest(path, entries, (*table.notes, *rule.notes(table)))


def _mapped(table: Table, columns: Mapping[str, str]) -> Table:
    """Return the table under our names, its header checked."""
    sources = {ours: _source(table, ours, theirs) for ours, theirs in columns.items()}
    taken = {theirs for theirs, _ in sources.values()}
    for name in table.header:
        known = name in (*REQUIRED, *_OPTIONAL) or name.startswith(_PREFIXES)
        if not columns or (known and name not in taken):
            sources.setdefault(name, (name, ""))
    for name in REQUIRED:
        if name not in sources:
            raise UsageError(
                f"{table.path} has no column {name!r}; found {', '.join(table.header) or 'nothing'}."
                f"{did_you_mean(name, table.header)}"
            )
    used = {theirs for theirs, _ in sources.values()}
    twice = [name for name, count in Counter(table.header).items() if count > 1 and name in used]
    if twice:
        raise UsageError(f"{table.path} names the column {twice[0]!r} twice; rename one.")
    if not table.rows:
        raise UsageError(f"{table.path} has a header and no rows; expected one row a study.")
    rows = tuple(
        {
            ours: row[theirs] + selection if row[theirs] else ""
            for ours, (theirs, selection) in sources.items()
        }
        for row in table.rows
    )
    return Table(table.path, tuple(sources), rows, table.numbers, table.decimal_comma, table.notes)


def _source(table: Table, ours: str, theirs: str) -> tuple[str, str]:
    """Return the table's column of one of our names, and the selection that all of its cells get."""
    if theirs in table.header:
        return theirs, ""
    name, mark, selection = theirs.rpartition("#")
    if ours.startswith("mask_") and mark and name in table.header:
        return name, f"#{selection}"
    raise UsageError(
        f"{table.path} has no column {theirs!r}, which the shift's columns name for {ours!r}; found "
        f"{', '.join(table.header) or 'nothing'}.{did_you_mean(theirs, table.header)}"
    )


def _entry(
    table: Table, index: int, attributes: Mapping[str, Sequence[str | int | float | None]], rule: LabelRule
) -> Entry:
    row, cells = table.numbers[index], table.rows[index]
    for name in REQUIRED:
        if not cells[name]:
            raise table.error(row, f"{name} is empty.")
    labels = {
        name.removeprefix("label_"): rule.read(table, row, name, cell)
        for name, cell in cells.items()
        if name.startswith("label_")
    }
    known = ((name, values[index]) for name, values in attributes.items())
    study = Study(
        study_id=cells["study_id"],
        patient_id=cells["patient_id"],
        labels={name: value for name, value in labels.items() if value is not None},
        attributes={name: value for name, value in known if value is not None},
        report=cells.get("report", ""),
    )
    masks = {
        name.removeprefix("mask_"): _mask(table, row, name, cell)
        for name, cell in cells.items()
        if name.startswith("mask_") and cell not in _BLANK
    }
    return Entry(row, study, _image(table, row, cells["image"]), masks, cells.get("split", ""))


def _mask(table: Table, row: int, column: str, cell: str) -> MaskReference:
    try:
        reference = MaskReference.read(cell, table.path.parent)
    except UsageError as error:
        raise table.error(row, f"{column}: {error}") from None
    for path in reference.files:
        if not path.is_file():
            raise table.error(row, f"the {column} {path} does not exist; put it there or correct the path.")
    return reference


def _image(table: Table, row: int, cell: str) -> Path:
    path = find_file(table.path.parent, cell)
    if path is None:
        missing = table.path.parent / cell
        raise table.error(row, f"the image {missing} does not exist; put it there or correct the path.")
    return path


def _attributes(table: Table) -> dict[str, list[str | int | float | None]]:
    """Columns that are neither required nor special, as int or float where every known cell is one."""
    names = [
        name
        for name in table.header
        if name not in (*REQUIRED, *_OPTIONAL) and not name.startswith(_PREFIXES)
    ]
    return {name: typed([row[name] for row in table.rows], table.decimal_comma) for name in names}
