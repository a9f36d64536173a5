"""Reading a ``manifest.csv``: one study a row, every error with the file and the row.

Columns: ``study_id``, ``patient_id``, ``image`` (a path relative to the manifest); optionally ``report``,
``split``, ``label_<finding>`` (0 or 1, empty for unknown), ``mask_<name>`` (a file and what of it is the mask, see
``radbench.data.masks``; empty for none). Every other column is an attribute. A shift may map these names to the
table's own (``columns``) and say what an uncertain label means (``labels``).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radbench.data.cohort import Study
from radbench.data.columns import UNKNOWN, LabelRule, typed
from radbench.data.masks.reference import MaskReference
from radbench.data.table import Table, read_table
from radbench.errors import UsageError, did_you_mean

REQUIRED = ("study_id", "patient_id", "image")
_OPTIONAL = ("report", "split")
_PREFIXES = ("label_", "mask_")


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
    known = {name: values[index] for name, values in attributes.items()}
    study = Study(
        study_id=cells["study_id"],
        patient_id=cells["patient_id"],
        labels={name: value for name, value in labels.items() if value is not None},
        attributes={name: value for name, value in known.items() if value is not None},
        report=cells.get("report", ""),
    )
    masks = {
        name.removeprefix("mask_"): _mask(table, row, name, cell)
        for name, cell in cells.items()
        if name.startswith("mask_") and cell and cell not in UNKNOWN
    }
    return Entry(row, study, _image(table, row, cells["image"]), masks, cells.get("split", ""))


def _mask(table: Table, row: int, column: str, cell: str) -> MaskReference:
    try:
        reference = MaskReference.read(cell, table.path.parent)
    except UsageError as error:
        raise table.error(row, f"{column}: {error}") from None
    if reference.path is not None and not reference.path.is_file():
        raise table.error(
            row, f"the {column} {reference.path} does not exist; put it there or correct the path."
        )
    return reference


def _image(table: Table, row: int, cell: str) -> Path:
    from radbench.data.masks.reference import find_file

    path = find_file(table.path.parent, cell)
    if path is None:
        raise table.error(
            row,
            f"the image {table.path.parent / cell} does not exist; put it there or correct the path.",
        )
    return path


def _attributes(table: Table) -> dict[str, list[str | int | float | None]]:
    """Columns that are neither required nor special, as int or float where every known cell is one."""
    names = [
        name
        for name in table.header
        if name not in (*REQUIRED, *_OPTIONAL) and not name.startswith(_PREFIXES)
    ]
    return {name: typed([row[name] for row in table.rows], table.decimal_comma) for name in names}
