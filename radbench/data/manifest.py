"""Reading a ``manifest.csv``: one study a row, every error with the file and the row.

Columns: ``study_id``, ``patient_id``, ``image`` (a path relative to the manifest); optionally ``report``,
``split``, ``label_<finding>`` (0 or 1, empty for unknown), ``mask_<name>`` (a path, empty for none). Every
other column is an attribute.
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from radbench.data.cohort import Study
from radbench.errors import UsageError, did_you_mean

_REQUIRED = ("study_id", "patient_id", "image")
_LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}


@dataclass(frozen=True)
class Entry:
    """One row: the study and where its files are. ``row`` counts as a spreadsheet does (the header is 1)."""

    row: int
    study: Study
    image: Path
    masks: Mapping[str, Path]
    split: str


@dataclass(frozen=True)
class _Table:
    path: Path
    header: Sequence[str]
    rows: Sequence[dict[str, str]]
    numbers: Sequence[int]

    def error(self, row: int, sentence: str) -> UsageError:
        return UsageError(f"{self.path}, row {row}: {sentence}")


def read_manifest(path: Path) -> list[Entry]:
    """Read every row and check that every file that it names exists.

    Raises:
        UsageError: the manifest or a file is missing, a column is missing or named twice, or a row has an
            empty or duplicate ``study_id``, an empty ``patient_id``, or a label that is neither 0 nor 1.
    """
    table = _read_table(path)
    attributes = _typed_attributes(table)
    entries = [_entry(table, index, attributes) for index in range(len(table.rows))]
    first_row: dict[str, int] = {}
    for entry in entries:
        name = entry.study.study_id
        if name in first_row:
            raise table.error(
                entry.row, f"study_id {name!r} is already in row {first_row[name]}; make it unique."
            )
        first_row[name] = entry.row
    return entries


def _read_table(path: Path) -> _Table:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"Cannot read the manifest {path} ({error.strerror}); expected a CSV file with the columns "
            f"{', '.join(_REQUIRED)}."
        ) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8.") from None
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise UsageError(f"{path} is not a valid CSV file ({error}); save it again as CSV.") from None
    header = [cell.strip() for cell in lines[0]] if lines else []
    _check_header(path, header)
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    for number, line in enumerate(lines[1:], start=2):
        if not any(line):
            continue
        if len(line) != len(header):
            raise UsageError(f"{path}, row {number}: expected {len(header)} cells, found {len(line)}.")
        rows.append({name: cell.strip() for name, cell in zip(header, line, strict=True)})
        numbers.append(number)
    if not rows:
        raise UsageError(f"{path} has a header and no rows; expected one row a study.")
    return _Table(path, header, rows, numbers)


def _check_header(path: Path, header: Sequence[str]) -> None:
    for name in _REQUIRED:
        if name not in header:
            raise UsageError(
                f"{path} has no column {name!r}; found {', '.join(header) or 'nothing'}."
                f"{did_you_mean(name, header)}"
            )
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise UsageError(f"{path} names the column {twice[0]!r} twice; rename one.")


def _entry(table: _Table, index: int, attributes: Mapping[str, Sequence[str | int | float]]) -> Entry:
    row, cells = table.numbers[index], table.rows[index]
    for name in _REQUIRED:
        if not cells[name]:
            raise table.error(row, f"{name} is empty.")
    study = Study(
        study_id=cells["study_id"],
        patient_id=cells["patient_id"],
        labels=_labels(table, row, cells),
        attributes={name: values[index] for name, values in attributes.items()},
        report=cells.get("report", ""),
    )
    masks = {
        name.removeprefix("mask_"): _file(table, row, name, cell)
        for name, cell in cells.items()
        if name.startswith("mask_") and cell
    }
    return Entry(row, study, _file(table, row, "image", cells["image"]), masks, cells.get("split", ""))


def _labels(table: _Table, row: int, cells: Mapping[str, str]) -> dict[str, int]:
    labels = {}
    for name, cell in cells.items():
        if not name.startswith("label_") or not cell:
            continue
        if cell not in _LABELS:
            raise table.error(row, f"{name} is {cell!r}; expected 0, 1 or an empty cell for unknown.")
        labels[name.removeprefix("label_")] = _LABELS[cell]
    return labels


def _file(table: _Table, row: int, column: str, cell: str) -> Path:
    path = table.path.parent / cell
    if not path.is_file():
        raise table.error(row, f"the {column} {path} does not exist; put it there or correct the path.")
    return path


def _typed_attributes(table: _Table) -> dict[str, list[str | int | float]]:
    """Columns that are neither required nor special, as int or float where every cell is one."""
    special = {*_REQUIRED, "report", "split"}
    names = [
        name for name in table.header if name not in special and not name.startswith(("label_", "mask_"))
    ]
    return {name: _typed([row[name] for row in table.rows]) for name in names}


def _typed(cells: Sequence[str]) -> list[str | int | float]:
    """Integers, decimals or text, one type a column; ``007`` and ``1e5`` stay the names that they may be."""
    try:
        integers = [int(cell) for cell in cells]
        if all(str(value) == cell for value, cell in zip(integers, cells, strict=True)):
            return list(integers)
        floats = [float(cell) for cell in cells]
    except ValueError:
        return list(cells)
    plain = all(cell.lstrip("-").replace(".", "", 1).isdigit() and cell.count(".") for cell in cells)
    return list(floats) if plain else list(cells)
