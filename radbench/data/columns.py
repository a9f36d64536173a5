"""What the cells of a column mean: a label, a number, a text, or nothing known."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from radbench.data.table import Table

UNKNOWN = frozenset({"", "nan", "NaN", "NAN", "<NA>", "#N/A", "NaT"})
"""Cells that say nothing in any column."""
_UNKNOWN_NUMBER = UNKNOWN | {"NA", "N/A", "n/a", "na", "null", "NULL", "None", "none"}
"""Cells that say nothing in a column of numbers or labels, and may be words elsewhere."""
_LABELS = {"0": 0, "1": 1, "false": 0, "true": 1}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


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
    plain = [cell.replace(",", ".") if decimal_comma and cell.count(",") == 1 else cell for cell in cells]
    known = [cell for cell in plain if cell not in _UNKNOWN_NUMBER]
    if known and all(_DECIMAL.fullmatch(cell) for cell in known):
        whole = all(_INTEGER.fullmatch(cell) or float(cell).is_integer() for cell in known)
        return [
            None if cell in _UNKNOWN_NUMBER else int(cell.split(".")[0]) if whole else float(cell)
            for cell in plain
        ]
    return [None if cell in UNKNOWN else cell for cell in cells]


def _plain(cell: str, *, decimal_comma: bool) -> str:
    """Return ``1`` for ``1.0`` (and ``1,0`` with decimal commas); anything else as it is."""
    point = cell.replace(",", ".") if decimal_comma and cell.count(",") == 1 else cell
    if _DECIMAL.fullmatch(point) and float(point).is_integer():
        return str(int(float(point)))
    return cell
